//! Small bodies by digest, within a number of bytes.
//!
//! A body under a digest never changes, so an entry is never stale and has no lifetime. That a body is here says nothing
//! about who may see it.

use quick_cache::Weighter;
use quick_cache::sync::Cache as QuickCache;
use wharf_digest::Digest;

/// Keeps bodies of a type by their digest, the most useful ones, up to a number of bytes.
pub struct Bodies<V> {
    bodies: QuickCache<Digest, Sized<V>, BySize>,
}

#[derive(Clone)]
struct Sized<V> {
    body: V,
    size_bytes: u64,
}

#[derive(Clone)]
struct BySize;

impl<V: Clone> Weighter<Digest, Sized<V>> for BySize {
    fn weight(&self, _: &Digest, value: &Sized<V>) -> u64 {
        value.size_bytes + ENTRY_BYTES
    }
}

impl<V: Clone> Bodies<V> {
    /// Keeps at most `limit_bytes` of bodies; with 0 nothing is kept.
    pub fn new(limit_bytes: u64) -> Self {
        let expected =
            usize::try_from(limit_bytes / EXPECTED_BODY_BYTES).unwrap_or(usize::MAX).min(EXPECTED_BODIES);
        Self { bodies: QuickCache::with_weighter(expected, limit_bytes, BySize) }
    }

    /// The body of a digest, if it is here.
    pub fn get(&self, digest: &Digest) -> Option<V> {
        self.bodies.get(digest).map(|sized| sized.body)
    }

    /// Keeps a body of `size_bytes`, unless it alone is too large.
    pub fn insert(&self, digest: Digest, body: V, size_bytes: u64) {
        self.bodies.insert(digest, Sized { body, size_bytes });
    }

    /// Drops a body.
    pub fn remove(&self, digest: &Digest) {
        self.bodies.remove(digest);
    }
}

impl<V> std::fmt::Debug for Bodies<V> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Bodies").finish_non_exhaustive()
    }
}

/// What an entry costs beside its body, in bytes: a rough figure, so that many tiny bodies stay within the limit too.
const ENTRY_BYTES: u64 = 256;
/// The size of a usual manifest, in bytes; from it the number of slots is guessed.
const EXPECTED_BODY_BYTES: u64 = 2048;
/// At most this many slots are prepared beforehand.
const EXPECTED_BODIES: usize = 4096;

#[cfg(test)]
mod tests {
    use wharf_digest::Algorithm;

    use super::*;

    #[test]
    fn what_was_kept_is_found_until_it_is_removed() {
        let bodies = Bodies::new(1 << 20);
        let digest = Algorithm::Sha256.digest(b"a");
        bodies.insert(digest, "body", 4);
        assert_eq!(bodies.get(&digest), Some("body"));
        bodies.remove(&digest);
        assert_eq!(bodies.get(&digest), None);
    }

    #[test]
    fn the_limit_holds_whatever_is_put_in() {
        let bodies = Bodies::new(100_000);
        let digests: Vec<_> =
            (0..1000_u32).map(|index| Algorithm::Sha256.digest(&index.to_le_bytes())).collect();
        for digest in &digests {
            bodies.insert(*digest, (), 1000);
        }
        let kept = digests.iter().filter(|digest| bodies.get(digest).is_some()).count();
        assert!((10..=100).contains(&kept), "{kept} bodies of 1,000 bytes kept in 100,000");
        assert_eq!(Bodies::new(0).get(&digests[0]), None::<()>);
    }
}
