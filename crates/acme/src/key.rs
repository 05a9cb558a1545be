//! Private keys on P-256, in the form in which Go writes them.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use pem::{EncodeConfig, LineEnding, Pem};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::Error;

/// A private key. It is never shown.
pub(crate) struct Key(EcdsaKeyPair);

impl Key {
    /// Makes one.
    pub(crate) fn generate() -> Result<Self, Error> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map(Self).map_err(Error::crypto)
    }

    /// Reads one from PEM, where it may be as Go writes it (SEC 1) or as everyone else does (PKCS #8); none when there is
    /// none, or one of another kind.
    pub(crate) fn from_pem(text: &[u8]) -> Option<Self> {
        let algorithm = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pair = match PrivateKeyDer::from_pem_slice(text).ok()? {
            PrivateKeyDer::Sec1(key) => EcdsaKeyPair::from_private_key_der(algorithm, key.secret_sec1_der()),
            PrivateKeyDer::Pkcs8(key) => EcdsaKeyPair::from_pkcs8(algorithm, key.secret_pkcs8_der()),
            _ => return None,
        };
        pair.ok().map(Self)
    }

    /// The key in PEM, as Go writes it.
    pub(crate) fn to_pem(&self) -> Result<String, Error> {
        let der = self.0.private_key().as_der().map_err(Error::crypto)?;
        Ok(encode("EC PRIVATE KEY", der.as_ref()))
    }

    /// The key as PKCS #8.
    pub(crate) fn to_pkcs8(&self) -> Result<PrivatePkcs8KeyDer<'static>, Error> {
        Ok(self.0.to_pkcs8v1().map_err(Error::crypto)?.as_ref().to_vec().into())
    }

    /// The key as one that signs requests and certificates.
    pub(crate) fn to_signer(&self) -> Result<rcgen::KeyPair, Error> {
        rcgen::KeyPair::try_from(&self.to_pkcs8()?).map_err(Error::crypto)
    }
}

/// Writes one item of PEM.
pub(crate) fn encode(label: &str, der: &[u8]) -> String {
    pem::encode_config(&Pem::new(label, der), EncodeConfig::new().set_line_ending(LineEnding::LF))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_as_go_writes_it_and_read_again() {
        let key = Key::generate().unwrap();
        let text = key.to_pem().unwrap();
        assert!(text.starts_with("-----BEGIN EC PRIVATE KEY-----\n"), "not a word of what follows");
        let again = Key::from_pem(text.as_bytes()).unwrap();
        assert!(again.to_pkcs8().unwrap() == key.to_pkcs8().unwrap());
        let other = key.to_signer().unwrap().serialize_pem();
        assert!(Key::from_pem(other.as_bytes()).unwrap().to_pkcs8().unwrap() == key.to_pkcs8().unwrap());
    }

    #[test]
    fn what_is_no_key_of_this_kind_is_none() {
        let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap().serialize_pem();
        for text in ["", "nonsense", &encode("EC PRIVATE KEY", b"nonsense"), &p384] {
            assert!(Key::from_pem(text.as_bytes()).is_none());
        }
    }
}
