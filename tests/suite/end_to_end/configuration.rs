//! What the configuration changes about answers.

use wharf_tests::{Image, OCI_INDEX, Request, Server, Settings, noise, sha256};

over_every_driver![
    a_prefix_stands_before_everything,
    a_host_is_the_base_of_every_url,
    relative_urls_name_no_host,
    a_proxy_in_front_says_what_the_host_is,
    configured_headers_are_on_every_answer,
    a_registry_that_is_read_only_only_reads,
    a_redirect_sends_clients_elsewhere_for_blobs,
    redirects_can_be_turned_off,
    silly_access_control_challenges_whoever_says_nothing,
];

fn a_prefix_stands_before_everything(settings: &Settings) {
    let server = Server::wharf(&settings.clone().with("http.prefix", "/registry/"));
    server.get("/registry/v2/").assert_status(200);
    server.get("/v2/").assert_status(404);
    let post = Request::post(&format!("/registry/v2/a/b/blobs/uploads/?digest={}", sha256(b"x")));
    let answer = server.send(&post.body("x")).expect(201);
    assert_eq!(answer.location(), format!("/registry/v2/a/b/blobs/{}", sha256(b"x")));
    assert_eq!(server.get(&answer.location()).expect(200).body, "x");
    let opened = server.send(&Request::post("/registry/v2/a/b/blobs/uploads/")).expect(202);
    server.send(&Request::patch(&opened.location()).body("y")).assert_status(202);
    let manifest = r#"{"schemaVersion":2,"manifests":[]}"#;
    for name in ["a/b", "a/c"] {
        let put =
            Request::put(&format!("/registry/v2/{name}/manifests/v1")).header("Content-Type", OCI_INDEX);
        let answer = server.send(&put.body(manifest)).expect(201);
        assert_eq!(server.get(&answer.location()).expect(200).text(), manifest);
    }
    assert_eq!(super::pages(&server, "/registry/v2/_catalog?n=1", "repositories").concat(), ["a/b", "a/c"]);
    let moved = server.get("/registry/v2").expect(301);
    assert_eq!(moved.location(), "/registry/v2/");
}

fn a_host_is_the_base_of_every_url(settings: &Settings) {
    let server = Server::wharf(&settings.clone().with("http.host", "https://registry.example:8443"));
    let opened =
        server.send(&Request::post("/v2/a/b/blobs/uploads/").header("X-Forwarded-Proto", "http")).expect(202);
    assert!(
        opened.the("location").starts_with("https://registry.example:8443/v2/a/b/blobs/uploads/"),
        "{opened:?}"
    );
}

fn relative_urls_name_no_host(settings: &Settings) {
    let server = Server::wharf(&settings.clone().with("http.relativeurls", true));
    let opened = server.send(&Request::post("/v2/a/b/blobs/uploads/")).expect(202);
    assert!(opened.the("location").starts_with("/v2/a/b/blobs/uploads/"), "{opened:?}");
    let server =
        Server::wharf(&settings.clone().with("http.relativeurls", true).with("http.prefix", "/registry/"));
    let opened = server.send(&Request::post("/registry/v2/a/b/blobs/uploads/")).expect(202);
    server.send(&Request::patch(opened.the("location")).body("x")).assert_status(202);
}

