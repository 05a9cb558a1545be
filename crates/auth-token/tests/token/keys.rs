//! Every way in which a token may say who signed it, and every algorithm.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::json;
use wharf_auth::Flaw;
use wharf_auth_token::{Algorithm, Config, Error, Realm, TokenAuthenticator};

use crate::signer::{Registry, Signer, claims};

#[tokio::test]
async fn every_algorithm_that_can_verify_does() {
    let rsa = &rcgen::PKCS_RSA_SHA256;
    for (name, key) in [
        ("ES256", &rcgen::PKCS_ECDSA_P256_SHA256),
        ("ES384", &rcgen::PKCS_ECDSA_P384_SHA384),
        ("ES512", &rcgen::PKCS_ECDSA_P521_SHA512),
        ("RS256", rsa),
        ("RS384", rsa),
        ("RS512", rsa),
        ("PS256", rsa),
        ("PS384", rsa),
        ("PS512", rsa),
        ("EdDSA", &rcgen::PKCS_ED25519),
    ] {
        let signer = Signer::new(key);
        let registry = Registry::trusting(&signer);
        let token = signer.token(name, json!({ "kid": signer.libtrust_id() }), &claims());
        assert!(registry.accepts(&token).await, "{name}: {:?}", registry.ask(&token).await);
        let tampered = format!("{}AA", &token[..token.len() - 2]);
        let _told = registry.refuses(&tampered).await;
    }
}

#[tokio::test]
async fn a_key_is_known_by_both_of_its_ids_whichever_file_it_is_in() {
    let (signer, named) = (Signer::ec(), Signer::ec());
    let mut jwk = named.jwk();
    jwk["kid"] = json!("a name");
    let registry = Registry::with(&signer.certificate.pem(), &json!({ "keys": [jwk] }), |_| {});
    for (signer, id) in [
        (&signer, signer.thumbprint()),
        (&signer, signer.libtrust_id()),
        (&named, named.thumbprint()),
        (&named, named.libtrust_id()),
        (&named, "a name".to_owned()),
    ] {
        assert!(registry.accepts(&signer.token("ES256", json!({ "kid": id }), &claims())).await, "{id}");
        // As libtrust does: the whole key in the header, of which only the id is believed.
        let header = json!({ "jwk": { "kty": "EC", "kid": id } });
        assert!(registry.accepts(&signer.token("ES256", header, &claims())).await, "{id}");
    }
    let strange = signer.token("ES256", json!({ "kid": "a name" }), &claims());
    assert_eq!(registry.refuses(&strange).await, None, "the name is another key's");
}

#[tokio::test]
async fn a_chain_in_the_token_leads_to_the_bundle() {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(rcgen::DnType::CommonName, "authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pair = KeyPair::generate().unwrap();
    let root = params.self_signed(&pair).unwrap();
    let issuer = Issuer::new(params, pair);

    let mut signer = Signer::ec();
    signer.certificate = CertificateParams::default().signed_by(&signer.pair, &issuer).unwrap();
    let registry = Registry::with(&root.pem(), &json!({ "keys": [] }), |_| {});
    for header in [json!({ "x5c": [signer.x5c()] }), json!({ "jwk": { "kty": "EC", "x5c": [signer.x5c()] } })]
    {
        assert!(registry.accepts(&signer.token("ES256", header, &claims())).await);
    }
    let by_id = signer.token("ES256", json!({ "kid": signer.thumbprint() }), &claims());
    assert_eq!(registry.refuses(&by_id).await, Some(Flaw::InvalidToken), "only its chain is known");
}

#[tokio::test]
async fn one_certificate_is_bundle_and_signer() {
    let signer = Signer::ec();
    let registry = Registry::trusting(&signer);
    assert!(registry.accepts(&signer.token("ES256", json!({ "x5c": [signer.x5c()] }), &claims())).await);
}

#[tokio::test]
async fn who_the_caller_is_and_may_is_in_the_token() {
    let signer = Signer::ec();
    let registry = Registry::trusting(&signer);
    let caller =
        registry.ask(&signer.token("ES256", json!({ "kid": signer.thumbprint() }), &claims())).await.unwrap();
    let access =
        |name: &str| [wharf_auth::Access::repository(name.parse().unwrap(), wharf_auth::Action::Pull)];
    assert_eq!(caller.user.as_deref(), Some("alice"));
    assert!(caller.has_scopes(&access("contract/it")) && !caller.has_scopes(&access("other")));
}

#[test]
fn without_any_key_nothing_starts() {
    let config = |certificates, key_set| Config {
        realm: Realm { url: String::new(), redirect: None },
        service: "registry".into(),
        issuer: "auth".into(),
        certificates,
        key_set,
        algorithms: Algorithm::ALL.to_vec(),
    };
    let refused = |config| TokenAuthenticator::open(config).unwrap_err();
    assert!(matches!(refused(config(None, None)), Error::NoKeys));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    assert!(matches!(refused(config(Some(file.clone()), None)), Error::Read(..)));
    std::fs::write(&file, "").unwrap();
    assert!(matches!(refused(config(Some(file.clone()), None)), Error::NoKeys));
    assert!(matches!(refused(config(None, Some(file.clone()))), Error::KeySet(..)));
    std::fs::write(&file, r#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#).unwrap();
    assert!(matches!(refused(config(None, Some(file))), Error::NoKeys), "a shared secret is no key");
}
