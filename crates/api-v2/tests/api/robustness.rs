//! Whatever comes in, something sensible goes out: never a panic, never a failure of ours for a fault of theirs.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use proptest::prelude::*;

use crate::support::Registry;

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn method() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec!["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"]).prop_map(str::to_owned),
        1 => "[A-Z]{1,8}",
    ]
}

fn path() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        prop::sample::select(vec![
            "v2",
            "_catalog",
            "a",
            "b",
            "tags",
            "list",
            "manifests",
            "blobs",
            "uploads",
            "referrers",
            "v1",
            "",
            ".",
            "..",
            DIGEST,
            "sha256:x",
            "%2F",
            "%0d%0a",
            "%ff",
            "%",
        ])
        .prop_map(str::to_owned),
        "[!-~&&[^?#]]{0,12}",
    ];
    let any = prop::collection::vec(part, 0..7).prop_map(|parts| format!("/{}", parts.join("/")));
    let routed = prop::sample::select(vec![
        "/v2/".to_owned(),
        "/v2/_catalog".to_owned(),
        "/v2/a/b/tags/list".to_owned(),
        "/v2/a/b/manifests/v1".to_owned(),
        format!("/v2/a/b/manifests/{DIGEST}"),
        format!("/v2/a/b/blobs/{DIGEST}"),
        "/v2/a/b/blobs/uploads/".to_owned(),
        "/v2/a/b/blobs/uploads/id".to_owned(),
        format!("/v2/a/b/referrers/{DIGEST}"),
    ]);
    prop_oneof![1 => any, 2 => routed]
}

fn query() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "n",
        "last",
        "digest",
        "mount",
        "from",
        "_state",
        "tag",
        "artifactType",
        "digest-algorithm",
        "ns",
        "x",
    ]);
    let value = prop_oneof![
        prop::sample::select(vec!["", "1", "-1", DIGEST, "sha512", "a/b", "%", "%00", "%0d%0a", "+"])
            .prop_map(str::to_owned),
        "[!-~&&[^#]]{0,16}",
    ];
    let pair = (key, value).prop_map(|(key, value)| format!("{key}={value}"));
    prop::collection::vec(pair, 0..4).prop_map(|pairs| pairs.join("&"))
}

fn header() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let name = prop::sample::select(vec![
        "accept",
        "authorization",
        "content-length",
        "content-range",
        "content-type",
        "expect",
        "forwarded",
        "host",
        "if-match",
        "if-none-match",
        "if-range",
        "range",
        "transfer-encoding",
        "user-agent",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
    ]);
    let value = prop_oneof![
        prop::sample::select(vec![
            "*",
            "0-0",
            "bytes=0-",
            "bytes 0-3/4",
            "18446744073709551615",
            "0-18446744073709551615"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(0x20_u8..=0xff, 0..24),
    ];
    (name, value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_request_makes_the_registry_fail(
        method in method(),
        path in path(),
        query in query(),
        headers in prop::collection::vec(header(), 0..4),
        body in prop::collection::vec(any::<u8>(), 0..16),
    ) {
        let Ok(uri) = format!("{path}?{query}").parse::<Uri>() else { return Ok(()) };
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = method.parse::<Method>().unwrap();
        *request.uri_mut() = uri;
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                request.headers_mut().append(HeaderName::from_static(name), value);
            }
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let answer = runtime.block_on(async {
            let registry = Registry::new();
            registry.push_blob("a/b", b"").await;
            registry.send(request).await
        });
        prop_assert!(answer.status.as_u16() < 500, "{:?}", answer);
        prop_assert!(!answer.headers.contains_key("x-injected"));
        if answer.status.is_client_error() && !answer.body.is_empty() {
            let errors = answer.json()["errors"].clone();
            prop_assert!(!errors.as_array().unwrap().is_empty());
        }
    }
}
