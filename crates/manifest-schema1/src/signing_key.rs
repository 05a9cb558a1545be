//! The key that a registry signs with: made at start, or read from a file.

use std::fmt;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject as _;
use wharf_libtrust::{Curve, integer, sequence};

use crate::error::{Error, KeyError};
use crate::key::{Jwk, PublicKey, number, octets};

/// A private key that signs manifests.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(Box<RsaKeyPair>),
}

impl SigningKey {
    /// Makes a new key on P-256.
    ///
    /// # Errors
    ///
    /// [`Error::Signing`], when the system has no random numbers.
    pub fn generate() -> Result<Self, Error> {
        let pair = EcdsaKeyPair::generate(algorithm(Curve::P256)).map_err(|_| Error::Signing)?;
        Self::of_ec(pair).map_err(Error::Key)
    }

    /// Reads a private JSON Web Key: EC, or RSA of two primes.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn from_jwk(json: &str) -> Result<Self, KeyError> {
        let jwk: Jwk = serde_json::from_str(json).map_err(|_| KeyError::Json)?;
        let public = PublicKey::of_jwk(&jwk)?;
        let key = match public.curve() {
            Some(curve) => {
                let private = octets(&jwk, "d", curve.octets())?;
                let pair =
                    EcdsaKeyPair::from_private_key_and_public_key(algorithm(curve), &private, public.point());
                Self::of_ec(pair.map_err(|_| KeyError::Numbers)?)?
            }
            None => {
                if jwk.contains_key("oth") {
                    return Err(KeyError::Kind);
                }
                let mut numbers = integer(&[]);
                for member in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
                    numbers.extend(integer(&number(&jwk, member)?));
                }
                Self::of_rsa(RsaKeyPair::from_der(&sequence(&numbers)))?
            }
        };
        if key.public == public { Ok(key) } else { Err(KeyError::Numbers) }
    }

    /// Reads the first private key of a PEM text: EC or RSA, bare or as PKCS #8.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let der = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError::Pem)?;
        match &der {
            PrivateKeyDer::Pkcs1(der) => Self::of_rsa(RsaKeyPair::from_der(der.secret_pkcs1_der())),
            PrivateKeyDer::Sec1(der) => {
                let der = der.secret_sec1_der();
                let pair = |curve| EcdsaKeyPair::from_private_key_der(algorithm(curve), der).ok();
                Self::of_ec(on_any_curve(pair)?)
            }
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                match on_any_curve(|curve| EcdsaKeyPair::from_pkcs8(algorithm(curve), der).ok()) {
                    Ok(pair) => Self::of_ec(pair),
                    Err(_) => Self::of_rsa(RsaKeyPair::from_pkcs8(der)),
                }
            }
            _ => Err(KeyError::Kind),
        }
    }

    /// The public half.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a message by the algorithm that the key's kind fixes.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ec(pair) => {
                let signature = pair.sign(&random, message).map_err(|_| Error::Signing)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map_err(|_| Error::Signing)?;
                Ok(signature)
            }
        }
    }

    fn of_ec(pair: EcdsaKeyPair) -> Result<Self, KeyError> {
        let der = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).map_err(|_| KeyError::Numbers)?;
        let public = PublicKey::of_spki(der.as_ref())?;
        Ok(Self { pair: Pair::Ec(pair), public })
    }

    fn of_rsa<E>(pair: Result<RsaKeyPair, E>) -> Result<Self, KeyError> {
        let pair = pair.map_err(|_| KeyError::Kind)?;
        let der = AsDer::<PublicKeyX509Der<'_>>::as_der(pair.public_key()).map_err(|_| KeyError::Numbers)?;
        let public = PublicKey::of_spki(der.as_ref())?;
        Ok(Self { pair: Pair::Rsa(Box::new(pair)), public })
    }
}

impl fmt::Debug for SigningKey {
    /// Prints the id, never the key.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningKey").field("id", &self.public.id()).finish_non_exhaustive()
    }
}

fn on_any_curve<T>(read: impl Fn(Curve) -> Option<T>) -> Result<T, KeyError> {
    Curve::ALL.into_iter().find_map(read).ok_or(KeyError::Kind)
}

fn algorithm(curve: Curve) -> &'static EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        Curve::P521 => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The private number is 0x11 thirty-two times.
    const VECTOR: &str = r#"{"crv":"P-256","kid":"O2AF:UY5G:TAGB:QB2U:ESQT:6MTX:FUBN:PRY3:JFSX:KTA4:5BHV:QQJC","kty":"EC",
        "x":"AhfmF_C2RDkoJ4-WmZ5pojpPLBUr321s32bluAKC1O0","y":"GUp968uXcS0t2jyoWqh2Wlb0X8dYWZZS8ol8ZTBuV5Q",
        "d":"ERERERERERERERERERERERERERERERERERERERERERE"}"#;

    fn signs_what_it_verifies(key: &SigningKey) {
        let signature = key.sign(b"message").unwrap();
        let algorithm = key.public().algorithm();
        assert!(key.public().verifies(algorithm, b"message", &signature));
        assert!(!key.public().verifies(algorithm, b"massage", &signature));
        assert!(!key.public().verifies("none", b"message", &signature));
    }

    #[test]
    fn a_key_is_made_or_read_and_signs() {
        signs_what_it_verifies(&SigningKey::generate().unwrap());
        signs_what_it_verifies(&SigningKey::from_jwk(VECTOR).unwrap());
        signs_what_it_verifies(&SigningKey::from_jwk(include_str!("../tests/data/rsa.jwk")).unwrap());
    }

    #[test]
    fn every_usual_pem_is_read() {
        for pem in [
            include_str!("../tests/data/p256.pem"),
            include_str!("../tests/data/p384.pem"),
            include_str!("../tests/data/p521.pem"),
            include_str!("../tests/data/rsa.pem"),
            include_str!("../tests/data/p256-pkcs8.pem"),
            include_str!("../tests/data/rsa-pkcs8.pem"),
        ] {
            signs_what_it_verifies(&SigningKey::from_pem(pem).unwrap());
        }
        let of = |pem| SigningKey::from_pem(pem).unwrap().public().id();
        assert_eq!(
            of(include_str!("../tests/data/rsa.pem")),
            SigningKey::from_jwk(include_str!("../tests/data/rsa.jwk")).unwrap().public().id()
        );
        assert_eq!(
            of(include_str!("../tests/data/p256.pem")),
            of(include_str!("../tests/data/p256-pkcs8.pem"))
        );
    }

    #[test]
    fn what_is_no_private_key_is_refused() {
        let refused = |json: &str| SigningKey::from_jwk(json).unwrap_err();
        assert_eq!(refused("{"), KeyError::Json);
        assert_eq!(refused(&VECTOR.replace("\"d\"", "\"e\"")), KeyError::Member("d"));
        assert_eq!(refused(&VECTOR.replace("ERERERER", "ERERERES")), KeyError::Numbers);
        assert_eq!(refused(&VECTOR.replace("O2AF", "O2AG")), {
            KeyError::Id { computed: SigningKey::from_jwk(VECTOR).unwrap().public().id() }
        });
        assert_eq!(SigningKey::from_pem("").unwrap_err(), KeyError::Pem);
        assert_eq!(SigningKey::from_pem(VECTOR).unwrap_err(), KeyError::Pem);
    }

    #[test]
    fn the_private_number_is_not_printed() {
        let shown = format!("{:?}", SigningKey::from_jwk(VECTOR).unwrap());
        assert!(shown.contains("O2AF") && !shown.contains("ERER") && !shown.contains("17, 17"), "{shown}");
    }
}
