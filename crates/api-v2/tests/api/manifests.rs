//! Manifests: pushed, pulled, negotiated, deleted.

use serde_json::json;
use wharf_digest::Algorithm;

use crate::support::{
    Answer, DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Registry, descriptor, with,
};

async fn get(registry: &Registry, reference: &str, accept: &[&str]) -> Answer {
    let headers: Vec<_> = accept.iter().map(|accept| ("accept", *accept)).collect();
    registry.call("GET", &format!("/v2/a/b/manifests/{reference}"), &headers, b"").await
}

async fn put(registry: &Registry, reference: &str, content_type: &str, body: &[u8]) -> Answer {
    let path = format!("/v2/a/b/manifests/{reference}");
    registry.call("PUT", &path, &[("content-type", content_type)], body).await
}

#[tokio::test]
async fn a_manifest_comes_back_as_it_was_pushed() {
    let registry = Registry::new();
    let image = registry.image("a/b", "layer").await;
    let bytes = format!(" {image} \n");
    let pushed = put(&registry, "v1", OCI_MANIFEST, bytes.as_bytes()).await;
    let digest = Algorithm::Sha256.digest(bytes.as_bytes()).to_string();
    assert_eq!(pushed.status, 201);
    assert_eq!(pushed.header("docker-content-digest"), digest);
    assert_eq!(pushed.location(), format!("/v2/a/b/manifests/{digest}"));
    assert_eq!(pushed.header("oci-tag"), "");
    for reference in ["v1", &digest] {
        let answer = get(&registry, reference, &[]).await;
        assert_eq!(answer.text(), bytes);
        assert_eq!(answer.header("content-type"), OCI_MANIFEST);
        assert_eq!(answer.header("content-length"), bytes.len().to_string());
        assert_eq!(answer.header("docker-content-digest"), digest);
        assert_eq!(answer.header("etag"), format!("\"{digest}\""));
        assert_eq!(answer.header("vary"), "");
    }
}

#[tokio::test]
async fn a_manifest_is_pushed_by_the_digest_of_any_algorithm() {
    let registry = Registry::new();
    let image = registry.image("a/b", "layer").await.to_string();
    let digest = Algorithm::Sha512.digest(image.as_bytes()).to_string();
    let pushed = put(&registry, &digest, OCI_MANIFEST, image.as_bytes()).await;
    assert_eq!((pushed.status.as_u16(), pushed.header("docker-content-digest")), (201, digest.as_str()));
    assert_eq!(get(&registry, &digest, &[]).await.header("docker-content-digest"), digest);
    let wrong = Algorithm::Sha256.digest(b"other").to_string();
    assert_eq!(
        put(&registry, &wrong, OCI_MANIFEST, image.as_bytes()).await.failure(),
        (400, "DIGEST_INVALID".into())
    );
}

#[tokio::test]
async fn tags_in_the_query_are_set_and_named() {
    let registry = Registry::new();
    let image = registry.image("a/b", "layer").await.to_string();
    let digest = Algorithm::Sha256.digest(image.as_bytes()).to_string();
    let answer =
        put(&registry, &format!("{digest}?tag=1&tag=1.2&tag=1"), OCI_MANIFEST, image.as_bytes()).await;
    let tags: Vec<_> = answer.headers.get_all("oci-tag").iter().collect();
    assert_eq!(tags, ["1", "1.2"]);
    for tag in ["1", "1.2"] {
        assert_eq!(get(&registry, tag, &[]).await.header("docker-content-digest"), digest);
    }
}

#[tokio::test]
async fn too_many_or_malformed_tags_are_refused() {
    let registry = Registry::with(|options| options.limits.tag_parameters = 10);
    let image = registry.image("a/b", "layer").await.to_string();
    let digest = Algorithm::Sha256.digest(image.as_bytes()).to_string();
    let target =
        |count: usize| (0..count).fold(digest.clone(), |path, tag| with(&path, &format!("tag={tag}")));
    assert_eq!(put(&registry, &target(10), OCI_MANIFEST, image.as_bytes()).await.status, 201);
    assert_eq!(
        put(&registry, &target(11), OCI_MANIFEST, image.as_bytes()).await.failure(),
        (414, "TAG_INVALID".into())
    );
    let malformed = put(&registry, &format!("{digest}?tag=a/b"), OCI_MANIFEST, image.as_bytes()).await;
    assert_eq!(malformed.failure(), (400, "TAG_INVALID".into()));
}

#[tokio::test]
async fn a_subject_is_acknowledged_by_tag_and_by_digest() {
    let registry = Registry::new();
    let subject = Algorithm::Sha256.digest(b"not there");
    let mut image = registry.image("a/b", "layer").await;
    image["subject"] = descriptor(OCI_MANIFEST, &subject, 9);
    let image = image.to_string();
    let digest = Algorithm::Sha256.digest(image.as_bytes()).to_string();
    for reference in ["v1", &digest] {
        let answer = put(&registry, reference, OCI_MANIFEST, image.as_bytes()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("oci-subject")),
            (201, subject.to_string().as_str())
        );
    }
}

