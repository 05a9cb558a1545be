//! Why there are no keys to verify tokens with.

use std::io;
use std::path::PathBuf;

use crate::jwk::InvalidKeySet;

/// Why there are no keys to verify tokens with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// A file is larger than keys are.
    #[error("{} is larger than {limit} bytes", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that it may have, in bytes.
        limit: u64,
    },
    /// A bundle holds something that is no certificate.
    #[error("{}: certificate {number}: {reason}", .path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Which of its certificates; the first one is 1.
        number: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A key set is none.
    #[error("{}", .0.display())]
    KeySet(PathBuf, #[source] InvalidKeySet),
    /// There is no key at all, in neither file.
    #[error("token auth requires at least one token signing key, in rootcertbundle or jwks")]
    NoKeys,
}
