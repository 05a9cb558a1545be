//! Hashing on the thread that serves others too: in steps, with a pause between, so that nobody waits long.

use bytes::Bytes;
use wharf_digest::{Algorithm, Digest, Hasher};

/// How much is hashed before others get a turn, in bytes: about a tenth of a millisecond with hardware help.
const STEP_BYTES: usize = 256 * 1024;

/// Hashes over the same bytes, the sha256 and perhaps another.
#[derive(Debug, Clone)]
pub(crate) struct Hashers {
    hashers: Vec<Hasher>,
}

impl Hashers {
    /// Begins with no bytes: the sha256, by which data is stored, and `algorithm`.
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        let other = (algorithm != Algorithm::Sha256).then_some(algorithm);
        Self { hashers: std::iter::once(Algorithm::Sha256).chain(other).map(Hasher::new).collect() }
    }

    /// Goes on with hashes that were saved; none when they do not cover exactly `len` bytes, or the sha256 is
    /// missing.
    pub(crate) fn resume(hashers: Vec<Hasher>, len: u64) -> Option<Self> {
        let complete = hashers.iter().all(|hasher| hasher.len() == len);
        let canonical = hashers.iter().any(|hasher| hasher.algorithm() == Algorithm::Sha256);
        (complete && canonical).then_some(Self { hashers })
    }

    /// Takes the next bytes.
    pub(crate) async fn update(&mut self, bytes: &[u8]) {
        let mut first = true;
        for step in bytes.chunks(STEP_BYTES) {
            if !first {
                tokio::task::yield_now().await;
            }
            first = false;
            self.hashers.iter_mut().for_each(|hasher| hasher.update(step));
        }
    }

    /// How many bytes were taken, in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.hashers.first().map_or(0, Hasher::len)
    }

    /// The digest of the bytes so far; none when the algorithm is not among those that were begun.
    pub(crate) fn digest(&self, algorithm: Algorithm) -> Option<Digest> {
        self.hashers
            .iter()
            .find(|hasher| hasher.algorithm() == algorithm)
            .map(|hasher| hasher.clone().finish())
    }

    /// The running hashes.
    pub(crate) fn as_slice(&self) -> &[Hasher] {
        &self.hashers
    }
}

/// The digest of bytes that are all here.
pub(crate) async fn digest_of(algorithm: Algorithm, bytes: &Bytes) -> Digest {
    let mut hasher = Hasher::new(algorithm);
    for (index, step) in bytes.chunks(STEP_BYTES).enumerate() {
        if index > 0 {
            tokio::task::yield_now().await;
        }
        hasher.update(step);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn steps_make_no_difference() {
        let bytes = Bytes::from(vec![7; STEP_BYTES * 2 + 1]);
        for algorithm in Algorithm::ALL {
            let mut hashers = Hashers::new(algorithm);
            hashers.update(&bytes).await;
            assert_eq!(hashers.digest(algorithm), Some(algorithm.digest(&bytes)));
            assert_eq!(hashers.digest(Algorithm::Sha256), Some(Algorithm::Sha256.digest(&bytes)));
            assert_eq!(digest_of(algorithm, &bytes).await, algorithm.digest(&bytes));
        }
    }

    #[test]
    fn states_that_miss_bytes_are_not_used() {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(b"abc");
        assert!(Hashers::resume(vec![hasher.clone()], 3).is_some());
        assert!(Hashers::resume(vec![hasher.clone()], 4).is_none());
        assert!(Hashers::resume(vec![hasher, Hasher::new(Algorithm::Sha512)], 3).is_none());
        assert!(Hashers::resume(vec![], 0).is_none());
        assert!(Hashers::resume(vec![Hasher::new(Algorithm::Sha512)], 0).is_none());
    }
}
