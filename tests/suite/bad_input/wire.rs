//! Requests that are no HTTP, or too much of it.

use wharf_tests::{Connection, OCI_MANIFEST, Request, Server, Settings, sha256};

use super::assert_memory_flat;

over_local_drivers![
    a_head_that_is_too_large_is_refused,
    no_input_begins_a_header_of_an_answer,
    garbage_after_a_request_does_not_harm_its_answer,
    many_requests_in_a_row_are_answered_in_their_order,
    what_is_no_http_is_refused,
    a_length_that_can_be_read_in_two_ways_is_refused,
    an_unknown_method_is_not_allowed,
];

#[track_caller]
fn assert_alive(server: &Server) {
    server.get("/v2/").assert_status(200);
}

/// Sends bytes and gives the status of the first answer; none when the connection was closed without one.
fn status(server: &Server, bytes: &[u8]) -> Option<u16> {
    let mut connection = server.connect();
    let _cut_off_early = connection.raw(bytes);
    let _already_gone = connection.finish_sending();
    connection.answer("GET").ok().map(|answer| answer.status)
}

fn a_head_that_is_too_large_is_refused(settings: &Settings) {
    let server = Server::wharf(settings);
    let fits = Request::get("/v2/").header("X-Large", "x".repeat(30_000));
    server.send(&fits).assert_status(200);
    assert_memory_flat(&server, || {
        for length in [70_000, 200_000, 2_000_000] {
            let one = Request::get("/v2/").header("X-Large", "x".repeat(length));
            let many = (0..length / 100)
                .fold(Request::get("/v2/"), |request, n| request.header(&format!("X-{n}"), "x".repeat(90)));
            let target = Request::get(&format!("/v2/{}/tags/list", "x".repeat(length)));
            for (request, statuses) in [(one, [431, 400]), (many, [431, 400]), (target, [431, 414])] {
                let mut connection = server.connect();
                let _cut_off_early = connection.send(&request);
                let answer = connection.answer("GET").unwrap_or_else(|error| panic!("{length}: {error}"));
                assert!(statuses.contains(&answer.status), "{length}: {answer:?}");
            }
        }
    });
    assert_alive(&server);
}

fn no_input_begins_a_header_of_an_answer(settings: &Settings) {
    let server = Server::wharf(settings);
    let attack = "%0d%0aX-Injected:%20yes%0d%0a%0d%0a<html>";
    let digest = server.push_blob("a/b", "{}");
    let targets = [
        format!("/v2/{attack}/tags/list"),
        format!("/v2//{attack}/tags/list"),
        format!("/{attack}//v2/"),
        format!("/v2/a/b/manifests/{attack}"),
        format!("/v2/a/b/blobs/{attack}"),
        format!("/v2/a/b/tags/list?n=1&last={attack}"),
        format!("/v2/_catalog?last={attack}&n=1"),
        format!("/v2/a/b/referrers/{digest}?artifactType={attack}"),
    ];
    for target in targets {
        let answer = server.get(&target);
        assert!(answer.header("x-injected").is_none(), "{target}: {answer:?}");
    }
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"a/b","digest":"{digest}","size":2}},"layers":[]}}"#
    );
    let tagged = format!("{}?tag={attack}", sha256(manifest.as_bytes()));
    let answer = server.put_manifest("a/b", &tagged, OCI_MANIFEST, manifest);
    assert_eq!((answer.status, answer.header("x-injected")), (400, None));
    for (name, value) in [
        ("Host", "a\"><x>"),
        ("X-Forwarded-Host", "evil.example/\\path?<script>"),
        ("X-Forwarded-Proto", "javascript"),
        ("Forwarded", "host=\"a b\";proto=\"x y\""),
    ] {
        let answer = server.send(&Request::post("/v2/a/b/blobs/uploads/").header(name, value));
        assert!([202, 400].contains(&answer.status), "{name}: {answer:?}");
        if let Some(location) = answer.header("location") {
            assert!(!location.contains(['<', '>', '"', ' ', '\\']), "{name}: {location}");
        }
    }
}

