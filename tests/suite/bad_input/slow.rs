//! Clients that take their time, on servers that give them little.

use std::io::ErrorKind;
use std::thread::sleep;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wharf_tests::{Connection, Request, Server, Settings, noise, sha256, with_query};

over_local_drivers![
    a_head_that_does_not_end_is_given_up,
    a_body_that_does_not_move_is_given_up,
    a_body_that_moves_is_not_given_up,
    a_reader_that_does_not_read_is_given_up,
    a_connection_without_a_request_is_closed,
    more_connections_than_are_configured_wait,
];

/// How long a limit of one second may take to be noticed.
const NOTICED: Duration = Duration::from_secs(6);

fn impatient(settings: &Settings) -> Server {
    let limits = serde_json::json!({ "header": "1s", "idle": "1s", "stall": "1s", "minrate": 1000 });
    Server::wharf(&settings.clone().with("http.limits", limits))
}

/// Waits until the other side closes, and gives what it said before.
#[track_caller]
fn closed_within(connection: &mut Connection, limit: Duration) -> Vec<u8> {
    let began = Instant::now();
    connection.socket().set_read_timeout(Some(limit)).unwrap();
    let rest = connection.rest();
    let closed = match &rest {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    };
    assert!(closed && began.elapsed() < limit, "not closed after {:?}: {rest:?}", began.elapsed());
    rest.unwrap_or_default()
}

fn a_head_that_does_not_end_is_given_up(settings: &Settings) {
    let server = impatient(settings);
    let mut silent = server.connect();
    silent.raw(b"GET /v2/ HTTP/1.1\r\nHost: a\r\n").unwrap();
    closed_within(&mut silent, NOTICED);
    // A byte now and then does not help.
    let mut dripping = server.connect();
    let began = Instant::now();
    dripping.raw(b"GET /v2/ HTTP/1.1\r\nX: ").unwrap();
    while dripping.raw(b"x").is_ok() {
        assert!(began.elapsed() < NOTICED, "a dripping head is still read");
        sleep(Duration::from_millis(100));
    }
    server.get("/v2/").assert_status(200);
}

fn a_body_that_does_not_move_is_given_up(settings: &Settings) {
    let server = impatient(settings);
    let bytes = Bytes::from(noise(1, 100_000));
    let at = server.open_upload("a/b");
    let mut connection = server.connect();
    connection
        .raw(format!("PATCH {at} HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n").as_bytes())
        .unwrap();
    connection.raw(&bytes[..50_000]).unwrap();
    let said = closed_within(&mut connection, NOTICED);
    if !said.is_empty() {
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.starts_with("HTTP/1.1 4"), "{said}");
    }
    // The upload can go on from where it is.
    let status = server.get(&at).expect(204);
    let last: usize = status.the("range").strip_prefix("0-").unwrap().parse().unwrap();
    let received = if last == 0 { 0 } else { last + 1 };
    let rest = Request::patch(&status.location()).body(bytes.slice(received..));
    let at = server.send(&rest).expect(202).location();
    server.send(&Request::put(&with_query(&at, &format!("digest={}", sha256(&bytes))))).assert_status(201);
}

fn a_body_that_moves_is_not_given_up(settings: &Settings) {
    let server = impatient(settings);
    let bytes = noise(2, 30_000);
    let at = with_query(&server.open_upload("a/b"), &format!("digest={}", sha256(&bytes)));
    let mut connection = server.connect();
    connection
        .raw(format!("PUT {at} HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n").as_bytes())
        .unwrap();
    // Ten thousand bytes a second, for three times as long as one may stand still.
    for piece in bytes.chunks(1_000) {
        connection.raw(piece).unwrap();
        sleep(Duration::from_millis(100));
    }
    connection.answer("PUT").unwrap().assert_status(201);
}

fn a_reader_that_does_not_read_is_given_up(settings: &Settings) {
    let server = impatient(settings);
    let digest = server.push_blob("a/b", noise(3, 50_000_000));
    let mut connection = server.connect();
    connection.send(&Request::get(&format!("/v2/a/b/blobs/{digest}"))).unwrap();
    connection.answer_head().unwrap().assert_status(200);
    sleep(NOTICED);
    let mut read = 0;
    let mut buffer = vec![0; 1 << 20];
    while let Ok(some) = connection.read(&mut buffer) {
        if some == 0 {
            break;
        }
        read += some;
    }
    assert!(read < 50_000_000, "it was still served");
    server.get("/v2/").assert_status(200);
}

fn a_connection_without_a_request_is_closed(settings: &Settings) {
    let server = impatient(settings);
    let mut fresh = server.connect();
    let mut used = server.connect();
    used.send(&Request::get("/v2/")).unwrap();
    used.answer("GET").unwrap().assert_status(200);
    assert_eq!(closed_within(&mut used, NOTICED), b"");
    closed_within(&mut fresh, NOTICED);
}

fn more_connections_than_are_configured_wait(settings: &Settings) {
    let server = Server::wharf(&settings.clone().with("http.limits.connections", 2));
    let (mut first, mut second, mut third) = (server.connect(), server.connect(), server.connect());
    for connection in [&mut first, &mut second] {
        connection.send(&Request::get("/v2/")).unwrap();
        connection.answer("GET").unwrap().assert_status(200);
    }
    third.send(&Request::get("/v2/")).unwrap();
    third.socket().set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert!(third.answer("GET").is_err(), "a third one was served");
    drop(first);
    let mut fourth = server.connect();
    fourth.send(&Request::get("/v2/")).unwrap();
    third.socket().set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    third.answer("GET").unwrap().assert_status(200);
    drop((second, third));
    fourth.answer("GET").unwrap().assert_status(200);
}
