//! What holds for every request: methods, paths, headers, permission, and what is told about it.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderValue;
use serde_json::{Value, json};
use wharf_api_v2::{Answered, Options, Peer, RequestId};
use wharf_auth::{Access, AccessController, AccessRequest, Grant, Refusal};
use wharf_notifications::Action;
use wharf_protocol::{Challenge, ExternalHost, ROUTES};

use crate::support::{Answer, OCI_MANIFEST, Registry, request, with};

#[tokio::test]
async fn the_base_is_two_bytes_of_json() {
    let answer = Registry::new().get("/v2/").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, "{}"));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("content-length"), "2");
    assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
}

#[tokio::test]
async fn the_root_says_that_something_is_alive() {
    let answer = Registry::new().get("/").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (200, ""));
    assert_eq!((answer.header("cache-control"), answer.header("content-length")), ("no-cache", "0"));
}

/// A path for each route of the table.
fn sample(pattern: &str) -> String {
    let digest = format!("sha256:{}", "0".repeat(64));
    let path = pattern.replace("<name>", "a/b").replace("<reference>", "v1");
    path.replace("<digest>", &digest).replace("<id>", "nobody")
}

#[tokio::test]
async fn every_operation_of_the_table_is_offered_and_no_other() {
    let registry = Registry::new();
    for route in ROUTES {
        let path = sample(route.pattern);
        for method in ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT", "TRACE", "BREW"] {
            let offered = route.verbs().any(|verb| verb.as_str() == method);
            let answer = registry.call(method, &path, &[], b"").await;
            assert_eq!(answer.status != 405, offered, "{method} {path}");
            if !offered {
                assert_eq!(answer.header("allow"), route.allow());
                assert!(method == "HEAD" || answer.failure() == (405, "UNSUPPORTED".into()));
            }
        }
        let options = registry.call("OPTIONS", &path, &[], b"").await;
        assert_eq!((options.status.as_u16(), options.header("allow")), (200, route.allow().as_str()));
        assert!(options.body.is_empty());
    }
}

#[tokio::test]
async fn a_registry_that_is_read_only_only_reads() {
    let registry = Registry::with(|options| options.read_only = true);
    for route in ROUTES {
        let path = sample(route.pattern);
        for verb in route.verbs().filter(|verb| !verb.is_read()) {
            let answer = registry.call(verb.as_str(), &path, &[], b"").await;
            assert_eq!(answer.failure(), (405, "UNSUPPORTED".into()), "{verb} {path}");
            assert_eq!(answer.header("allow"), if path.ends_with("uploads/") { "" } else { "GET, HEAD" });
        }
    }
}

#[tokio::test]
async fn paths_that_lead_nowhere_are_404_with_one_json_body() {
    let registry = Registry::with(|options| options.headers = headers(&[("x-routed", "yes")]));
    for path in ["/v3/", "/v2/a", "/v2/a/b", "/v2/a/tags", "/metrics", "/v2/%ff/tags/list", "/v1/_ping"] {
        let answer = registry.get(path).await;
        assert_eq!(answer.failure(), (404, "UNSUPPORTED".into()), "{path}");
        assert_eq!(answer.header("docker-distribution-api-version"), "registry/2.0");
        assert_eq!(answer.header("x-routed"), "", "only routes have the configured headers");
    }
}

#[tokio::test]
async fn names_that_cannot_be_are_400() {
    let registry = Registry::new();
    let long = "a".repeat(256);
    for name in [&long, "a//../B/c", "a%20b", "a:5000", "a%0d%0ab"] {
        let answer = registry.get(&format!("/v2/{name}/tags/list")).await;
        assert!(matches!(answer.status.as_u16(), 400 | 301), "{name}: {answer:?}");
    }
    assert_eq!(registry.get(&format!("/v2/{long}/tags/list")).await.failure(), (400, "NAME_INVALID".into()));
}

