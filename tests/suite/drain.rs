//! The end of the program: it lets what is under way finish, and takes nothing new.

use std::thread::sleep;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::process::Signal;
use wharf_tests::{Connection, Request, Server, Settings, noise, sha256, with_query};

over_local_drivers![
    a_download_under_way_ends_whole,
    an_upload_under_way_ends_whole,
    a_connection_without_a_request_does_not_hold_it_up,
];

/// How long a program without work may take to end.
const AT_ONCE: Duration = Duration::from_secs(2);

fn until_it_refuses(server: &Server) {
    let until = Instant::now() + Duration::from_secs(5);
    while Connection::open(server.address()).is_ok() {
        assert!(Instant::now() < until, "it still takes connections");
        sleep(Duration::from_millis(10));
    }
}

/// Asks for a blob that no socket's buffers hold, and waits until it is coming.
fn begin_download(server: &Server, digest: &str) -> Connection {
    let mut connection = server.connect();
    connection.send(&Request::get(&format!("/v2/a/b/blobs/{digest}"))).unwrap();
    connection.answer_head().unwrap().assert_status(200);
    connection
}

fn a_download_under_way_ends_whole(settings: &Settings) {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::wharf(settings);
        let bytes = Bytes::from(noise(1, 60_000_000));
        let digest = server.push_blob("a/b", bytes.clone());
        let mut connection = begin_download(&server, &digest);
        server.signal(signal);
        until_it_refuses(&server);
        sleep(Duration::from_millis(300));
        assert!(server.runs(), "it ended with a download under way\n{}", server.log());
        let mut body = vec![0; bytes.len()];
        let mut at = 0;
        while at < body.len() {
            let read = connection.read(&mut body[at..]).unwrap();
            assert!(read > 0, "cut off after {at} of {} bytes\n{}", body.len(), server.log());
            at += read;
        }
        assert!(body == bytes);
        assert_eq!(connection.rest().unwrap(), b"", "nothing follows the body");
        assert!(server.wait().success(), "{}", server.log());
    }
}

fn an_upload_under_way_ends_whole(settings: &Settings) {
    let mut server = Server::wharf(settings);
    let bytes = Bytes::from(noise(2, 2_000_000));
    let digest = sha256(&bytes);
    let at = with_query(&server.open_upload("a/b"), &format!("digest={digest}"));
    let mut connection = server.connect();
    let head = format!("PUT {at} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", bytes.len());
    connection.raw(head.as_bytes()).unwrap();
    connection.raw(&bytes[..1_000_000]).unwrap();
    sleep(Duration::from_millis(300));
    server.signal(Signal::TERM);
    until_it_refuses(&server);
    connection.raw(&bytes[1_000_000..]).unwrap();
    connection.answer("PUT").unwrap().assert_status(201);
    assert!(server.wait().success(), "{}", server.log());
    if server.data().exists() {
        server.start_again();
        assert!(server.get(&format!("/v2/a/b/blobs/{digest}")).expect(200).body == bytes);
    }
}

fn a_connection_without_a_request_does_not_hold_it_up(settings: &Settings) {
    let mut server = Server::wharf(settings);
    let silent = server.connect();
    let mut kept = server.connect();
    kept.send(&Request::get("/v2/")).unwrap();
    kept.answer("GET").unwrap().assert_status(200);
    let began = Instant::now();
    assert!(server.terminate().success(), "{}", server.log());
    assert!(began.elapsed() < AT_ONCE, "it took {:?}", began.elapsed());
    drop((silent, kept));
}

#[test]
fn who_does_not_go_on_is_cut_off_after_the_configured_time() {
    let mut server = Server::wharf(&Settings::filesystem().with("http.draintimeout", "1s"));
    let digest = server.push_blob("a/b", noise(3, 60_000_000));
    let connection = begin_download(&server, &digest);
    let began = Instant::now();
    let status = server.terminate();
    assert!(status.success(), "{status}\n{}", server.log());
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(4), "it took {took:?}");
    drop(connection);
}
