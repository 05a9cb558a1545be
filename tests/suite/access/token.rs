//! Tokens: what is granted, what a client is told, and forgeries. All that is about signatures alone is tested where
//! tokens are verified; here are the attacks that people know by name, from outside.

use serde_json::{Value, json};
use wharf_tests::{
    Answer, DOCKER_MANIFEST, KeyName, Request, Server, Settings, TokenKey, TokenServer, base64url, claims,
    sha256,
};

fn registry(tokens: &TokenServer) -> Server {
    Server::wharf(&Settings::inmemory().with("auth", tokens.auth()))
}

fn ask(server: &Server, bearer: &str) -> Answer {
    server.send(&Request::get("/v2/team/app/tags/list").header("Authorization", bearer))
}

/// Fails the test unless a token is refused; `error` is what the client is told is wrong with it.
#[track_caller]
fn assert_refused(server: &Server, token: &str, error: Option<&str>) {
    let answer = ask(server, &format!("Bearer {token}"));
    answer.assert_error(401, "UNAUTHORIZED");
    let told = answer
        .the("www-authenticate")
        .split_once("error=")
        .map(|(_, error)| error.trim_matches('"').to_owned());
    assert_eq!(told.as_deref(), error, "{token}");
}

const SCOPE: &str = "repository:team/app:pull";

