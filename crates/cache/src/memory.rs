//! A cache in the memory of one process, bounded in entries.

use std::sync::Arc;

use async_trait::async_trait;
use quick_cache::sync::Cache as QuickCache;
use wharf_digest::Digest;
use wharf_reference::RepositoryName;

use crate::{Cache, Content, Entry, Error};

/// How much a [`MemoryCache`] keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// At most this many entries, over all repositories; one blob in one repository is two, as in Distribution.
    pub entries: usize,
}

impl Default for Limits {
    /// Distribution's default: 10,000 entries.
    fn default() -> Self {
        Self { entries: 10_000 }
    }
}

/// Remembers within this process. Other replicas neither see it nor tell it anything.
#[derive(Debug)]
pub struct MemoryCache {
    entries: QuickCache<Key, Arc<Entry>>,
}

/// A digest anywhere, or in one repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Anywhere(Digest),
    Member(RepositoryName, Content, Digest),
}

impl MemoryCache {
    /// An empty cache.
    pub fn new(limits: Limits) -> Self {
        Self { entries: QuickCache::new(limits.entries) }
    }

    fn entry(&self, key: &Key) -> Option<Entry> {
        self.entries.get(key).map(|entry| Entry::clone(&entry))
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn find(
        &self,
        repository: &RepositoryName,
        content: Content,
        digest: &Digest,
    ) -> Result<Option<Entry>, Error> {
        Ok(self.entry(&Key::Member(repository.clone(), content, *digest)))
    }

    async fn find_global(&self, digest: &Digest) -> Result<Option<Entry>, Error> {
        Ok(self.entry(&Key::Anywhere(*digest)))
    }

    async fn remember(
        &self,
        repository: &RepositoryName,
        content: Content,
        digest: &Digest,
        entry: &Entry,
    ) -> Result<(), Error> {
        let entry = Arc::new(entry.clone());
        self.entries.insert(Key::Anywhere(*digest), Arc::clone(&entry));
        self.entries.insert(Key::Member(repository.clone(), content, *digest), entry);
        Ok(())
    }

    async fn forget(
        &self,
        repository: &RepositoryName,
        content: Content,
        digest: &Digest,
    ) -> Result<(), Error> {
        self.entries.remove(&Key::Member(repository.clone(), content, *digest));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wharf_digest::Algorithm;

    use super::*;

    crate::cache_contract!(MemoryCache::new(Limits::default()));

    #[tokio::test]
    async fn the_number_of_entries_is_bounded() {
        let cache = MemoryCache::new(Limits { entries: 100 });
        let repository: RepositoryName = "many".parse().unwrap();
        for index in 0..10_000_u32 {
            let digest = Algorithm::Sha256.digest(&index.to_le_bytes());
            let entry = Entry { canonical: digest, size: 4, media_type: "a/b".into() };
            cache.remember(&repository, Content::Blob, &digest, &entry).await.unwrap();
        }
        assert!(cache.entries.len() <= 100, "{} entries", cache.entries.len());
    }
}
