//! Digests as text, made without any of the code that is tested.

use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// Gives the sha256 digest of some bytes, with its prefix.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// Gives the sha384 digest of some bytes, with its prefix.
#[must_use]
pub fn sha384(bytes: &[u8]) -> String {
    format!("sha384:{}", hex(&Sha384::digest(bytes)))
}

/// Gives the sha512 digest of some bytes, with its prefix.
#[must_use]
pub fn sha512(bytes: &[u8]) -> String {
    format!("sha512:{}", hex(&Sha512::digest(bytes)))
}

/// Prints bytes in lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
