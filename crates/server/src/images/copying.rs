//! `wharf copy`.

use std::sync::Arc;

use wharf_copy::{Copy, Options};
use wharf_oci_layout::OciLayout;
use wharf_reference::{Reference, RepositoryName, Tag};
use wharf_registry::{Namespace, Repository};

use super::Variables;
use super::command::CopyArguments;
use super::connect::{Connector, Role, open};
use super::failure::Failure;
use super::place::Place;
use super::progress::Progress;

/// Copies an image, or every tag.
pub(super) async fn copy(arguments: &CopyArguments, variables: &Variables) -> Result<(), Failure> {
    let (source, destination) = (&arguments.source, &arguments.destination);
    check(arguments)?;
    let connector = Connector::new(&arguments.reach, arguments.jobs, variables)?;
    let ends = Ends::new(arguments, &connector).await?;
    let options = Options {
        jobs: arguments.jobs,
        referrers: arguments.referrers,
        mount_from: ends.mount_from,
        ..Options::default()
    };
    let progress = Arc::new(Progress::new());
    let copy = Copy::new(Arc::clone(&ends.source), Arc::clone(&ends.destination), options, progress.clone());
    let outcome = if arguments.all_tags {
        copy.all_tags().await.map(|_| ())
    } else {
        let reference = reference(source).await?;
        let tag = tag(destination.reference(), &reference);
        copy.image(&reference, tag.as_ref()).await.map(|_| ())
    };
    progress.finish();
    outcome.map_err(|error| Failure::new(format!("cannot copy {source} to {destination}"), error))
}

/// Both sides of a copy.
struct Ends {
    source: Arc<dyn Repository>,
    destination: Arc<dyn Repository>,
    mount_from: Option<RepositoryName>,
}

impl Ends {
    /// Two places at one host are one registry, spoken to in one name; so blobs can be mounted.
    async fn new(arguments: &CopyArguments, connector: &Connector<'_>) -> Result<Self, Failure> {
        let user = arguments.reach.user.as_deref();
        let (source, destination) = (&arguments.source, &arguments.destination);
        let same =
            source.host().is_some() && source.host() == destination.host() && arguments.from_user.is_none();
        if let (Place::Remote(from), Place::Remote(to), true) = (source, destination, same) {
            let registry = connector.registry(&to.host, Some(to.name.as_str()), Role::Main, user).await?;
            return Ok(Self {
                source: registry.repository(&from.name),
                destination: registry.repository(&to.name),
                mount_from: Some(from.name.clone()).filter(|name| *name != to.name),
            });
        }
        let to_layout = matches!(destination, Place::Layout { .. });
        let source: Arc<dyn Repository> = match source {
            Place::Layout { folder, .. } => Arc::new(open(folder)?),
            Place::Remote(from) if to_layout && arguments.from_user.is_none() => {
                connector.remote(from, Role::Main, user).await?
            }
            Place::Remote(from) => connector.remote(from, Role::From, arguments.from_user.as_deref()).await?,
        };
        let destination: Arc<dyn Repository> = match destination {
            Place::Remote(to) => connector.remote(to, Role::Main, user).await?,
            Place::Layout { folder, .. } => {
                let layout = OciLayout::create(folder);
                Arc::new(layout.map_err(|error| Failure::new(format!("cannot write {destination}"), error))?)
            }
        };
        Ok(Self { source, destination, mount_from: None })
    }
}

fn check(arguments: &CopyArguments) -> Result<(), Failure> {
    let (source, destination) = (arguments.source.reference(), arguments.destination.reference());
    if arguments.all_tags && (source.is_some() || destination.is_some()) {
        return Err(Failure::usage("--all-tags goes with neither a tag nor a digest"));
    }
    match (source, destination) {
        (from, Some(Reference::Digest(to))) if from != Some(&Reference::Digest(*to)) => {
            Err(Failure::usage("a copy has the digest of what is copied: DST can name a tag, or that digest"))
        }
        _ => Ok(()),
    }
}

/// What is copied, where that was not said.
async fn reference(source: &Place) -> Result<Reference, Failure> {
    match (source, source.reference()) {
        (_, Some(reference)) => Ok(reference.clone()),
        (Place::Layout { folder, .. }, None) => {
            let only = open(folder)?.only().await;
            only.map_err(|error| Failure::new(format!("cannot tell what to copy from {source}"), error))
        }
        (Place::Remote(_), None) => Ok(Reference::Tag(latest()?)),
    }
}

/// Which tag the copy gets: the one that was typed, else that of the source if it has one.
fn tag(typed: Option<&Reference>, source: &Reference) -> Option<Tag> {
    match typed.unwrap_or(source) {
        Reference::Tag(tag) => Some(tag.clone()),
        Reference::Digest(_) => None,
    }
}

/// The tag that is meant where none was typed.
pub(super) fn latest() -> Result<Tag, Failure> {
    "latest".parse().map_err(|error| Failure::new("no tag", error))
}
