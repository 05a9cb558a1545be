//! The users of a file keep the contract of controllers.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::sync::Arc;

use wharf_auth::contract::Subject;
use wharf_auth::contract_tests;
use wharf_auth_htpasswd::{Config, Htpasswd};
use wharf_protocol::Credentials;

async fn open() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    std::fs::write(&path, format!("alice:{}\n", bcrypt::hash("wonder", 4).unwrap())).unwrap();
    let users = Htpasswd::open(Config::new("a \"realm\"", path)).unwrap();
    let header = |user: &str, password: &str| {
        Credentials::Basic { user: user.into(), password: password.into() }.header().unwrap()
    };
    Subject::new(Arc::new(users))
        .with_good(header("alice", "wonder"), Some("alice"))
        .with_wrong(header("alice", "wander"))
        .with_wrong(header("bob", "wonder"))
        .with_wrong(header("", ""))
        .with_wrong("Bearer wonder")
        .with_wrong("nonsense")
}

contract_tests!(open);
