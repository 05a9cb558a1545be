//! Public keys as libtrust wrote them: JSON with an id that follows from the numbers.

use std::collections::BTreeMap;

use aws_lc_rs::signature::{self, EcdsaVerificationAlgorithm, ParsedPublicKey, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521,
};
use x509_parser::prelude::FromDer as _;
use x509_parser::public_key::PublicKey as ParsedKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use wharf_libtrust::{Curve, key_id, spki_of_ec, spki_of_rsa, trimmed};

use crate::error::KeyError;

/// A JSON Web Key as it was read: its members in byte order.
pub(crate) type Jwk = BTreeMap<String, Value>;

/// A key that manifests are verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(Numbers);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Numbers {
    /// Both big-endian, without leading zeros.
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    /// The point as 04 ‖ x ‖ y.
    Ec { curve: Curve, point: Vec<u8> },
}

impl PublicKey {
    /// Reads a public key that is written as a JSON Web Key.
    pub(crate) fn from_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        if jwk.contains_key("d") {
            return Err(KeyError::Private);
        }
        Self::of_jwk(jwk)
    }

    /// Reads the public half of a JSON Web Key.
    pub(crate) fn of_jwk(jwk: &Jwk) -> Result<Self, KeyError> {
        let key = match text(jwk, "kty")? {
            "EC" => {
                let curve = Curve::named(text(jwk, "crv")?).ok_or(KeyError::Kind)?;
                let x = octets(jwk, "x", curve.octets())?;
                let y = octets(jwk, "y", curve.octets())?;
                Self::ec(curve, [&[4], &*x, &*y].concat())?
            }
            "RSA" => Self::rsa(&number(jwk, "n")?, &number(jwk, "e")?)?,
            _ => return Err(KeyError::Kind),
        };
        if jwk.contains_key("kid") {
            let computed = key.id();
            if text(jwk, "kid")? != computed {
                return Err(KeyError::Id { computed });
            }
        }
        Ok(key)
    }

    /// Reads the key of a certificate in DER.
    pub(crate) fn of_certificate(der: &[u8]) -> Result<Self, KeyError> {
        let (_, certificate) = x509_parser::parse_x509_certificate(der).map_err(|_| KeyError::Certificate)?;
        Self::of_info(certificate.public_key())
    }

    /// Reads a DER SubjectPublicKeyInfo.
    pub(crate) fn of_spki(der: &[u8]) -> Result<Self, KeyError> {
        let (_, info) = SubjectPublicKeyInfo::from_der(der).map_err(|_| KeyError::Kind)?;
        Self::of_info(&info)
    }

    fn of_info(info: &SubjectPublicKeyInfo<'_>) -> Result<Self, KeyError> {
        if info.algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
            let named = info.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
            let curve = Curve::ALL.into_iter().find(|curve| named.as_ref() == Some(&x509_oid(*curve)));
            return Self::ec(curve.ok_or(KeyError::Kind)?, info.subject_public_key.data.to_vec());
        }
        match info.parsed() {
            Ok(ParsedKey::RSA(key)) => Self::rsa(key.modulus, key.exponent),
            _ => Err(KeyError::Kind),
        }
    }

    fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let (modulus, exponent) = (trimmed(modulus).to_vec(), trimmed(exponent).to_vec());
        match (modulus.len(), exponent.len()) {
            (128..=1024, 1..=8) => Ok(Self(Numbers::Rsa { modulus, exponent })),
            _ => Err(KeyError::Kind),
        }
    }

    fn ec(curve: Curve, point: Vec<u8>) -> Result<Self, KeyError> {
        let is_whole = point.len() == 1 + 2 * curve.octets() && point.first() == Some(&4);
        match ParsedPublicKey::new(verification(curve), &point) {
            Ok(_) if is_whole => Ok(Self(Numbers::Ec { curve, point })),
            _ => Err(KeyError::Numbers),
        }
    }

    /// The id of the key as libtrust makes it: 240 bits of the hash of its DER, in base32, twelve groups of four.
    pub fn id(&self) -> String {
        key_id(&self.spki())
    }

    /// The key as a JSON Web Key.
    pub(crate) fn jwk(&self) -> Jwk {
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let members = match &self.0 {
            Numbers::Rsa { modulus, exponent } => {
                vec![("e", number(exponent)), ("kty", "RSA".into()), ("n", number(modulus))]
            }
            Numbers::Ec { curve, point } => {
                let (x, y) = point[1..].split_at(curve.octets());
                vec![("crv", curve.name().into()), ("kty", "EC".into()), ("x", number(x)), ("y", number(y))]
            }
        };
        let id = ("kid", self.id());
        members.into_iter().chain([id]).map(|(key, value)| (key.to_owned(), value.into())).collect()
    }

    /// The name of the algorithm that the key signs with.
    pub(crate) fn algorithm(&self) -> &'static str {
        match &self.0 {
            Numbers::Rsa { .. } => "RS256",
            Numbers::Ec { curve: Curve::P256, .. } => "ES256",
            Numbers::Ec { curve: Curve::P384, .. } => "ES384",
            Numbers::Ec { curve: Curve::P521, .. } => "ES512",
        }
    }

    /// The curve of an EC key.
    pub(crate) fn curve(&self) -> Option<Curve> {
        match &self.0 {
            Numbers::Rsa { .. } => None,
            Numbers::Ec { curve, .. } => Some(*curve),
        }
    }

    /// The point of an EC key; empty for others.
    pub(crate) fn point(&self) -> &[u8] {
        match &self.0 {
            Numbers::Rsa { .. } => &[],
            Numbers::Ec { point, .. } => point,
        }
    }

    /// Whether a signature by the named algorithm is this key's.
    pub(crate) fn verifies(&self, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Numbers::Ec { curve, point } if algorithm == self.algorithm() => {
                let key = signature::UnparsedPublicKey::new(verification(*curve), point);
                key.verify(message, signature).is_ok()
            }
            Numbers::Rsa { modulus, exponent } => {
                let parameters = match algorithm {
                    "RS256" => &signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
                    "RS384" => &signature::RSA_PKCS1_2048_8192_SHA384,
                    "RS512" => &signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
                    _ => return false,
                };
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(parameters, message, signature).is_ok()
            }
            Numbers::Ec { .. } => false,
        }
    }

    /// The key as a DER SubjectPublicKeyInfo. RFC 5280, section 4.1.
    fn spki(&self) -> Vec<u8> {
        match &self.0 {
            Numbers::Rsa { modulus, exponent } => spki_of_rsa(modulus, exponent),
            Numbers::Ec { curve, point } => spki_of_ec(*curve, point),
        }
    }
}

