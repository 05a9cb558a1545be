//! Tokens that were never signed by who they say, each refused.

use aws_lc_rs::hmac;
use rcgen::PublicKeyData as _;
use serde_json::{Value, json};
use wharf_auth::{Authenticator as _, Flaw};
use wharf_auth_token::Algorithm;

use crate::signer::{Registry, Signer, claims, encode, now};

const INVALID: Option<Flaw> = Some(Flaw::InvalidToken);

/// A token with the claims of a good one, and any header and signature.
fn forged(header: &Value, signature: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let signed = format!("{}.{}", encode(header.to_string()), encode(claims().to_string()));
    let signature = signature(signed.as_bytes());
    format!("{signed}.{}", encode(signature))
}

#[tokio::test]
async fn a_token_without_a_signature_is_refused() {
    let signer = Signer::ec();
    let registry = Registry::trusting(&signer);
    for name in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({ "alg": name, "kid": signer.thumbprint() });
        assert_eq!(registry.refuses(&forged(&header, |_| Vec::new())).await, INVALID, "{name}");
        assert_eq!(registry.refuses(&forged(&header, |_| vec![0; 64])).await, INVALID, "{name}");
    }
    let header = json!({ "kid": signer.thumbprint() });
    assert_eq!(registry.refuses(&forged(&header, |_| Vec::new())).await, INVALID, "no alg at all");
}

