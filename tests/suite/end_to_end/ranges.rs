//! Parts of blobs.

use bytes::Bytes;
use wharf_tests::{Answer, Request, Server, Settings, noise};

over_every_driver![
    a_range_is_a_part_of_the_blob,
    a_range_that_no_byte_is_in_is_refused,
    what_is_no_range_of_bytes_gets_the_whole_blob,
    several_ranges_come_in_one_answer,
    a_range_of_a_blob_that_changed_is_the_whole_blob,
];

const SIZE: usize = 100_000;

fn pushed(settings: &Settings) -> (Server, String, Bytes) {
    let server = Server::wharf(settings);
    let bytes = Bytes::from(noise(1, SIZE));
    let digest = server.push_blob("a/b", bytes.clone());
    (server, format!("/v2/a/b/blobs/{digest}"), bytes)
}

#[track_caller]
fn ranged(server: &Server, target: &str, range: &str) -> Answer {
    server.send(&Request::get(target).header("Range", range))
}

fn a_range_is_a_part_of_the_blob(settings: &Settings) {
    let (server, target, bytes) = pushed(settings);
    let cases = [
        ("bytes=500-1499", 500..1_500),
        ("bytes=0-0", 0..1),
        ("bytes=500-", 500..SIZE),
        ("bytes=-500", SIZE - 500..SIZE),
        ("bytes=99000-200000", 99_000..SIZE),
        ("bytes=-200000", 0..SIZE),
        ("bytes=70000-99999", 70_000..SIZE),
    ];
    for (range, part) in cases {
        let answer = ranged(&server, &target, range).expect(206);
        assert!(answer.body == bytes[part.clone()], "{range}");
        assert_eq!(answer.the("content-length"), part.len().to_string(), "{range}");
        let content_range = format!("bytes {}-{}/{SIZE}", part.start, part.end - 1);
        assert_eq!(answer.the("content-range"), content_range, "{range}");
        assert_eq!(answer.the("docker-content-digest"), target.rsplit('/').next().unwrap());
    }
}

fn a_range_that_no_byte_is_in_is_refused(settings: &Settings) {
    let (server, target, _) = pushed(settings);
    for range in ["bytes=100000-", "bytes=100000-100001", "bytes=500-400", "bytes=-0"] {
        let answer = ranged(&server, &target, range).expect(416);
        assert_eq!(answer.the("content-range"), format!("bytes */{SIZE}"), "{range}");
        assert_eq!(answer.code(), "RANGE_INVALID");
        assert!(answer.header("etag").is_none());
    }
}

fn what_is_no_range_of_bytes_gets_the_whole_blob(settings: &Settings) {
    let (server, target, bytes) = pushed(settings);
    assert!(ranged(&server, &target, "lines=1-2").expect(200).body == bytes);
    let empty = server.push_blob("a/b", "");
    let answer = ranged(&server, &format!("/v2/a/b/blobs/{empty}"), "bytes=0-10");
    assert!([200, 416].contains(&answer.status), "{answer:?}");
}

fn several_ranges_come_in_one_answer(settings: &Settings) {
    let (server, target, bytes) = pushed(settings);
    let answer = ranged(&server, &target, "bytes=0-9, 50000-50099, -5").expect(206);
    let boundary =
        answer.the("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap().to_owned();
    assert_eq!(answer.the("content-length"), answer.body.len().to_string());
    let mut expected = Vec::new();
    for part in [0..10, 50_000..50_100, SIZE - 5..SIZE] {
        if !expected.is_empty() {
            expected.extend_from_slice(b"\r\n");
        }
        let range = format!("bytes {}-{}/{SIZE}", part.start, part.end - 1);
        let head = format!(
            "--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: {range}\r\n\r\n"
        );
        expected.extend_from_slice(head.as_bytes());
        expected.extend_from_slice(&bytes[part]);
    }
    expected.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert!(answer.body == expected, "{answer:?}");
}

fn a_range_of_a_blob_that_changed_is_the_whole_blob(settings: &Settings) {
    let (server, target, bytes) = pushed(settings);
    let etag = server.head(&target).the("etag").to_owned();
    let same = Request::get(&target).header("Range", "bytes=0-9").header("If-Range", &etag);
    assert_eq!(server.send(&same).expect(206).body, bytes[..10]);
    let other = Request::get(&target).header("Range", "bytes=0-9").header("If-Range", "\"sha256:other\"");
    assert_eq!(server.send(&other).expect(200).body.len(), SIZE);
}
