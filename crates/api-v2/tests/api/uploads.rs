//! Pushing blobs: in one request, in two, in chunks, from elsewhere; and everything that can go wrong in between.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use http::Request;
use http_body::Frame;
use http_body_util::StreamBody;
use wharf_digest::Algorithm;

use crate::support::{Registry, with};

const BYTES: &[u8] = b"0123456789";

fn digest() -> String {
    Algorithm::Sha256.digest(BYTES).to_string()
}

async fn patch(
    registry: &Registry,
    location: &str,
    range: Option<&str>,
    bytes: &[u8],
) -> crate::support::Answer {
    let headers: Vec<_> = range.map(|range| ("content-range", range)).into_iter().collect();
    registry.call("PATCH", location, &headers, bytes).await
}

async fn finish(registry: &Registry, location: &str, bytes: &[u8]) -> crate::support::Answer {
    registry.call("PUT", &with(location, &format!("digest={}", digest())), &[], bytes).await
}

#[tokio::test]
async fn a_blob_in_one_request_is_there() {
    let registry = Registry::new();
    let answer =
        registry.call("POST", &format!("/v2/a/b/blobs/uploads/?digest={}", digest()), &[], BYTES).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("docker-content-digest"), digest());
    assert_eq!(answer.header("location"), format!("http://registry.example/v2/a/b/blobs/{}", digest()));
    assert_eq!(registry.get(&answer.location()).await.body, BYTES);
}

#[tokio::test]
async fn a_digest_without_a_body_begins_an_upload() {
    let registry = Registry::new();
    let answer =
        registry.call("POST", &format!("/v2/a/b/blobs/uploads/?digest={}", digest()), &[], b"").await;
    assert_eq!(answer.status, 202);
    assert_eq!(finish(&registry, &answer.location(), BYTES).await.status, 201);
}

#[tokio::test]
async fn a_blob_in_two_requests_is_there() {
    let registry = Registry::new();
    let location = registry.start_upload("a/b").await;
    let answer = finish(&registry, &location, BYTES).await;
    assert_eq!(answer.status, 201);
    assert_eq!(registry.get(&answer.location()).await.body, BYTES);
    let gone = registry.get(&location).await;
    assert_eq!(gone.failure(), (404, "BLOB_UPLOAD_UNKNOWN".into()));
}

#[tokio::test]
async fn a_blob_in_chunks_is_there() {
    let registry = Registry::new();
    let location = registry.start_upload("a/b").await;
    let first = patch(&registry, &location, Some("0-3"), &BYTES[..4]).await;
    assert_eq!((first.status.as_u16(), first.header("range")), (202, "0-3"));
    let second = patch(&registry, &first.location(), Some("bytes 4-6/10"), &BYTES[4..7]).await;
    assert_eq!((second.status.as_u16(), second.header("range")), (202, "0-6"));
    let answer = finish(&registry, &second.location(), &BYTES[7..]).await;
    assert_eq!(answer.status, 201);
    assert_eq!(registry.get(&answer.location()).await.body, BYTES);
}

#[tokio::test]
async fn another_algorithm_goes_through_from_end_to_end() {
    let registry = Registry::new();
    let digest = Algorithm::Sha512.digest(BYTES);
    for hint in ["", "?digest-algorithm=sha512"] {
        let start = registry.call("POST", &format!("/v2/a/b/blobs/uploads/{hint}"), &[], b"").await;
        let answer =
            registry.call("PUT", &with(&start.location(), &format!("digest={digest}")), &[], BYTES).await;
        assert_eq!(answer.header("docker-content-digest"), digest.to_string());
        assert_eq!(registry.get(&answer.location()).await.body, BYTES);
    }
}

