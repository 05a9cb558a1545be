//! Images of today as clients of 2015 see them: the same document, to the digest, that Debian's registry makes.

use serde_json::{Value, json};
use wharf_tests::{Answer, DOCKER_LIST, DOCKER_MANIFEST, OCI_MANIFEST, Request, Server, Settings, sha256};

use super::{SIGNED, ask_as_then, enabled, told};
use crate::interop::docker_registry;

const EMPTY: &str = "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4";

/// Pushes an image of Docker's with this configuration and so many layers.
fn push(server: &Server, name: &str, tag: &str, config: &str, layers: usize) -> String {
    let config_digest = server.push_blob(name, config.to_owned());
    let layers: Vec<Value> = (0..layers)
        .map(|index| {
            let bytes = format!("layer {index}");
            let digest = server.push_blob(name, bytes.clone());
            json!({ "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": bytes.len(), "digest": digest })
        })
        .collect();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "layers": layers,
        "config": { "mediaType": "application/vnd.docker.container.image.v1+json", "size": config.len(), "digest": config_digest },
    });
    server
        .put_manifest(name, tag, DOCKER_MANIFEST, manifest.to_string())
        .expect(201)
        .the("docker-content-digest")
        .to_owned()
}

/// A step that made a layer, and one that did not.
const MADE: &str = r#"{"created":"2020-01-02T03:04:05.678900000Z","created_by":"/bin/sh -c #(nop) ADD"}"#;
const NOT_MADE: &str = r#"{"created":"2020-01-02T03:04:05+02:00","created_by":"CMD [\"sh\"]","empty_layer":true,"comment":"c","author":"a"}"#;

fn ids(count: usize) -> String {
    vec![format!("\"{EMPTY}\""); count].join(",")
}

fn image(more: &str, history: &[&str], layers: usize) -> (String, usize) {
    let (ids, history) = (ids(layers), history.join(","));
    let text = format!(
        r#"{{"architecture":"amd64"{more},"history":[{history}],"rootfs":{{"type":"layers","diff_ids":[{ids}]}}}}"#
    );
    (text, layers)
}

