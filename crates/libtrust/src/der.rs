//! As much of DER as public keys need: integers, bit strings and sequences, written. ITU-T X.690.

use crate::Curve;

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const INTEGER: u8 = 0x02;
const NULL: u8 = 0x05;
/// rsaEncryption, RFC 8017.
const OID_RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// id-ecPublicKey, RFC 5480.
const OID_EC: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// id-Ed25519, RFC 8410.
const OID_ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

/// An RSA key as a SubjectPublicKeyInfo, from big-endian numbers. RFC 8017, section A.1.1.
pub fn spki_of_rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let numbers = [integer(modulus), integer(exponent)].concat();
    spki(&[OID_RSA, &[NULL, 0]].concat(), &sequence(&numbers))
}

/// A key on a curve as a SubjectPublicKeyInfo; the point is 04 ‖ x ‖ y. RFC 5480, section 2.
pub fn spki_of_ec(curve: Curve, point: &[u8]) -> Vec<u8> {
    spki(&[OID_EC, curve.oid()].concat(), point)
}

/// An Ed25519 key as a SubjectPublicKeyInfo. RFC 8410, section 4.
pub fn spki_of_ed25519(key: &[u8]) -> Vec<u8> {
    spki(OID_ED25519, key)
}

/// RFC 5280, section 4.1.
fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let key = tagged(BIT_STRING, &[&[0], key].concat());
    sequence(&[sequence(algorithm), key].concat())
}

/// A value: tag, length, content.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut der = vec![tag];
    match significant {
        [] => der.push(0),
        [short @ 0..=0x7f] => der.push(*short),
        long => {
            der.push(0x80 | long.len() as u8);
            der.extend_from_slice(long);
        }
    }
    der.extend_from_slice(content);
    der
}

/// A DER sequence of values that are DER already.
pub fn sequence(values: &[u8]) -> Vec<u8> {
    tagged(SEQUENCE, values)
}

/// A DER integer that is not negative, from big-endian bytes.
pub fn integer(bytes: &[u8]) -> Vec<u8> {
    let bytes = trimmed(bytes);
    let sign: &[u8] = if bytes.first().is_none_or(|byte| byte & 0x80 != 0) { &[0] } else { &[] };
    tagged(INTEGER, &[sign, bytes].concat())
}

/// A number without its leading zeros.
pub fn trimmed(number: &[u8]) -> &[u8] {
    &number[number.iter().take_while(|byte| **byte == 0).count()..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_as_many_bytes_as_they_need() {
        assert_eq!(sequence(&[]), [0x30, 0]);
        assert_eq!(sequence(&[7; 127])[..2], [0x30, 127]);
        assert_eq!(sequence(&[7; 128])[..3], [0x30, 0x81, 128]);
        assert_eq!(sequence(&[7; 256])[..4], [0x30, 0x82, 1, 0]);
    }

    #[test]
    fn integers_are_short_and_never_negative() {
        assert_eq!(integer(&[0, 0, 1]), [2, 1, 1]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[]), [2, 1, 0]);
    }
}