#[tokio::test]
async fn every_missing_blob_is_named() {
    let registry = Registry::new();
    let missing = Algorithm::Sha256.digest(b"missing");
    let other = Algorithm::Sha256.digest(b"other");
    let image = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", &missing, 7),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &other, 5)],
    });
    let answer = put(&registry, "v1", OCI_MANIFEST, image.to_string().as_bytes()).await;
    assert_eq!(answer.failure(), (400, "MANIFEST_BLOB_UNKNOWN".into()));
    let details: Vec<_> =
        answer.json()["errors"].as_array().unwrap().iter().map(|error| error["detail"].clone()).collect();
    assert_eq!(details, [missing.to_string(), other.to_string()]);
}

#[tokio::test]
async fn a_descriptor_that_lies_about_a_size_is_refused() {
    let registry = Registry::new();
    let mut image = registry.image("a/b", "layer").await;
    image["layers"][0]["size"] = json!(6);
    let answer = put(&registry, "v1", OCI_MANIFEST, image.to_string().as_bytes()).await;
    assert_eq!(answer.failure(), (400, "MANIFEST_INVALID".into()));
}

#[tokio::test]
async fn what_is_no_manifest_is_refused() {
    let registry = Registry::new();
    let image = registry.image("a/b", "layer").await.to_string();
    let cases: &[(&str, &[u8])] = &[
        (OCI_MANIFEST, b""),
        (OCI_MANIFEST, b"{"),
        (OCI_MANIFEST, b"[]"),
        (OCI_MANIFEST, b"\xff\xfe"),
        ("text/plain", b"{}"),
        (DOCKER_LIST, image.as_bytes()),
        (OCI_INDEX, image.as_bytes()),
    ];
    for (content_type, body) in cases {
        let answer = put(&registry, "v1", content_type, body).await;
        assert_eq!(answer.failure(), (400, "MANIFEST_INVALID".into()), "{content_type}");
    }
    let parameters = put(&registry, "v1", &format!("{OCI_MANIFEST}; charset=utf-8"), image.as_bytes()).await;
    assert_eq!(parameters.status, 201, "parameters of the type are ignored");
}

