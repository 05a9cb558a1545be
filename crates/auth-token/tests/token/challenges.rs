//! What clients are told that have no token, or none that is good enough.

use serde_json::json;
use wharf_auth::{Access, AccessController as _, AccessRequest, Action, Authenticator as _, Flaw, Refusal};
use wharf_auth_token::Realm;

use crate::signer::{Registry, Signer, claims};

fn push_and_mount() -> [Access; 3] {
    let name = |text: &str| text.parse().unwrap();
    [
        Access::repository(name("x"), Action::Pull),
        Access::repository(name("x"), Action::Push),
        Access::repository(name("other/one"), Action::Pull),
    ]
}

#[test]
fn scopes_are_grouped_and_always_in_the_same_order() {
    let registry = Registry::trusting(&Signer::ec());
    let challenge = |access: &[Access], flaw| {
        let request = AccessRequest { access, ..AccessRequest::default() };
        registry.tokens.challenge(&request, flaw).unwrap().to_string()
    };
    let base = r#"Bearer realm="https://auth.example/token",service="registry""#;
    assert_eq!(challenge(&[], None), base);
    assert_eq!(challenge(&[Access::catalog()], None), format!(r#"{base},scope="registry:catalog:*""#));
    let scope = r#"scope="repository:x:pull,push repository:other/one:pull""#;
    assert_eq!(challenge(&push_and_mount(), None), format!("{base},{scope}"));
    let scope = format!(r#"{scope},error="invalid_token""#);
    assert_eq!(challenge(&push_and_mount(), Some(Flaw::InvalidToken)), format!("{base},{scope}"));
}

#[test]
fn a_redirect_leads_back_to_where_the_client_came_from() {
    let signer = Signer::ec();
    let registry = Registry::with(&signer.certificate.pem(), &json!({ "keys": [] }), |config| {
        config.realm = Realm { url: "https://configured/token".into(), redirect: Some("/auth/token".into()) };
    });
    let realm = |host, forwarded_scheme| {
        let request = AccessRequest { host, forwarded_scheme, ..AccessRequest::default() };
        registry.tokens.challenge(&request, None).unwrap().to_string()
    };
    assert!(
        realm(Some("r.example:5000"), None)
            .starts_with(r#"Bearer realm="https://r.example:5000/auth/token""#)
    );
    assert!(
        realm(Some("r.example"), Some("http")).starts_with(r#"Bearer realm="http://r.example/auth/token""#)
    );
    assert!(realm(None, None).starts_with(r#"Bearer realm="https://configured/token""#));
}

#[tokio::test]
async fn a_token_that_is_good_for_less_is_told_so() {
    let signer = Signer::ec();
    let registry = Registry::trusting(&signer);
    let header =
        format!("Bearer {}", signer.token("ES256", json!({ "kid": signer.thumbprint() }), &claims()));
    let access = push_and_mount();
    let request = AccessRequest { authorization: Some(&header), access: &access, ..AccessRequest::default() };
    let Err(Refusal::Challenge { challenge, .. }) = registry.tokens.authorize(&request).await else {
        panic!()
    };
    assert!(challenge.to_string().ends_with(r#",error="insufficient_scope""#), "{challenge}");
    let base = AccessRequest { authorization: Some(&header), ..AccessRequest::default() };
    assert_eq!(registry.tokens.authorize(&base).await.unwrap().user.as_deref(), Some("alice"));
}