#[tokio::test]
async fn what_a_begun_upload_says_is_where_to_go_on() {
    let registry = Registry::with(|options| options.chunk_min_bytes = Some(5));
    let answer = registry.call("POST", "/v2/a/b/blobs/uploads/", &[], b"").await;
    assert_eq!((answer.status.as_u16(), answer.header("range")), (202, "0-0"));
    assert_eq!(answer.header("oci-chunk-min-length"), "5");
    let id = answer.header("docker-upload-uuid").to_owned();
    assert!(answer.location().starts_with(&format!("/v2/a/b/blobs/uploads/{id}?_state=")));
    for method in ["GET", "HEAD"] {
        let status = registry.call(method, &format!("/v2/a/b/blobs/uploads/{id}"), &[], b"").await;
        assert_eq!((status.status.as_u16(), status.header("range")), (204, "0-0"));
        assert_eq!(status.header("docker-upload-uuid"), id);
        assert_eq!(status.header("content-length"), "");
    }
}

#[tokio::test]
async fn a_chunk_out_of_order_is_told_where_to_go_on() {
    let registry = Registry::new();
    let location = registry.start_upload("a/b").await;
    let first = patch(&registry, &location, Some("0-3"), &BYTES[..4]).await.location();
    for range in ["0-3", "5-8", "3-6", "9-4", "nonsense", "-5"] {
        let answer = patch(&registry, &first, Some(range), &BYTES[..4]).await;
        assert_eq!(answer.failure(), (416, "RANGE_INVALID".into()), "{range}");
        assert_eq!(answer.header("range"), "0-3", "{range}");
    }
    let refused = registry
        .call("PUT", &with(&first, &format!("digest={}", digest())), &[("content-range", "5-9")], &BYTES[5..])
        .await;
    assert_eq!(refused.failure(), (416, "RANGE_INVALID".into()));
    let answer = finish(&registry, &refused.location(), &BYTES[4..]).await;
    assert_eq!(answer.status, 201, "the upload lives on: {answer:?}");
}

#[tokio::test]
async fn a_stale_location_is_416_and_the_answer_has_a_fresh_one() {
    let registry = Registry::new();
    let stale = registry.start_upload("a/b").await;
    patch(&registry, &stale, None, &BYTES[..4]).await;
    let answer = patch(&registry, &stale, None, &BYTES[4..]).await;
    assert_eq!(answer.failure(), (416, "RANGE_INVALID".into()));
    assert_eq!(answer.header("range"), "0-3");
    assert_eq!(finish(&registry, &answer.location(), &BYTES[4..]).await.status, 201);
}

#[tokio::test]
async fn a_chunk_that_says_where_it_begins_may_come_by_a_stale_location() {
    let registry = Registry::new();
    let stale = registry.start_upload("a/b").await;
    patch(&registry, &stale, None, &BYTES[..4]).await;
    let answer = patch(&registry, &stale, Some("4-9"), &BYTES[4..]).await;
    assert_eq!((answer.status.as_u16(), answer.header("range")), (202, "0-9"));
}

#[tokio::test]
async fn a_lost_answer_does_not_lose_the_upload() {
    let registry = Registry::new();
    let location = registry.start_upload("a/b").await;
    patch(&registry, &location, None, &BYTES[..4]).await;
    let status = registry.get(&location).await;
    assert_eq!((status.status.as_u16(), status.header("range")), (204, "0-3"));
    assert_eq!(finish(&registry, &status.location(), &BYTES[4..]).await.status, 201);
}

#[tokio::test]
async fn lengths_that_disagree_are_refused() {
    let registry = Registry::new();
    let location = registry.start_upload("a/b").await;
    let answer = patch(&registry, &location, Some("0-7"), &BYTES[..4]).await;
    assert_eq!(answer.failure(), (400, "SIZE_INVALID".into()));
    let answer = registry.call("PATCH", &location, &[("content-length", "20")], BYTES).await;
    assert_eq!(answer.failure(), (400, "SIZE_INVALID".into()), "fewer bytes than announced are no success");
    let answer = registry
        .call("PUT", &with(&location, &format!("digest={}", digest())), &[("content-length", "20")], BYTES)
        .await;
    assert_eq!(answer.status.as_u16() / 100, 4);
    let answer = registry
        .call(
            "POST",
            &format!("/v2/a/b/blobs/uploads/?digest={}", digest()),
            &[("content-length", "20")],
            BYTES,
        )
        .await;
    assert_eq!(answer.failure(), (400, "SIZE_INVALID".into()));
}

