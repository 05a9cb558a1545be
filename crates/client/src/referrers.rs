//! Referrers: the registry's own list, or where it has none the fallback tag, which clients keep.
//!
//! The tag of a subject is its digest with a dash for the colon, and holds an index of the manifests that name it. Source: OCI
//! distribution specification 1.1, "Referrers Tag Schema". Two clients that add to it at once may lose one of the two, which the
//! specification admits; within this process they take turns.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use wharf_digest::Digest;
use wharf_manifest::{Descriptor, Manifest, media_type};
use wharf_protocol::header::OCI_FILTERS_APPLIED;
use wharf_protocol::{Query, Route};
use wharf_reference::{Reference, Tag};
use wharf_registry::{
    Error as RegistryError, Manifests, PutManifest, ReferrerPage, ReferrerRequest, Referrers,
};

use crate::auth::Scopes;
use crate::call::Call;
use crate::document::parse;
use crate::listing::next;
use crate::registry::RemoteRepository;
use crate::{Error, ErrorKind};

/// The longest hexadecimal part of a fallback tag, in bytes, so that it stays a tag.
const FALLBACK_HEX: usize = 64;

#[async_trait]
impl Referrers for RemoteRepository {
    /// All that there are after what is asked for, on one page.
    async fn list(&self, subject: &Digest, request: ReferrerRequest) -> Result<ReferrerPage, RegistryError> {
        let mut found = match self.listed(subject, request.artifact_type.as_deref()).await {
            Err(error) if has_no_list(&error) => self.in_fallback(subject).await?,
            listed => listed?,
        };
        if let Some(wanted) = &request.artifact_type {
            found.retain(|descriptor| descriptor.artifact_type.as_ref() == Some(wanted));
        }
        found.retain(|descriptor| request.after.is_none_or(|after| descriptor.digest > after));
        // A list may name one twice while it changes.
        let sorted: BTreeMap<Digest, Descriptor> =
            found.into_iter().map(|descriptor| (descriptor.digest, descriptor)).collect();
        Ok(ReferrerPage { descriptors: sorted.into_values().collect(), next: None })
    }
}

impl RemoteRepository {
    /// What the registry itself lists, page after page.
    async fn listed(&self, subject: &Digest, artifact_type: Option<&str>) -> Result<Vec<Descriptor>, Error> {
        let filter: Query = artifact_type.map(|wanted| ("artifactType", wanted)).into_iter().collect();
        let mut url = self.url(&Route::Referrers(self.name.clone(), *subject), &filter.to_string())?;
        let mut found = Vec::new();
        loop {
            let call =
                Call::new(Method::GET, url.clone(), Scopes::pull(&self.name)).accept(media_type::OCI_INDEX);
            let (answer, body) = self.transport().fetch(call, self.transport().options.list_bytes).await?;
            let nonsense = |detail: &str| Error::new(ErrorKind::Nonsense, &Method::GET, &url, detail);
            let index =
                parse(Some(media_type::OCI_INDEX), body).map_err(|error| nonsense("").because(error))?;
            found.extend_from_slice(index.children());
            if found.len() > self.transport().options.referrers {
                return Err(nonsense("there are more referrers than we read"));
            }
            let filtered = answer.response.headers().contains_key(OCI_FILTERS_APPLIED);
            tracing::trace!(filtered, referrers = index.children().len(), "a page of referrers");
            match next(&self.transport().endpoint, &answer).filter(|next| *next != url) {
                Some(next) => url = next,
                None => return Ok(found),
            }
        }
    }

    /// What the fallback tag lists.
    async fn in_fallback(&self, subject: &Digest) -> Result<Vec<Descriptor>, RegistryError> {
        Ok(self.fallback(subject).await?.map(|index| index.children().to_vec()).unwrap_or_default())
    }

