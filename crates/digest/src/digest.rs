//! The digest as a value: parsed once, small enough to copy, printed exactly as it was written.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Algorithm;
use crate::algorithm::is_algorithm_name;

/// The longest hash, in bytes.
pub(crate) const MAX_HASH_BYTES: usize = 64;

/// A content digest: an algorithm and a hash of the length that the algorithm makes.
///
/// Its text is `<algorithm>:<hex>` with lower-case digits, and no other text parses as the same digest, so digests are
/// equal exactly when their texts are. The order is the byte order of the texts. Source: OCI image specification 1.1,
/// section "Digests".
// The bytes behind a shorter hash are zero, which lets the derived comparisons be right.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    hash: [u8; MAX_HASH_BYTES],
}

/// Why a text is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct ParseDigestError {
    kind: ParseDigestErrorKind,
}

/// What was wrong with a text that is no digest. It prints as Go's digest library words it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParseDigestErrorKind {
    /// The text is not of the form of a digest, or the hash is not lower-case hexadecimal.
    Format,
    /// The text is of the form of a digest, of an algorithm that is not one of [`Algorithm::ALL`].
    UnsupportedAlgorithm,
    /// The hash is longer or shorter than the algorithm makes it.
    Length,
}

impl Digest {
    /// The algorithm that made the hash.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The hash in lower-case hexadecimal: what stands behind the colon.
    pub fn hex(&self) -> String {
        let mut buffer = [0; 2 * MAX_HASH_BYTES];
        self.hex_in(&mut buffer).to_owned()
    }

    /// The hash as bytes.
    pub fn hash(&self) -> &[u8] {
        &self.hash[..self.algorithm.hash_len()]
    }

    /// A digest of a hash as the algorithm made it.
    pub(crate) fn from_hash(algorithm: Algorithm, made: &[u8]) -> Self {
        debug_assert_eq!(made.len(), algorithm.hash_len());
        let mut hash = [0; MAX_HASH_BYTES];
        hash[..made.len()].copy_from_slice(made);
        Self { algorithm, hash }
    }

    fn hex_in<'buffer>(&self, buffer: &'buffer mut [u8; 2 * MAX_HASH_BYTES]) -> &'buffer str {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for (pair, byte) in buffer.chunks_exact_mut(2).zip(self.hash()) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        // Digits are ASCII, so nothing is ever lost here.
        str::from_utf8(&buffer[..self.algorithm.hex_len()]).unwrap_or_default()
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, encoded) = text.split_once(':').ok_or(ParseDigestErrorKind::Format)?;
        if !is_algorithm_name(name) || !is_encoded(encoded) {
            return Err(ParseDigestErrorKind::Format.into());
        }
        let algorithm = Algorithm::from_name(name).ok_or(ParseDigestErrorKind::UnsupportedAlgorithm)?;
        if encoded.len() != algorithm.hex_len() {
            return Err(ParseDigestErrorKind::Length.into());
        }
        let mut hash = [0; MAX_HASH_BYTES];
        for (byte, pair) in hash.iter_mut().zip(encoded.as_bytes().chunks_exact(2)) {
            *byte = hex_value(pair[0])? << 4 | hex_value(pair[1])?;
        }
        Ok(Self { algorithm, hash })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut buffer = [0; 2 * MAX_HASH_BYTES];
        write!(formatter, "{}:{}", self.algorithm, self.hex_in(&mut buffer))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl ParseDigestError {
    /// What was wrong, to match on.
    pub const fn kind(&self) -> ParseDigestErrorKind {
        self.kind
    }
}

impl From<ParseDigestErrorKind> for ParseDigestError {
    fn from(kind: ParseDigestErrorKind) -> Self {
        Self { kind }
    }
}

impl fmt::Display for ParseDigestErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Format => "invalid checksum digest format",
            Self::UnsupportedAlgorithm => "unsupported digest algorithm",
            Self::Length => "invalid checksum digest length",
        })
    }
}

/// Whether a text could stand behind the colon of any digest.
fn is_encoded(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'=' | b'_' | b'-'))
}

