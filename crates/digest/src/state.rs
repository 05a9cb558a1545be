//! A hash's state in Go's binary form, and its way to and from the form that `sha2` keeps.
//!
//! Go writes the magic `sha` and a byte that names the algorithm, eight words (big endian), one block of bytes that wait
//! to be hashed, padded with zeros, and the count of all bytes taken (`u64`, big endian). How many bytes wait follows from
//! the count. `sha2` writes the words (little endian), the count of whole blocks (little endian, two words wide), how many
//! bytes wait (one byte), and those bytes padded to a block less one, since a whole block never waits.

use sha2::digest::common::hazmat::{SerializableState, SerializedState};

use crate::Algorithm;

/// How many bytes a resumed hash may claim to have taken, in bytes. A count near the end of its integer would overflow
/// when the bits are counted; nobody uploads an exbibyte.
pub const MAX_RESUMED_BYTES: u64 = 1 << 60;

/// Why bytes are no saved state of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidState {
    /// It does not begin as a state of this algorithm does.
    #[error("hash state is not one of this algorithm")]
    Magic,
    /// It is longer or shorter than a state of this algorithm.
    #[error("hash state has a wrong length")]
    Length,
    /// Bytes stand where, by the count, none wait.
    #[error("hash state holds bytes beyond its count")]
    Padding,
    /// It claims to have taken more than [`MAX_RESUMED_BYTES`].
    #[error("hash state counts more bytes than any content has")]
    Count,
}

/// A state on its way into a hash of `sha2`.
pub(crate) struct Words {
    /// The state as `sha2` writes it.
    pub(crate) serialized: Vec<u8>,
    /// How many bytes were taken.
    pub(crate) len: u64,
}

const MAGIC_BYTES: usize = 4;
const COUNT_BYTES: usize = size_of::<u64>();
const WORDS: usize = 8;
const WORDS_IN_BLOCK: usize = 16;

/// Writes in Go's form what `sha2` serialized after `len` bytes.
pub(crate) fn save(algorithm: Algorithm, serialized: &[u8], len: u64) -> Vec<u8> {
    let word = word_bytes(algorithm);
    let pending = &serialized[serialized.len() - (WORDS_IN_BLOCK * word - 1)..];
    let mut saved = Vec::with_capacity(saved_bytes(algorithm));
    saved.extend_from_slice(&magic(algorithm));
    extend_reversed(&mut saved, &serialized[..WORDS * word], word);
    saved.extend_from_slice(pending);
    saved.push(0);
    saved.extend_from_slice(&len.to_be_bytes());
    saved
}

/// Reads Go's form, trusting nothing in it.
pub(crate) fn load(algorithm: Algorithm, saved: &[u8]) -> Result<Words, InvalidState> {
    let word = word_bytes(algorithm);
    let block = WORDS_IN_BLOCK * word;
    let rest = saved.strip_prefix(&magic(algorithm)).ok_or(InvalidState::Magic)?;
    if saved.len() != saved_bytes(algorithm) {
        return Err(InvalidState::Length);
    }
    let (words, rest) = rest.split_at(WORDS * word);
    let (pending, count) = rest.split_at(block);
    let len = u64::from_be_bytes(count.try_into().map_err(|_| InvalidState::Length)?);
    if len > MAX_RESUMED_BYTES {
        return Err(InvalidState::Count);
    }
    let waiting = (len % block as u64) as usize;
    if pending[waiting..].iter().any(|byte| *byte != 0) {
        return Err(InvalidState::Padding);
    }
    let mut serialized = Vec::with_capacity(saved.len());
    extend_reversed(&mut serialized, words, word);
    serialized.extend_from_slice(&(len / block as u64).to_le_bytes());
    serialized.resize((WORDS + 2) * word, 0);
    serialized.push(waiting as u8);
    serialized.extend_from_slice(&pending[..block - 1]);
    Ok(Words { serialized, len })
}

