//! Uploads under way: what they tell, what they refuse, how they end.

use bytes::Bytes;
use wharf_tests::{Answer, Request, Server, Settings, noise, sha256, with_query};

over_every_driver![
    an_upload_says_how_far_it_is,
    a_chunk_out_of_order_is_refused_and_the_upload_lives_on,
    a_last_chunk_out_of_order_is_refused_and_the_upload_lives_on,
    a_wrong_digest_is_refused_and_the_right_one_is_not,
    an_upload_that_is_cancelled_is_gone,
    an_upload_belongs_to_its_repository,
    a_forged_state_opens_nothing,
    a_broken_connection_leaves_an_upload_that_can_go_on,
];

#[track_caller]
fn chunk(server: &Server, at: &str, range: &str, bytes: impl Into<Bytes>) -> Answer {
    server.send(&Request::patch(at).header("Content-Range", range).body(bytes))
}

#[track_caller]
fn close(server: &Server, at: &str, digest: &str, bytes: impl Into<Bytes>) -> Answer {
    server.send(&Request::put(&with_query(at, &format!("digest={digest}"))).body(bytes))
}

fn an_upload_says_how_far_it_is(settings: &Settings) {
    let server = Server::wharf(settings);
    let at = server.open_upload("a/b");
    let fresh = server.get(&at).expect(204);
    assert!(fresh.the("range").starts_with("0-"));
    let at = chunk(&server, &at, "0-99", noise(1, 100)).expect(202).location();
    for method in ["GET", "HEAD"] {
        let answer = server.send(&Request::new(method, &at)).expect(204);
        assert_eq!(answer.the("range"), "0-99");
        assert!(answer.body.is_empty());
        assert_eq!(answer.location().split('?').next(), at.split('?').next());
    }
}

fn a_chunk_out_of_order_is_refused_and_the_upload_lives_on(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = Bytes::from(noise(2, 300));
    let first = server.open_upload("a/b");
    chunk(&server, &first, "100-199", bytes.slice(100..200)).assert_error(416, "RANGE_INVALID");
    let second = chunk(&server, &first, "0-99", bytes.slice(..100)).expect(202).location();
    // Too far, again the first one, and overlapping.
    for (range, part) in [("200-299", 200..300), ("0-99", 0..100), ("50-149", 50..150)] {
        let answer = chunk(&server, &second, range, bytes.slice(part));
        answer.assert_error(416, "RANGE_INVALID");
        assert_eq!(server.get(&second).expect(204).the("range"), "0-99", "{range}");
    }
    // An old URL says where its chunk begins, too.
    server.send(&Request::patch(&first).body(bytes.slice(100..200))).assert_error(416, "RANGE_INVALID");
    let second = server.get(&first).expect(204).location();
    let third = chunk(&server, &second, "100-299", bytes.slice(100..)).expect(202).location();
    close(&server, &third, &sha256(&bytes), "").assert_status(201);
}

fn a_last_chunk_out_of_order_is_refused_and_the_upload_lives_on(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = Bytes::from(noise(3, 200));
    let digest = sha256(&bytes);
    let at = chunk(&server, &server.open_upload("a/b"), "0-99", bytes.slice(..100)).expect(202).location();
    let closing = with_query(&at, &format!("digest={digest}"));
    let wrong = Request::put(&closing).header("Content-Range", "150-199").body(bytes.slice(150..));
    server.send(&wrong).assert_error(416, "RANGE_INVALID");
    let right = Request::put(&closing).header("Content-Range", "100-199").body(bytes.slice(100..));
    server.send(&right).assert_status(201);
}

fn a_wrong_digest_is_refused_and_the_right_one_is_not(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = noise(4, 1_000);
    let at = chunk(&server, &server.open_upload("a/b"), "0-999", bytes.clone()).expect(202).location();
    close(&server, &at, &sha256(b"other"), "").assert_error(400, "DIGEST_INVALID");
    for malformed in ["", "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "no-digest"] {
        close(&server, &at, malformed, "").assert_error(400, "DIGEST_INVALID");
    }
    server.send(&Request::put(&at)).assert_error(400, "DIGEST_INVALID");
    server.get(&format!("/v2/a/b/blobs/{}", sha256(b"other"))).assert_error(404, "BLOB_UNKNOWN");
    let at = server.get(&at).expect(204).location();
    close(&server, &at, &sha256(&bytes), "").assert_status(201);
}

fn an_upload_that_is_cancelled_is_gone(settings: &Settings) {
    let server = Server::wharf(settings);
    let at = chunk(&server, &server.open_upload("a/b"), "0-9", noise(5, 10)).expect(202).location();
    server.delete(&at).assert_status(204);
    server.get(&at).assert_error(404, "BLOB_UPLOAD_UNKNOWN");
    chunk(&server, &at, "10-19", noise(5, 10)).assert_error(404, "BLOB_UPLOAD_UNKNOWN");
    close(&server, &at, &sha256(b""), "").assert_error(404, "BLOB_UPLOAD_UNKNOWN");
}

fn an_upload_belongs_to_its_repository(settings: &Settings) {
    let server = Server::wharf(settings);
    let at = server.open_upload("a/b");
    let elsewhere = at.replace("/v2/a/b/", "/v2/a/c/");
    for answer in
        [chunk(&server, &elsewhere, "0-9", noise(5, 10)), server.delete(&elsewhere), server.get(&elsewhere)]
    {
        assert_eq!(answer.status, 404, "{answer:?}");
    }
    server.get(&at).assert_status(204);
}

fn a_forged_state_opens_nothing(settings: &Settings) {
    let server = Server::wharf(settings);
    let at = server.open_upload("a/b");
    let (path, state) = at.split_once("_state=").unwrap();
    let flipped = if state.starts_with('A') { "B" } else { "A" };
    let forged = format!("{path}_state={flipped}{}", &state[1..]);
    for at in [forged, path.trim_end_matches('?').to_owned(), format!("{path}_state=%00")] {
        chunk(&server, &at, "0-9", noise(6, 10)).assert_error(404, "BLOB_UPLOAD_INVALID");
        close(&server, &at, &sha256(b""), "").assert_error(404, "BLOB_UPLOAD_INVALID");
        server.delete(&at).assert_error(404, "BLOB_UPLOAD_INVALID");
    }
    server.get(&at).assert_status(204);
}

fn a_broken_connection_leaves_an_upload_that_can_go_on(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = Bytes::from(noise(7, 3_000_000));
    let at = server.open_upload("a/b");
    let mut connection = server.connect();
    let head = format!("PATCH {at} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", bytes.len());
    connection.raw(head.as_bytes()).unwrap();
    connection.raw(&bytes[..1_000_000]).unwrap();
    drop(connection);

    let mut status = server.get(&at).expect(204);
    for _ in 0..100 {
        std::thread::sleep(std::time::Duration::from_millis(20));
        let next = server.get(&at).expect(204);
        if next.the("range") == status.the("range") && next.the("range") != "0-0" {
            break;
        }
        status = next;
    }
    let status = server.get(&at).expect(204);
    let received: usize = status.the("range").strip_prefix("0-").unwrap().parse::<usize>().unwrap() + 1;
    // Nothing, or some of what was sent; never more.
    let received = if received == 1 { 0 } else { received };
    assert!(received <= 1_000_000, "{received}");
    let rest = Request::patch(&status.location()).body(bytes.slice(received..));
    let at = server.send(&rest).expect(202).location();
    close(&server, &at, &sha256(&bytes), "").assert_status(201);
}
