//! Files that change while the server runs: users, rules, keys. What is broken changes nothing, and is said.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};
use wharf_tests::{KeyName, Request, Server, Settings, TokenKey, TokenServer, basic, claims};

use super::{CHEAP, Guarded, line, soon};

fn status(server: &Server, target: &str, authorization: &str) -> u16 {
    server.send(&Request::get(target).header("Authorization", authorization)).status
}

#[test]
fn users_come_and_go_without_a_restart() {
    let registry = Guarded::start(&Settings::inmemory(), &Value::Null);
    registry.get("alice", "/v2/").assert_status(200);
    let (users, server) = (registry.folder.path().join("users"), &registry.server);
    fs::write(&users, line("carol", "new", CHEAP)).unwrap();
    soon("carol may enter", || status(server, "/v2/", &basic("carol", "new")) == 200);
    registry.get("alice", "/v2/").assert_status(401);

    fs::write(&users, "carol without a hash\n").unwrap();
    soon("the log says what is wrong", || server.log().contains("users:1: found no colon"));
    assert_eq!(status(server, "/v2/", &basic("carol", "new")), 200);

    let next = registry.folder.path().join("next");
    fs::write(&next, line("dave", "newer", CHEAP)).unwrap();
    fs::rename(next, users).unwrap();
    server.signal(Signal::HUP);
    soon("dave may enter", || status(server, "/v2/", &basic("dave", "newer")) == 200);
}

#[test]
fn rules_are_read_again_and_a_broken_file_keeps_them() {
    let rule = |who: &str| json!([{ "who": [who], "allow": ["pull"] }]);
    let registry = Guarded::start(&Settings::inmemory(), &rule("user:alice"));
    let server = &registry.server;
    let file = server.configuration();
    let good = fs::read_to_string(&file).unwrap();
    let pull = |user: &str| registry.get(user, "/v2/a/tags/list").status;
    assert_eq!((pull("alice"), pull("bob")), (404, 403));

    fs::write(&file, good.replace("user:alice", "user:bob")).unwrap();
    soon("bob may pull", || pull("bob") == 404);
    assert_eq!(pull("alice"), 403);

    fs::write(&file, good.replace("user:alice", "bob")).unwrap();
    soon("the log says what is wrong", || server.log().contains("user:NAME"));
    assert_eq!((pull("alice"), pull("bob")), (403, 404));

    fs::write(&file, good.replace("htpasswd", "silly")).unwrap();
    server.signal(Signal::HUP);
    soon("the log says what takes a restart", || {
        server.log().matches("access rules stay as they were").count() >= 2
    });
    assert_eq!((pull("alice"), pull("bob")), (403, 404));

    fs::write(&file, "").unwrap();
    server.signal(Signal::HUP);
    soon("an empty file is broken", || server.log().matches("access rules stay as they were").count() >= 3);
    assert_eq!((pull("alice"), pull("bob"), pull("")), (403, 404, 401));
}

#[test]
fn keys_of_tokens_are_read_again() {
    let tokens = TokenServer::start(KeyName::Libtrust);
    let server = Server::wharf(&Settings::inmemory().with("auth", tokens.auth()));
    let next = TokenKey::generate();
    let bearer = |key: &TokenKey| {
        format!("Bearer {}", key.sign(json!({ "kid": key.thumbprint() }), &claims("a", &[])))
    };
    assert_eq!(status(&server, "/v2/", &bearer(tokens.key())), 200);
    assert_eq!(status(&server, "/v2/", &bearer(&next)), 401);
    fs::write(tokens.bundle(), next.pem()).unwrap();
    soon("the new key counts", || status(&server, "/v2/", &bearer(&next)) == 200);
    assert_eq!(status(&server, "/v2/", &bearer(tokens.key())), 401);
    fs::write(tokens.bundle(), "").unwrap();
    soon("the log says what is wrong", || server.log().contains("at least one token signing key"));
    assert_eq!(status(&server, "/v2/", &bearer(&next)), 200);
}
