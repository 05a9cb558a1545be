//! Connections: what stays on them, and how long small answers take.

use std::time::{Duration, Instant};

use wharf_tests::{OCI_MANIFEST, Request, Server, Settings, noise, sha256};

over_every_driver![
    one_connection_serves_many_requests,
    a_body_that_nobody_wanted_does_not_end_the_connection,
    a_client_that_wants_to_close_is_obeyed,
    small_answers_do_not_wait_for_an_acknowledgement,
];

fn one_connection_serves_many_requests(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = noise(1, 300_000);
    let digest = server.push_blob("a/b", bytes.clone());
    let mut connection = server.connect();
    for round in 0..20 {
        let blob = format!("/v2/a/b/blobs/{digest}");
        let requests = [
            (Request::get("/v2/"), 200),
            (Request::get(&blob), 200),
            (Request::head(&blob), 200),
            (Request::get(&blob).header("Range", "bytes=5-9"), 206),
            (Request::get("/v2/a/b/manifests/unknown"), 404),
            (Request::post("/v2/a/b/blobs/uploads/"), 202),
            (Request::get(&blob).header("If-None-Match", "*"), 304),
            (Request::new("BREW", "/v2/"), 405),
        ];
        for (request, status) in requests {
            connection.send(&request).unwrap();
            let answer =
                connection.answer(request.method()).unwrap_or_else(|error| panic!("{round}: {error}"));
            answer.assert_status(status);
            assert!(answer.body.len() < 1_000 || answer.body == bytes);
        }
    }
}

fn a_body_that_nobody_wanted_does_not_end_the_connection(settings: &Settings) {
    let server = Server::wharf(settings);
    let mut connection = server.connect();
    for _ in 0..5 {
        let unwanted = Request::put("/v2/a/b/manifests/v1").header("Content-Type", OCI_MANIFEST);
        connection.send(&unwanted.body(vec![b'x'; 100_000])).unwrap();
        connection.answer("PUT").unwrap().assert_error(400, "MANIFEST_INVALID");
        let unwanted = Request::patch("/v2/a/b/blobs/uploads/unknown").body(noise(1, 1_000_000));
        connection.send(&unwanted).unwrap();
        connection.answer("PATCH").unwrap().assert_status(404);
        connection.send(&Request::new("GET", "/v2/").body("x")).unwrap();
        connection.answer("GET").unwrap().assert_status(200);
    }
}

fn a_client_that_wants_to_close_is_obeyed(settings: &Settings) {
    let server = Server::wharf(settings);
    let digest = server.push_blob("a/b", "content");
    for head in ["HTTP/1.1\r\nHost: a\r\nConnection: close", "HTTP/1.0\r\nHost: a"] {
        let mut connection = server.connect();
        connection.raw(format!("GET /v2/a/b/blobs/{digest} {head}\r\n\r\n").as_bytes()).unwrap();
        let said = String::from_utf8(connection.rest().unwrap()).unwrap();
        assert!(said.contains(" 200 OK\r\n") && said.ends_with("\r\n\r\ncontent"), "{said}");
    }
}

/// Nagle's algorithm on our side and delayed acknowledgements on the other would hold each of these up for 40 ms.
fn small_answers_do_not_wait_for_an_acknowledgement(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = noise(2, 4_096);
    let blob = Request::get(&format!("/v2/a/b/blobs/{}", server.push_blob("a/b", bytes.clone())));
    let chunk = sha256(&bytes);
    let post = Request::post(&format!("/v2/a/b/blobs/uploads/?digest={chunk}")).body(bytes);
    for (request, status) in [(blob, 200), (post, 201)] {
        let mut connection = server.connect();
        let mut times: Vec<Duration> = (0..30)
            .map(|_| {
                let began = Instant::now();
                connection.send(&request).unwrap();
                connection.answer(request.method()).unwrap().assert_status(status);
                began.elapsed()
            })
            .collect();
        times.sort();
        assert!(times[5] < Duration::from_millis(30), "{request:?}: {times:?}");
    }
}
