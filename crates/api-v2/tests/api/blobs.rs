//! Reading and deleting blobs: whole, in ranges, on conditions, and elsewhere.

use wharf_digest::Algorithm;
use wharf_storage_driver::{MemoryDriver, Redirected};

use crate::support::{Registry, request};

const BYTES: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

async fn with_blob() -> (Registry, String, String) {
    let registry = Registry::new();
    let digest = registry.push_blob("a/b", BYTES).await;
    (registry, format!("/v2/a/b/blobs/{digest}"), digest.to_string())
}

#[tokio::test]
async fn a_blob_is_served_with_everything_that_says_what_it_is() {
    let (registry, path, digest) = with_blob().await;
    let answer = registry.get(&path).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, BYTES);
    assert_eq!(answer.header("content-type"), "application/octet-stream");
    assert_eq!(answer.header("content-length"), BYTES.len().to_string());
    assert_eq!(answer.header("docker-content-digest"), digest);
    assert_eq!(answer.header("etag"), format!("\"{digest}\""));
    assert_eq!(answer.header("cache-control"), "max-age=31536000");
    assert_eq!(answer.header("accept-ranges"), "bytes");
}

#[tokio::test]
async fn every_form_of_a_range_is_served_exactly() {
    let (registry, path, _) = with_blob().await;
    let cases = [
        ("bytes=5-9", 5..10),
        ("bytes=30-", 30..36),
        ("bytes=-4", 32..36),
        ("bytes=-400", 0..36),
        ("bytes=10-9999", 10..36),
        ("bytes=0-0", 0..1),
    ];
    for (range, expected) in cases {
        let answer = registry.call("GET", &path, &[("range", range)], b"").await;
        assert_eq!(answer.status, 206, "{range}");
        assert_eq!(answer.body, BYTES[expected.clone()], "{range}");
        assert_eq!(answer.header("content-length"), expected.len().to_string(), "{range}");
        let content_range = format!("bytes {}-{}/36", expected.start, expected.end - 1);
        assert_eq!(answer.header("content-range"), content_range, "{range}");
    }
}

#[tokio::test]
async fn ranges_that_do_not_exist_are_not_satisfiable() {
    let (registry, path, _) = with_blob().await;
    for range in ["bytes=36-", "bytes=100-200", "bytes=9-5", "bytes=-0", "bytes=x-y"] {
        let answer = registry.call("GET", &path, &[("range", range)], b"").await;
        assert_eq!(answer.failure(), (416, "RANGE_INVALID".into()), "{range}");
        assert_eq!(answer.header("content-range"), "bytes */36", "{range}");
        assert_eq!(answer.header("etag"), "", "{range}");
    }
}

#[tokio::test]
async fn what_is_no_range_of_bytes_gives_everything() {
    let (registry, path, _) = with_blob().await;
    let many = format!("bytes={}", ["0-0"; 17].join(","));
    for range in ["lines=1-2", "nonsense", "bytes=0-35,0-35", &many] {
        let answer = registry.call("GET", &path, &[("range", range)], b"").await;
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, BYTES), "{range}");
    }
}

#[tokio::test]
async fn several_ranges_come_as_parts() {
    let (registry, path, _) = with_blob().await;
    let answer = registry.call("GET", &path, &[("range", "bytes=0-2,-2, 10-10")], b"").await;
    assert_eq!(answer.status, 206);
    let content_type = answer.header("content-type").to_owned();
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let part = |range: &str, bytes: &str| {
        format!(
            "--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {range}/36\r\n\r\n{bytes}\r\n"
        )
    };
    let expected =
        [part("0-2", "012"), part("34-35", "yz"), part("10-10", "a"), format!("--{boundary}--\r\n")].concat();
    assert_eq!(answer.text(), expected);
    assert_eq!(answer.header("content-length"), expected.len().to_string());
    assert_eq!(answer.header("content-range"), "");
}

