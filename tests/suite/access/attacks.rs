//! Ways around the rules, each tried and refused. Those that are about tokens alone are in `token`.

use wharf_tests::{Answer, Image, Request, Settings, sha256};

use super::{Guarded, rules};

/// A registry with something public and something secret.
fn registry() -> (Guarded, Image) {
    let registry = Guarded::start(&Settings::filesystem(), &rules());
    let secret = Image::tiny(2);
    registry.push_image("admin", "public/app", "v1", &Image::tiny(1));
    registry.push_image("admin", "secret/app", "v1", &secret);
    (registry, secret)
}

/// Fails the test if an answer holds anything of a secret image.
#[track_caller]
fn assert_tells_nothing(what: &str, answer: &Answer, secret: &Image) {
    for blob in secret.blobs().chain([&secret.manifest]) {
        assert!(answer.body != blob.bytes, "{what}: {answer:?}");
    }
    assert!(
        !answer.text().contains(&secret.layers[0].digest) || what.contains("sha256"),
        "{what}: {answer:?}"
    );
    assert!([301, 308, 400, 401, 403, 404, 405].contains(&answer.status), "{what}: {answer:?}");
}

#[test]
fn no_spelling_of_a_path_leads_around_a_rule() {
    let (registry, secret) = registry();
    let digest = &secret.layers[0].digest;
    let mut targets: Vec<String> = [
        "/v2/public/../secret/app/manifests/v1",
        "/v2/public/..%2fsecret/app/manifests/v1",
        "/v2/public%2f..%2fsecret/app/manifests/v1",
        "/v2/public/%2e%2e/secret/app/manifests/v1",
        "/v2/public/%252e%252e/secret/app/manifests/v1",
        "/v2/public/.%2e/secret/app/manifests/v1",
        "/v2/public/..\\secret/app/manifests/v1",
        "/v2/public/..;/secret/app/manifests/v1",
        "/v2/public/app/../../secret/app/manifests/v1",
        "/v2/public/app/manifests/../../../secret/app/manifests/v1",
        "/v2/secret/app/manifests/v1/../../../../public/app/../../secret/app/manifests/v1",
        "/v2/secret%2fapp/manifests/v1",
        "/v2/secret%2Fapp%2Fmanifests%2Fv1",
        "/v2//secret/app/manifests/v1",
        "//v2/secret/app/manifests/v1",
        "/v2/./secret/app/manifests/v1",
        "/v2/secret//app/manifests/v1",
        "/v2/secret/app/manifests/v1/",
        "/v2/secret/app/manifests/v1%00",
        "/v2/secret/app/manifests/v1%20",
        "/v2/SECRET/app/manifests/v1",
        "/v2/Secret/app/manifests/v1",
        "/v2/%73ecret/app/manifests/v1",
        "/V2/secret/app/manifests/v1",
        "/v2/secret/app/manifests/v1?from=public/app",
        "/v2/public/app/manifests/v1/secret/app/manifests/v1",
        "http://public/v2/secret/app/manifests/v1",
    ]
    .map(str::to_owned)
    .into();
    targets.push(format!("/v2/public/app/manifests/{}", secret.manifest.digest));
    targets.push(format!("/v2/public/app/blobs/{digest}"));
    targets.push(format!("/v2/public/app/blobs/{}", secret.manifest.digest));
    targets.push(format!(
        "/v2/public/app/referrers/{}/../../../../secret/app/manifests/v1",
        secret.manifest.digest
    ));
    for target in targets {
        for user in ["", "bob"] {
            let answer = registry.get(user, &target);
            assert_tells_nothing(&target, &answer, &secret);
            if matches!(answer.status, 301 | 308) {
                let next = registry.get(user, &answer.location());
                assert!([401, 403, 404].contains(&next.status), "{target}: {next:?}");
            }
        }
    }
}

