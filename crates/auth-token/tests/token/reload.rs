//! Keys that change while the server runs.

use serde_json::json;

use crate::signer::{Registry, Signer, claims};

#[tokio::test]
async fn other_keys_count_from_the_next_token_on() {
    let (old, new) = (Signer::ec(), Signer::ec());
    let registry = Registry::with(&old.certificate.pem(), &json!({ "keys": [] }), |_| {});
    let token = |signer: &Signer| signer.token("ES256", json!({ "kid": signer.thumbprint() }), &claims());
    assert!(registry.accepts(&token(&old)).await && !registry.accepts(&token(&new)).await);

    let keys = json!({ "keys": [new.jwk()] });
    std::fs::write(registry.folder.path().join("jwks.json"), keys.to_string()).unwrap();
    registry.tokens.reload().unwrap();
    assert!(registry.accepts(&token(&old)).await && registry.accepts(&token(&new)).await);

    std::fs::write(registry.folder.path().join("bundle.pem"), "").unwrap();
    registry.tokens.reload().unwrap();
    assert!(!registry.accepts(&token(&old)).await && registry.accepts(&token(&new)).await);
}

#[tokio::test]
async fn broken_files_change_nothing() {
    let signer = Signer::ec();
    let registry = Registry::trusting(&signer);
    let token = signer.token("ES256", json!({ "kid": signer.thumbprint() }), &claims());
    for (name, content) in [
        ("jwks.json", "{"),
        ("jwks.json", "{}"),
        ("bundle.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
    ] {
        let path = registry.folder.path().join(name);
        let good = std::fs::read(&path).unwrap();
        std::fs::write(&path, content).unwrap();
        assert!(registry.tokens.reload().is_err(), "{name} {content}");
        assert!(registry.accepts(&token).await);
        std::fs::write(&path, good).unwrap();
    }
    std::fs::remove_file(registry.folder.path().join("bundle.pem")).unwrap();
    assert!(registry.tokens.reload().is_err() && registry.accepts(&token).await);
    assert_eq!(registry.tokens.files().count(), 2);
}