#[tokio::test]
async fn a_head_knows_no_range() {
    let (registry, path, digest) = with_blob().await;
    let answer = registry.call("HEAD", &path, &[("range", "bytes=0-1")], b"").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-length")), (200, "36"));
    assert_eq!(answer.header("docker-content-digest"), digest);
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn conditions_are_met_in_the_order_of_the_rfc() {
    let (registry, path, digest) = with_blob().await;
    let tag = format!("\"{digest}\"");
    let weak = format!("W/{tag}");
    let list = format!("\"other\", {weak}");
    let cases: &[(&[(&str, &str)], u16)] = &[
        (&[("if-none-match", &tag)], 304),
        (&[("if-none-match", &weak)], 304),
        (&[("if-none-match", &list)], 304),
        (&[("if-none-match", "*")], 304),
        (&[("if-none-match", "\"other\"")], 200),
        (&[("if-match", &tag)], 200),
        (&[("if-match", "*")], 200),
        (&[("if-match", &weak)], 412),
        (&[("if-match", "\"other\"")], 412),
        (&[("if-match", "\"other\""), ("if-none-match", &tag)], 412),
        (&[("if-range", &tag), ("range", "bytes=0-1")], 206),
        (&[("if-range", "\"other\""), ("range", "bytes=0-1")], 200),
        (&[("if-range", "Wed, 21 Oct 2015 07:28:00 GMT"), ("range", "bytes=0-1")], 200),
        (&[("if-none-match", &tag), ("range", "bytes=0-1")], 304),
    ];
    for (headers, status) in cases {
        let answer = registry.call("GET", &path, headers, b"").await;
        assert_eq!(answer.status, *status, "{headers:?}");
        let is_short = matches!(status, 304 | 412);
        assert_eq!(answer.body.is_empty(), is_short, "{headers:?}");
    }
}

#[tokio::test]
async fn the_empty_blob_is_a_blob() {
    let registry = Registry::new();
    let digest = registry.push_blob("a/b", b"").await;
    for range in ["", "bytes=0-", "bytes=0-5", "bytes=-1"] {
        let answer = registry.call("GET", &format!("/v2/a/b/blobs/{digest}"), &[("range", range)], b"").await;
        assert_eq!((answer.status.as_u16(), answer.header("content-length")), (200, "0"), "{range}");
    }
}

#[tokio::test]
async fn a_blob_is_answered_by_the_digest_it_was_asked_with() {
    let registry = Registry::new();
    let digest = Algorithm::Sha512.digest(BYTES);
    let pushed = registry.call("POST", &format!("/v2/a/b/blobs/uploads/?digest={digest}"), &[], BYTES).await;
    assert_eq!(pushed.header("docker-content-digest"), digest.to_string());
    let answer = registry.get(&pushed.location()).await;
    assert_eq!(answer.header("docker-content-digest"), digest.to_string());
    assert_eq!(answer.header("etag"), format!("\"{digest}\""));
}

#[tokio::test]
async fn an_unknown_blob_is_404_and_a_malformed_digest_is_400() {
    let registry = Registry::new();
    let digest = Algorithm::Sha256.digest(b"nobody");
    let answer = registry.get(&format!("/v2/a/b/blobs/{digest}")).await;
    assert_eq!(answer.failure(), (404, "BLOB_UNKNOWN".into()));
    assert_eq!(answer.detail(), digest.to_string());
    for digest in ["sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:"] {
        for method in ["GET", "DELETE"] {
            let answer = registry.call(method, &format!("/v2/a/b/blobs/{digest}"), &[], b"").await;
            assert_eq!(answer.status.as_u16() / 100, 4, "{method} {digest}");
        }
    }
}

#[tokio::test]
async fn a_blob_of_another_repository_is_unknown_here() {
    let (registry, path, _) = with_blob().await;
    let answer = registry.get(&path.replace("a/b", "a/c")).await;
    assert_eq!(answer.failure(), (404, "BLOB_UNKNOWN".into()));
}

#[tokio::test]
async fn a_deleted_blob_is_gone_at_once() {
    let (registry, path, _) = with_blob().await;
    registry.get(&path).await;
    let answer = registry.call("DELETE", &path, &[], b"").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-length")), (202, "0"));
    assert_eq!(registry.get(&path).await.status, 404);
    assert_eq!(registry.call("DELETE", &path, &[], b"").await.failure(), (404, "BLOB_UNKNOWN".into()));
}

#[tokio::test]
async fn a_registry_that_does_not_delete_says_so() {
    let registry =
        Registry::with_storage(|_| {}, |storage| storage.deletes = wharf_storage::Deletes::Refused);
    let digest = registry.push_blob("a/b", BYTES).await;
    let answer = registry.send(request("DELETE", &format!("/v2/a/b/blobs/{digest}"), &[], b"")).await;
    assert_eq!(answer.failure(), (405, "UNSUPPORTED".into()));
    assert_eq!(answer.header("allow"), "GET, HEAD");
}

#[tokio::test]
async fn a_client_is_sent_where_the_bytes_are() {
    let driver = Redirected::new(MemoryDriver::new(), "https://cdn.example/files").unwrap();
    let registry = Registry::over(driver, |_| {}, |_| {});
    let digest = registry.push_blob("a/b", BYTES).await;
    let path = format!("/v2/a/b/blobs/{digest}");
    let answer = registry.call("GET", &path, &[("range", "bytes=0-1")], b"").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-length")), (307, "0"));
    assert!(answer.header("location").starts_with("https://cdn.example/files/"), "{answer:?}");
    assert_eq!(answer.header("docker-content-digest"), digest.to_string());
    let tag = format!("\"{digest}\"");
    assert_eq!(registry.call("GET", &path, &[("if-none-match", &tag)], b"").await.status, 304);
    let head = registry.call("HEAD", &path, &[], b"").await;
    assert_eq!((head.status.as_u16(), head.header("content-length")), (200, "36"), "a store knows no digest");
}
