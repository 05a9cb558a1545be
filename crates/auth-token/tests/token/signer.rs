//! A token server's key, with its certificate, and an authenticator that trusts it.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{Certificate, CertificateParams, KeyPair, PublicKeyData as _, SignatureAlgorithm};
use serde_json::{Value, json};
use tempfile::TempDir;
use wharf_auth::{Authenticator as _, Caller, Flaw, Rejection};
use wharf_auth_token::{Algorithm, Config, Realm, TokenAuthenticator};

pub(crate) struct Signer {
    pub(crate) pair: KeyPair,
    pub(crate) certificate: Certificate,
}

impl Signer {
    pub(crate) fn new(algorithm: &'static SignatureAlgorithm) -> Self {
        let pair = KeyPair::generate_for(algorithm).unwrap();
        let certificate = CertificateParams::default().self_signed(&pair).unwrap();
        Self { pair, certificate }
    }

    pub(crate) fn ec() -> Self {
        Self::new(&rcgen::PKCS_ECDSA_P256_SHA256)
    }

    /// Signs what a token server would, by a header without `alg`.
    pub(crate) fn token(&self, algorithm: &str, mut header: Value, claims: &Value) -> String {
        header["alg"] = json!(algorithm);
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let signature = self.sign(algorithm, signed.as_bytes());
        format!("{signed}.{}", encode(signature))
    }

    pub(crate) fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let (key, random) = (self.pair.serialized_der(), SystemRandom::new());
        let ec = |algorithm: &'static EcdsaSigningAlgorithm| {
            let pair = EcdsaKeyPair::from_pkcs8(algorithm, key).unwrap();
            pair.sign(&random, message).unwrap().as_ref().to_vec()
        };
        let rsa = |encoding: &'static dyn RsaEncoding| {
            let pair = RsaKeyPair::from_pkcs8(key).unwrap();
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(encoding, &random, message, &mut signature).unwrap();
            signature
        };
        match algorithm {
            "ES256" => ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING),
            "ES512" => ec(&signature::ECDSA_P521_SHA512_FIXED_SIGNING),
            "RS256" => rsa(&signature::RSA_PKCS1_SHA256),
            "RS384" => rsa(&signature::RSA_PKCS1_SHA384),
            "RS512" => rsa(&signature::RSA_PKCS1_SHA512),
            "PS256" => rsa(&signature::RSA_PSS_SHA256),
            "PS384" => rsa(&signature::RSA_PSS_SHA384),
            "PS512" => rsa(&signature::RSA_PSS_SHA512),
            "EdDSA" => Ed25519KeyPair::from_pkcs8(key).unwrap().sign(message).as_ref().to_vec(),
            other => panic!("no algorithm {other}"),
        }
    }

    pub(crate) fn x5c(&self) -> String {
        STANDARD.encode(self.certificate.der())
    }

    /// The key as a JWK, of an EC key on P-256.
    pub(crate) fn jwk(&self) -> Value {
        let (x, y) = self.pair.public_key_raw()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
    }

    /// The id that 3.x knows an EC key on P-256 by, computed here once more.
    pub(crate) fn thumbprint(&self) -> String {
        let (x, y) = self.pair.public_key_raw()[1..].split_at(32);
        let json = format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, encode(x), encode(y));
        encode(digest(&SHA256, json.as_bytes()))
    }

    /// The id that 2.x knows the key by, computed here once more: bit by bit.
    pub(crate) fn libtrust_id(&self) -> String {
        let hash = digest(&SHA256, &self.pair.subject_public_key_info());
        let bits: Vec<u8> = hash.as_ref()[..30]
            .iter()
            .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
            .collect();
        let letter = |bits: &[u8]| {
            let value = bits.iter().fold(0, |value, bit| value << 1 | usize::from(*bit));
            char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[value])
        };
        let letters: Vec<char> = bits.chunks(5).map(letter).collect();
        letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(":")
    }
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// What a good token says.
pub(crate) fn claims() -> Value {
    json!({
        "iss": "auth", "sub": "alice", "aud": "registry", "exp": now() + 300, "nbf": now() - 5, "iat": now(), "jti": "1",
        "access": [{ "type": "repository", "name": "contract/it", "actions": ["pull"] }],
    })
}

/// A file with a signer's certificate, a file with a set of keys, and who reads them.
pub(crate) struct Registry {
    pub(crate) tokens: TokenAuthenticator,
    pub(crate) folder: TempDir,
}

impl Registry {
    pub(crate) fn trusting(signer: &Signer) -> Self {
        Self::with(&signer.certificate.pem(), &json!({ "keys": [] }), |_| {})
    }

    pub(crate) fn with(certificates: &str, key_set: &Value, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (bundle, jwks) = (folder.path().join("bundle.pem"), folder.path().join("jwks.json"));
        fs::write(&bundle, certificates).unwrap();
        fs::write(&jwks, key_set.to_string()).unwrap();
        let mut config = Config {
            realm: Realm { url: "https://auth.example/token".into(), redirect: None },
            service: "registry".into(),
            issuer: "auth".into(),
            certificates: Some(bundle),
            key_set: Some(jwks),
            algorithms: Algorithm::ALL.to_vec(),
        };
        change(&mut config);
        Self { tokens: TokenAuthenticator::open(config).unwrap(), folder }
    }

    pub(crate) async fn ask(&self, token: &str) -> Result<Caller, Rejection> {
        Ok(self.tokens.authenticate(&format!("Bearer {token}")).await?.unwrap())
    }

    pub(crate) async fn accepts(&self, token: &str) -> bool {
        self.ask(token).await.is_ok()
    }

    /// Fails the test unless the token is refused, and gives what the client is told.
    #[track_caller]
    pub(crate) fn refuses(&self, token: &str) -> impl Future<Output = Option<Flaw>> {
        let header = format!("Bearer {token}");
        async move {
            match self.tokens.authenticate(&header).await {
                Err(Rejection::Wrong { flaw, .. }) => flaw,
                other => panic!("{header}: {other:?}"),
            }
        }
    }
}
