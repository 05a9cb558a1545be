//! Rules beside users, beside tokens, and alone.

use serde_json::{Value, json};
use wharf_tests::{Image, KeyName, Request, Server, Settings, TokenServer, noise, sha256};

use super::{Guarded, rules};

/// A registry with an image of the admin's in each of these.
fn with_images(repositories: &[&str]) -> Guarded {
    let registry = Guarded::start(&Settings::inmemory(), &rules());
    for repository in repositories {
        registry.push_image("admin", repository, "v1", &Image::tiny(1));
    }
    registry
}

#[test]
fn anonymous_pulls_go_through_and_docker_still_learns_of_the_login() {
    let registry = with_images(&["public/app"]);
    let answer = registry.get("", "/v2/");
    answer.assert_error(401, "UNAUTHORIZED");
    assert_eq!(answer.the("www-authenticate"), r#"Basic realm="the tests""#);
    let image = Image::tiny(1);
    assert_eq!(registry.get("", "/v2/public/app/manifests/v1").expect(200).body, image.manifest.bytes);
    let layer = &image.layers[0];
    let target = format!("/v2/public/app/blobs/{}", layer.digest);
    assert_eq!(registry.get("", &target).expect(200).body, layer.bytes);
    registry.get("", "/v2/public/app/tags/list").assert_status(200);
    registry.get("bob", "/v2/public/app/manifests/v1").assert_status(200);
}

#[test]
fn who_is_anonymous_is_challenged_and_who_is_known_is_denied() {
    let registry = with_images(&["team/app"]);
    for (user, status, code) in [("", 401, "UNAUTHORIZED"), ("bob", 403, "DENIED")] {
        registry.push_blob(user, "public/app", b"x").assert_error(status, code);
        registry.push_blob(user, "team/app", b"x").assert_error(status, code);
        registry.send(user, Request::delete("/v2/team/app/manifests/v1")).assert_error(status, code);
        registry.get(user, "/v2/secret/manifests/v1").assert_error(status, code);
        registry.get(user, "/v2/secret/tags/list").assert_error(status, code);
        let manifest = Request::put("/v2/team/app/manifests/v2").body("{}");
        registry.send(user, manifest).assert_error(status, code);
    }
    registry.get("bob", "/v2/team/app/manifests/v1").assert_status(200);
    registry.push_blob("alice", "team/app", b"x").assert_status(201);
    registry.get("", "/v2/team/app/manifests/v1").assert_error(401, "UNAUTHORIZED");
    assert_eq!(registry.get("bob", "/v2/secret/tags/list").header("www-authenticate"), None);
}

#[test]
fn a_denial_outweighs_what_is_allowed() {
    let registry = with_images(&["public/kept/app", "public/app"]);
    let delete = |repository: &str| Request::delete(&format!("/v2/{repository}/manifests/v1"));
    registry.send("admin", delete("public/kept/app")).assert_error(403, "DENIED");
    registry.send("admin", delete("public/app")).assert_status(202);
}

#[test]
fn wrong_credentials_are_refused_even_where_none_would_do() {
    let registry = with_images(&["public/app"]);
    let header = wharf_tests::basic("bob", "wrong");
    for header in [header.as_str(), "Bearer x", "nonsense", "\u{fc}"] {
        let get = Request::get("/v2/public/app/manifests/v1").header("Authorization", header);
        registry.server.send(&get).assert_error(401, "UNAUTHORIZED");
    }
}

#[test]
fn no_user_without_a_password_is_anonymous() {
    // What skopeo, podman and buildah send where they have no login and the registry asked for one.
    let registry = with_images(&["public/app"]);
    let get =
        |target: &str| registry.server.send(&Request::get(target).header("Authorization", "Basic Og=="));
    get("/v2/public/app/manifests/v1").assert_status(200);
    get("/v2/secret/tags/list").assert_error(401, "UNAUTHORIZED");
    get("/v2/").assert_error(401, "UNAUTHORIZED");
}

#[test]
fn the_catalog_holds_what_the_caller_may_pull() {
    let registry = with_images(&["own/a", "public/b", "secret/c", "team/d", "zzz"]);
    let list = |user: &str| registry.get(user, "/v2/_catalog").expect(200).json()["repositories"].clone();
    assert_eq!(list("bob"), json!(["own/a", "public/b", "team/d"]));
    assert_eq!(list("admin"), json!(["own/a", "public/b", "secret/c", "team/d", "zzz"]));
    registry.get("alice", "/v2/_catalog").assert_error(403, "DENIED");
    registry.get("", "/v2/_catalog").assert_error(401, "UNAUTHORIZED");
    let page = registry.get("bob", "/v2/_catalog?n=2").expect(200);
    assert_eq!(page.json()["repositories"], json!(["own/a", "public/b"]));
    let next = page.the("link").split(['<', '>']).nth(1).unwrap().to_owned();
    let last = registry.get("bob", &next).expect(200);
    assert_eq!((last.json()["repositories"].clone(), last.header("link")), (json!(["team/d"]), None));
}

#[test]
fn a_mount_needs_pull_on_its_source_or_is_an_ordinary_upload() {
    let registry = with_images(&[]);
    let bytes = noise(7, 5_000);
    let digest = sha256(&bytes);
    for repository in ["team/app", "secret/app"] {
        registry.push_blob("admin", repository, &bytes).assert_status(201);
    }
    registry.post("bob", "own/app", &format!("mount={digest}&from=secret/app")).assert_status(202);
    registry.get("bob", &format!("/v2/own/app/blobs/{digest}")).assert_error(404, "BLOB_UNKNOWN");
    registry.post("bob", "own/app", &format!("mount={digest}&from=team/app")).assert_status(201);
    assert_eq!(registry.get("bob", &format!("/v2/own/app/blobs/{digest}")).expect(200).body, bytes);
}

#[test]
fn rules_alone_serve_everyone_as_anonymous() {
    let rules = json!([{ "repositories": ["open/**"], "who": ["anonymous"], "allow": ["pull", "push"] }]);
    let server = Server::wharf(&Settings::inmemory().with("auth.rules", rules));
    server.get("/v2/").assert_status(200);
    server.push_image("open/app", "v1", &Image::tiny(1));
    server.assert_holds("open/app", "v1", &Image::tiny(1));
    server.get("/v2/other/tags/list").assert_error(403, "DENIED");
    server.get("/v2/_catalog").assert_error(403, "DENIED");
}

#[test]
fn a_token_and_the_rules_must_both_allow() {
    let tokens = TokenServer::start(KeyName::Thumbprint);
    let mut auth = tokens.auth();
    auth["groups"] = json!({ "ci": ["robot"] });
    auth["rules"] = json!([
        { "repositories": ["public/**"], "who": ["anonymous"], "allow": ["pull"] },
        { "repositories": ["team/**"], "who": ["group:ci"], "allow": ["pull", "push"] },
        { "who": ["claim:role=auditor"], "allow": ["pull"] },
    ]);
    let server = Server::wharf(&Settings::inmemory().with("auth", auth));
    let push = |bearer: String| {
        let target = format!("/v2/team/app/blobs/uploads/?digest={}", sha256(b"x"));
        server.send(&Request::post(&target).body("x").header("Authorization", bearer))
    };
    push(tokens.bearer("robot", &["repository:team/app:pull,push"])).assert_status(201);
    let less = push(tokens.bearer("robot", &["repository:team/app:pull"]));
    less.assert_error(401, "UNAUTHORIZED");
    assert!(less.the("www-authenticate").ends_with(r#"error="insufficient_scope""#), "{less:?}");
    push(tokens.bearer("eve", &["repository:team/app:pull,push"])).assert_error(403, "DENIED");
    push(tokens.bearer("", &["repository:team/app:pull,push"])).assert_error(401, "UNAUTHORIZED");

    let mut claims = wharf_tests::claims("eve", &["repository:team/app:pull"]);
    claims["role"] = json!(["cook", "auditor"]);
    let token = tokens.key().sign(json!({ "kid": tokens.key().thumbprint() }), &claims);
    let get = Request::get("/v2/team/app/tags/list").header("Authorization", format!("Bearer {token}"));
    let answer = server.send(&get);
    assert!([200, 404].contains(&answer.status), "{answer:?}");
    let anonymous = server.get("/v2/public/app/manifests/v1");
    assert_eq!(anonymous.status, 404, "nothing is there, and whoever asks may know it: {anonymous:?}");
    assert_eq!(server.get("/v2/").json()["errors"][0]["detail"], Value::Null);
}