    /// Adds a manifest to the fallback tag of its subject, unless it is there.
    pub(crate) async fn add_to_fallback(
        &self,
        subject: &Digest,
        descriptor: Descriptor,
    ) -> Result<(), RegistryError> {
        let keeper = self.remote.keeper(subject);
        let _turn = keeper.lock().await;
        let index = self.fallback(subject).await?;
        if index
            .as_ref()
            .is_some_and(|index| index.children().iter().any(|known| known.digest == descriptor.digest))
        {
            return Ok(());
        }
        let bytes = with_entry(index.as_ref(), &descriptor).map_err(RegistryError::internal)?;
        let put = PutManifest {
            media_type: Some(media_type::OCI_INDEX.to_owned()),
            bytes: Bytes::from(bytes),
            digest: None,
            tags: vec![fallback_tag(subject)?],
            classes: None,
        };
        Manifests::put(self, put).await?;
        Ok(())
    }

    async fn fallback(&self, subject: &Digest) -> Result<Option<Manifest>, RegistryError> {
        let reference = Reference::Tag(fallback_tag(subject)?);
        match Manifests::get(self, &reference).await {
            Ok(stored) if stored.manifest.kind().is_index() => Ok(Some((*stored.manifest).clone())),
            Ok(_) => Ok(None),
            Err(error) if error.is_unknown() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether the registry has no list of referrers. Some answer that they never heard of such a path, some that they want no
/// such method, some that it is no request at all.
fn has_no_list(error: &Error) -> bool {
    error.is_unsupported()
        || matches!(error.kind(), ErrorKind::Status(status) if matches!(status.as_u16(), 400 | 404 | 406))
}

fn fallback_tag(subject: &Digest) -> Result<Tag, RegistryError> {
    let mut hex = subject.hex();
    hex.truncate(FALLBACK_HEX);
    format!("{}-{hex}", subject.algorithm()).parse().map_err(RegistryError::internal)
}

/// The index of a fallback tag with one entry more; whatever else is in it stays.
fn with_entry(index: Option<&Manifest>, descriptor: &Descriptor) -> Result<Vec<u8>, serde_json::Error> {
    let empty = || json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [] });
    let mut whole: Value = match index {
        Some(index) => serde_json::from_slice(index.bytes())?,
        None => empty(),
    };
    let entry = serde_json::to_value(descriptor)?;
    match whole.get_mut("manifests").and_then(Value::as_array_mut) {
        Some(entries) => entries.push(entry),
        None => whole["manifests"] = json!([entry]),
    }
    serde_json::to_vec(&whole)
}

#[cfg(test)]
mod tests {
    use wharf_digest::Algorithm;

    use super::*;

    #[test]
    fn the_fallback_tag_is_always_a_tag() {
        let digest = Algorithm::Sha256.digest(b"");
        assert_eq!(fallback_tag(&digest).unwrap().to_string(), digest.to_string().replace(':', "-"));
        let long = fallback_tag(&Algorithm::Sha512.digest(b"")).unwrap();
        assert_eq!(long.as_str().len(), "sha512-".len() + FALLBACK_HEX);
    }

    #[test]
    fn an_entry_is_added_and_nothing_else_changes() {
        let first = Descriptor::new(media_type::OCI_MANIFEST, Algorithm::Sha256.digest(b"1"), 1);
        let second = Descriptor::new(media_type::OCI_MANIFEST, Algorithm::Sha256.digest(b"2"), 1);
        let bytes = with_entry(None, &first).unwrap();
        let mut with_more: Value = serde_json::from_slice(&bytes).unwrap();
        with_more["annotations"] = json!({ "kept": "yes" });
        let index = Manifest::parse_stored(Bytes::from(with_more.to_string())).unwrap();
        let index = Manifest::parse_stored(Bytes::from(with_entry(Some(&index), &second).unwrap())).unwrap();
        assert_eq!(
            index.children().iter().map(|child| child.digest).collect::<Vec<_>>(),
            [first.digest, second.digest]
        );
        assert_eq!(index.annotations().get("kept").map(String::as_str), Some("yes"));
    }
}
