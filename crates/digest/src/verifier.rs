//! What a reader and a stream have in common when they check content against its digest.
//!
//! When the size is known, the check comes with the last byte and not with the end: a consumer that counts the bytes it
//! was promised never asks for the end, and must not get the last piece of wrong content.

use std::io;

use crate::{Digest, Hasher};

/// How content differed from what was expected. It is the source of the [`io::Error`] of kind
/// [`InvalidData`](io::ErrorKind::InvalidData) that a verifying reader or stream gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch {
    /// The bytes have another digest.
    #[error("content has digest {computed}, not {expected}")]
    Digest {
        /// The digest that the content should have.
        expected: Digest,
        /// The digest that it has.
        computed: Digest,
    },
    /// There is at least one byte more than expected.
    #[error("content has at least {seen} bytes where {expected} were expected")]
    TooLong {
        /// How many bytes there should be.
        expected: u64,
        /// How many were seen when it became clear.
        seen: u64,
    },
    /// There are fewer bytes than expected.
    #[error("content ended after {seen} bytes where {expected} were expected")]
    TooShort {
        /// How many bytes there should be.
        expected: u64,
        /// How many there were.
        seen: u64,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Verifier {
    digest: Digest,
    size: Option<u64>,
    progress: Progress,
}

#[derive(Clone, Debug)]
enum Progress {
    Hashing(Hasher),
    Verified { seen: u64 },
    Failed(Mismatch),
}

impl Verifier {
    pub(crate) fn new(digest: Digest, size: Option<u64>) -> Self {
        Self { digest, size, progress: Progress::Hashing(Hasher::new(digest.algorithm())) }
    }

    /// Takes the next bytes, and fails when they cannot belong to the expected content.
    pub(crate) fn update(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        match &mut self.progress {
            Progress::Hashing(hasher) => {
                let seen = hasher.len() + bytes.len() as u64;
                match self.size {
                    Some(expected) if seen > expected => self.fail(Mismatch::TooLong { expected, seen }),
                    size => {
                        hasher.update(bytes);
                        if size == Some(seen) { self.end() } else { Ok(()) }
                    }
                }
            }
            Progress::Verified { seen } => {
                let (expected, seen) = (*seen, *seen + bytes.len() as u64);
                self.fail(Mismatch::TooLong { expected, seen })
            }
            Progress::Failed(mismatch) => Err(error_of(*mismatch)),
        }
    }

    /// Says that there are no more bytes. Asking again gives the same answer.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        let hasher = match &self.progress {
            Progress::Hashing(hasher) => hasher,
            Progress::Verified { .. } => return Ok(()),
            Progress::Failed(mismatch) => return Err(error_of(*mismatch)),
        };
        let seen = hasher.len();
        if let Some(expected) = self.size.filter(|expected| seen < *expected) {
            return self.fail(Mismatch::TooShort { expected, seen });
        }
        let computed = hasher.clone().finish();
        if computed != self.digest {
            return self.fail(Mismatch::Digest { expected: self.digest, computed });
        }
        self.progress = Progress::Verified { seen };
        Ok(())
    }

    fn fail(&mut self, mismatch: Mismatch) -> io::Result<()> {
        self.progress = Progress::Failed(mismatch);
        Err(error_of(mismatch))
    }
}

fn error_of(mismatch: Mismatch) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, mismatch)
}
