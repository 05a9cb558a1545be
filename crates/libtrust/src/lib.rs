#![doc = include_str!("../README.md")]

mod curve;
mod der;

use sha2::{Digest as _, Sha256};

pub use curve::Curve;
pub use der::{integer, sequence, spki_of_ec, spki_of_ed25519, spki_of_rsa, trimmed};

/// How much of the hash is in an id, in bytes.
const ID_BYTES: usize = 30;
/// RFC 4648, section 6.
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The id of a key, from its DER SubjectPublicKeyInfo: 240 bits of the SHA-256, in base32, twelve groups of four letters with
/// colons between.
pub fn key_id(spki: &[u8]) -> String {
    let hash = Sha256::digest(spki);
    let mut id = String::with_capacity(59);
    for (index, group) in hash[..ID_BYTES].chunks(5).enumerate() {
        let bits = group.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        for letter in 0..8 {
            if letter % 4 == 0 && index + letter > 0 {
                id.push(':');
            }
            id.push(char::from(BASE32[(bits >> (35 - 5 * letter)) as usize & 31]));
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_twelve_groups_of_four() {
        for spki in [&b""[..], b"key"] {
            let id = key_id(spki);
            let groups: Vec<_> = id.split(':').collect();
            assert_eq!(groups.len(), 12);
            assert!(
                groups
                    .iter()
                    .all(|group| group.len() == 4 && group.bytes().all(|byte| BASE32.contains(&byte)))
            );
        }
        assert_ne!(key_id(b"a"), key_id(b"b"));
    }
}
