//! The cache of whoever wants none.

use async_trait::async_trait;
use wharf_digest::Digest;
use wharf_reference::RepositoryName;

use crate::{Cache, Content, Entry, Error, Lookup, Ticket};

/// A cache that remembers nothing. It cannot tell one time from another, so it gives no tickets either: what two look up at
/// once is looked up twice.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCache;

#[derive(Debug, thiserror::Error)]
#[error("there is none")]
struct None;

fn nothing<T>() -> Result<T, Error> {
    Err(Error { cache: "none", source: Box::new(None) })
}

#[async_trait]
impl Cache for NoCache {
    async fn find(&self, _: &RepositoryName, _: Content, _: &Digest) -> Result<Lookup, Error> {
        nothing()
    }

    async fn ticket(&self, _: &RepositoryName, _: &Digest) -> Result<Ticket, Error> {
        nothing()
    }

    async fn canonical(&self, _: &Digest) -> Result<Option<Digest>, Error> {
        Ok(Option::None)
    }

    async fn remember(
        &self,
        _: &RepositoryName,
        _: Content,
        _: &Digest,
        _: &Entry,
        _: Ticket,
    ) -> Result<(), Error> {
        Ok(())
    }

    async fn forget(&self, _: &RepositoryName, _: Content, _: &[Digest]) -> Result<(), Error> {
        Ok(())
    }
}
