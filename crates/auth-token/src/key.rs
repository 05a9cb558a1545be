//! A public key, and the names that it goes by.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{self, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_NIST_EC_P384, OID_NIST_EC_P521, OID_SIG_ED25519,
};
use x509_parser::public_key::PublicKey as ParsedKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use wharf_libtrust::{Curve, key_id, spki_of_ec, spki_of_ed25519, spki_of_rsa, trimmed};

/// A key of a kind that can verify tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// Both as big-endian bytes without leading zeros.
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// The point as 04 ‖ x ‖ y.
    Ec {
        curve: Curve,
        point: Vec<u8>,
    },
    Ed25519([u8; 32]),
}

/// Why a key cannot verify tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UnusableKey {
    #[error("a key is RSA, EC on P-256, P-384 or P-521, or Ed25519")]
    Kind,
    #[error("an RSA key has 2048 to 8192 bits")]
    Size,
    #[error("the numbers of the key are no key")]
    Numbers,
}

impl PublicKey {
    pub(crate) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, UnusableKey> {
        let (modulus, exponent) = (trimmed(modulus).to_vec(), trimmed(exponent).to_vec());
        if !(256..=1024).contains(&modulus.len()) {
            return Err(UnusableKey::Size);
        }
        if exponent.is_empty() || exponent.len() > 8 {
            return Err(UnusableKey::Numbers);
        }
        Ok(Self::Rsa { modulus, exponent })
    }

    pub(crate) fn ec(curve: Curve, point: &[u8]) -> Result<Self, UnusableKey> {
        let algorithm = match curve {
            Curve::P256 => &signature::ECDSA_P256_SHA256_FIXED,
            Curve::P384 => &signature::ECDSA_P384_SHA384_FIXED,
            Curve::P521 => &signature::ECDSA_P521_SHA512_FIXED,
        };
        let is_whole = point.len() == 1 + 2 * curve.octets() && point.first() == Some(&4);
        match ParsedPublicKey::new(algorithm, point) {
            Ok(_) if is_whole => Ok(Self::Ec { curve, point: point.to_vec() }),
            _ => Err(UnusableKey::Numbers),
        }
    }

    pub(crate) fn ed25519(bytes: &[u8]) -> Result<Self, UnusableKey> {
        bytes.try_into().map(Self::Ed25519).map_err(|_| UnusableKey::Numbers)
    }

    /// The key of a certificate.
    pub(crate) fn of(info: &SubjectPublicKeyInfo<'_>) -> Result<Self, UnusableKey> {
        if info.algorithm.algorithm == OID_SIG_ED25519 {
            return Self::ed25519(&info.subject_public_key.data);
        }
        if info.algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY {
            let named = info.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
            let curve = Curve::ALL.into_iter().find(|curve| named.as_ref() == Some(&x509_oid(*curve)));
            return Self::ec(curve.ok_or(UnusableKey::Kind)?, &info.subject_public_key.data);
        }
        match info.parsed() {
            Ok(ParsedKey::RSA(key)) => Self::rsa(key.modulus, key.exponent),
            _ => Err(UnusableKey::Kind),
        }
    }

    /// The id that 3.x knows the key by. RFC 7638.
    pub(crate) fn thumbprint(&self) -> String {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let json = match self {
            Self::Rsa { modulus, exponent } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text(exponent), text(modulus))
            }
            Self::Ec { curve, point } => {
                let (x, y) = point[1..].split_at(curve.octets());
                format!(r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#, curve.name(), text(x), text(y))
            }
            Self::Ed25519(bytes) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text(bytes)),
        };
        text(digest(&SHA256, json.as_bytes()).as_ref())
    }

    /// The id that 2.x knows the key by, made by libtrust: 240 bits of the hash of the key's DER, in base32, in groups of four.
    pub(crate) fn libtrust_id(&self) -> String {
        key_id(&self.spki())
    }

    /// The key as a DER SubjectPublicKeyInfo. RFC 5280, section 4.1.
    fn spki(&self) -> Vec<u8> {
        match self {
            Self::Rsa { modulus, exponent } => spki_of_rsa(modulus, exponent),
            Self::Ec { curve, point } => spki_of_ec(*curve, point),
            Self::Ed25519(bytes) => spki_of_ed25519(bytes),
        }
    }
}

fn x509_oid(curve: Curve) -> x509_parser::der_parser::oid::Oid<'static> {
    match curve {
        Curve::P256 => OID_EC_P256,
        Curve::P384 => OID_NIST_EC_P384,
        Curve::P521 => OID_NIST_EC_P521,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use x509_parser::prelude::FromDer as _;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn a_key_goes_by_the_names_of_both_generations() {
        let spki = hex(concat!(
            "3059301306072a8648ce3d020106082a8648ce3d030107034200",
            "040217e617f0b6443928278f96999e69a23a4f2c152bdf6d6cdf66e5b80282d4ed",
            "194a7debcb97712d2dda3ca85aa8765a56f45fc758599652f2897c65306e5794"
        ));
        let (_, info) = SubjectPublicKeyInfo::from_der(&spki).unwrap();
        let key = PublicKey::of(&info).unwrap();
        assert_eq!(key.spki(), spki);
        assert_eq!(key.libtrust_id(), "O2AF:UY5G:TAGB:QB2U:ESQT:6MTX:FUBN:PRY3:JFSX:KTA4:5BHV:QQJC");
        assert_eq!(key.thumbprint(), "OEurnbzOGbRad4qOD9lNK8VYMQGvg5cmLnVKeydAqL4");
    }

    #[test]
    fn the_thumbprint_is_that_of_the_rfc() {
        // RFC 7638, section 3.1.
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = PublicKey::rsa(&URL_SAFE_NO_PAD.decode(n).unwrap(), &[1, 0, 1]).unwrap();
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn every_kind_of_key_is_read_from_a_certificate_and_written_back() {
        for algorithm in [
            &rcgen::PKCS_ECDSA_P256_SHA256,
            &rcgen::PKCS_ECDSA_P384_SHA384,
            &rcgen::PKCS_ECDSA_P521_SHA512,
            &rcgen::PKCS_ED25519,
            &rcgen::PKCS_RSA_SHA256,
        ] {
            let pair = KeyPair::generate_for(algorithm).unwrap();
            let certificate = CertificateParams::default().self_signed(&pair).unwrap();
            let (_, parsed) = x509_parser::parse_x509_certificate(certificate.der()).unwrap();
            let info = parsed.public_key();
            assert_eq!(PublicKey::of(info).unwrap().spki(), info.raw, "{algorithm:?}");
        }
    }

    #[test]
    fn what_is_no_good_key_is_refused() {
        assert_eq!(PublicKey::rsa(&[0xff; 128], &[1, 0, 1]), Err(UnusableKey::Size));
        assert_eq!(PublicKey::rsa(&[0xff; 256], &[]), Err(UnusableKey::Numbers));
        assert_eq!(PublicKey::ec(Curve::P256, &[4; 65]), Err(UnusableKey::Numbers), "not on the curve");
        assert_eq!(PublicKey::ed25519(&[0; 31]), Err(UnusableKey::Numbers));
    }
}