#[tokio::test]
async fn a_chunk_of_unknown_length_must_fill_its_range() {
    let registry = Registry::new();
    for (range, status) in [("0-4", 400), ("0-20", 400), ("0-9", 202)] {
        let location = registry.start_upload("a/b").await;
        let pieces = [Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(BYTES)))];
        let request = Request::patch(&location).header("content-range", range);
        let request = request.body(StreamBody::new(futures_util::stream::iter(pieces))).unwrap();
        assert_eq!(registry.api.answer(request).await.status(), status, "{range}");
    }
}

#[tokio::test]
async fn a_wrong_digest_is_400_and_leaves_the_upload() {
    let registry = Registry::new();
    let wrong = Algorithm::Sha256.digest(b"other");
    let location = registry.start_upload("a/b").await;
    let location = patch(&registry, &location, None, BYTES).await.location();
    let answer = registry.call("PUT", &with(&location, &format!("digest={wrong}")), &[], b"").await;
    assert_eq!(answer.failure(), (400, "DIGEST_INVALID".into()));
    assert_eq!(finish(&registry, &location, b"").await.status, 201);
    let answer = registry.call("POST", &format!("/v2/a/b/blobs/uploads/?digest={wrong}"), &[], BYTES).await;
    assert_eq!(answer.failure(), (400, "DIGEST_INVALID".into()));
}

#[tokio::test]
async fn a_digest_that_is_missing_or_malformed_leaves_the_upload() {
    let registry = Registry::new();
    let location = registry.start_upload("a/b").await;
    let cases = [
        ("", "digest missing"),
        ("digest=x", "digest parsing failed"),
        ("digest=md5:00", "digest parsing failed"),
    ];
    for (parameter, detail) in cases {
        let answer = registry.call("PUT", &with(&location, parameter), &[], BYTES).await;
        assert_eq!(answer.failure(), (400, "DIGEST_INVALID".into()), "{parameter}");
        assert_eq!(answer.detail(), detail, "{parameter}");
    }
    assert_eq!(finish(&registry, &location, BYTES).await.status, 201);
}

#[tokio::test]
async fn malformed_parameters_of_a_beginning_are_400() {
    let registry = Registry::new();
    for query in [
        "digest=sha256:abc",
        "digest=md5:00",
        "mount=nonsense",
        "digest-algorithm=md5",
        "digest-algorithm=%zz",
    ] {
        let answer = registry.call("POST", &format!("/v2/a/b/blobs/uploads/?{query}"), &[], BYTES).await;
        assert_eq!(answer.status, 400, "{query}");
    }
}

#[tokio::test]
async fn a_state_is_needed_and_must_be_of_this_upload() {
    let registry = Registry::new();
    let location = registry.start_upload("a/b").await;
    let other = registry.start_upload("a/b").await;
    let (path, state) = location.split_once('?').unwrap();
    let (_, foreign) = other.split_once('?').unwrap();
    let mut bytes = URL_SAFE.decode(state.strip_prefix("_state=").unwrap().replace("%3D", "=")).unwrap();
    bytes[40] ^= 1;
    let tampered = format!("_state={}", URL_SAFE.encode(bytes));
    for query in ["", "_state=", "_state=nonsense", foreign, &tampered] {
        for method in ["PATCH", "PUT", "DELETE"] {
            let target = with(&format!("{path}?{query}"), &format!("digest={}", digest()));
            let answer = registry.call(method, &target, &[], BYTES).await;
            assert_eq!(answer.failure(), (404, "BLOB_UPLOAD_INVALID".into()), "{method} {query}");
        }
    }
    let elsewhere = location.replace("a/b", "a/c");
    assert_eq!(
        patch(&registry, &elsewhere, None, BYTES).await.failure(),
        (404, "BLOB_UPLOAD_INVALID".into())
    );
    assert_eq!(finish(&registry, &location, BYTES).await.status, 201);
}