/// The value of a hexadecimal digit; upper case is refused, or one digest would have many texts.
fn hex_value(digit: u8) -> Result<u8, ParseDigestErrorKind> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(ParseDigestErrorKind::Format),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn kind_of(text: &str) -> ParseDigestErrorKind {
        text.parse::<Digest>().unwrap_err().kind()
    }

    fn any_digest() -> impl Strategy<Value = Digest> {
        let algorithm = prop::sample::select(Algorithm::ALL.to_vec());
        let hash = prop::collection::vec(any::<u8>(), MAX_HASH_BYTES);
        (algorithm, hash)
            .prop_map(|(algorithm, hash)| Digest::from_hash(algorithm, &hash[..algorithm.hash_len()]))
    }

    #[test]
    fn a_digest_prints_as_it_was_written() {
        let digest: Digest = ABC.parse().unwrap();
        assert_eq!(digest.to_string(), ABC);
        assert_eq!(format!("{digest:?}"), ABC);
        assert_eq!(digest.algorithm(), Algorithm::Sha256);
        assert_eq!(digest.hex(), ABC["sha256:".len()..]);
        assert_eq!(digest.hash()[..2], [0xba, 0x78]);
    }

    #[test]
    fn what_has_not_the_form_of_a_digest_is_a_wrong_format() {
        let upper = ABC.to_uppercase().replace("SHA", "sha");
        let late = format!("{}g", &ABC[..ABC.len() - 1]);
        for text in [
            "",
            ":",
            "sha256",
            "sha256:",
            ":abc",
            "sha256:a:b",
            "sha256:a b",
            "SHA256:ab",
            "sha256:ß",
            &upper,
            &late,
        ] {
            assert_eq!(kind_of(text), ParseDigestErrorKind::Format, "{text:?}");
        }
        assert_eq!(kind_of(&format!("{ABC}\n")), ParseDigestErrorKind::Format);
        assert_eq!(kind_of(&format!(" {ABC}")), ParseDigestErrorKind::Format);
    }

    #[test]
    fn an_unknown_algorithm_is_named_as_such() {
        for text in [
            "md5:abc",
            "blake3:00",
            "sha256+b64u:LCa0a2j_xo-5m0U8HTBBNBNCLXBkg7-g",
            "multihash+base58:QmR",
            "sha1:a=-_",
        ] {
            assert_eq!(kind_of(text), ParseDigestErrorKind::UnsupportedAlgorithm, "{text:?}");
        }
    }

    #[test]
    fn only_the_right_length_is_accepted() {
        for algorithm in Algorithm::ALL {
            let with = |len: usize| format!("{algorithm}:{}", "a".repeat(len));
            assert!(with(algorithm.hex_len()).parse::<Digest>().is_ok());
            for len in [1, algorithm.hex_len() - 1, algorithm.hex_len() + 1, 1 << 20] {
                assert_eq!(kind_of(&with(len)), ParseDigestErrorKind::Length);
            }
        }
    }

    #[test]
    fn errors_speak_as_clients_of_go_servers_know_them() {
        let message = |text: &str| text.parse::<Digest>().unwrap_err().to_string();
        assert_eq!(message("sha256"), "invalid checksum digest format");
        assert_eq!(message("md5:00"), "unsupported digest algorithm");
        assert_eq!(message("sha256:00"), "invalid checksum digest length");
    }

    #[test]
    fn json_holds_a_digest_as_a_string() {
        let digest: Digest = ABC.parse().unwrap();
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(json, format!("{ABC:?}"));
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        assert!(serde_json::from_str::<Digest>("\"sha256:00\"").is_err());
        assert!(serde_json::from_str::<Digest>("7").is_err());
        assert_eq!(serde_json::from_value::<Digest>(serde_json::json!(ABC)).unwrap(), digest);
        assert_eq!(serde_json::from_str::<Digest>(&json.replace(':', "\\u003a")).unwrap(), digest);
    }

    #[test]
    fn equal_digests_are_one_in_a_set() {
        let digests: HashSet<Digest> = [ABC, ABC].iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(digests.len(), 1);
    }

    proptest! {
        #[test]
        fn parsing_undoes_printing(digest in any_digest()) {
            prop_assert_eq!(digest.to_string().parse::<Digest>(), Ok(digest));
        }

        #[test]
        fn the_order_is_the_byte_order_of_the_texts(left in any_digest(), right in any_digest()) {
            prop_assert_eq!(left.cmp(&right), left.to_string().cmp(&right.to_string()));
        }

        #[test]
        fn parsing_takes_any_text_and_prints_what_it_took(text in r"\PC*|sha(256|384|512):[0-9a-fA-F]{60,130}|[a-z+.]{0,5}:.*") {
            if let Ok(digest) = text.parse::<Digest>() {
                prop_assert_eq!(digest.to_string(), text);
            }
        }
    }
}
