//! `wharf ls`, `wharf inspect` and `wharf rm`: one question to one place.

use std::num::NonZeroUsize;

use serde_json::{Value, json};
use wharf_manifest::media_type;
use wharf_reference::{Reference, RepositoryName, Tag};
use wharf_registry::{Error as RegistryError, Namespace, PageRequest, ReferrerRequest, Repository};

use super::Variables;
use super::command::{InspectArguments, ListArguments, RemoveArguments};
use super::connect::{Connector, Role, open};
use super::copying::latest;
use super::failure::Failure;
use super::place::{Listed, Place};
use crate::output::{self, Reader};

/// How many entries are asked for at once.
const PAGE: NonZeroUsize = NonZeroUsize::new(1000).unwrap();

/// The largest configuration that is shown, in bytes.
const MAX_CONFIG_BYTES: usize = 4 * 1024 * 1024;

/// Lists repositories or tags, one on a line.
pub(super) async fn list(arguments: &ListArguments, variables: &Variables) -> Result<(), Failure> {
    let connector = Connector::new(&arguments.reach, NonZeroUsize::MIN, variables)?;
    match &arguments.what {
        Listed::Registry(host) => {
            let user = arguments.reach.user.as_deref();
            let registry = connector.registry(host, None, Role::Main, user).await?;
            repositories(&registry).await.map_err(|error| Failure::new(format!("cannot list {host}"), error))
        }
        Listed::Repository(place) => {
            let repository = connector.repository(place).await?;
            tags(&*repository).await.map_err(|error| Failure::new(format!("cannot list {place}"), error))
        }
    }
}

async fn repositories(registry: &dyn Namespace) -> Result<(), RegistryError> {
    let mut after = None;
    loop {
        let page = registry.repositories(PageRequest { after, limit: PAGE }).await?;
        let reader = lines(page.items.iter().map(RepositoryName::as_str))?;
        after = page.items.last().cloned();
        if !page.more || after.is_none() || reader == Reader::Gone {
            return Ok(());
        }
    }
}

async fn tags(repository: &dyn Repository) -> Result<(), RegistryError> {
    let mut after = None;
    loop {
        let page = repository.tags().list(PageRequest { after, limit: PAGE }).await?;
        let reader = lines(page.items.iter().map(Tag::as_str))?;
        after = page.items.last().cloned();
        if !page.more || after.is_none() || reader == Reader::Gone {
            return Ok(());
        }
    }
}

/// Shows an image.
pub(super) async fn inspect(arguments: &InspectArguments, variables: &Variables) -> Result<(), Failure> {
    let place = &arguments.place;
    let connector = Connector::new(&arguments.reach, NonZeroUsize::MIN, variables)?;
    let repository = connector.repository(place).await?;
    let reference = match (place, place.reference()) {
        (_, Some(reference)) => reference.clone(),
        (Place::Layout { folder, .. }, None) => open(folder)?
            .only()
            .await
            .map_err(|error| Failure::new(format!("cannot tell what of {place} to show"), error))?,
        (Place::Remote(_), None) => Reference::Tag(latest()?),
    };
    let shown = show(&*repository, &reference, arguments.raw).await;
    shown.map_err(|error| Failure::new(format!("cannot show {place}"), error))
}

async fn show(repository: &dyn Repository, reference: &Reference, raw: bool) -> Result<(), RegistryError> {
    let stored = repository.manifests().get(reference).await?;
    if raw {
        // Nothing before and nothing after, so that it has its digest.
        return output::answer(stored.manifest.bytes()).map(drop).map_err(RegistryError::internal);
    }
    let manifest: Value = serde_json::from_slice(stored.manifest.bytes()).map_err(RegistryError::internal)?;
    let referrers = repository.referrers().list(&stored.digest, ReferrerRequest::default()).await?;
    let mut shown = json!({
        "digest": stored.digest,
        "mediaType": stored.manifest.media_type(),
        "size": stored.manifest.bytes().len(),
        "manifest": manifest,
        "referrers": referrers.descriptors,
    });
    let known = [media_type::OCI_CONFIG, media_type::DOCKER_CONFIG];
    let config = stored.manifest.config().filter(|config| known.contains(&config.media_type.as_str()));
    if let Some(config) = config {
        let content = repository.blobs().fetch(config).await?;
        let bytes = content.collect(MAX_CONFIG_BYTES).await.map_err(RegistryError::internal)?;
        shown["config"] = serde_json::from_slice(&bytes).map_err(RegistryError::internal)?;
    }
    let text = serde_json::to_string_pretty(&shown).map_err(RegistryError::internal)?;
    lines([text.as_str()]).map(drop)
}

/// Writes lines of an answer.
fn lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Reader, RegistryError> {
    let text: String = lines.into_iter().flat_map(|line| [line, "\n"]).collect();
    output::answer(text.as_bytes()).map_err(RegistryError::internal)
}

/// Deletes a tag or a manifest.
pub(super) async fn remove(arguments: &RemoveArguments, variables: &Variables) -> Result<(), Failure> {
    let place = &arguments.place;
    let Some(reference) = place.reference() else {
        return Err(Failure::usage(format!(
            "{place} names no tag and no digest: nothing is deleted by default"
        )));
    };
    let connector = Connector::new(&arguments.reach, NonZeroUsize::MIN, variables)?;
    let repository = connector.repository(place).await?;
    let removed = match reference {
        Reference::Tag(tag) => repository.tags().delete(tag).await,
        Reference::Digest(digest) => repository.manifests().delete(digest).await.map(|_| ()),
    };
    removed.map_err(|error| Failure::new(format!("cannot delete {place}"), error))?;
    // It is done, whoever hears of it.
    let _ = output::line(&format!("deleted {place}"));
    Ok(())
}