#[tokio::test]
async fn untidy_paths_lead_to_tidy_ones() {
    let registry = Registry::with(|options| options.prefix = "/p/".into());
    for (method, path, status, location) in [
        ("GET", "/p/v2", 301, "/p/v2/"),
        ("GET", "/p/v2/_catalog/?n=1", 301, "/p/v2/_catalog?n=1"),
        ("HEAD", "/p/v2//a/./tags/list", 301, "/p/v2/a/tags/list"),
        ("POST", "/p/v2/a/blobs/uploads?digest=x", 308, "/p/v2/a/blobs/uploads/?digest=x"),
        ("GET", "/p//v2//a%20%0d%0ab/", 301, "/p/v2/a%20%0D%0Ab/"),
    ] {
        let answer = registry.call(method, path, &[], b"").await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (status, location), "{path}");
    }
}

#[tokio::test]
async fn queries_that_are_too_long_or_malformed_are_the_clients_fault() {
    let registry = Registry::with(|options| options.limits.query_bytes = 100);
    let long = format!("/v2/_catalog?x={}", "y".repeat(100));
    assert_eq!(registry.get(&long).await.failure(), (414, "UNSUPPORTED".into()));
    assert_eq!(registry.get("/v2/_catalog?n=%zz").await.failure(), (400, "UNSUPPORTED".into()));
}

fn headers(pairs: &[(&'static str, &'static str)]) -> http::HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