/// The curve fixes the hash.
fn verification(curve: Curve) -> &'static EcdsaVerificationAlgorithm {
    match curve {
        Curve::P256 => &signature::ECDSA_P256_SHA256_FIXED,
        Curve::P384 => &signature::ECDSA_P384_SHA384_FIXED,
        Curve::P521 => &signature::ECDSA_P521_SHA512_FIXED,
    }
}

fn x509_oid(curve: Curve) -> x509_parser::der_parser::oid::Oid<'static> {
    match curve {
        Curve::P256 => OID_EC_P256,
        Curve::P384 => OID_NIST_EC_P384,
        Curve::P521 => OID_NIST_EC_P521,
    }
}

fn text<'a>(jwk: &'a Jwk, member: &'static str) -> Result<&'a str, KeyError> {
    jwk.get(member).and_then(Value::as_str).ok_or(KeyError::Member(member))
}

/// A number of any length.
pub(crate) fn number(jwk: &Jwk, member: &'static str) -> Result<Vec<u8>, KeyError> {
    URL_SAFE_NO_PAD.decode(text(jwk, member)?).map_err(|_| KeyError::Number(member))
}

/// A number of exactly so many bytes.
pub(crate) fn octets(jwk: &Jwk, member: &'static str, octets: usize) -> Result<Vec<u8>, KeyError> {
    Some(number(jwk, member)?).filter(|number| number.len() == octets).ok_or(KeyError::Number(member))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn jwk() -> Jwk {
        serde_json::from_str(
            r#"{"crv":"P-256","kid":"O2AF:UY5G:TAGB:QB2U:ESQT:6MTX:FUBN:PRY3:JFSX:KTA4:5BHV:QQJC","kty":"EC",
            "x":"AhfmF_C2RDkoJ4-WmZ5pojpPLBUr321s32bluAKC1O0","y":"GUp968uXcS0t2jyoWqh2Wlb0X8dYWZZS8ol8ZTBuV5Q"}"#,
        )
        .unwrap()
    }

    #[test]
    fn a_key_is_read_and_written_with_its_id() {
        let key = PublicKey::from_jwk(&jwk()).unwrap();
        assert_eq!(key.id(), "O2AF:UY5G:TAGB:QB2U:ESQT:6MTX:FUBN:PRY3:JFSX:KTA4:5BHV:QQJC");
        assert_eq!(key.jwk(), jwk());
    }

    #[test]
    fn a_key_that_is_not_what_it_says_is_refused() {
        let with = |member: &str, value: &str| {
            let mut jwk = jwk();
            jwk.insert(member.to_owned(), value.into());
            PublicKey::from_jwk(&jwk).unwrap_err()
        };
        assert!(matches!(with("kid", "AAAA"), KeyError::Id { .. }));
        assert_eq!(with("d", "AA"), KeyError::Private);
        assert_eq!(with("kty", "OKP"), KeyError::Kind);
        assert_eq!(with("crv", "P-224"), KeyError::Kind);
        assert_eq!(with("x", "AhfmF_C2RDk"), KeyError::Number("x"));
        assert_eq!(with("y", "!"), KeyError::Number("y"));
        assert_eq!(with("y", "AhfmF_C2RDkoJ4-WmZ5pojpPLBUr321s32bluAKC1O0"), KeyError::Numbers);
        let mut without = jwk();
        without.remove("x");
        assert_eq!(PublicKey::from_jwk(&without).unwrap_err(), KeyError::Member("x"));
    }

    #[test]
    fn members_that_nobody_knows_and_a_missing_id_do_no_harm() {
        let mut jwk = jwk();
        jwk.remove("kid");
        jwk.insert("use".into(), "sig".into());
        assert!(PublicKey::from_jwk(&jwk).is_ok());
    }

    #[test]
    fn keys_of_certificates_are_written_as_they_were() {
        for algorithm in [
            &rcgen::PKCS_ECDSA_P256_SHA256,
            &rcgen::PKCS_ECDSA_P384_SHA384,
            &rcgen::PKCS_ECDSA_P521_SHA512,
            &rcgen::PKCS_RSA_SHA256,
        ] {
            let pair = KeyPair::generate_for(algorithm).unwrap();
            let certificate = CertificateParams::default().self_signed(&pair).unwrap();
            let key = PublicKey::of_certificate(certificate.der()).unwrap();
            let (_, parsed) = x509_parser::parse_x509_certificate(certificate.der()).unwrap();
            assert_eq!(key.spki(), parsed.public_key().raw, "{algorithm:?}");
            assert_eq!(PublicKey::from_jwk(&key.jwk()).unwrap(), key);
        }
        let pair = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let certificate = CertificateParams::default().self_signed(&pair).unwrap();
        assert_eq!(PublicKey::of_certificate(certificate.der()), Err(KeyError::Kind));
        assert_eq!(PublicKey::of_certificate(b"x"), Err(KeyError::Certificate));
    }
}
