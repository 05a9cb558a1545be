#![doc = include_str!("../README.md")]

mod bodies;
#[cfg(feature = "contract")]
pub mod contract;
mod memory;

use async_trait::async_trait;
use wharf_digest::Digest;
use wharf_reference::RepositoryName;

pub use bodies::Bodies;
pub use memory::{Limits, MemoryCache};

/// What a digest stands for in a repository; one never answers for the other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Content {
    /// A configuration, a layer, or anything else under `/blobs/`.
    Blob,
    /// A manifest or an index.
    Manifest,
}

/// What is remembered of a digest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The digest under which the data is stored, which is another one when the client's uses another algorithm.
    pub canonical: Digest,
    /// The size of the data, in bytes.
    pub size: u64,
    /// The media type of the data.
    pub media_type: String,
}

/// A memory of what digests name. Everything in it may be gone the next moment.
#[async_trait]
pub trait Cache: Send + Sync {
    /// What was remembered of a digest for this very repository and kind of content.
    ///
    /// # Errors
    ///
    /// When the cache cannot be asked; the caller goes on as if nothing had been found.
    async fn find(
        &self,
        repository: &RepositoryName,
        content: Content,
        digest: &Digest,
    ) -> Result<Option<Entry>, Error>;

    /// What was remembered of a digest for any repository. It must not be shown to a client without a look at the
    /// repository.
    ///
    /// # Errors
    ///
    /// As [`find`](Self::find).
    async fn find_global(&self, digest: &Digest) -> Result<Option<Entry>, Error>;

    /// Remembers that a repository holds a digest, and what the digest names.
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
    ) -> Result<(), Error>;

    /// Forgets that a repository holds a digest.
    ///
    /// # Errors
    ///
    /// When the cache cannot be told; it may then go on answering from what it remembers.
    async fn forget(
        &self,
        repository: &RepositoryName,
        content: Content,
        digest: &Digest,
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

/// A cache that remembers nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCache;

#[async_trait]
impl Cache for NoCache {
    async fn find(&self, _: &RepositoryName, _: Content, _: &Digest) -> Result<Option<Entry>, Error> {
        Ok(None)
    }

    async fn find_global(&self, _: &Digest) -> Result<Option<Entry>, Error> {
        Ok(None)
    }

    async fn remember(&self, _: &RepositoryName, _: Content, _: &Digest, _: &Entry) -> Result<(), Error> {
        Ok(())
    }

    async fn forget(&self, _: &RepositoryName, _: Content, _: &Digest) -> Result<(), Error> {
        Ok(())
    }
}