#[tokio::test]
async fn a_manifest_beyond_the_limit_is_413_with_one_body() {
    let registry = Registry::with(|options| options.limits.manifest_bytes = 600);
    let image = registry.image("a/b", "layer").await.to_string();
    let padded = |length: usize| format!("{image}{}", " ".repeat(length - image.len()));
    assert_eq!(put(&registry, "v1", OCI_MANIFEST, padded(600).as_bytes()).await.status, 201);
    let answer = put(&registry, "v1", OCI_MANIFEST, padded(601).as_bytes()).await;
    assert_eq!(answer.failure(), (413, "MANIFEST_INVALID".into()));
    let announced = registry
        .call(
            "PUT",
            "/v2/a/b/manifests/v1",
            &[("content-length", "9999999999"), ("content-type", OCI_MANIFEST)],
            b"{}",
        )
        .await;
    assert_eq!(announced.status, 413);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_the_clients_fault() {
    let registry = Registry::new();
    let headers = [("content-length", "100"), ("content-type", OCI_MANIFEST)];
    let answer = registry.call("PUT", "/v2/a/b/manifests/v1", &headers, b"{}").await;
    assert_eq!(answer.failure(), (400, "SIZE_INVALID".into()));
}

/// A list of a linux/arm64 and a linux/amd64 image under the tag `list`; gives the digests of the list and the latter.
async fn with_list(media_type: &str) -> (Registry, String, String) {
    let registry = Registry::new();
    let arm = registry.push_image("a/b", "arm").await;
    let amd = registry.push_image("a/b", "amd").await;
    let sizes = [get(&registry, "arm", &[]).await.body.len(), get(&registry, "amd", &[]).await.body.len()];
    let mut children = [descriptor(OCI_MANIFEST, &arm, sizes[0]), descriptor(OCI_MANIFEST, &amd, sizes[1])];
    children[0]["platform"] = json!({ "os": "linux", "architecture": "arm64" });
    children[1]["platform"] = json!({ "os": "linux", "architecture": "amd64" });
    let list = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": children });
    let digest = registry.push_manifest("a/b", "list", media_type, &list).await;
    (registry, digest.to_string(), amd.to_string())
}

#[tokio::test]
async fn a_list_by_tag_is_a_child_only_for_those_who_know_no_lists() {
    let (registry, list, child) = with_list(DOCKER_LIST).await;
    let both = format!("{DOCKER_MANIFEST};q=0.9, {DOCKER_LIST}");
    let cases: &[(&[&str], &str)] = &[
        (&[], &list),
        (&["*/*"], &list),
        (&["application/*"], &list),
        (&["text/plain"], &list),
        (&[DOCKER_LIST], &list),
        (&[DOCKER_MANIFEST, OCI_INDEX], &list),
        (&[&both], &list),
        (&[DOCKER_MANIFEST], &child),
        (&[OCI_MANIFEST, "text/plain"], &child),
    ];
    for (accept, expected) in cases {
        let answer = get(&registry, "list", accept).await;
        assert_eq!(answer.header("docker-content-digest"), *expected, "{accept:?}");
        assert_eq!(answer.header("vary"), "Accept", "{accept:?}");
    }
    let by_digest = get(&registry, &list, &[DOCKER_MANIFEST]).await;
    assert_eq!((by_digest.header("docker-content-digest"), by_digest.header("vary")), (list.as_str(), ""));
}

#[tokio::test]
async fn an_index_is_served_whoever_asks() {
    let (registry, index, _) = with_list(OCI_INDEX).await;
    for accept in [&[] as &[&str], &[OCI_MANIFEST], &[DOCKER_MANIFEST]] {
        assert_eq!(get(&registry, "list", accept).await.header("docker-content-digest"), index, "{accept:?}");
    }
}

#[tokio::test]
async fn a_list_without_the_platform_is_served_as_it_is() {
    let registry = Registry::new();
    let list = json!({ "schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [] });
    let digest = registry.push_manifest("a/b", "list", DOCKER_LIST, &list).await.to_string();
    assert_eq!(get(&registry, "list", &[DOCKER_MANIFEST]).await.header("docker-content-digest"), digest);
}

#[tokio::test]
async fn who_has_a_manifest_is_not_sent_it_again() {
    let registry = Registry::new();
    let digest = registry.push_image("a/b", "v1").await.to_string();
    let cases = [
        (format!("\"{digest}\""), 304),
        (digest.clone(), 304),
        (format!("W/\"{digest}\""), 304),
        (format!("\"x\", \"{digest}\""), 304),
        ("*".to_owned(), 304),
        ("\"x\"".to_owned(), 200),
    ];
    for (value, status) in cases {
        for reference in ["v1", &digest] {
            let path = format!("/v2/a/b/manifests/{reference}");
            let answer = registry.call("GET", &path, &[("if-none-match", &value)], b"").await;
            assert_eq!(answer.status, status, "{value}");
            assert_eq!(answer.header("etag"), format!("\"{digest}\""));
        }
    }
    let missing = Algorithm::Sha256.digest(b"missing").to_string();
    let path = format!("/v2/a/b/manifests/{missing}");
    let answer = registry.call("GET", &path, &[("if-none-match", &missing)], b"").await;
    assert_eq!(
        answer.failure(),
        (404, "MANIFEST_UNKNOWN".into()),
        "what is not there was not modified either"
    );
}

#[tokio::test]
async fn an_unknown_manifest_is_404() {
    let registry = Registry::new();
    let answer = get(&registry, "nobody", &[]).await;
    assert_eq!(answer.failure(), (404, "MANIFEST_UNKNOWN".into()));
    assert_eq!(answer.detail(), "unknown tag=nobody");
    let digest = Algorithm::Sha256.digest(b"nobody");
    let answer = get(&registry, &digest.to_string(), &[]).await;
    assert_eq!(answer.detail(), format!("unknown manifest name=a/b revision={digest}"));
    assert_eq!(get(&registry, ".no-tag", &[]).await.failure(), (404, "MANIFEST_UNKNOWN".into()));
    assert_eq!(put(&registry, ".no-tag", OCI_MANIFEST, b"{}").await.failure(), (400, "TAG_INVALID".into()));
    assert_eq!(get(&registry, "sha256:abc", &[]).await.failure(), (400, "DIGEST_INVALID".into()));
}

#[tokio::test]
async fn deleting_a_tag_leaves_the_manifest() {
    let registry = Registry::new();
    let digest = registry.push_image("a/b", "v1").await.to_string();
    assert_eq!(registry.call("DELETE", "/v2/a/b/manifests/v1", &[], b"").await.status, 202);
    assert_eq!(get(&registry, "v1", &[]).await.status, 404);
    assert_eq!(get(&registry, &digest, &[]).await.status, 200);
    let again = registry.call("DELETE", "/v2/a/b/manifests/v1", &[], b"").await;
    assert_eq!(again.failure(), (404, "MANIFEST_UNKNOWN".into()));
}

#[tokio::test]
async fn deleting_a_manifest_takes_its_tags_along() {
    let registry = Registry::new();
    let digest = registry.push_image("a/b", "v1").await.to_string();
    let path = format!("/v2/a/b/manifests/{digest}");
    assert_eq!(registry.call("DELETE", &path, &[], b"").await.status, 202);
    for reference in ["v1", &digest] {
        assert_eq!(get(&registry, reference, &[]).await.failure(), (404, "MANIFEST_UNKNOWN".into()));
    }
    assert_eq!(registry.call("DELETE", &path, &[], b"").await.failure(), (404, "MANIFEST_UNKNOWN".into()));
}