#[tokio::test]
async fn a_cancelled_upload_is_gone() {
    let registry = Registry::new();
    let stale = registry.start_upload("a/b").await;
    patch(&registry, &stale, None, BYTES).await;
    let answer = registry.call("DELETE", &stale, &[], b"").await;
    assert_eq!(answer.status, 204, "an old location is good enough to cancel");
    assert_eq!(registry.get(&stale).await.failure(), (404, "BLOB_UPLOAD_UNKNOWN".into()));
    assert_eq!(
        registry.call("DELETE", &stale, &[], b"").await.failure(),
        (404, "BLOB_UPLOAD_UNKNOWN".into())
    );
    assert_eq!(patch(&registry, &stale, None, BYTES).await.failure(), (404, "BLOB_UPLOAD_UNKNOWN".into()));
}

#[tokio::test]
async fn an_id_that_is_none_names_no_upload() {
    let registry = Registry::new();
    for id in ["nobody", "b=", "8b1f4a6e-0f4b-4c3e-9a57-1f3c2d5e6f70"] {
        let answer = registry.get(&format!("/v2/a/b/blobs/uploads/{id}")).await;
        assert_eq!(answer.failure(), (404, "BLOB_UPLOAD_UNKNOWN".into()), "{id}");
    }
}

#[tokio::test]
async fn a_form_is_blob_bytes_like_any_other() {
    let registry = Registry::new();
    let form = format!("digest={}&_state=x", digest());
    let expected = Algorithm::Sha256.digest(form.as_bytes());
    let location = registry.start_upload("a/b").await;
    let target = with(&location, &format!("digest={expected}"));
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let answer = registry.call("PUT", &target, &headers, form.as_bytes()).await;
    assert_eq!(answer.status, 201);
    assert_eq!(registry.get(&answer.location()).await.text(), form);
}

#[tokio::test]
async fn a_blob_is_mounted_with_and_without_its_source() {
    let registry = Registry::new();
    let digest = registry.push_blob("source", BYTES).await;
    for (target, query) in [("target", "&from=source"), ("anonymous", "")] {
        let answer = registry
            .call("POST", &format!("/v2/{target}/blobs/uploads/?mount={digest}{query}"), &[], b"")
            .await;
        assert_eq!(answer.status, 201, "{query}");
        assert_eq!(answer.header("docker-content-digest"), digest.to_string());
        assert_eq!(answer.header("content-length"), "0");
        assert_eq!(registry.get(&answer.location()).await.body, BYTES);
    }
}

#[tokio::test]
async fn what_cannot_be_mounted_can_be_pushed() {
    for from in ["&from=nobody", "&from=Not%20a%20Name", "&from=", ""] {
        let registry = Registry::new();
        let answer = registry
            .call("POST", &format!("/v2/a/b/blobs/uploads/?mount={}{from}", digest()), &[], b"")
            .await;
        assert_eq!(answer.status, 202, "{from}");
        assert_eq!(finish(&registry, &answer.location(), BYTES).await.status, 201, "{from}");
    }
}

#[tokio::test]
async fn replicas_with_the_same_secret_accept_each_others_locations() {
    let registry = Registry::new();
    let location = registry.start_upload("a/b").await;
    let stranger = Registry::with(|options| options.secret = b"other".to_vec());
    let sibling = Registry::new();
    assert_eq!(patch(&stranger, &location, None, BYTES).await.failure(), (404, "BLOB_UPLOAD_INVALID".into()));
    assert_eq!(patch(&sibling, &location, None, BYTES).await.failure(), (404, "BLOB_UPLOAD_UNKNOWN".into()));
}
