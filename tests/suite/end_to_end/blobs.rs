//! Blobs, in every way that they can be pushed and pulled.

use bytes::Bytes;
use wharf_tests::{OCTET_STREAM, Request, Server, Settings, noise, sha256, sha384, sha512, with_query};

over_every_driver![
    a_blob_of_post_and_put_comes_back,
    a_blob_of_chunks_comes_back,
    a_blob_of_unknown_length_comes_back,
    a_blob_of_a_single_post_comes_back,
    a_blob_can_be_closed_by_its_last_chunk,
    an_empty_blob_is_a_blob,
    a_blob_keeps_the_digest_that_it_was_pushed_with,
    a_head_is_a_get_without_its_body,
    a_blob_is_in_no_repository_but_its_own,
    a_large_blob_comes_back,
    a_blob_can_be_pushed_twice_and_by_two_at_once,
];

#[track_caller]
fn assert_pulled(server: &Server, repository: &str, digest: &str, bytes: &[u8]) {
    let answer = server.get(&format!("/v2/{repository}/blobs/{digest}")).expect(200);
    assert!(answer.body == bytes, "{} bytes instead of {}, or others", answer.body.len(), bytes.len());
    assert_eq!(answer.the("content-length"), bytes.len().to_string());
    assert_eq!(answer.the("content-type"), OCTET_STREAM);
    assert_eq!(answer.the("docker-content-digest"), digest);
    assert_eq!(answer.the("etag"), format!("\"{digest}\""));
    assert_eq!(answer.the("accept-ranges"), "bytes");
    assert_eq!(answer.the("docker-distribution-api-version"), "registry/2.0");
}

fn a_blob_of_post_and_put_comes_back(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = Bytes::from(noise(1, 100_000));
    let digest = sha256(&bytes);
    let opened = server.send(&Request::post("/v2/a/b/blobs/uploads/")).expect(202);
    assert!(opened.the("range").starts_with("0-"));
    assert!(opened.location().contains(opened.the("docker-upload-uuid")));

    let closing = with_query(&opened.location(), &format!("digest={digest}"));
    let closed = server
        .send(&Request::put(&closing).header("Content-Type", OCTET_STREAM).body(bytes.clone()))
        .expect(201);
    assert_eq!(closed.the("docker-content-digest"), digest);
    assert_eq!(closed.location(), format!("/v2/a/b/blobs/{digest}"));
    assert!(closed.body.is_empty());
    assert_pulled(&server, "a/b", &digest, &bytes);
}

fn a_blob_of_chunks_comes_back(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = Bytes::from(noise(2, 300_001));
    let digest = sha256(&bytes);
    let mut at = server.open_upload("a/b");
    for start in (0..bytes.len()).step_by(100_000) {
        let end = bytes.len().min(start + 100_000);
        let chunk = Request::patch(&at).header("Content-Range", format!("{start}-{}", end - 1));
        let answer = server
            .send(&chunk.header("Content-Type", OCTET_STREAM).body(bytes.slice(start..end)))
            .expect(202);
        assert_eq!(answer.the("range"), format!("0-{}", end - 1));
        at = answer.location();
    }
    server.send(&Request::put(&with_query(&at, &format!("digest={digest}")))).assert_status(201);
    assert_pulled(&server, "a/b", &digest, &bytes);
    assert_eq!(server.get(&at).status, 404, "a closed upload is gone");
}

fn a_blob_of_unknown_length_comes_back(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = Bytes::from(noise(3, 200_000));
    let digest = sha256(&bytes);
    let pieces: Vec<Bytes> = bytes.chunks(7_001).map(Bytes::copy_from_slice).collect();
    let at = server.open_upload("a/b");
    let answer =
        server.send(&Request::patch(&at).header("Content-Type", OCTET_STREAM).pieces(pieces)).expect(202);
    assert_eq!(answer.the("range"), "0-199999");
    server
        .send(&Request::put(&with_query(&answer.location(), &format!("digest={digest}"))))
        .assert_status(201);
    assert_pulled(&server, "a/b", &digest, &bytes);
}

