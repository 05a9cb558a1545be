//! Bodies that are broken, too large, or not what was announced.

use bytes::Bytes;
use wharf_tests::{
    DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, OCTET_STREAM, Request, Server, Settings, noise, sha256,
    with_query,
};

use super::{assert_memory_flat, assert_refused};

over_local_drivers![
    a_manifest_that_is_no_manifest_is_refused,
    a_manifest_of_a_type_that_nobody_knows_is_refused,
    a_manifest_of_nearly_4_mib_is_taken,
    a_manifest_of_100_mb_is_refused_and_the_client_sees_it,
    a_body_shorter_than_announced_is_refused,
    a_body_longer_than_announced_is_refused,
    a_content_range_that_lies_is_refused,
    a_chunked_body_that_breaks_off_is_refused,
];

fn manifest(config: &str) -> String {
    format!(r#"{{"schemaVersion":2,"config":{config},"layers":[]}}"#)
}

fn a_manifest_that_is_no_manifest_is_refused(settings: &Settings) {
    let server = Server::wharf(settings);
    server.push_blob("a/b", "{}");
    let digest = sha256(b"{}");
    let whole = manifest(&format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":2}}"#));
    server.put_manifest("a/b", "v1", OCI_MANIFEST, whole.clone()).assert_status(201);
    let mut bad: Vec<Vec<u8>> =
        (0..whole.len()).step_by(7).map(|end| whole.as_bytes()[..end].to_vec()).collect();
    let config = |text: &str| manifest(text).into_bytes();
    bad.extend([
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\"text\"".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        "[".repeat(1_000_000).into_bytes(),
        format!("{{\"a\":{}", "{\"a\":".repeat(100_000)).into_bytes(),
        format!("{whole}{whole}").into_bytes(),
        whole.replace("\"schemaVersion\":2", "\"schemaVersion\":1").into_bytes(),
        whole.replace("\"schemaVersion\":2", "\"schemaVersion\":\"2\"").into_bytes(),
        whole.replace("\"layers\":[]", "\"layers\":{}").into_bytes(),
        whole.replace("\"layers\":[]", "\"layers\":[],\"manifests\":[]").into_bytes(),
        config("7"),
        config(r#"{"mediaType":"a/b","digest":"sha256:abc","size":2}"#),
        config(&format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":-1}}"#)),
        config(&format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":1e400}}"#)),
        config(&format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":99999999999999999999999}}"#)),
        config(&format!(r#"{{"mediaType":7,"digest":"{digest}","size":2}}"#)),
        config(&format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":3}}"#)),
    ]);
    assert_memory_flat(&server, || {
        for body in &bad {
            let excerpt = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
            let answer = server.put_manifest("a/b", "v2", OCI_MANIFEST, body.clone());
            assert_refused(&excerpt, &answer, &[400]);
            assert!(answer.code().starts_with("MANIFEST_"), "{excerpt}: {answer:?}");
            assert!(answer.json()["errors"][0]["detail"].is_string(), "{excerpt}: {answer:?}");
        }
    });
    server.get_manifest("a/b", "v2").assert_error(404, "MANIFEST_UNKNOWN");
}

fn a_manifest_of_a_type_that_nobody_knows_is_refused(settings: &Settings) {
    let server = Server::wharf(settings);
    server.push_blob("a/b", "{}");
    let whole = manifest(&format!(r#"{{"mediaType":"a/b","digest":"{}","size":2}}"#, sha256(b"{}")));
    for media_type in
        ["text/html", "no type at all", "application/octet-stream", OCI_INDEX, DOCKER_MANIFEST, "\u{e9}/x"]
    {
        let answer = server.put_manifest("a/b", "v1", media_type, whole.clone());
        answer.assert_error(400, "MANIFEST_INVALID");
    }
    let typed = whole.replacen('{', &format!(r#"{{"mediaType":"{OCI_INDEX}","#), 1);
    server.put_manifest("a/b", "v1", OCI_MANIFEST, typed).assert_error(400, "MANIFEST_INVALID");
}

/// A manifest of exactly so many bytes.
fn manifest_of(server: &Server, length: usize) -> String {
    let digest = server.push_blob("a/b", "{}");
    let config = format!(r#"{{"mediaType":"a/b","digest":"{digest}","size":2}}"#);
    let start = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[],"annotations":{{"a":""#);
    format!("{start}{}\"}}}}", "x".repeat(length - start.len() - 3))
}

fn a_manifest_of_nearly_4_mib_is_taken(settings: &Settings) {
    let server = Server::wharf(settings);
    let largest = manifest_of(&server, 4 << 20);
    server.put_manifest("a/b", "v1", OCI_MANIFEST, largest.clone()).assert_status(201);
    assert!(server.get_manifest("a/b", "v1").expect(200).text() == largest);
    let larger = manifest_of(&server, (4 << 20) + 1);
    let answer = server.put_manifest("a/b", "v2", OCI_MANIFEST, larger);
    answer.assert_error(413, "MANIFEST_INVALID");
}

fn a_manifest_of_100_mb_is_refused_and_the_client_sees_it(settings: &Settings) {
    let server = Server::wharf(settings);
    let huge = Bytes::from(manifest_of(&server, 100_000_000));
    let pieces: Vec<Bytes> = huge.chunks(65_536).map(Bytes::copy_from_slice).collect();
    let put = Request::put("/v2/a/b/manifests/v1").header("Content-Type", OCI_MANIFEST);
    assert_memory_flat(&server, || {
        for _ in 0..3 {
            server.send(&put.clone().body(huge.clone())).assert_error(413, "MANIFEST_INVALID");
            server.send(&put.clone().pieces(pieces.clone())).assert_error(413, "MANIFEST_INVALID");
        }
    });
    // A client that asks first is told before it has sent a byte.
    let mut connection = server.connect();
    let head = "PUT /v2/a/b/manifests/v1 HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 100000000\r\n\r\n";
    connection.raw(head.as_bytes()).unwrap();
    connection.answer("PUT").unwrap().assert_error(413, "MANIFEST_INVALID");
}

/// Sends a head and some bytes, says that nothing more will come, and reads the answer, if there is one.
fn cut_off(server: &Server, head: &str, body: &[u8]) -> Option<u16> {
    let mut connection = server.connect();
    connection.raw(format!("{head}\r\nHost: a\r\n").as_bytes()).unwrap();
    connection.raw(body).unwrap();
    connection.finish_sending().unwrap();
    connection.answer("PUT").ok().map(|answer| answer.status)
}

fn a_body_shorter_than_announced_is_refused(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = noise(1, 1_000);
    for digest in [sha256(&bytes), sha256(&bytes[..500])] {
        let closing = with_query(&server.open_upload("a/b"), &format!("digest={digest}"));
        let body = [b"Content-Length: 1000\r\n\r\n", &bytes[..500]].concat();
        let status = cut_off(&server, &format!("PUT {closing} HTTP/1.1"), &body);
        assert!(status.is_none_or(|status| (400..500).contains(&status)), "{status:?}");
        let single = format!("POST /v2/a/b/blobs/uploads/?digest={digest} HTTP/1.1");
        let status = cut_off(&server, &single, &body);
        assert!(status.is_none_or(|status| (400..500).contains(&status)), "{status:?}");
        server.get(&format!("/v2/a/b/blobs/{digest}")).assert_error(404, "BLOB_UNKNOWN");
    }
    let status = cut_off(&server, "PUT /v2/a/b/manifests/v1 HTTP/1.1", b"Content-Length: 1000\r\n\r\n{}");
    assert!(status.is_none_or(|status| (400..500).contains(&status)), "{status:?}");
    server.get_manifest("a/b", "v1").assert_status(404);
}

fn a_body_longer_than_announced_is_refused(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = noise(2, 1_000);
    let closing = with_query(&server.open_upload("a/b"), &format!("digest={}", sha256(&bytes)));
    let put = Request::put(&closing).header("Content-Length", "500").body(bytes.clone());
    let mut connection = server.connect();
    connection.send(&put).unwrap();
    connection.answer("PUT").unwrap().assert_error(400, "DIGEST_INVALID");
    // What follows is no request: it is refused, or not even answered.
    let next = connection.answer("GET").map(|answer| answer.status).ok();
    assert!(next.is_none_or(|status| status == 400), "{next:?}");
    server.get(&format!("/v2/a/b/blobs/{}", sha256(&bytes))).assert_error(404, "BLOB_UNKNOWN");
}

fn a_content_range_that_lies_is_refused(settings: &Settings) {
    let server = Server::wharf(settings);
    let at = server.open_upload("a/b");
    let patch = |range: &str| {
        let request = Request::patch(&at).header("Content-Type", OCTET_STREAM).header("Content-Range", range);
        server.send(&request.body(noise(3, 100)))
    };
    patch("0-49").assert_error(400, "SIZE_INVALID");
    patch("0-199").assert_error(400, "SIZE_INVALID");
    for range in ["99-0", "100-199", "-1-98", "a-b", "0", "0-99-", "0-18446744073709551616", "\u{e9}"] {
        assert_refused(range, &patch(range), &[400, 416]);
    }
    let status = server.get(&at).expect(204);
    assert_eq!(status.the("range"), "0-0", "nothing was kept");
    patch("0-99").assert_status(202);
}

fn a_chunked_body_that_breaks_off_is_refused(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = noise(4, 100);
    let digest = sha256(&bytes);
    for end in ["", "0", "0\r\n", "zz\r\n\r\n", "-1\r\n\r\n", "ffffffffffffffff1\r\n"] {
        let closing = with_query(&server.open_upload("a/b"), &format!("digest={digest}"));
        let mut body = b"Transfer-Encoding: chunked\r\n\r\n64\r\n".to_vec();
        body.extend_from_slice(&bytes);
        body.extend_from_slice(format!("\r\n{end}").as_bytes());
        let status = cut_off(&server, &format!("PUT {closing} HTTP/1.1"), &body);
        assert!(status.is_none_or(|status| (400..500).contains(&status)), "{end:?}: {status:?}");
        server.get(&format!("/v2/a/b/blobs/{digest}")).assert_error(404, "BLOB_UNKNOWN");
    }
}