#[tokio::test]
async fn a_public_key_is_no_shared_secret() {
    for signer in [Signer::ec(), Signer::new(&rcgen::PKCS_RSA_SHA256)] {
        let registry = Registry::trusting(&signer);
        let secrets = [
            signer.certificate.pem().into_bytes(),
            signer.certificate.der().to_vec(),
            signer.pair.public_key_pem().into_bytes(),
            signer.pair.subject_public_key_info(),
            signer.pair.public_key_raw().to_vec(),
            Vec::new(),
        ];
        for secret in secrets {
            for (name, algorithm) in
                [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
            {
                let header = json!({ "alg": name, "kid": signer.libtrust_id() });
                let key = hmac::Key::new(algorithm, &secret);
                let token = forged(&header, |signed| hmac::sign(&key, signed).as_ref().to_vec());
                assert_eq!(registry.refuses(&token).await, None, "{name}");
            }
        }
    }
}

#[tokio::test]
async fn a_key_that_the_token_brings_is_not_trusted() {
    let (signer, attacker) = (Signer::ec(), Signer::ec());
    let registry = Registry::trusting(&signer);
    let mut named = attacker.jwk();
    named["kid"] = json!(signer.thumbprint());
    let mut own = attacker.jwk();
    own["kid"] = json!(attacker.thumbprint());
    let token = |header: Value| attacker.token("ES256", header, &claims());
    assert_eq!(
        registry.refuses(&token(json!({ "jwk": attacker.jwk() }))).await,
        INVALID,
        "a key without an id"
    );
    assert_eq!(registry.refuses(&token(json!({ "jwk": own }))).await, INVALID, "its own id");
    assert_eq!(registry.refuses(&token(json!({ "jwk": named }))).await, None, "the id of a trusted key");
    let elsewhere = json!({ "jku": "https://evil.example/keys", "x5u": "https://evil.example/chain" });
    assert_eq!(registry.refuses(&token(elsewhere)).await, INVALID, "a key somewhere else");
    let both = json!({ "kid": signer.thumbprint(), "jwk": attacker.jwk() });
    assert_eq!(
        registry.refuses(&token(both)).await,
        INVALID,
        "the key in the token comes first, and is nobody's"
    );
}

#[tokio::test]
async fn a_chain_that_the_token_brings_has_to_lead_to_the_bundle() {
    let (signer, attacker) = (Signer::ec(), Signer::ec());
    let registry = Registry::trusting(&signer);
    let token = |header: Value| attacker.token("ES256", header, &claims());
    for chain in [
        json!([attacker.x5c()]),
        json!([attacker.x5c(), signer.x5c()]),
        json!(["AAAA"]),
        json!(["!"]),
        json!(vec![attacker.x5c(); 100]),
    ] {
        assert_eq!(registry.refuses(&token(json!({ "x5c": chain }))).await, INVALID);
        let both = json!({ "x5c": chain, "kid": signer.thumbprint() });
        assert_eq!(
            registry.refuses(&signer.token("ES256", both, &claims())).await,
            INVALID,
            "no second chance"
        );
    }
    let foreign = token(json!({ "x5c": [signer.x5c()] }));
    assert_eq!(registry.refuses(&foreign).await, None, "a chain that is good, of somebody else");
}

#[tokio::test]
async fn an_algorithm_has_to_be_configured_and_fit_the_key() {
    let (signer, rsa) = (Signer::ec(), Signer::new(&rcgen::PKCS_RSA_SHA256));
    let bundle = signer.certificate.pem() + &rsa.certificate.pem();
    let registry = Registry::with(&bundle, &json!({ "keys": [] }), |config| {
        config.algorithms = vec![Algorithm::Es256, Algorithm::Ps256];
    });
    let good = signer.token("ES256", json!({ "kid": signer.thumbprint() }), &claims());
    assert!(registry.accepts(&good).await);
    let id = rsa.libtrust_id();
    assert!(registry.accepts(&rsa.token("PS256", json!({ "kid": id }), &claims())).await);
    assert_eq!(registry.refuses(&rsa.token("RS256", json!({ "kid": id }), &claims())).await, INVALID);
    let crossed =
        forged(&json!({ "alg": "PS256", "kid": signer.thumbprint() }), |signed| signer.sign("ES256", signed));
    assert_eq!(registry.refuses(&crossed).await, None);
    let crossed = forged(&json!({ "alg": "ES256", "kid": id }), |signed| rsa.sign("PS256", signed));
    assert_eq!(registry.refuses(&crossed).await, None);
}

#[tokio::test]
async fn a_signature_is_whole_and_of_these_very_bytes() {
    let signer = Signer::ec();
    let registry = Registry::trusting(&signer);
    let header = json!({ "alg": "ES256", "kid": signer.thumbprint() });
    let refused = [
        forged(&header, |_| vec![0; 64]),
        forged(&header, |_| Vec::new()),
        forged(&header, |signed| signer.sign("ES256", signed)[..63].to_vec()),
        forged(&header, |signed| [signer.sign("ES256", signed), vec![0]].concat()),
        forged(&header, |signed| signer.sign("ES256", &signed[1..])),
        forged(&header, |signed| rcgen::SigningKey::sign(&signer.pair, signed).unwrap()),
    ];
    for token in refused {
        assert_eq!(registry.refuses(&token).await, None, "{token}");
    }
    let good = signer.token("ES256", json!({ "kid": signer.thumbprint() }), &claims());
    let parts: Vec<&str> = good.split('.').collect();
    let mut other = claims();
    other["sub"] = json!("admin");
    let swapped = format!("{}.{}.{}", parts[0], encode(other.to_string()), parts[2]);
    assert_eq!(registry.refuses(&swapped).await, None);
}

#[tokio::test]
async fn a_token_of_another_time_place_or_maker_is_refused() {
    let signer = Signer::ec();
    let registry = Registry::trusting(&signer);
    for (key, value) in [
        ("exp", json!(now() - 120)),
        ("exp", Value::Null),
        ("nbf", json!(now() + 120)),
        ("aud", json!("another registry")),
        ("aud", json!(["another registry"])),
        ("aud", Value::Null),
        ("iss", json!("another server")),
        ("iss", Value::Null),
    ] {
        let mut claims = claims();
        claims[key] = value.clone();
        let token = signer.token("ES256", json!({ "kid": signer.thumbprint() }), &claims);
        assert_eq!(registry.refuses(&token).await, INVALID, "{key} {value}");
    }
}

#[tokio::test]
async fn what_a_token_insists_on_and_is_not_known_here_is_refused() {
    let signer = Signer::ec();
    let registry = Registry::trusting(&signer);
    for critical in [json!(["exp"]), json!(["b64"]), json!([]), json!("x")] {
        let header = json!({ "kid": signer.thumbprint(), "crit": critical, "exp": 0, "b64": false });
        assert_eq!(registry.refuses(&signer.token("ES256", header, &claims())).await, None, "{critical}");
    }
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let signer = Signer::ec();
    let registry = Registry::trusting(&signer);
    let good = signer.token("ES256", json!({ "kid": signer.thumbprint() }), &claims());
    let twice = good.replacen('.', "..", 1);
    let (header, rest) = good.split_once('.').unwrap();
    let duplicate = encode(format!(r#"{{"alg":"none","alg":"ES256","kid":"{}"}}"#, signer.thumbprint()));
    for token in [
        "x".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        twice,
        format!("{good}."),
        format!("{good}="),
        format!("{header}=.{rest}"),
        format!("{header}\u{e9}.{rest}"),
        format!("{duplicate}.{rest}"),
        format!("{}.{rest}", encode("[]")),
        format!("{}.{rest}", "A".repeat(2 << 20)),
    ] {
        assert_eq!(registry.refuses(&token).await, INVALID, "{:.80}", token);
    }
    for header in ["Bearer", "Basic YTpi", "nonsense", "bearer  two spaces", "Bearer a b"] {
        assert!(registry.tokens.authenticate(header).await.is_err(), "{header}");
    }
    assert!(registry.tokens.authenticate(&format!("bEaReR {good}")).await.is_ok(), "schemes have no case");
}

#[tokio::test]
async fn no_mutation_of_a_good_token_gets_in() {
    let signer = Signer::ec();
    let registry = Registry::trusting(&signer);
    let good = signer.token("ES256", json!({ "kid": signer.thumbprint() }), &claims());
    assert!(registry.accepts(&good).await);
    for at in 0..good.len() - 1 {
        let mut mutated = good.clone().into_bytes();
        mutated[at] = if mutated[at] == b'A' { b'B' } else { b'A' };
        let mutated = String::from_utf8(mutated).unwrap();
        assert!(!registry.accepts(&mutated).await, "byte {at}");
    }
}
