//! Small bodies by digest, within a number of bytes.
//!
//! A body under a digest never changes, so an entry is never stale and has no lifetime. That a body is here says nothing
//! about who may see it.

use quick_cache::sync::{Cache as QuickCache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
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
    ///
    /// There are several shards, so that threads do not wait for each other, each with an equal part of the limit; few enough
    /// that the largest manifest fits into one wherever the limit is at least [`SHARD_BYTES`].
    pub fn new(limit_bytes: u64) -> Self {
        let shards = (limit_bytes / SHARD_BYTES).clamp(1, SHARDS_MOST);
        let shards = 1 << shards.ilog2();
        let expected =
            usize::try_from(limit_bytes / EXPECTED_BODY_BYTES).unwrap_or(usize::MAX).min(EXPECTED_BODIES);
        #[expect(clippy::expect_used, reason = "options are complete with what is set here")]
        let options = OptionsBuilder::new()
            .shards(shards as usize)
            .estimated_items_capacity(expected)
            .weight_capacity(limit_bytes - limit_bytes % shards)
            .build()
            .expect("both capacities are set");
        let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        Self { bodies: QuickCache::with_options(options, BySize, hasher, lifecycle) }
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

/// The least that a shard holds, unless the whole holds less, in bytes: the largest manifest with all that is parsed from it.
pub const SHARD_BYTES: u64 = 16 * 1024 * 1024;
/// At most this many shards.
const SHARDS_MOST: u64 = 64;
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
    fn the_limit_holds_to_the_byte_and_is_used() {
        for limit in [0, 1, 999, 100_000, SHARD_BYTES - 1, 3 * SHARD_BYTES + 1, 10 * SHARD_BYTES] {
            let bodies = Bodies::new(limit);
            let size = (limit / 100).saturating_sub(ENTRY_BYTES);
            for index in 0..1000_u32 {
                bodies.insert(Algorithm::Sha256.digest(&index.to_le_bytes()), (), size);
                assert!(bodies.bodies.weight() <= limit, "{} of {limit}", bodies.bodies.weight());
            }
            let used = bodies.bodies.weight();
            assert!(limit < 100_000 || used > limit / 10 * 8, "only {used} of {limit} are used");
        }
    }

    #[test]
    fn the_largest_body_fits_and_one_larger_than_the_limit_does_not() {
        let digest = Algorithm::Sha256.digest(b"a");
        for limit in [SHARD_BYTES, 4 * SHARD_BYTES] {
            let bodies = Bodies::new(limit);
            bodies.insert(digest, (), SHARD_BYTES / 10 * 9);
            assert_eq!(bodies.get(&digest), Some(()));
            bodies.insert(digest, (), limit + 1);
            assert!(bodies.bodies.weight() <= limit);
        }
    }
}
