#![doc = include_str!("../README.md")]

mod bodies;
#[cfg(feature = "contract")]
pub mod contract;
mod entry;
mod memory;
mod nothing;
mod observed;

use async_trait::async_trait;
use wharf_digest::Digest;
use wharf_reference::RepositoryName;

pub use bodies::{Bodies, SHARD_BYTES};
pub use entry::{Content, Entry, Lookup, Ticket};
pub use memory::{Limits, MAX_AGE, MemoryCache};
pub use nothing::NoCache;
pub use observed::{Observed, Observer, Operation, Outcome};

/// A memory of what digests name. Everything in it may be gone the next moment.
///
/// A deletion may pass a reader who has just seen what is being deleted, on this replica or on another. So nothing is
/// remembered without a [`Ticket`], which has to be had before the store is looked at (or before a link is written), and
/// which is void as soon as the same was forgotten. Whoever deletes forgets twice: before, so that nobody answers from the
/// cache any more, and after, so that whoever looked at the store in between has looked in vain.
#[async_trait]
pub trait Cache: Send + Sync {
    /// What was remembered of a digest for this very repository and kind of content, else a ticket to remember it.
    ///
    /// # Errors
    ///
    /// When the cache cannot be asked; the caller goes on as if nothing had been found, and remembers nothing.
    async fn find(
        &self,
        repository: &RepositoryName,
        content: Content,
        digest: &Digest,
    ) -> Result<Lookup, Error>;

    /// A ticket for whoever is about to make a repository hold a digest, without having looked for it.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    async fn ticket(&self, repository: &RepositoryName, digest: &Digest) -> Result<Ticket, Error>;

    /// The digest under which the data of another digest is stored, if that was remembered for any repository. It must not
    /// be shown to a client without a look at the repository.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    async fn canonical(&self, digest: &Digest) -> Result<Option<Digest>, Error>;

    /// Remembers that a repository holds a digest, and what the digest names; nothing at all when the digest was forgotten
    /// there after the ticket was given.
    ///
    /// # Errors
    ///
    /// When the cache cannot be told; nothing is lost by that.
    async fn remember(
        &self,
        repository: &RepositoryName,
        content: Content,
        digest: &Digest,
        entry: &Entry,
        ticket: Ticket,
    ) -> Result<(), Error>;

    /// Forgets that a repository holds some digests, and makes every ticket for them void.
    ///
    /// # Errors
    ///
    /// When the cache cannot be told now. It then sees to it that it is told later, and does not answer before.
    async fn forget(
        &self,
        repository: &RepositoryName,
        content: Content,
        digests: &[Digest],
    ) -> Result<(), Error>;
}

/// A cache that could not be reached, or that answered nonsense.
#[derive(Debug, thiserror::Error)]
#[error("the cache {cache} failed")]
pub struct Error {
    /// Which cache.
    pub cache: &'static str,
    /// What it said.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
