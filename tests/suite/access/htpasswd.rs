//! Users from a file, without any rules: whoever logs in may do everything.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use wharf_tests::{Image, Request, Server, Settings, basic, scratch};

use super::Guarded;

#[test]
fn whoever_does_not_log_in_is_asked_to_everywhere() {
    let registry = Guarded::start(&Settings::inmemory(), &Value::Null);
    for target in ["/v2/", "/v2/_catalog", "/v2/a/tags/list", "/v2/a/manifests/v1"] {
        let answer = registry.get("", target);
        answer.assert_error(401, "UNAUTHORIZED");
        assert_eq!(answer.the("www-authenticate"), r#"Basic realm="the tests""#, "{target}");
    }
    let detail = registry.get("", "/v2/a/tags/list").json()["errors"][0]["detail"].clone();
    assert_eq!(detail, json!([{ "Type": "repository", "Class": "", "Name": "a", "Action": "pull" }]));
    assert_eq!(registry.get("", "/v2/").json()["errors"][0]["detail"], Value::Null);
}

#[test]
fn whoever_logs_in_may_do_everything() {
    let registry = Guarded::start(&Settings::inmemory(), &Value::Null);
    registry.get("alice", "/v2/").assert_status(200);
    let image = Image::tiny(1);
    registry.push_image("alice", "any/where", "v1", &image);
    assert_eq!(registry.get("bob", "/v2/any/where/manifests/v1").expect(200).body, image.manifest.bytes);
    registry.send("bob", Request::delete("/v2/any/where/manifests/v1")).assert_status(202);
    assert_eq!(registry.get("bob", "/v2/_catalog").json()["repositories"], json!(["any/where"]));
}

#[test]
fn wrong_credentials_of_any_kind_are_401() {
    let registry = Guarded::start(&Settings::inmemory(), &Value::Null);
    for header in [
        basic("alice", "wrong"),
        basic("alice", ""),
        basic("Alice", "ecila"),
        basic("eve", "ecila"),
        basic("", ""),
        "Basic".to_owned(),
        "Basic !".to_owned(),
        "Bearer abc".to_owned(),
        "nonsense".to_owned(),
        "Basic \u{fc}".to_owned(),
    ] {
        let answer = registry.server.send(&Request::get("/v2/").header("Authorization", header.as_str()));
        answer.assert_error(401, "UNAUTHORIZED");
        assert_eq!(answer.the("www-authenticate"), r#"Basic realm="the tests""#, "{header}");
    }
    assert!(!registry.server.log().contains("wrong"), "passwords are not for logs");
}

#[test]
fn a_missing_file_is_made_and_its_password_told_once() {
    let folder = scratch();
    let path = folder.path().join("not/there/users");
    let auth = json!({ "htpasswd": { "realm": "r", "path": path } });
    let server = Server::wharf(&Settings::inmemory().with("auth", auth).with("log.formatter", "json"));
    let log = server.log();
    let line = log.lines().find(|line| line.contains("\"password\"")).expect("a line that tells it");
    let told: Value = serde_json::from_str(line).unwrap();
    let (user, password) = (told["user"].as_str().unwrap(), told["password"].as_str().unwrap());
    server.send(&Request::get("/v2/").header("Authorization", basic(user, password))).assert_status(200);
    server.get("/v2/").assert_status(401);
    assert_eq!((user, std::fs::metadata(&path).unwrap().permissions().mode() & 0o777), ("docker", 0o600));
}