#[test]
fn a_token_is_granted_what_it_lists_whatever_names_its_key() {
    for name in [KeyName::Thumbprint, KeyName::Libtrust, KeyName::Chain] {
        let tokens = TokenServer::start(name);
        let server = registry(&tokens);
        let bearer = tokens.bearer("alice", &["repository:team/app:pull,push"]);
        let target = format!("/v2/team/app/blobs/uploads/?digest={}", sha256(b"x"));
        server
            .send(&Request::post(&target).body("x").header("Authorization", bearer.as_str()))
            .assert_status(201);
        let target = format!("/v2/team/app/blobs/{}", sha256(b"x"));
        assert_eq!(
            server.send(&Request::get(&target).header("Authorization", bearer.as_str())).expect(200).body,
            "x"
        );
        let delete = server.send(&Request::delete(&target).header("Authorization", bearer.as_str()));
        assert!(delete.the("www-authenticate").ends_with(r#"error="insufficient_scope""#), "{name:?}");
    }
}

#[test]
fn a_client_without_rights_gets_the_challenge_that_makes_it_fetch_a_token() {
    let tokens = TokenServer::start(KeyName::Thumbprint);
    let server = registry(&tokens);
    let realm = tokens.auth()["token"]["realm"].as_str().unwrap().to_owned();
    let base = format!(r#"Bearer realm="{realm}",service="registry.test""#);
    assert_eq!(server.get("/v2/").expect(401).the("www-authenticate"), base);
    let push = server.send(&Request::post("/v2/team/app/blobs/uploads/")).expect(401);
    assert_eq!(push.the("www-authenticate"), format!(r#"{base},scope="repository:team/app:pull,push""#));
    let mount = format!("/v2/team/app/blobs/uploads/?mount={}&from=public/app", sha256(b"x"));
    let mount = server.send(&Request::post(&mount)).expect(401);
    let scope = r#"scope="repository:team/app:pull,push repository:public/app:pull""#;
    assert_eq!(mount.the("www-authenticate"), format!("{base},{scope}"));
    let catalog = server.get("/v2/_catalog").expect(401);
    assert_eq!(catalog.the("www-authenticate"), format!(r#"{base},scope="registry:catalog:*""#));
    let bearer = tokens.bearer("alice", &[SCOPE]);
    let less = server
        .send(&Request::delete("/v2/team/app/manifests/v1").header("Authorization", bearer))
        .expect(401);
    let expected = format!(r#"{base},scope="repository:team/app:delete",error="insufficient_scope""#);
    assert_eq!(less.the("www-authenticate"), expected);
}

#[test]
fn where_classes_count_a_token_is_good_for_its_own() {
    let tokens = TokenServer::start(KeyName::Thumbprint);
    let settings = Settings::inmemory().with("auth", tokens.auth());
    let server = Server::wharf(&settings.with("policy.repository.classes", json!(["image", "plugin"])));
    let config = "{}";
    let put = |scope: &str, media_type: &str| {
        let bearer = tokens.bearer("alice", &[scope]);
        let target = format!("/v2/team/app/blobs/uploads/?digest={}", sha256(config.as_bytes()));
        server
            .send(&Request::post(&target).body(config).header("Authorization", bearer.as_str()))
            .assert_status(201);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "layers": [],
            "config": { "mediaType": media_type, "digest": sha256(config.as_bytes()), "size": config.len() },
        });
        let put = Request::put("/v2/team/app/manifests/v1").header("Content-Type", DOCKER_MANIFEST);
        server.send(&put.header("Authorization", bearer).body(manifest.to_string()))
    };
    let (image, plugin) =
        ("application/vnd.docker.container.image.v1+json", "application/vnd.docker.plugin.v1+json");
    put("repository:team/app:pull,push", image).assert_status(201);
    put("repository(plugin):team/app:pull,push", plugin).assert_status(201);
    for (scope, media_type, message) in [
        ("repository:team/app:pull,push", plugin, "repository not authorized for plugin manifest"),
        ("repository(plugin):team/app:pull,push", image, "repository not authorized for image manifest"),
    ] {
        let answer = put(scope, media_type);
        answer.assert_error(403, "DENIED");
        assert!(answer.text().contains(message), "{answer:?}");
    }
}

#[test]
fn a_token_good_for_two_repositories_mounts_between_them() {
    let tokens = TokenServer::start(KeyName::Chain);
    let server = registry(&tokens);
    let send = |request: Request, scopes: &[&str]| {
        server.send(&request.header("Authorization", tokens.bearer("alice", scopes)))
    };
    let digest = sha256(b"content");
    let both = ["repository:from/here:pull,push", "repository:to/there:pull,push"];
    let push = Request::post(&format!("/v2/from/here/blobs/uploads/?digest={digest}")).body("content");
    send(push, &both).assert_status(201);
    let mount = || Request::post(&format!("/v2/to/there/blobs/uploads/?mount={digest}&from=from/here"));
    send(mount(), &both[1..]).assert_status(202);
    send(mount(), &both).assert_status(201);
}

#[test]
fn an_alg_of_none_is_refused() {
    let tokens = TokenServer::start(KeyName::Thumbprint);
    let server = registry(&tokens);
    for name in ["none", "None", "nOnE"] {
        let header = json!({ "alg": name, "kid": tokens.key().thumbprint() });
        let claims = base64url(claims("alice", &[SCOPE]).to_string());
        assert_refused(
            &server,
            &format!("{}.{claims}.", base64url(header.to_string())),
            Some("invalid_token"),
        );
    }
}

#[test]
fn hs256_with_the_public_key_is_refused() {
    let tokens = TokenServer::start(KeyName::Thumbprint);
    let server = registry(&tokens);
    let header = json!({ "alg": "HS256", "kid": tokens.key().thumbprint() });
    let signed =
        format!("{}.{}", base64url(header.to_string()), base64url(claims("alice", &[SCOPE]).to_string()));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, tokens.key().pem().as_bytes());
    let signature = base64url(aws_lc_rs::hmac::sign(&key, signed.as_bytes()));
    assert_refused(&server, &format!("{signed}.{signature}"), None);
}

#[test]
fn an_expired_token_one_for_another_service_or_from_another_issuer_is_refused() {
    let tokens = TokenServer::start(KeyName::Thumbprint);
    let server = registry(&tokens);
    let header = json!({ "kid": tokens.key().thumbprint() });
    let good = claims("alice", &[SCOPE]);
    assert_eq!(ask(&server, &format!("Bearer {}", tokens.key().sign(header.clone(), &good))).status, 404);
    for (key, value) in [
        ("exp", json!(good["iat"].as_u64().unwrap() - 3600)),
        ("nbf", json!(good["iat"].as_u64().unwrap() + 3600)),
        ("aud", json!("other.test")),
        ("aud", json!(["other.test"])),
        ("iss", json!("others")),
        ("exp", Value::Null),
    ] {
        let mut claims = good.clone();
        claims[key] = value;
        assert_refused(&server, &tokens.key().sign(header.clone(), &claims), Some("invalid_token"));
    }
}

#[test]
fn a_key_in_the_header_is_not_believed() {
    let tokens = TokenServer::start(KeyName::Thumbprint);
    let server = registry(&tokens);
    let attacker = TokenKey::generate();
    let claims = claims("admin", &[SCOPE]);
    let mut jwk = attacker.jwk();
    assert_refused(&server, &attacker.sign(json!({ "jwk": jwk }), &claims), Some("invalid_token"));
    jwk["kid"] = json!(tokens.key().thumbprint());
    assert_refused(&server, &attacker.sign(json!({ "jwk": jwk }), &claims), None);
    assert_refused(
        &server,
        &attacker.sign(json!({ "x5c": [attacker.x5c()] }), &claims),
        Some("invalid_token"),
    );
    assert_refused(&server, &attacker.sign(json!({ "x5c": [tokens.key().x5c()] }), &claims), None);
    assert_refused(
        &server,
        &attacker.sign(json!({ "kid": attacker.thumbprint() }), &claims),
        Some("invalid_token"),
    );
}

#[test]
fn a_redirect_leads_to_the_host_that_the_client_spoke_to() {
    let tokens = TokenServer::start(KeyName::Thumbprint);
    let mut auth = tokens.auth();
    auth["token"]["autoredirect"] = json!(true);
    let server = Server::wharf(&Settings::inmemory().with("auth", auth));
    let request =
        Request::get("/v2/").header("Host", "registry.test:5000").header("X-Forwarded-Proto", "http");
    let answer = server.send(&request).expect(401);
    let expected = r#"Bearer realm="http://registry.test:5000/auth/token",service="registry.test""#;
    assert_eq!(answer.the("www-authenticate"), expected);
}
