//! A tarsum as a value: parsed once, printed as it was written.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use wharf_digest::Algorithm;

use crate::error::InvalidSum;

/// The longest name of a hash, in bytes.
const MAX_HASH_BYTES: usize = 32;
/// The longest sum, in hexadecimal digits: those of a sha512. Stores have a file name for each.
const MAX_DIGITS: usize = 128;

/// Which rules a sum follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// The first, written without a version: it counts the time of change.
    V0,
    /// The second: it does not, and counts extended attributes.
    V1,
    /// The one that would have been next, which never differed from the second.
    Dev,
}

/// A sum: `tarsum[.version]+hash:digits`.
///
/// Two sums are equal when they are but for the case of their digits.
#[derive(Debug, Clone)]
pub struct TarSum {
    version: Version,
    hash: String,
    digits: String,
}

impl Version {
    /// The name by which stores know the version.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0 => "v0",
            Self::V1 => "v1",
            Self::Dev => "dev",
        }
    }
}

impl TarSum {
    /// Tells whether a text means to be a tarsum, so that what is wrong with it is worth telling.
    pub fn is_meant(text: &str) -> bool {
        text.starts_with("tarsum")
    }

    pub(crate) fn new(version: Version, algorithm: Algorithm, digits: String) -> Self {
        Self { version, hash: algorithm.as_str().to_owned(), digits }
    }

    /// The version of the rules.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The name of the hash, lower and upper case as it was written.
    pub fn hash_name(&self) -> &str {
        &self.hash
    }

    /// The digits of the sum, as they were written.
    pub fn hex(&self) -> &str {
        &self.digits
    }

    /// The hash, when it is one that can be computed.
    ///
    /// # Errors
    ///
    /// [`InvalidSum::Hash`].
    pub fn algorithm(&self) -> Result<Algorithm, InvalidSum> {
        self.hash.parse().map_err(|_| InvalidSum::Hash)
    }
}

impl FromStr for TarSum {
    type Err = InvalidSum;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = text.strip_prefix("tarsum").ok_or(InvalidSum::Format)?;
        let (version, rest) = rest.split_once('+').ok_or(InvalidSum::Format)?;
        let (hash, digits) = rest.split_once(':').ok_or(InvalidSum::Format)?;
        let is_hash = (1..=MAX_HASH_BYTES).contains(&hash.len())
            && hash.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_sum =
            (1..=MAX_DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hash || !is_sum {
            return Err(InvalidSum::Format);
        }
        let version = match version {
            "" => Version::V0,
            ".v1" => Version::V1,
            ".dev" => Version::Dev,
            _ => return Err(InvalidSum::Version),
        };
        Ok(Self { version, hash: hash.to_owned(), digits: digits.to_owned() })
    }
}

impl fmt::Display for TarSum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = match self.version {
            Version::V0 => "",
            Version::V1 => ".v1",
            Version::Dev => ".dev",
        };
        write!(formatter, "tarsum{version}+{}:{}", self.hash, self.digits)
    }
}

impl PartialEq for TarSum {
    fn eq(&self, other: &Self) -> bool {
        (self.version, &self.hash) == (other.version, &other.hash)
            && self.digits.eq_ignore_ascii_case(&other.digits)
    }
}

impl Eq for TarSum {}

impl Hash for TarSum {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.version, &self.hash, self.digits.to_ascii_lowercase()).hash(state);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sum_prints_as_it_was_written() {
        for (text, version, folder) in [
            ("tarsum+sha256:aB", Version::V0, "v0"),
            ("tarsum.v1+sha512:00", Version::V1, "v1"),
            ("tarsum.dev+MD5:0123456789abcdefABCDEF", Version::Dev, "dev"),
        ] {
            let sum: TarSum = text.parse().unwrap();
            assert_eq!(
                (sum.version(), sum.version().as_str(), sum.to_string().as_str()),
                (version, folder, text)
            );
        }
    }

    #[test]
    fn the_case_of_digits_does_not_count() {
        let sum = |text: &str| text.parse::<TarSum>().unwrap();
        assert_eq!(sum("tarsum+sha256:ab"), sum("tarsum+sha256:AB"));
        assert_ne!(sum("tarsum+sha256:ab"), sum("tarsum.v1+sha256:ab"));
        assert_ne!(sum("tarsum+sha256:ab"), sum("tarsum+sha512:ab"));
    }

    #[test]
    fn what_is_no_sum_is_refused() {
        let error = |text: &str| text.parse::<TarSum>().unwrap_err();
        for text in [
            "",
            "tarsum",
            "tarsum+",
            "tarsum+sha256",
            "tarsum+sha256:",
            "tarsum+:ab",
            "tarsum+sha256:xy",
            "tarsum+sha-256:ab",
            "tarsum+../x:ab",
            "tarsum+sha256:ab:cd",
            "sha256:ab",
            "xtarsum+sha256:ab",
        ] {
            assert_eq!(error(text), InvalidSum::Format, "{text}");
        }
        for text in ["tarsum.v2+sha256:ab", "tarsum.+sha256:ab", "tarsumv1+sha256:ab", "tarsum.V1+sha256:ab"]
        {
            assert_eq!(error(text), InvalidSum::Version, "{text}");
        }
        assert_eq!(error(&format!("tarsum+sha256:{}", "a".repeat(129))), InvalidSum::Format);
        assert_eq!("tarsum+md5:ab".parse::<TarSum>().unwrap().algorithm(), Err(InvalidSum::Hash));
    }

    proptest! {
        #[test]
        fn parsing_takes_any_text_and_prints_what_it_took(text in "\\PC*|tarsum(\\.(v1|dev|x))?\\+[a-z0-9]{0,6}:[0-9a-fA-Fg]{0,70}") {
            if let Ok(sum) = text.parse::<TarSum>() {
                prop_assert_eq!(sum.to_string(), text);
            }
        }
    }
}
