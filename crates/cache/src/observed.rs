//! A cache that tells somebody how it does.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use wharf_digest::Digest;
use wharf_reference::RepositoryName;

use crate::{Cache, Content, Entry, Error, Lookup, Ticket};

/// Hears of every call of an [`Observed`] cache, when it ends. It is called on the way of a request, so it must be quick.
pub trait Observer: Send + Sync {
    /// Hears that a call ended, and how long it took.
    fn observed(&self, operation: Operation, outcome: Outcome, took: Duration);
}

/// What a cache was asked to do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operation {
    /// [`Cache::find`]
    Find(Content),
    /// [`Cache::ticket`]
    Ticket,
    /// [`Cache::canonical`]
    Canonical,
    /// [`Cache::remember`]
    Remember(Content),
    /// [`Cache::forget`]
    Forget(Content),
}

/// How it ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// Something was found.
    Hit,
    /// Nothing was found.
    Miss,
    /// What was not a question is done.
    Done,
    /// The cache failed.
    Failed,
}

/// A cache whose calls an observer hears of.
#[derive(Debug)]
pub struct Observed<C, O> {
    cache: C,
    observer: O,
}

impl<C: Cache, O: Observer> Observed<C, O> {
    /// Lets `observer` hear of every call of `cache`.
    pub fn new(cache: C, observer: O) -> Self {
        Self { cache, observer }
    }

    async fn observe<T>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, Error>> + Send,
        outcome: impl Fn(&T) -> Outcome + Send,
    ) -> Result<T, Error> {
        let started = Instant::now();
        let result = call.await;
        let outcome = result.as_ref().map_or(Outcome::Failed, outcome);
        self.observer.observed(operation, outcome, started.elapsed());
        result
    }
}

fn found(hit: bool) -> Outcome {
    if hit { Outcome::Hit } else { Outcome::Miss }
}

#[async_trait]
impl<C: Cache, O: Observer> Cache for Observed<C, O> {
    async fn find(
        &self,
        repository: &RepositoryName,
        content: Content,
        digest: &Digest,
    ) -> Result<Lookup, Error> {
        let outcome = |lookup: &Lookup| found(matches!(lookup, Lookup::Known(_)));
        self.observe(Operation::Find(content), self.cache.find(repository, content, digest), outcome).await
    }

    async fn ticket(&self, repository: &RepositoryName, digest: &Digest) -> Result<Ticket, Error> {
        self.observe(Operation::Ticket, self.cache.ticket(repository, digest), |_| Outcome::Done).await
    }

    async fn canonical(&self, digest: &Digest) -> Result<Option<Digest>, Error> {
        let outcome = |canonical: &Option<Digest>| found(canonical.is_some());
        self.observe(Operation::Canonical, self.cache.canonical(digest), outcome).await
    }

    async fn remember(
        &self,
        repository: &RepositoryName,
        content: Content,
        digest: &Digest,
        entry: &Entry,
        ticket: Ticket,
    ) -> Result<(), Error> {
        let call = self.cache.remember(repository, content, digest, entry, ticket);
        self.observe(Operation::Remember(content), call, |()| Outcome::Done).await
    }

    async fn forget(
        &self,
        repository: &RepositoryName,
        content: Content,
        digests: &[Digest],
    ) -> Result<(), Error> {
        let call = self.cache.forget(repository, content, digests);
        self.observe(Operation::Forget(content), call, |()| Outcome::Done).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use wharf_digest::Algorithm;

    use super::*;
    use crate::{Limits, MemoryCache, NoCache};

    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<(Operation, Outcome)>>>);

    impl Observer for Heard {
        fn observed(&self, operation: Operation, outcome: Outcome, _: Duration) {
            self.0.lock().unwrap().push((operation, outcome));
        }
    }

    fn observed() -> Observed<MemoryCache, Heard> {
        Observed::new(MemoryCache::new(Limits::default()), Heard::default())
    }

    crate::cache_contract!(observed());

    #[tokio::test]
    async fn every_call_is_heard_of_with_its_outcome() {
        let (cache, blob) = (observed(), Content::Blob);
        let (repository, digest) = ("a".parse().unwrap(), Algorithm::Sha256.digest(b"a"));
        let entry = Entry { canonical: digest, size: 1, media_type: "a/b".into() };
        let Lookup::Unknown(ticket) = cache.find(&repository, blob, &digest).await.unwrap() else { panic!() };
        cache.remember(&repository, blob, &digest, &entry, ticket).await.unwrap();
        cache.find(&repository, blob, &digest).await.unwrap();
        cache.forget(&repository, blob, &[digest]).await.unwrap();
        let heard = cache.observer.0.lock().unwrap().clone();
        let expected = [
            (Operation::Find(blob), Outcome::Miss),
            (Operation::Remember(blob), Outcome::Done),
            (Operation::Find(blob), Outcome::Hit),
            (Operation::Forget(blob), Outcome::Done),
        ];
        assert_eq!(heard, expected);
    }

    #[tokio::test]
    async fn failures_are_told_from_misses() {
        let cache = Observed::new(NoCache, Heard::default());
        let (repository, digest) = ("a".parse().unwrap(), Algorithm::Sha256.digest(b"a"));
        assert!(cache.find(&repository, Content::Blob, &digest).await.is_err());
        let heard = cache.observer.0.lock().unwrap().clone();
        assert_eq!(heard, [(Operation::Find(Content::Blob), Outcome::Failed)]);
    }
}
