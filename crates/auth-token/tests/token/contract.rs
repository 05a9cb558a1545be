//! Tokens keep the contract of controllers.

use std::sync::Arc;

use serde_json::json;
use wharf_auth::contract::Subject;
use wharf_auth::contract_tests;

use crate::signer::{Registry, Signer, claims};

async fn open() -> Subject {
    let (signer, stranger) = (Signer::ec(), Signer::ec());
    let Registry { tokens, .. } = Registry::trusting(&signer);
    let header = json!({ "kid": signer.thumbprint() });
    let bearer = |token: String| format!("Bearer {token}");
    let mut nameless = claims();
    nameless["sub"] = json!("");
    Subject::new(Arc::new(tokens))
        .with_good(bearer(signer.token("ES256", header.clone(), &claims())), Some("alice"))
        .with_good(bearer(signer.token("ES256", header.clone(), &nameless)), None)
        .with_wrong(bearer(stranger.token("ES256", header, &claims())))
        .with_wrong("Bearer x")
        .with_wrong("Basic YTpi")
        .with_wrong("nonsense")
}

contract_tests!(open);