/// Configurations of every shape, each with the number of its layers.
fn shapes() -> Vec<(String, usize)> {
    let over = |base: &str| {
        let ids = ids(2);
        let rootfs = format!(r#"{{"base_layer":"{base}","diff_ids":[{ids}]}}"#);
        (format!(r#"{{"os":"windows","history":[{MADE},{MADE},{NOT_MADE}],"rootfs":{rootfs}}}"#), 2)
    };
    vec![
        image("", &[MADE], 1),
        image("", &[MADE, MADE], 2),
        image("", &[MADE, NOT_MADE], 1),
        image("", &[NOT_MADE, NOT_MADE, MADE], 1),
        image("", &[NOT_MADE], 0),
        image("", &[MADE], 3),
        over("windows/base"),
        over("<ä>"),
        (format!(r#"{{"history":[{{}},{{}}],"rootfs":{{"diff_ids":[{}]}}}}"#, ids(2)), 2),
    ]
}

/// Configurations of every kind of text.
fn texts() -> Vec<(String, usize)> {
    let ids = ids(1);
    vec![
        image("", &[r#"{"created_by":"x"}"#, r#"{"created":null}"#, MADE], 3),
        image(
            r#","author":"<a@b> & co","config":{"Env":["A=<>&"]}"#,
            &[r#"{"created_by":"sh -c a && b > c < d","comment":"</script>"}"#, MADE],
            2,
        ),
        image(
            ",\"x\":\"\u{2028}\u{2029}ä\u{1F600}\\u00e4\\ud83d\\ude00\"",
            &["{\"created_by\":\"\u{2028}ä\\u00e4\\u0001\\b\\f\\t\\/\u{7f}\"}", MADE],
            2,
        ),
        image(r#","n":[1000.0,12345678901234567890,1e400,-0,1E+2,0.10]"#, &[MADE, MADE], 2),
        image(
            r#","id":"mine","parent":"mine","throwaway":false,"<key>":1,"Zed":null,"created":"nonsense""#,
            &[MADE, MADE],
            2,
        ),
        (
            format!(
                "{{ \"z\" : {{ \"b\" : [ 1 , 2 ] , \"a\" : \"x y\" }} ,\n\t\"architecture\":\"arm\" , \
                 \"history\" : [ {MADE} ] ,\n \"rootfs\" : {{ \"diff_ids\" : [ {ids} ] }} }}\n"
            ),
            1,
        ),
    ]
}

#[test]
fn the_same_image_becomes_the_same_document_as_by_docker_registry() {
    let settings = enabled(Settings::filesystem());
    let ours = Server::wharf(&settings);
    let Some(theirs) = docker_registry(&settings) else { return };
    let mut differing = Vec::new();
    for (index, (config, layers)) in shapes().into_iter().chain(texts()).enumerate() {
        let (name, tag) = (format!("library/image-{index}"), format!("v{index}"));
        let [our, their] = [&ours, &theirs].map(|server| {
            push(server, &name, &tag, &config, layers);
            let answer = ask_as_then(server, &name, &tag);
            assert_eq!(answer.status, 200, "{config}: {}", answer.text());
            told(&answer)
        });
        if our.payload != their.payload {
            let [our, their] = [our, their].map(|read| String::from_utf8_lossy(&read.payload).into_owned());
            differing.push(format!("{config}:\n ours {our}\n theirs {their}"));
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn what_cannot_be_converted_is_refused_by_both() {
    let settings = enabled(Settings::filesystem());
    let ours = Server::wharf(&settings);
    let theirs = docker_registry(&settings);
    let step = r#"{"created":"2020-01-02T03:04:05Z"}"#;
    for (index, (config, layers)) in [
        ("{}".to_owned(), 1),
        ("no json".to_owned(), 1),
        (format!(r#"{{"history":[],"rootfs":{{"diff_ids":["{EMPTY}"]}}}}"#), 1),
        (format!(r#"{{"history":[{step}],"rootfs":{{"diff_ids":["{EMPTY}"]}}}}"#), 2),
        (format!(r#"{{"history":[{step},{step}],"rootfs":{{"diff_ids":["{EMPTY}"]}}}}"#), 1),
        (
            format!(
                r#"{{"history":[{{"created":"yesterday"}},{step}],"rootfs":{{"diff_ids":["{EMPTY}"]}}}}"#
            ),
            1,
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("bad-{index}");
        for server in [Some(&ours), theirs.as_ref()].into_iter().flatten() {
            push(server, &name, "v1", &config, layers);
            let answer = ask_as_then(server, &name, "v1");
            assert_eq!((answer.status, answer.code().as_str()), (400, "MANIFEST_INVALID"), "{config}");
        }
    }
}

#[test]
fn only_a_client_that_knows_nothing_newer_is_shown_schema_1() {
    let (config, layers) = image("", &[MADE, NOT_MADE], 1);
    let servers =
        [Settings::filesystem(), enabled(Settings::filesystem())].map(|settings| Server::wharf(&settings));
    for (server, is_enabled) in servers.iter().zip([false, true]) {
        let digest = push(server, "a", "v1", &config, layers);
        let ask = |accept: &[&str], reference: &str| -> Answer {
            let request = Request::get(&format!("/v2/a/manifests/{reference}"));
            server.send(&accept.iter().fold(request, |request, text| request.header("Accept", *text)))
        };
        for (accept, converts) in [
            (&[][..], is_enabled),
            (&["application/json"], is_enabled),
            (&[SIGNED], true),
            (&["application/vnd.docker.distribution.manifest.v1+json, application/json"], true),
            (&["*/*"], false),
            (&[SIGNED, DOCKER_MANIFEST], false),
            (&[SIGNED, OCI_MANIFEST], false),
            (&[SIGNED, "application/*"], false),
        ] {
            let answer = ask(accept, "v1").expect(200);
            let expected = if converts { SIGNED } else { DOCKER_MANIFEST };
            assert_eq!(answer.the("content-type"), expected, "{accept:?} {is_enabled}");
            assert_eq!(answer.the("vary"), "Accept");
            assert_eq!(answer.the("docker-content-digest") == digest, !converts);
            assert_eq!(ask(accept, &digest).expect(200).the("content-type"), DOCKER_MANIFEST, "by digest");
        }
        let shown = ask(&[SIGNED], "v1");
        let head = Request::head("/v2/a/manifests/v1").header("Accept", SIGNED);
        let head = server.send(&head).expect(200);
        assert_eq!(head.the("docker-content-digest"), shown.the("docker-content-digest"));
        assert_eq!(head.the("content-length"), shown.the("content-length"));
        let known = Request::get("/v2/a/manifests/v1").header("Accept", SIGNED);
        server.send(&known.header("If-None-Match", shown.the("etag"))).assert_status(304);
        let empty = server.get(&format!("/v2/a/blobs/{EMPTY}")).expect(200);
        assert_eq!((empty.body.len(), sha256(&empty.body)), (32, EMPTY.to_owned()));
        // Nothing of it is remembered as the manifest.
        assert_eq!(sha256(&ask(&[DOCKER_MANIFEST], "v1").body), digest);
        ask(&[], shown.the("docker-content-digest")).assert_error(404, "MANIFEST_UNKNOWN");
    }
}

#[test]
fn a_list_is_shown_as_the_image_for_the_usual_platform() {
    let settings = enabled(Settings::filesystem());
    let (config, layers) = image("", &[MADE, MADE], 2);
    let payloads = [Some(Server::wharf(&settings)), docker_registry(&settings)].map(|server| {
        let server = server?;
        let digest = push(&server, "a", "image", &config, layers);
        let size = server.get(&format!("/v2/a/manifests/{digest}")).body.len();
        let child = |architecture| json!({ "mediaType": DOCKER_MANIFEST, "digest": digest, "size": size,
            "platform": { "os": "linux", "architecture": architecture } });
        let list = json!({ "schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [child("arm64"), child("amd64")] });
        server.put_manifest("a", "list", DOCKER_LIST, list.to_string()).assert_status(201);
        let shown = told(&ask_as_then(&server, "a", "list"));
        assert!(String::from_utf8_lossy(&shown.payload).contains("\"tag\": \"list\""));
        Some(shown.payload)
    });
    if let [ours, Some(theirs)] = payloads {
        assert_eq!(ours, Some(theirs));
    }
}