fn a_blob_of_a_single_post_comes_back(settings: &Settings) {
    let server = Server::wharf(settings);
    for bytes in [noise(4, 50_000), b"x".to_vec()] {
        let digest = sha256(&bytes);
        let post = Request::post(&format!("/v2/a/b/blobs/uploads/?digest={digest}"))
            .header("Content-Type", OCTET_STREAM);
        let answer = server.send(&post.body(bytes.clone())).expect(201);
        assert_eq!(answer.location(), format!("/v2/a/b/blobs/{digest}"));
        assert_pulled(&server, "a/b", &digest, &bytes);
    }
}

fn a_blob_can_be_closed_by_its_last_chunk(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = Bytes::from(noise(5, 20_000));
    let digest = sha256(&bytes);
    let first = Request::patch(&server.open_upload("a/b"))
        .header("Content-Range", "0-9999")
        .body(bytes.slice(..10_000));
    let at = with_query(&server.send(&first).expect(202).location(), &format!("digest={digest}"));
    let last = Request::put(&at).header("Content-Range", "10000-19999").body(bytes.slice(10_000..));
    server.send(&last).assert_status(201);
    assert_pulled(&server, "a/b", &digest, &bytes);
}

fn an_empty_blob_is_a_blob(settings: &Settings) {
    let server = Server::wharf(settings);
    let digest = server.push_blob("a/b", "");
    assert_pulled(&server, "a/b", &digest, b"");
}

fn a_blob_keeps_the_digest_that_it_was_pushed_with(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = noise(6, 30_000);
    for digest in [sha512(&bytes), sha384(&bytes), sha256(&bytes)] {
        // Without a word about the algorithm before the end.
        let closing = with_query(&server.open_upload("a/b"), &format!("digest={digest}"));
        let closed = server.send(&Request::put(&closing).body(bytes.clone())).expect(201);
        assert_eq!(closed.the("docker-content-digest"), digest);
        assert_pulled(&server, "a/b", &digest, &bytes);
    }
    let hinted = server.send(&Request::post("/v2/a/c/blobs/uploads/?digest-algorithm=sha512")).expect(202);
    let closing = with_query(&hinted.location(), &format!("digest={}", sha512(&bytes)));
    server.send(&Request::put(&closing).body(bytes.clone())).assert_status(201);
    assert_pulled(&server, "a/c", &sha512(&bytes), &bytes);
    let answer = server.send(&Request::post("/v2/a/c/blobs/uploads/?digest-algorithm=md5"));
    answer.assert_error(400, "DIGEST_INVALID");
}

fn a_head_is_a_get_without_its_body(settings: &Settings) {
    let server = Server::wharf(settings);
    let digest = server.push_blob("a/b", noise(7, 10_000));
    let target = format!("/v2/a/b/blobs/{digest}");
    let (head, get) = (server.head(&target).expect(200), server.get(&target).expect(200));
    assert_eq!(head.steady_headers(), get.steady_headers());
    let unknown = format!("/v2/a/b/blobs/{}", sha256(b"unknown"));
    server.head(&unknown).assert_status(404);
    server.get(&unknown).assert_error(404, "BLOB_UNKNOWN");
}

fn a_blob_is_in_no_repository_but_its_own(settings: &Settings) {
    let server = Server::wharf(settings);
    let digest = server.push_blob("a/b", "secret");
    for _ in 0..2 {
        server.get(&format!("/v2/a/b/blobs/{digest}")).assert_status(200);
        server.get(&format!("/v2/a/c/blobs/{digest}")).assert_error(404, "BLOB_UNKNOWN");
        server.get(&format!("/v2/a/blobs/{digest}")).assert_error(404, "BLOB_UNKNOWN");
    }
}

fn a_large_blob_comes_back(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = Bytes::from(noise(8, 40_000_000));
    let digest = server.push_blob("a/b", bytes.clone());
    assert_pulled(&server, "a/b", &digest, &bytes);
}

fn a_blob_can_be_pushed_twice_and_by_two_at_once(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = Bytes::from(noise(9, 500_000));
    std::thread::scope(|scope| {
        for repository in ["a/b", "a/b", "a/c", "a/d"] {
            let (server, bytes) = (&server, bytes.clone());
            scope.spawn(move || server.push_blob(repository, bytes));
        }
    });
    for repository in ["a/b", "a/c", "a/d"] {
        assert_pulled(&server, repository, &sha256(&bytes), &bytes);
    }
}
