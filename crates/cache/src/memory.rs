//! A cache in the memory of one process, bounded in entries.
//!
//! A ticket is a count of what was forgotten. Repositories share a few counters, each under a lock that whoever remembers
//! holds while it looks at the count and puts the entry in: a deletion comes wholly before that or wholly after it.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use quick_cache::sync::Cache as QuickCache;
use wharf_digest::Digest;
use wharf_reference::RepositoryName;

use crate::{Cache, Content, Entry, Error, Lookup, Ticket};

/// How much a [`MemoryCache`] keeps, and for how long it believes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// At most this many entries, over all repositories; a blob in a repository is one.
    pub entries: usize,
    /// How old an entry may be. Within this time something that was deleted by another process may still be found.
    pub max_age: Duration,
}

/// The default of [`Limits::max_age`]: five minutes.
pub const MAX_AGE: Duration = Duration::from_secs(300);

impl Default for Limits {
    /// Distribution's default: 10,000 entries; and [`MAX_AGE`].
    fn default() -> Self {
        Self { entries: 10_000, max_age: MAX_AGE }
    }
}

/// Remembers within this process. Other replicas neither see it nor tell it anything.
#[derive(Debug)]
pub struct MemoryCache {
    entries: QuickCache<Key, Arc<Dated>>,
    max_age: Duration,
    forgotten: [Mutex<u64>; COUNTERS],
    spread: RandomState,
}

/// A digest of another algorithm anywhere, or a digest in one repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Alias(Digest),
    Member(RepositoryName, Content, Digest),
}

#[derive(Debug)]
struct Dated {
    entry: Entry,
    since: Instant,
}

/// How many counters there are. Two repositories that share one make each other's tickets void, which costs a look at the
/// store and is never wrong.
const COUNTERS: usize = 64;

impl MemoryCache {
    /// An empty cache.
    pub fn new(limits: Limits) -> Self {
        Self {
            entries: QuickCache::new(limits.entries),
            max_age: limits.max_age,
            forgotten: std::array::from_fn(|_| Mutex::new(0)),
            spread: RandomState::new(),
        }
    }

    fn counter(&self, repository: &RepositoryName) -> &Mutex<u64> {
        let at = self.spread.hash_one(repository) % COUNTERS as u64;
        &self.forgotten[at as usize]
    }

    fn current_ticket(&self, repository: &RepositoryName) -> Ticket {
        Ticket::new([*self.counter(repository).lock().unwrap_or_else(PoisonError::into_inner), 0])
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn find(
        &self,
        repository: &RepositoryName,
        content: Content,
        digest: &Digest,
    ) -> Result<Lookup, Error> {
        // The ticket is from before the look: what is forgotten in between makes it void.
        let ticket = self.current_ticket(repository);
        let dated = self.entries.get(&Key::Member(repository.clone(), content, *digest));
        Ok(match dated.filter(|dated| dated.since.elapsed() < self.max_age) {
            Some(dated) => Lookup::Known(dated.entry.clone()),
            None => Lookup::Unknown(ticket),
        })
    }

    async fn ticket(&self, repository: &RepositoryName, _: &Digest) -> Result<Ticket, Error> {
        Ok(self.current_ticket(repository))
    }

    async fn canonical(&self, digest: &Digest) -> Result<Option<Digest>, Error> {
        Ok(self.entries.get(&Key::Alias(*digest)).map(|dated| dated.entry.canonical))
    }

    async fn remember(
        &self,
        repository: &RepositoryName,
        content: Content,
        digest: &Digest,
        entry: &Entry,
        ticket: Ticket,
    ) -> Result<(), Error> {
        let forgotten = self.counter(repository).lock().unwrap_or_else(PoisonError::into_inner);
        if ticket.marks() != [*forgotten, 0] {
            return Ok(());
        }
        let dated = Arc::new(Dated { entry: entry.clone(), since: Instant::now() });
        if entry.canonical.algorithm() != digest.algorithm() {
            self.entries.insert(Key::Alias(*digest), Arc::clone(&dated));
        }
        self.entries.insert(Key::Member(repository.clone(), content, *digest), dated);
        Ok(())
    }

    async fn forget(
        &self,
        repository: &RepositoryName,
        content: Content,
        digests: &[Digest],
    ) -> Result<(), Error> {
        let mut forgotten = self.counter(repository).lock().unwrap_or_else(PoisonError::into_inner);
        *forgotten += 1;
        for digest in digests {
            self.entries.remove(&Key::Member(repository.clone(), content, *digest));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wharf_digest::Algorithm;

    use super::*;

    crate::cache_contract!(MemoryCache::new(Limits::default()));

    async fn remember_many(cache: &MemoryCache, count: u32) -> (RepositoryName, Vec<Digest>) {
        let repository: RepositoryName = "many".parse().unwrap();
        let digests: Vec<_> =
            (0..count).map(|index| Algorithm::Sha256.digest(&index.to_le_bytes())).collect();
        for digest in &digests {
            let entry = Entry { canonical: *digest, size: 4, media_type: "a/b".into() };
            let ticket = cache.ticket(&repository, digest).await.unwrap();
            cache.remember(&repository, Content::Blob, digest, &entry, ticket).await.unwrap();
        }
        (repository, digests)
    }

    #[tokio::test]
    async fn the_number_of_entries_is_bounded() {
        let cache = MemoryCache::new(Limits { entries: 100, ..Limits::default() });
        remember_many(&cache, 10_000).await;
        assert!(cache.entries.len() <= 100, "{} entries", cache.entries.len());
    }

    #[tokio::test]
    async fn an_entry_is_not_believed_for_ever() {
        let max_age = Duration::from_secs(1);
        let cache = MemoryCache::new(Limits { max_age, ..Limits::default() });
        let remembered = Instant::now();
        let (repository, digests) = remember_many(&cache, 1).await;
        let lookup = cache.find(&repository, Content::Blob, &digests[0]).await.unwrap();
        // Unless this machine stood still just now.
        assert!(matches!(lookup, Lookup::Known(_)) || remembered.elapsed() >= max_age);
        tokio::time::sleep(max_age).await;
        let lookup = cache.find(&repository, Content::Blob, &digests[0]).await.unwrap();
        assert!(matches!(lookup, Lookup::Unknown(_)));
    }
}
