//! The hash algorithms that a registry speaks, as a closed list: what is not on it is refused by name.

use std::fmt;
use std::str::FromStr;

use crate::{Digest, Hasher, ParseDigestError, ParseDigestErrorKind};

/// A hash algorithm. The order is the byte order of the names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, which every client knows and the store names its data by.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// Every algorithm, in order.
    pub const ALL: [Algorithm; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name as it stands before the colon of a digest.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// How many hexadecimal digits a digest has, in bytes of text.
    pub const fn hex_len(self) -> usize {
        2 * self.hash_len()
    }

    /// Computes the digest of bytes that are all here.
    pub fn digest(self, bytes: &[u8]) -> Digest {
        let mut hasher = Hasher::new(self);
        hasher.update(bytes);
        hasher.finish()
    }

    /// How long a hash is, in bytes.
    pub(crate) const fn hash_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The algorithm of a name, when it is one of ours.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

impl FromStr for Algorithm {
    type Err = ParseDigestError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        if !is_algorithm_name(name) {
            return Err(ParseDigestErrorKind::Format.into());
        }
        Self::from_name(name).ok_or_else(|| ParseDigestErrorKind::UnsupportedAlgorithm.into())
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Whether a text could name an algorithm, ours or not: runs of `a-z0-9`, joined by single `.`, `+`, `_` or `-`.
pub(crate) fn is_algorithm_name(text: &str) -> bool {
    let is_run =
        |run: &str| !run.is_empty() && run.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9'));
    text.split(['.', '+', '_', '-']).all(is_run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_as_its_algorithm() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
            assert_eq!(algorithm.digest(b"").hex().len(), algorithm.hex_len());
        }
    }

    #[test]
    fn the_order_is_that_of_the_names() {
        assert!(Algorithm::ALL.is_sorted());
        assert!(Algorithm::ALL.map(Algorithm::as_str).is_sorted());
    }

    #[test]
    fn unknown_and_malformed_names_are_told_apart() {
        let kind = |name: &str| name.parse::<Algorithm>().unwrap_err().kind();
        for name in ["md5", "blake3", "sha256+b64u", "tarsum.v1", "sha1", "0"] {
            assert_eq!(kind(name), ParseDigestErrorKind::UnsupportedAlgorithm, "{name:?}");
        }
        for name in ["", "SHA256", "sha256:", "sha-", "-sha", "sha++1", "sha 256", "ß"] {
            assert_eq!(kind(name), ParseDigestErrorKind::Format, "{name:?}");
        }
    }
}
