//! The same tokens before another implementation: what it signs we accept, and it agrees on what is good.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use rcgen::PublicKeyData as _;
use serde_json::{Value, json};

use crate::signer::{Registry, Signer, claims};

fn oracle_signs(signer: &Signer, algorithm: Algorithm) -> String {
    let key = signer.pair.serialized_der();
    let key = match algorithm {
        Algorithm::ES256 | Algorithm::ES384 => EncodingKey::from_ec_der(key),
        Algorithm::EdDSA => EncodingKey::from_ed_der(key),
        _ => EncodingKey::from_rsa_pem(signer.pair.serialize_pem().as_bytes()).unwrap(),
    };
    let header = Header { kid: Some(signer.libtrust_id()), ..Header::new(algorithm) };
    encode(&header, &claims(), &key).unwrap()
}

fn oracle_accepts(signer: &Signer, algorithm: Algorithm, token: &str) -> bool {
    let raw = signer.pair.der_bytes();
    let key = match algorithm {
        Algorithm::ES256 | Algorithm::ES384 => DecodingKey::from_ec_der(raw),
        Algorithm::EdDSA => DecodingKey::from_ed_der(raw),
        _ => DecodingKey::from_rsa_der(raw),
    };
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&["registry"]);
    decode::<Value>(token, &key, &validation).is_ok()
}

#[tokio::test]
async fn another_implementation_signs_and_agrees() {
    let rsa = &rcgen::PKCS_RSA_SHA256;
    for (name, algorithm, key) in [
        ("ES256", Algorithm::ES256, &rcgen::PKCS_ECDSA_P256_SHA256),
        ("ES384", Algorithm::ES384, &rcgen::PKCS_ECDSA_P384_SHA384),
        ("RS256", Algorithm::RS256, rsa),
        ("RS384", Algorithm::RS384, rsa),
        ("RS512", Algorithm::RS512, rsa),
        ("PS256", Algorithm::PS256, rsa),
        ("PS384", Algorithm::PS384, rsa),
        ("PS512", Algorithm::PS512, rsa),
        ("EdDSA", Algorithm::EdDSA, &rcgen::PKCS_ED25519),
    ] {
        let signer = Signer::new(key);
        let registry = Registry::trusting(&signer);
        assert!(registry.accepts(&oracle_signs(&signer, algorithm)).await, "{name}");
        let ours = signer.token(name, json!({ "kid": signer.libtrust_id() }), &claims());
        let at = ours.rfind('.').unwrap() + 5;
        let letter = if &ours[at..=at] == "A" { "B" } else { "A" };
        let tampered = format!("{}{letter}{}", &ours[..at], &ours[at + 1..]);
        for token in [ours, tampered] {
            assert_eq!(registry.accepts(&token).await, oracle_accepts(&signer, algorithm, &token), "{name}");
        }
    }
}