fn garbage_after_a_request_does_not_harm_its_answer(settings: &Settings) {
    let server = Server::wharf(settings);
    let digest = server.push_blob("a/b", "content");
    for garbage in [
        "garbage garbage\r\n\r\n",
        "\0\u{1}\u{2}\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /v2/ HTTP/1.1\r\nBad Name: x\r\n\r\n",
    ] {
        let mut connection = server.connect();
        let first = format!("GET /v2/a/b/blobs/{digest} HTTP/1.1\r\nHost: a\r\n\r\n{garbage}");
        connection.raw(first.as_bytes()).unwrap();
        assert_eq!(connection.answer("GET").unwrap().expect(200).body, "content", "{garbage:?}");
        let second = connection.answer("GET").map(|answer| answer.status).ok();
        assert!(second.is_none_or(|status| [400, 505].contains(&status)), "{garbage:?}: {second:?}");
        assert_eq!(connection.rest().unwrap_or_default(), b"", "{garbage:?}: the connection is over");
    }
    assert_alive(&server);
}

fn many_requests_in_a_row_are_answered_in_their_order(settings: &Settings) {
    let server = Server::wharf(settings);
    let blobs: Vec<String> = (0..50).map(|n| server.push_blob("a/b", format!("content {n}"))).collect();
    let mut connection: Connection = server.connect();
    let head = |digest: &String| format!("GET /v2/a/b/blobs/{digest} HTTP/1.1\r\nHost: a\r\n\r\n");
    connection.raw(blobs.iter().map(head).collect::<String>().as_bytes()).unwrap();
    for n in 0..blobs.len() {
        assert_eq!(connection.answer("GET").unwrap().expect(200).text(), format!("content {n}"));
    }
}

fn what_is_no_http_is_refused(settings: &Settings) {
    let server = Server::wharf(settings);
    let cases: [&[u8]; 12] = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.0\r\n",
        b"GET /v2/\r\n\r\n",
        b"GET /v2/ HTTP/9.9\r\nHost: a\r\n\r\n",
        b"GET  HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v2/ a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
        b"GET /v2/ HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        b"\xff\xfe /v2/ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
    ];
    for case in cases {
        let status = status(&server, case);
        assert!(
            status.is_none_or(|status| (400..=505).contains(&status)),
            "{}: {status:?}",
            case.escape_ascii()
        );
    }
    assert_alive(&server);
}

fn a_length_that_can_be_read_in_two_ways_is_refused(settings: &Settings) {
    let server = Server::wharf(settings);
    let cases = [
        "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "Content-Length: +5\r\n\r\nhello",
        "Content-Length: -5\r\n\r\nhello",
        "Content-Length: 5,6\r\n\r\nhello",
        "Content-Length: 0x5\r\n\r\nhello",
        "Content-Length: 99999999999999999999999\r\n\r\nhello",
        "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ];
    for case in cases {
        let head = "POST /v2/a/b/blobs/uploads/ HTTP/1.1\r\nHost: a\r\n";
        let status = status(&server, format!("{head}{case}").as_bytes());
        assert!(status.is_none_or(|status| [400, 501].contains(&status)), "{case:?}: {status:?}");
    }
    // Both at once: the chunks count (RFC 9112, section 6.3), and what follows them is the next request or nothing.
    let both = "POST /v2/a/b/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let status = status(&server, both.as_bytes());
    assert!(status.is_none_or(|status| [202, 400].contains(&status)), "{status:?}");
    assert_alive(&server);
}

fn an_unknown_method_is_not_allowed(settings: &Settings) {
    let server = Server::wharf(settings);
    for (method, target, allowed) in [
        ("BREW", "/v2/_catalog", "GET, HEAD"),
        ("PUT", "/v2/a/b/tags/list", "GET, HEAD"),
        ("PATCH", "/v2/a/b/manifests/v1", "DELETE, GET, HEAD, PUT"),
        ("TRACE", "/v2/a/b/manifests/v1", "DELETE, GET, HEAD, PUT"),
    ] {
        let answer = server.send(&Request::new(method, target)).expect(405);
        let mut said: Vec<&str> = answer.the("allow").split(", ").collect();
        said.sort_unstable();
        assert_eq!(said.join(", "), allowed, "{method} {target}");
    }
    assert_alive(&server);
}
