//! Names, tags and digests that are none.

use wharf_tests::{OCI_MANIFEST, Request, Server, Settings, sha256, with_query};

use super::assert_refused;

over_local_drivers![
    a_malformed_digest_is_a_bad_request,
    a_name_of_255_characters_is_a_name_and_a_longer_one_is_not,
    a_name_outside_the_grammar_is_refused,
    a_tag_outside_the_grammar_is_refused,
    a_parameter_that_makes_no_sense_is_refused,
];

fn malformed() -> Vec<String> {
    let hex = "0123456789abcdef".repeat(4);
    vec![
        "sha256:".to_owned(),
        "sha256:abc".to_owned(),
        format!("sha256:{}", &hex[1..]),
        format!("sha256:{hex}0"),
        format!("sha256:{}", hex.to_uppercase()),
        format!("sha256:{}g", &hex[1..]),
        format!("sha512:{hex}"),
        format!("md5:{}", &hex[..32]),
        format!("sha-256:{hex}"),
        format!("SHA256:{hex}"),
        format!("sha256:{hex}:{hex}"),
        format!("sha256%00:{hex}"),
        format!("sha256:{}%F0%9F%A6%80", &hex[4..]),
        format!("sha256:{}", "0".repeat(10_000)),
    ]
}

fn a_malformed_digest_is_a_bad_request(settings: &Settings) {
    let server = Server::wharf(settings);
    for digest in malformed() {
        for kind in ["blobs", "manifests", "referrers"] {
            let target = format!("/v2/a/b/{kind}/{digest}");
            assert_refused(&target, &server.get(&target), &[400, 404]);
            assert!([400, 404].contains(&server.head(&target).status), "HEAD {target}");
            if kind != "referrers" {
                assert_refused(&target, &server.delete(&target), &[400, 404]);
            }
        }
        let put = server.put_manifest("a/b", &digest, OCI_MANIFEST, "{}");
        assert_refused(&format!("PUT {digest}"), &put, &[400]);
        let closing = with_query(&server.open_upload("a/b"), &format!("digest={digest}"));
        assert_refused(&closing, &server.send(&Request::put(&closing).body("x")), &[400]);
        let single = format!("/v2/a/b/blobs/uploads/?digest={digest}");
        assert_refused(&single, &server.send(&Request::post(&single).body("x")), &[400]);
    }
}

/// A name of so many characters, in components that a file system can hold.
fn name_of(length: usize) -> String {
    let mut name = "ab/".repeat(length / 3);
    name.push_str(&"cde"[..length % 3]);
    name.trim_end_matches('/').to_owned()
}

fn a_name_of_255_characters_is_a_name_and_a_longer_one_is_not(settings: &Settings) {
    let server = Server::wharf(settings);
    let longest = [name_of(254) + "x", format!("a/{}", "b".repeat(253)), "c".repeat(255)];
    for name in &longest {
        assert_eq!(name.len(), 255);
        server.push_blob(name, "content");
        server.get(&format!("/v2/{name}/blobs/{}", sha256(b"content"))).assert_status(200);
    }
    for name in [
        name_of(256),
        format!("{}x", longest[1]),
        "c".repeat(256),
        "d".repeat(5_000),
        "e/".repeat(3_000) + "f",
    ] {
        let targets = [
            format!("/v2/{name}/tags/list"),
            format!("/v2/{name}/manifests/v1"),
            format!("/v2/{name}/blobs/{}", sha256(b"content")),
            format!("/v2/{name}/referrers/{}", sha256(b"content")),
        ];
        for target in targets {
            let answer = server.get(&target);
            answer.assert_error(400, "NAME_INVALID");
            assert!(answer.text().contains("255"), "{answer:?}");
        }
        let post = server.send(&Request::post(&format!("/v2/{name}/blobs/uploads/")));
        post.assert_error(400, "NAME_INVALID");
        server.put_manifest(&name, "v1", OCI_MANIFEST, "{}").assert_error(400, "NAME_INVALID");
    }
}

fn a_name_outside_the_grammar_is_refused(settings: &Settings) {
    let server = Server::wharf(settings);
    let names = [
        "A", "a/B", "a..b", "a._b", "-a", "a-", "a/-b", "a___b", "_a", "a_", ".a", "a.", "%C3%A4", "a%20b",
        "a%00b", "a:b", "a@b", "a~b", "a%0Ab", "a%3Fb", "a%23b", "a%25b", "%FF", "a*b",
    ];
    for name in names {
        let target = format!("/v2/{name}/tags/list");
        assert_refused(&target, &server.get(&target), &[400, 404]);
        let target = format!("/v2/{name}/blobs/uploads/");
        assert_refused(&target, &server.send(&Request::post(&target)), &[400, 404]);
    }
}

fn a_tag_outside_the_grammar_is_refused(settings: &Settings) {
    let server = Server::wharf(settings);
    server.push_blob("a/b", "{}");
    let longest = "x".repeat(128);
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"a/b","digest":"{}","size":2}},"layers":[]}}"#,
        sha256(b"{}")
    );
    server.put_manifest("a/b", &longest, OCI_MANIFEST, manifest.clone()).assert_status(201);
    let long = format!("{longest}x");
    for tag in
        [&long, "-a", ".a", "a%20b", "a%00", "%C3%A4", "a+b", "a@b", "a%2Fb", "a%0D%0AX-Y:z", "a,b", "%FF"]
    {
        let put = server.put_manifest("a/b", tag, OCI_MANIFEST, manifest.clone());
        assert_refused(tag, &put, &[400, 404]);
        assert_refused(tag, &server.get_manifest("a/b", tag), &[400, 404]);
        assert_refused(tag, &server.delete(&format!("/v2/a/b/manifests/{tag}")), &[400, 404]);
    }
}

fn a_parameter_that_makes_no_sense_is_refused(settings: &Settings) {
    let server = Server::wharf(settings);
    let long = format!("/v2/_catalog?last={}", "x".repeat(40_000));
    assert_refused("a long query", &server.get(&long), &[414]);
    for target in ["/v2/_catalog?n=%FF", "/v2/_catalog?n=1%00", "/v2/_catalog?n=", "/v2/a/b/tags/list?n=%"] {
        let answer = server.get(target);
        assert!([200, 400, 404].contains(&answer.status), "{target}: {answer:?}");
    }
    let many = format!("/v2/_catalog?{}", "n=1&".repeat(5_000));
    assert!([200, 400, 414].contains(&server.get(&many).status));
}