#[test]
fn no_header_leads_around_a_rule() {
    let (registry, secret) = registry();
    for (name, value) in [
        ("X-Original-URL", "/v2/public/app/manifests/v1"),
        ("X-Rewrite-URL", "/v2/public/app/manifests/v1"),
        ("X-Forwarded-Prefix", "/v2/public"),
        ("X-Forwarded-User", "admin"),
        ("Remote-User", "admin"),
        ("X-HTTP-Method-Override", "GET"),
        ("Forwarded", "for=127.0.0.1;host=public"),
        ("Host", "public"),
    ] {
        let answer = registry.send("", Request::get("/v2/secret/app/manifests/v1").header(name, value));
        answer.assert_error(401, "UNAUTHORIZED");
        assert_tells_nothing(name, &answer, &secret);
    }
    let good = wharf_tests::basic("admin", "nimda");
    let twice = Request::get("/v2/secret/app/manifests/v1")
        .header("Authorization", "Basic x")
        .header("Authorization", good);
    registry.server.send(&twice).assert_error(401, "UNAUTHORIZED");
}

#[test]
fn a_blob_is_not_mounted_from_a_forbidden_repository() {
    let (registry, secret) = registry();
    let digest = &secret.layers[0].digest;
    for query in [
        format!("mount={digest}&from=secret/app"),
        format!("from=secret/app&mount={digest}"),
        format!("mount={digest}&from=secret%2Fapp"),
        format!("mount={digest}&from=public/app&from=secret/app"),
        format!("mount={digest}&from=secret/app&from=public/app"),
        format!("mount={digest}&from=public/../secret/app"),
        format!("mount={digest}&from=SECRET/app"),
        format!("mount={digest}&from="),
        format!("mount={digest}"),
    ] {
        registry.post("bob", "own/app", &query).assert_status(202);
        let head = registry.send("bob", Request::head(&format!("/v2/own/app/blobs/{digest}")));
        assert_eq!(head.status, 404, "{query}");
    }
}

#[test]
fn what_a_form_in_the_body_says_is_not_read() {
    let (registry, secret) = registry();
    let digest = &secret.layers[0].digest;
    let form = format!("mount={digest}&from=secret/app");
    let post = Request::post("/v2/own/app/blobs/uploads/")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form.clone());
    registry.send("bob", post).assert_status(202);
    registry.get("bob", &format!("/v2/own/app/blobs/{digest}")).assert_error(404, "BLOB_UNKNOWN");
    // A form says of a blob what its bytes are, and nothing else: it is stored as it is.
    let stored = Request::post(&format!("/v2/own/app/blobs/uploads/?digest={}", sha256(form.as_bytes())))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form.clone());
    registry.send("bob", stored).assert_status(201);
    let target = format!("/v2/own/app/blobs/{}", sha256(form.as_bytes()));
    assert_eq!(registry.get("bob", &target).expect(200).text(), form);
}

#[test]
fn a_manifest_does_not_bring_in_what_is_elsewhere() {
    let (registry, secret) = registry();
    let put = Request::put("/v2/own/app/manifests/v1")
        .header("Content-Type", secret.manifest.media_type)
        .body(secret.manifest.bytes.clone());
    registry.send("bob", put).assert_error(400, "MANIFEST_BLOB_UNKNOWN");
}

#[test]
fn an_upload_of_somebody_else_cannot_be_continued_elsewhere() {
    let (registry, _) = registry();
    let begun = registry.post("alice", "team/app", "").expect(202).location();
    registry.send("bob", Request::patch(&begun).body("x")).assert_error(403, "DENIED");
    registry.send("", Request::patch(&begun).body("x")).assert_error(401, "UNAUTHORIZED");
    let moved = begun.replacen("team/app", "own/app", 1);
    let answer = registry.send("bob", Request::patch(&moved).body("x"));
    assert!([400, 404].contains(&answer.status), "{answer:?}");
    registry.send("alice", Request::patch(&begun).body("x")).assert_status(202);
}
