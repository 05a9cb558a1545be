//! Paths that try to leave the store, in every part of a path and in every spelling.

use std::fs;

use wharf_tests::{Answer, OCI_MANIFEST, Request, Server, Settings, scratch, sha256, tree, with_query};

/// What one step up can look like: raw, percent-encoded in part and whole, twice encoded, with a backslash, overlong.
const STEPS: [&str; 12] = [
    "../",
    "..%2f",
    "%2e%2e/",
    "%2e%2e%2f",
    "%2E%2E%2F",
    ".%2e/",
    "%252e%252e%252f",
    "..%252f",
    "..\\",
    "..%5c",
    "%2e%2e%5c",
    "..%c0%af",
];

/// A secret beside the store, which no spelling may reach.
const SECRET: &str = "the secret beside the store";

/// Only what is refused, sent elsewhere within the API, or not there.
#[track_caller]
fn assert_nothing(target: &str, answer: &Answer) {
    assert!(!answer.text().contains(SECRET), "{target}: {answer:?}");
    match answer.status {
        301 | 308 => assert!(answer.the("location").starts_with('/'), "{target}: {answer:?}"),
        400 | 404 | 405 => {}
        _ => panic!("{target}: {answer:?}"),
    }
}

/// Every path with a step up, or many, in each of its parts.
fn targets() -> Vec<String> {
    let digest = sha256(b"content");
    let mut targets = Vec::new();
    for step in STEPS {
        for up in [step.to_owned(), step.repeat(8)] {
            targets.extend([
                format!("/v2/{up}etc/passwd"),
                format!("/{up}v2/a/tags/list"),
                format!("/v2/{up}secret/tags/list"),
                format!("/v2/a/{up}b/tags/list"),
                format!("/v2/a/b/{up}tags/list"),
                format!("/v2/a/b/manifests/{up}secret"),
                format!("/v2/a/b/manifests/{up}"),
                format!("/v2/a/b/blobs/{up}secret"),
                format!("/v2/a/b/blobs/sha256:{up}{}", &digest[7..]),
                format!("/v2/a/b/blobs/{digest}/{up}secret"),
                format!("/v2/a/b/blobs/uploads/{up}secret"),
                format!("/v2/a/b/referrers/{up}secret"),
                format!("/v2/a/b/referrers/sha256:{up}{}", &digest[7..]),
            ]);
        }
    }
    targets
}

#[test]
fn no_step_up_leaves_the_store() {
    let folder = scratch();
    fs::write(folder.path().join("secret"), SECRET).unwrap();
    fs::create_dir_all(folder.path().join("a/store")).unwrap();
    fs::write(folder.path().join("a/secret"), SECRET).unwrap();
    let server = Server::wharf(&Settings::filesystem_at(&folder.path().join("a/store")));
    server.push_blob("a/b", "content");
    let before = tree(folder.path());
    for target in targets() {
        for method in ["GET", "HEAD", "DELETE"] {
            assert_nothing(&target, &server.send(&Request::new(method, &target)));
        }
        for method in ["PUT", "PATCH", "POST"] {
            let request = Request::new(method, &target).header("Content-Type", OCI_MANIFEST).body("{}");
            assert_nothing(&target, &server.send(&request));
        }
    }
    assert_eq!(tree(folder.path()), before);
}

#[test]
fn no_step_up_in_a_parameter_leaves_the_store() {
    let folder = scratch();
    fs::write(folder.path().join("secret"), SECRET).unwrap();
    let server = Server::wharf(&Settings::filesystem_at(&folder.path().join("store")));
    let digest = server.push_blob("a/b", "content");
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"a/b","digest":"{digest}","size":7}},"layers":[]}}"#
    );
    server.put_manifest("a/b", "v1", OCI_MANIFEST, manifest.clone()).assert_status(201);
    for step in STEPS {
        let up = step.repeat(8);
        for target in ["/v2/a/b/tags/list?last=", "/v2/_catalog?last=", "/v2/_catalog?n=1&last="] {
            let answer = server.get(&format!("{target}{up}secret"));
            assert!([200, 400].contains(&answer.status), "{target}{up}: {answer:?}");
            assert!(!answer.text().contains("secret\""), "{target}{up}: {answer:?}");
        }
        let mount = format!("/v2/a/c/blobs/uploads/?mount={digest}&from={up}a/b");
        let answer = server.send(&Request::post(&mount));
        assert!([202, 400].contains(&answer.status), "{mount}: {answer:?}");
        let closing = with_query(&server.open_upload("a/b"), &format!("digest=sha256:{up}{}", &digest[7..]));
        assert_eq!(server.send(&Request::put(&closing).body("x")).status, 400, "{closing}");
        let tagged = format!("{}?tag={up}secret", sha256(manifest.as_bytes()));
        assert_eq!(
            server.put_manifest("a/b", &tagged, OCI_MANIFEST, manifest.clone()).status,
            400,
            "{tagged}"
        );
    }
    let outside =
        tree(folder.path()).into_keys().filter(|path| !path.starts_with("store/")).collect::<Vec<_>>();
    assert_eq!(outside, ["secret"]);
}