fn a_proxy_in_front_says_what_the_host_is(settings: &Settings) {
    let server = Server::wharf(settings);
    let cases: [(&[(&str, &str)], String); 5] = [
        (&[], server.url()),
        (&[("Host", "registry.example")], "http://registry.example".to_owned()),
        (
            &[("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "a.example, b.example")],
            "https://a.example".to_owned(),
        ),
        (&[("Forwarded", "for=1.2.3.4;proto=https;host=\"c.example\"")], "https://c.example".to_owned()),
        (
            &[("Forwarded", "proto=https;host=c.example, host=d.example"), ("X-Forwarded-Host", "a.example")],
            "https://c.example".to_owned(),
        ),
    ];
    for (headers, base) in cases {
        let mut request = Request::post("/v2/a/b/blobs/uploads/");
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let answer = server.send(&request).expect(202);
        assert!(answer.the("location").starts_with(&format!("{base}/v2/a/b/")), "{headers:?}: {answer:?}");
    }
}

fn configured_headers_are_on_every_answer(settings: &Settings) {
    let values = serde_json::json!({ "X-Content-Type-Options": ["nosniff"], "X-Two": ["1", "2"] });
    let server = Server::wharf(&settings.clone().with("http.headers", values));
    for target in ["/v2/", "/v2/_catalog", "/v2/a/b/manifests/unknown"] {
        let answer = server.get(target);
        assert_eq!(answer.the("x-content-type-options"), "nosniff", "{target}");
        assert_eq!(answer.all("x-two"), ["1", "2"], "{target}");
    }
}

fn a_registry_that_is_read_only_only_reads(settings: &Settings) {
    let server = Server::wharf(&settings.clone().with("storage.maintenance.readonly.enabled", true));
    server.get("/v2/").assert_status(200);
    server.get("/v2/_catalog").assert_status(200);
    server.get("/v2/a/b/manifests/v1").assert_status(404);
    let digest = sha256(b"x");
    let refused = [
        Request::post("/v2/a/b/blobs/uploads/"),
        Request::put("/v2/a/b/manifests/v1"),
        Request::delete("/v2/a/b/manifests/v1"),
        Request::delete(&format!("/v2/a/b/blobs/{digest}")),
    ];
    for request in refused {
        let answer = server.send(&request).expect(405);
        assert!(!answer.the("allow").contains("DELETE"), "{answer:?}");
    }
}

/// A server that sends clients elsewhere for blobs, where its driver can.
fn redirecting(settings: &Settings) -> Settings {
    let redirect =
        serde_json::json!([{ "name": "redirect", "options": { "baseurl": "https://cdn.example/base" } }]);
    settings.clone().redirecting().with("middleware.storage", redirect)
}

fn a_redirect_sends_clients_elsewhere_for_blobs(settings: &Settings) {
    let server = Server::wharf(&redirecting(settings));
    let image = Image::tiny(1);
    server.push_image("a/b", "v1", &image);
    let layer = &image.layers[0];
    let answer = server.get(&format!("/v2/a/b/blobs/{}", layer.digest)).expect(307);
    let path = format!("/docker/registry/v2/blobs/sha256/{}/{}/data", &layer.hex()[..2], layer.hex());
    assert_eq!(answer.the("location"), format!("https://cdn.example/base{path}"));
    assert!(answer.body.is_empty());
    // A manifest is small, and its digest is checked here.
    assert_eq!(server.get_manifest("a/b", "v1").expect(200).body, image.manifest.bytes);
    let head = server.head(&format!("/v2/a/b/blobs/{}", layer.digest));
    assert!([200, 307].contains(&head.status), "{head:?}");
}

fn redirects_can_be_turned_off(settings: &Settings) {
    let server = Server::wharf(&redirecting(settings).with("storage.redirect.disable", true));
    let bytes = noise(1, 1_000);
    let digest = server.push_blob("a/b", bytes.clone());
    assert_eq!(server.get(&format!("/v2/a/b/blobs/{digest}")).expect(200).body, bytes);
}

fn silly_access_control_challenges_whoever_says_nothing(settings: &Settings) {
    let silly = serde_json::json!({ "realm": "https://auth.example/token", "service": "registry.example" });
    let server = Server::wharf(&settings.clone().with("auth.silly", silly));
    let answer = server.get("/v2/a/b/tags/list");
    answer.assert_error(401, "UNAUTHORIZED");
    let scope = "repository:a/b:pull";
    let challenge =
        format!("Bearer realm=\"https://auth.example/token\",service=\"registry.example\",scope=\"{scope}\"");
    assert_eq!(answer.the("www-authenticate"), challenge);
    server.get("/v2/").assert_status(401);
    let greeting = Request::get("/v2/").header("Authorization", "seriously, anything");
    server.send(&greeting).assert_status(200);
}
