//! Tokens as a token server makes them: a key with its certificate, named as 3.x or as 2.x names keys.

mod server;

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair, PublicKeyData as _};
use serde_json::{Value, json};

pub use server::{KeyName, TokenServer};

/// Is an EC key on P-256 that signs tokens.
#[derive(Debug)]
pub struct TokenKey {
    pair: KeyPair,
    certificate: rcgen::Certificate,
}

impl TokenKey {
    /// Makes a key, and a certificate that it signs itself.
    ///
    /// # Panics
    ///
    /// When there is no randomness.
    #[must_use]
    pub fn generate() -> TokenKey {
        let pair = KeyPair::generate().unwrap();
        let certificate = CertificateParams::default().self_signed(&pair).unwrap();
        TokenKey { pair, certificate }
    }

    /// Gives the certificate as a file holds it.
    #[must_use]
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Gives the certificate as the header of a token holds it.
    #[must_use]
    pub fn x5c(&self) -> String {
        STANDARD.encode(self.certificate.der())
    }

    /// Gives the public key as a JSON Web Key without an id.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let (x, y) = self.pair.public_key_raw()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) })
    }

    /// Gives the id that 3.x knows the key by: RFC 7638.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let json = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
        base64url(digest(&SHA256, json.as_bytes()))
    }

    /// Gives the id that 2.x knows the key by, as libtrust makes it.
    #[must_use]
    pub fn libtrust_id(&self) -> String {
        let hash = digest(&SHA256, &self.pair.subject_public_key_info());
        let bit = |at: usize| usize::from(hash.as_ref()[at / 8] >> (7 - at % 8) & 1);
        let letter = |at: usize| (0..5).fold(0, |value, offset| value << 1 | bit(5 * at + offset));
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let letters: Vec<char> = (0..48).map(|at| char::from(alphabet[letter(at)])).collect();
        letters.chunks(4).map(|group| group.iter().collect()).collect::<Vec<String>>().join(":")
    }

    /// Signs claims by ES256, under a header to which the algorithm is added unless it names one.
    ///
    /// # Panics
    ///
    /// When the header is no object.
    #[must_use]
    pub fn sign(&self, mut header: Value, claims: &Value) -> String {
        if header["alg"].is_null() {
            header["alg"] = json!("ES256");
        }
        let signed = format!("{}.{}", base64url(header.to_string()), base64url(claims.to_string()));
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, self.pair.serialized_der());
        let signature = pair.unwrap().sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", base64url(signature))
    }
}

/// Gives bytes as tokens hold them.
#[must_use]
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Gives the `Authorization` header of a user.
#[must_use]
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// Gives the claims of a token for a user with one scope such as `repository:a/b:pull,push`, good for some minutes.
///
/// # Panics
///
/// When the clock stands before 1970.
#[must_use]
pub fn claims(user: &str, scopes: &[&str]) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let access: Vec<Value> = scopes.iter().filter_map(|scope| entry(scope)).collect();
    json!({
        "iss": "tests", "sub": user, "aud": "registry.test", "exp": now + 300, "nbf": now - 10, "iat": now,
        "jti": "1", "access": access,
    })
}

/// Reads a scope; names may have colons in no place but that of a host.
fn entry(scope: &str) -> Option<Value> {
    let (kind, rest) = scope.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    Some(json!({ "type": kind, "name": name, "actions": actions.split(',').collect::<Vec<_>>() }))
}
