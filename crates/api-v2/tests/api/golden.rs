//! Whole answers, byte for byte, against the files in `tests/golden`. Built with `WHARF_BLESS` set, the tests write the files.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;
use wharf_digest::Algorithm;

use crate::support::{Answer, DOCKER_LIST, OCI_INDEX, OCI_MANIFEST, Registry, descriptor, with};

/// An answer as it would look on the wire, with headers in the order of their names and what is random taken out.
fn transcript(answer: &Answer) -> String {
    let mut text = format!("{}\n", answer.status.as_u16());
    let mut headers: Vec<_> = answer.headers.iter().collect();
    headers.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in headers {
        writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
    }
    text.push('\n');
    text.push_str(answer.text());
    let id = answer.header("docker-upload-uuid");
    if !id.is_empty() {
        text = text.replace(id, "<id>");
    }
    if let Some((_, state)) = answer.header("location").split_once("_state=") {
        text = text.replace(state, "<state>");
    }
    if let Some((_, boundary)) = answer.header("content-type").split_once("boundary=") {
        text = text.replace(boundary, "<boundary>");
    }
    text
}

#[track_caller]
fn check(name: &str, answer: &Answer) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("http");
    let actual = transcript(answer);
    if option_env!("WHARF_BLESS").is_some() {
        std::fs::write(&path, &actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{name} is not what {} says", path.display());
}

#[tokio::test]
async fn answers_about_blobs_are_as_they_were() {
    let registry = Registry::new();
    let digest = registry.push_blob("a/b", b"0123456789").await;
    let path = format!("/v2/a/b/blobs/{digest}");
    let ranges = |range: &'static str| [("range", range)];
    check("blob-get", &registry.get(&path).await);
    check("blob-head", &registry.call("HEAD", &path, &[], b"").await);
    check("blob-range", &registry.call("GET", &path, &ranges("bytes=2-4"), b"").await);
    check("blob-ranges", &registry.call("GET", &path, &ranges("bytes=2-4,-1"), b"").await);
    check("blob-range-invalid", &registry.call("GET", &path, &ranges("bytes=10-"), b"").await);
    check("blob-not-modified", &registry.call("GET", &path, &[("if-none-match", "*")], b"").await);
    check("blob-delete", &registry.call("DELETE", &path, &[], b"").await);
    check("blob-unknown", &registry.get(&path).await);
    check("blob-malformed", &registry.get("/v2/a/b/blobs/sha256:xyz").await);
}

#[tokio::test]
async fn answers_about_uploads_are_as_they_were() {
    let registry = Registry::new();
    let digest = Algorithm::Sha256.digest(b"0123456789");
    let start = registry.call("POST", "/v2/a/b/blobs/uploads/", &[], b"").await;
    check("upload-start", &start);
    let chunk = registry.call("PATCH", &start.location(), &[("content-range", "0-3")], b"0123").await;
    check("upload-chunk", &chunk);
    check("upload-status", &registry.get(&chunk.location()).await);
    check(
        "upload-out-of-order",
        &registry.call("PATCH", &chunk.location(), &[("content-range", "7-8")], b"78").await,
    );
    check("upload-stranger", &registry.call("PATCH", "/v2/a/b/blobs/uploads/x", &[], b"78").await);
    check("upload-unknown", &registry.get("/v2/a/b/blobs/uploads/x").await);
    check("upload-digest-missing", &registry.call("PUT", &chunk.location(), &[], b"").await);
    let target = with(&chunk.location(), &format!("digest={digest}"));
    check("upload-digest-wrong", &registry.call("PUT", &target, &[], b"45678").await);
    check("upload-finish", &registry.call("PUT", &target, &[], b"456789").await);
    check("upload-cancel", &registry.call("DELETE", &registry.start_upload("a/b").await, &[], b"").await);
    let mount = format!("/v2/c/blobs/uploads/?mount={digest}&from=a/b");
    check("upload-mount", &registry.call("POST", &mount, &[], b"").await);
}

#[tokio::test]
async fn answers_about_manifests_are_as_they_were() {
    let registry = Registry::new();
    let subject = Algorithm::Sha256.digest(b"subject");
    let mut image = registry.image("a/b", "layer").await;
    image["subject"] = descriptor(OCI_MANIFEST, &subject, 7);
    let image = image.to_string();
    let digest = Algorithm::Sha256.digest(image.as_bytes());
    let by_digest = format!("/v2/a/b/manifests/{digest}");
    let typed = [("content-type", OCI_MANIFEST)];
    check("manifest-put", &registry.call("PUT", "/v2/a/b/manifests/v1", &typed, image.as_bytes()).await);
    let tagged = format!("{by_digest}?tag=v2&tag=v3");
    check("manifest-put-tags", &registry.call("PUT", &tagged, &typed, image.as_bytes()).await);
    check("manifest-get", &registry.get("/v2/a/b/manifests/v1").await);
    check("manifest-head", &registry.call("HEAD", &by_digest, &[], b"").await);
    check("manifest-not-modified", &registry.call("GET", &by_digest, &[("if-none-match", "*")], b"").await);
    check("manifest-invalid", &registry.call("PUT", "/v2/a/b/manifests/v1", &typed, b"{").await);
    check("manifest-unknown", &registry.get("/v2/a/b/manifests/no").await);
    let list = json!({ "schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [
        descriptor(OCI_MANIFEST, &subject, 7)
    ] });
    let typed = [("content-type", DOCKER_LIST)];
    let put = registry.call("PUT", "/v2/a/b/manifests/list", &typed, list.to_string().as_bytes()).await;
    check("manifest-references-missing", &put);
    check("manifest-delete", &registry.call("DELETE", &by_digest, &[], b"").await);
}

#[tokio::test]
async fn answers_of_lists_are_as_they_were() {
    let registry = Registry::new();
    for tag in ["v1", "v2"] {
        registry.push_image("a/b", tag).await;
        registry.push_image("c", tag).await;
    }
    check("tags", &registry.get("/v2/a/b/tags/list?n=1").await);
    check("tags-unknown", &registry.get("/v2/no/tags/list").await);
    check("tags-number-invalid", &registry.get("/v2/a/b/tags/list?n=x").await);
    check("catalog", &registry.get("/v2/_catalog?n=1").await);
    let subject = Algorithm::Sha256.digest(b"subject");
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [],
        "subject": descriptor(OCI_MANIFEST, &subject, 7), "artifactType": "text/x" });
    registry.push_manifest("a/b", "referrer", OCI_INDEX, &index).await;
    check("referrers", &registry.get(&format!("/v2/a/b/referrers/{subject}?artifactType=text%2Fx")).await);
}

#[tokio::test]
async fn answers_about_nothing_in_particular_are_as_they_were() {
    let registry = Registry::new();
    check("alive", &registry.get("/").await);
    check("base", &registry.get("/v2/").await);
    check("nowhere", &registry.get("/v1/").await);
    check("name-invalid", &registry.get("/v2/A-/tags/list").await);
    check("moved", &registry.get("/v2").await);
    check("method", &registry.call("POST", "/v2/a/b/tags/list", &[], b"").await);
    check("options", &registry.call("OPTIONS", "/v2/a/b/manifests/v1", &[], b"").await);
}
