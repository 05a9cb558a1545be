//! JSON Web Keys, and sets of them. RFC 7517, RFC 7518 section 6, RFC 8037.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use wharf_libtrust::Curve;

use crate::key::{PublicKey, UnusableKey};

/// Some write the padding that RFC 7515 leaves out.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a file is no set of keys.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidKeySet {
    /// It is no JSON, or none of this shape.
    #[error("expected a JSON Web Key Set such as {{\"keys\": […]}}")]
    Json(#[source] serde_json::Error),
    /// A key of a known kind is malformed.
    #[error("keys[{index}]: {reason}")]
    Key {
        /// Which key; the first one is 0.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// A key and the id that the set gives it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NamedKey {
    pub(crate) id: Option<String>,
    pub(crate) key: PublicKey,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Jwk>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// Reads a set. Keys of kinds that cannot verify tokens, such as shared secrets, are passed over (RFC 7517, section 5).
pub(crate) fn parse(json: &[u8]) -> Result<Vec<NamedKey>, InvalidKeySet> {
    let set: KeySet = serde_json::from_slice(json).map_err(InvalidKeySet::Json)?;
    let mut keys = Vec::with_capacity(set.keys.len());
    for (index, jwk) in set.keys.into_iter().enumerate() {
        match jwk.key() {
            Ok(key) => keys.push(NamedKey { id: jwk.kid, key }),
            Err(UnusableKey::Kind) => {
                tracing::warn!("keys[{index}] of the key set can verify no token: {}", UnusableKey::Kind)
            }
            Err(error) => return Err(InvalidKeySet::Key { index, reason: error.to_string() }),
        }
    }
    Ok(keys)
}

impl Jwk {
    fn key(&self) -> Result<PublicKey, UnusableKey> {
        let number = |text: &Option<String>| {
            let text = text.as_ref().ok_or(UnusableKey::Numbers)?;
            BASE64URL.decode(text).map_err(|_| UnusableKey::Numbers)
        };
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => PublicKey::rsa(&number(&self.n)?, &number(&self.e)?),
            ("EC", Some(name)) => {
                let curve = Curve::named(name).ok_or(UnusableKey::Kind)?;
                let (x, y) = (number(&self.x)?, number(&self.y)?);
                if x.len() != curve.octets() {
                    return Err(UnusableKey::Numbers);
                }
                PublicKey::ec(curve, &[&[4], &*x, &y].concat())
            }
            ("OKP", Some("Ed25519")) => PublicKey::ed25519(&number(&self.x)?),
            _ => Err(UnusableKey::Kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EC: &str = r#"{"kty":"EC","crv":"P-256","kid":"mine","x":"AhfmF_C2RDkoJ4-WmZ5pojpPLBUr321s32bluAKC1O0","y":"GUp968uXcS0t2jyoWqh2Wlb0X8dYWZZS8ol8ZTBuV5Q"}"#;

    #[test]
    fn keys_are_read_and_secrets_passed_over() {
        let json =
            format!(r#"{{"keys":[{EC},{{"kty":"oct","k":"c2VjcmV0"}},{{"kty":"EC","crv":"secp256k1"}}]}}"#);
        let keys = parse(json.as_bytes()).unwrap();
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].id.as_deref(), Some("mine"));
        assert_eq!(keys[0].key.thumbprint(), "OEurnbzOGbRad4qOD9lNK8VYMQGvg5cmLnVKeydAqL4");
    }

    #[test]
    fn a_malformed_key_refuses_the_set() {
        let refused =
            |key: &str| parse(format!(r#"{{"keys":[{EC},{key}]}}"#).as_bytes()).unwrap_err().to_string();
        for key in [
            r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#,
            r#"{"kty":"EC","crv":"P-256"}"#,
            r#"{"kty":"RSA","n":"!","e":"AQAB"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#,
        ] {
            assert!(refused(key).starts_with("keys[1]: "), "{key}");
        }
        assert!(parse(b"[]").is_err() && parse(b"{}").is_err() && parse(b"").is_err());
    }
}