/// Makes a hash of what [`load`] read.
pub(crate) fn restore<H: SerializableState>(serialized: &[u8]) -> Result<H, InvalidState> {
    let serialized = SerializedState::<H>::try_from(serialized).map_err(|_| InvalidState::Length)?;
    H::deserialize(&serialized).map_err(|_| InvalidState::Padding)
}

fn extend_reversed(target: &mut Vec<u8>, words: &[u8], word: usize) {
    for bytes in words.chunks_exact(word) {
        target.extend(bytes.iter().rev());
    }
}

const fn magic(algorithm: Algorithm) -> [u8; MAGIC_BYTES] {
    match algorithm {
        Algorithm::Sha256 => *b"sha\x03",
        Algorithm::Sha384 => *b"sha\x04",
        Algorithm::Sha512 => *b"sha\x07",
    }
}

const fn word_bytes(algorithm: Algorithm) -> usize {
    match algorithm {
        Algorithm::Sha256 => size_of::<u32>(),
        Algorithm::Sha384 | Algorithm::Sha512 => size_of::<u64>(),
    }
}

const fn saved_bytes(algorithm: Algorithm) -> usize {
    MAGIC_BYTES + (WORDS + WORDS_IN_BLOCK) * word_bytes(algorithm) + COUNT_BYTES
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Hasher;

    /// What Go 1.26 marshals after the bytes 0, 1, 2, … 199, as hexadecimal without the zeros that fill the block: the
    /// magic with the words, the waiting bytes, and the digest when the bytes go on to 300 (from 256 on again from 0).
    const FROM_GO: [(Algorithm, &str, &str, &str); 3] = [
        (
            Algorithm::Sha256,
            "736861032bed68b99987cae48183b2b049d393d0050868e4e8ba3730e9112b08765929b7",
            "c0c1c2c3c4c5c6c7",
            "7728ae2f2c36e2aaafbe79ca14c87ae2f89e7c88c4390ecbbf82dce88706958d",
        ),
        (
            Algorithm::Sha384,
            "736861046f1664d213dd802f7c47bc50637cf93592570a2b8695839148bf38341c6eacd05326452ef1cbe64d90f1ef73bb5ac7d2803565467d0ddb10c5ee3fc050f9f0c1",
            "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7",
            "69672aca50c4279e4cdf788380294d7655bc68c7949e273318d60817f3262cff54e8c78ceaae0853e0a7adf36f392d38",
        ),
        (
            Algorithm::Sha512,
            "736861078e03953cd57cd6879321270afa70c5827bb5b69be59a8f0130147e94f2aedf7bdc01c56c92343ca8bd837bb7f0208f5a23e155694516b6f147099d491a30b151",
            "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7",
            "f1dca2eb677b303265b0b9baff0e061202818f35c1470a69bbaa9bb66025e948d90e565e69642506c6213aef3cf9e929357a59da263deb34d1236dbdcda279b3",
        ),
    ];

    fn bytes_of(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    fn go_state(algorithm: Algorithm, words: &str, waiting: &str, count: u64) -> Vec<u8> {
        let mut state = [bytes_of(words), bytes_of(waiting)].concat();
        state.resize(saved_bytes(algorithm) - COUNT_BYTES, 0);
        state.extend_from_slice(&count.to_be_bytes());
        state
    }

    fn counting(range: std::ops::Range<usize>) -> Vec<u8> {
        range.map(|number| number as u8).collect()
    }

    fn saved_after(algorithm: Algorithm, bytes: &[u8]) -> Vec<u8> {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.save()
    }

    fn refusal(algorithm: Algorithm, saved: &[u8]) -> InvalidState {
        Hasher::resume(algorithm, saved).unwrap_err()
    }

    #[test]
    fn the_state_is_byte_for_byte_what_go_writes() {
        for (algorithm, words, waiting, _) in FROM_GO {
            let expected = go_state(algorithm, words, waiting, 200);
            assert_eq!(saved_after(algorithm, &counting(0..200)), expected);
        }
        assert_eq!(saved_after(Algorithm::Sha256, b"").len(), 108);
        assert_eq!(saved_after(Algorithm::Sha384, b"").len(), 204);
        assert_eq!(saved_after(Algorithm::Sha512, b"").len(), 204);
    }

    #[test]
    fn a_state_that_go_wrote_goes_on() {
        for (algorithm, words, waiting, digest) in FROM_GO {
            let mut hasher = Hasher::resume(algorithm, &go_state(algorithm, words, waiting, 200)).unwrap();
            assert_eq!(hasher.len(), 200);
            hasher.update(&counting(200..300));
            assert_eq!(hasher.finish().hex(), digest);
        }
    }

    #[test]
    fn every_cut_around_a_block_goes_on() {
        let bytes = counting(0..300);
        for algorithm in Algorithm::ALL {
            for cut in [0, 1, 55, 56, 63, 64, 65, 111, 112, 127, 128, 129, 255, 256, 300] {
                let mut hasher = Hasher::resume(algorithm, &saved_after(algorithm, &bytes[..cut])).unwrap();
                hasher.update(&bytes[cut..]);
                assert_eq!(hasher.finish(), algorithm.digest(&bytes), "{algorithm} cut at {cut}");
            }
        }
    }

    #[test]
    fn the_state_of_another_algorithm_is_refused() {
        for saved in Algorithm::ALL {
            for wanted in Algorithm::ALL.into_iter().filter(|wanted| *wanted != saved) {
                assert_eq!(refusal(wanted, &saved_after(saved, b"abc")), InvalidState::Magic);
            }
        }
    }

    #[test]
    fn a_state_of_another_length_is_refused() {
        for algorithm in Algorithm::ALL {
            let mut saved = saved_after(algorithm, b"abc");
            assert_eq!(refusal(algorithm, &saved[..saved.len() - 1]), InvalidState::Length);
            assert_eq!(refusal(algorithm, &saved[..4]), InvalidState::Length);
            assert_eq!(refusal(algorithm, &saved[..3]), InvalidState::Magic);
            assert_eq!(refusal(algorithm, b""), InvalidState::Magic);
            saved.push(0);
            assert_eq!(refusal(algorithm, &saved), InvalidState::Length);
        }
    }

    #[test]
    fn bytes_beyond_the_count_are_refused() {
        for algorithm in Algorithm::ALL {
            let saved = saved_after(algorithm, b"abc");
            let block = MAGIC_BYTES + WORDS * word_bytes(algorithm)..saved.len() - COUNT_BYTES;
            for at in [block.start + 3, block.end - 1] {
                let mut wrong = saved.clone();
                wrong[at] = 1;
                assert_eq!(refusal(algorithm, &wrong), InvalidState::Padding);
            }
        }
    }

    #[test]
    fn a_count_that_would_overflow_is_refused() {
        for algorithm in Algorithm::ALL {
            let empty = saved_after(algorithm, b"");
            let with = |count: u64| [&empty[..empty.len() - COUNT_BYTES], &count.to_be_bytes()].concat();
            assert_eq!(refusal(algorithm, &with(MAX_RESUMED_BYTES + 1)), InvalidState::Count);
            assert_eq!(refusal(algorithm, &with(u64::MAX)), InvalidState::Count);
            let mut hasher = Hasher::resume(algorithm, &with(MAX_RESUMED_BYTES)).unwrap();
            hasher.update(b"abc");
            assert_eq!(hasher.len(), MAX_RESUMED_BYTES + 3);
            hasher.finish();
        }
    }

    proptest! {
        #[test]
        fn garbage_is_refused_or_is_a_state(
            algorithm in prop::sample::select(Algorithm::ALL.to_vec()),
            with_magic in any::<bool>(),
            mut bytes in prop::collection::vec(any::<u8>(), 0..210),
            right_len in any::<bool>(),
        ) {
            if right_len {
                bytes.resize(saved_bytes(algorithm), 0);
            }
            if with_magic && bytes.len() >= MAGIC_BYTES {
                bytes[..MAGIC_BYTES].copy_from_slice(&magic(algorithm));
            }
            if let Ok(hasher) = Hasher::resume(algorithm, &bytes) {
                prop_assert_eq!(hasher.save(), bytes);
                hasher.finish();
            }
        }
    }
}