#[tokio::test]
async fn configured_headers_are_added_to_what_is_there() {
    let registry = Registry::with(|options| {
        options.headers = headers(&[("x-content-type-options", "nosniff"), ("cache-control", "private")]);
    });
    let digest = registry.push_blob("a/b", b"x").await;
    let answer = registry.get(&format!("/v2/a/b/blobs/{digest}")).await;
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.headers.get_all("cache-control").iter().count(), 2);
    assert_eq!(registry.get("/v2/a/b/blobs/uploads/x").await.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn a_request_has_an_id_and_the_listener_may_choose_it() {
    let registry = Registry::new();
    assert_eq!(registry.get("/v2/").await.header("x-request-id"), "request-1");
    let response = registry.api.answer(request("GET", "/v2/a/b/tags/list", &[], b"")).await;
    let answered = response.extensions().get::<Answered>().unwrap();
    assert_eq!(response.headers()["x-request-id"], answered.id.as_str());
    assert_eq!(answered.id.as_str().len(), 36);
    assert_eq!((answered.route.unwrap().name, answered.error), ("tags", Some("NAME_UNKNOWN")));
    let nowhere = registry.api.answer(request("GET", "/x", &[], b"")).await;
    assert!(nowhere.extensions().get::<Answered>().unwrap().route.is_none());
}

#[tokio::test]
async fn a_head_is_a_get_without_the_body() {
    let registry = Registry::new();
    let digest = registry.push_image("a/b", "v1").await;
    let blob = registry.push_blob("a/b", b"blob").await;
    let upload = registry.start_upload("a/b").await;
    let missing = format!("sha256:{}", "0".repeat(64));
    let paths = [
        "/v2/".to_owned(),
        "/".to_owned(),
        "/v2/_catalog".to_owned(),
        "/v2/_catalog?n=x".to_owned(),
        "/v2/a/b/tags/list".to_owned(),
        "/v2/no/tags/list".to_owned(),
        "/v2/a/b/manifests/v1".to_owned(),
        format!("/v2/a/b/manifests/{digest}"),
        "/v2/a/b/manifests/no".to_owned(),
        format!("/v2/a/b/blobs/{blob}"),
        format!("/v2/a/b/blobs/{missing}"),
        format!("/v2/a/b/referrers/{digest}"),
        upload,
        "/nowhere".to_owned(),
    ];
    for path in paths {
        let (get, head) = (registry.get(&path).await, registry.call("HEAD", &path, &[], b"").await);
        assert_eq!(get.status, head.status, "{path}");
        assert_eq!(get.headers, head.headers, "{path}");
        assert!(head.body.is_empty(), "{path}");
        if get.status != 204 {
            assert_eq!(get.header("content-length"), get.body.len().to_string(), "{path}");
        }
    }
}

async fn location(options: impl FnOnce(&mut Options), headers: &[(&str, &str)], peer: Peer) -> String {
    let registry = Registry::with(options);
    let mut request = request("POST", "/v2/a/b/blobs/uploads/", headers, b"");
    request.extensions_mut().insert(peer);
    let location = registry.send(request).await.header("location").to_owned();
    location.split_once("/blobs/").unwrap().0.to_owned()
}

#[tokio::test]
async fn locations_are_what_the_client_can_reach() {
    let plain = Peer::default();
    let tls = Peer { tls: true, ..plain };
    assert_eq!(location(|_| {}, &[], plain).await, "http://registry.example/v2/a/b");
    assert_eq!(location(|_| {}, &[("host", "h:5000")], tls).await, "https://h:5000/v2/a/b");
    let proxied = [("x-forwarded-proto", "https"), ("x-forwarded-host", "outer, inner")];
    assert_eq!(location(|_| {}, &proxied, plain).await, "https://outer/v2/a/b");
    let forwarded = [("forwarded", "proto=https;host=\"outer:444\""), ("x-forwarded-host", "other")];
    assert_eq!(location(|_| {}, &forwarded, plain).await, "https://outer:444/v2/a/b");
    assert_eq!(location(|options| options.relative_urls = true, &proxied, plain).await, "/v2/a/b");
    let host = |options: &mut Options| options.host = ExternalHost::parse("https://configured/reg/");
    assert_eq!(location(host, &proxied, plain).await, "https://configured/reg/v2/a/b");
    assert_eq!(
        location(|_| {}, &[("x-forwarded-host", "evil/path?x")], plain).await,
        "http://registry.example/v2/a/b"
    );
}

/// Grants what the bearer token lists, such as `a/b:pull`, separated by commas.
struct Gate;

#[async_trait]
impl AccessController for Gate {
    async fn authorize(&self, request: &AccessRequest<'_>) -> Result<Grant, Refusal> {
        let scope = |access: &Access| format!("{}:{}", access.resource.name(), access.action);
        let wanted: Vec<String> = request.access.iter().map(scope).collect();
        let challenge = Challenge::Bearer {
            realm: "https://auth.example/token".into(),
            service: "registry".into(),
            scopes: wanted.clone(),
            error: None,
        };
        let refuse =
            |reason: &str| Refusal::Challenge { challenge: challenge.clone(), reason: reason.into() };
        let token = request.authorization.ok_or_else(|| refuse("no token"))?;
        match token {
            "Bearer denied" => return Err(Refusal::Denied("policy".into())),
            "Bearer broken" => return Err(Refusal::Failed("no database".into())),
            _ => {}
        }
        let granted: Vec<_> = token.trim_start_matches("Bearer ").split(',').collect();
        if wanted.iter().all(|scope| granted.contains(&scope.as_str())) {
            return Ok(Grant { user: Some("alice".into()), ..Grant::default() });
        }
        Err(refuse("insufficient scope"))
    }
}

fn guarded() -> Registry {
    Registry::with(|options| options.access = Arc::new(Gate))
}

async fn as_bearer(registry: &Registry, method: &str, path: &str, token: &str) -> Answer {
    let authorization = format!("Bearer {token}");
    registry.call(method, path, &[("authorization", &authorization)], b"").await
}

#[tokio::test]
async fn who_is_not_known_is_challenged_for_what_the_request_needs() {
    let registry = guarded();
    let digest = format!("sha256:{}", "0".repeat(64));
    for (method, path, scopes) in [
        ("GET", "/v2/".to_owned(), vec![]),
        ("GET", "/v2/_catalog".to_owned(), vec!["catalog:*"]),
        ("GET", "/v2/a/b/tags/list".to_owned(), vec!["a/b:pull"]),
        ("HEAD", format!("/v2/a/b/blobs/{digest}"), vec!["a/b:pull"]),
        ("PUT", "/v2/a/b/manifests/v1".to_owned(), vec!["a/b:pull", "a/b:push"]),
        ("DELETE", "/v2/a/b/manifests/v1".to_owned(), vec!["a/b:delete"]),
        ("GET", "/v2/a/b/tags/list?from=c".to_owned(), vec!["a/b:pull"]),
        ("POST", "/v2/a/b/blobs/uploads/?from=c".to_owned(), vec!["a/b:pull", "a/b:push"]),
        (
            "POST",
            format!("/v2/a/b/blobs/uploads/?mount={digest}&from=c"),
            vec!["a/b:pull", "a/b:push", "c:pull"],
        ),
    ] {
        let answer = registry.call(method, &path, &[], b"").await;
        assert_eq!(answer.status, 401, "{method} {path}");
        let scope =
            if scopes.is_empty() { String::new() } else { format!(",scope=\"{}\"", scopes.join(" ")) };
        let expected = format!("Bearer realm=\"https://auth.example/token\",service=\"registry\"{scope}");
        assert_eq!(answer.header("www-authenticate"), expected, "{method} {path}");
        if method != "HEAD" {
            assert_eq!(answer.failure(), (401, "UNAUTHORIZED".into()));
        }
    }
}

#[tokio::test]
async fn a_challenge_lists_what_was_wanted_in_distributions_words() {
    let registry = guarded();
    assert_eq!(registry.get("/v2/").await.detail(), Value::Null);
    let detail = registry.get("/v2/a/b/tags/list").await.detail();
    assert_eq!(detail, json!([{ "Type": "repository", "Class": "", "Name": "a/b", "Action": "pull" }]));
    let detail = registry.get("/v2/_catalog").await.detail();
    assert_eq!(detail, json!([{ "Type": "registry", "Class": "", "Name": "catalog", "Action": "*" }]));
}

#[tokio::test]
async fn what_is_granted_is_served_and_what_is_denied_is_not() {
    let registry = guarded();
    assert_eq!(as_bearer(&registry, "GET", "/v2/_catalog", "catalog:*").await.status, 200);
    assert_eq!(as_bearer(&registry, "GET", "/v2/_catalog", "a/b:pull").await.status, 401);
    assert_eq!(as_bearer(&registry, "GET", "/v2/", "denied").await.failure(), (403, "DENIED".into()));
    let broken = as_bearer(&registry, "GET", "/v2/", "broken").await;
    assert_eq!(broken.failure(), (503, "UNAVAILABLE".into()));
    assert_ne!(broken.header("retry-after"), "");
    assert!(!broken.text().contains("database"), "the inside stays inside");
}

#[tokio::test]
async fn a_mount_from_what_may_not_be_pulled_is_an_ordinary_upload() {
    let registry = guarded();
    let bytes = b"secret";
    let digest = wharf_digest::Algorithm::Sha256.digest(bytes);
    let path = format!("/v2/source/blobs/uploads/?digest={digest}");
    let push = ("authorization", "Bearer source:pull,source:push");
    assert_eq!(registry.call("POST", &path, &[push], bytes).await.status, 201);

    let mount = format!("/v2/target/blobs/uploads/?mount={digest}&from=source");
    assert_eq!(as_bearer(&registry, "POST", &mount, "target:pull,target:push").await.status, 202);
    assert_eq!(as_bearer(&registry, "POST", &mount, "source:pull").await.status, 401);
    let answer = as_bearer(&registry, "POST", &mount, "target:pull,target:push,source:pull").await;
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn what_happens_is_told() {
    let registry = Registry::with(|options| options.include_references = true);
    let digest = registry.push_image("a/b", "v1").await;
    let blob = registry.push_blob("a/b", b"blob").await;
    registry.get("/v2/a/b/manifests/v1").await;
    registry.call("HEAD", &format!("/v2/a/b/blobs/{blob}"), &[("user-agent", "test/1")], b"").await;
    registry.call("POST", &format!("/v2/c/blobs/uploads/?mount={blob}&from=a/b"), &[], b"").await;
    registry.call("DELETE", &format!("/v2/a/b/blobs/{blob}"), &[], b"").await;
    registry.call("DELETE", &format!("/v2/a/b/manifests/{digest}"), &[], b"").await;

    let events = registry.events();
    let actions: Vec<_> = events.iter().map(|event| event.action).collect();
    let (push, pull, mount, delete) = (Action::Push, Action::Pull, Action::Mount, Action::Delete);
    assert_eq!(actions, [push, push, push, push, pull, pull, mount, delete, delete, delete]);

    let pushed = serde_json::to_value(&events[2].target).unwrap();
    assert_eq!(pushed["mediaType"], OCI_MANIFEST);
    assert_eq!((&pushed["tag"], &pushed["repository"]), (&json!("v1"), &json!("a/b")));
    assert_eq!(pushed["url"], format!("http://registry.example/v2/a/b/manifests/{digest}"));
    assert_eq!(
        (pushed["size"].clone(), pushed["references"].as_array().unwrap().len()),
        (pushed["length"].clone(), 2)
    );

    let pulled = &events[5];
    assert_eq!(pulled.target.media_type, "application/octet-stream");
    assert_eq!(pulled.request.method, "HEAD");
    assert_eq!((pulled.request.id.as_str(), pulled.request.useragent.as_str()), ("request-1", "test/1"));
    assert_eq!(pulled.request.host, "registry.example");

    assert_eq!(events[6].target.from_repository.as_deref(), Some("a/b"));
    assert_eq!(events[8].target.digest, digest.to_string());
    assert_eq!((events[9].target.tag.as_deref(), events[9].target.digest.as_str()), (Some("v1"), ""));
}

#[tokio::test]
async fn nothing_is_told_of_what_did_not_happen() {
    let registry = Registry::new();
    let digest = registry.push_image("a/b", "v1").await;
    let before = registry.events().len();
    registry.get("/v2/a/b/manifests/no").await;
    registry.get("/v2/a/b/blobs/sha256:0").await;
    let path = format!("/v2/a/b/manifests/{digest}");
    registry.call("GET", &path, &[("if-none-match", "*")], b"").await;
    assert_eq!(registry.events().len(), before);
}

#[tokio::test]
async fn an_event_names_the_client_and_the_user() {
    let registry = guarded();
    let peer: SocketAddr = "10.0.0.1:1234".parse().unwrap();
    let cases = [
        (vec![], "10.0.0.1:1234"),
        (vec![("x-real-ip", "10.0.0.2")], "10.0.0.2"),
        (vec![("x-forwarded-for", "10.0.0.3, 10.0.0.4"), ("x-real-ip", "10.0.0.2")], "10.0.0.3"),
    ];
    for (mut headers, address) in cases {
        headers.push(("authorization", "Bearer a:pull,a:push"));
        let digest = wharf_digest::Algorithm::Sha256.digest(b"x");
        let path = with("/v2/a/blobs/uploads/", &format!("digest={digest}"));
        let mut request = request("POST", &path, &headers, b"x");
        request.extensions_mut().insert(Peer { address: Some(peer), tls: false });
        assert_eq!(registry.send(request).await.status, 201);
        let event = registry.events().pop().unwrap();
        assert_eq!((event.request.addr.as_str(), event.actor.name.as_deref()), (address, Some("alice")));
    }
    let _: RequestId = RequestId::random();
}
