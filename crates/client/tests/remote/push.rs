//! Pushing: in as few requests as the registry takes, again from where it is, and never what it is not.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use wharf_client::{Credentials, Options};
use wharf_registry::{Algorithm, ByteStream, Error, Mount, Namespace, PutManifest};

use crate::server::{Asked, Reply, Server};
use crate::{impatient, registry, repository};

fn stream(bytes: &'static [u8]) -> ByteStream {
    ByteStream::once(Bytes::from_static(bytes))
}

/// A registry as Distribution is: an upload for each POST, a blob for each PUT.
fn distribution(asked: &Asked) -> Reply {
    match asked.method.as_str() {
        "POST" => Reply::new(202).header("Location", "/v2/a/b/blobs/uploads/1?_state=0"),
        "PUT" => Reply::new(201),
        _ => Reply::new(404),
    }
}

#[tokio::test]
async fn a_registry_that_takes_a_single_post_gets_one() {
    let server = Server::start(|_| Reply::new(201)).await;
    let digest = Algorithm::Sha256.digest(b"abc");
    repository(&server).uploads().put(&digest, stream(b"abc")).await.unwrap();
    let asked = server.asked();
    assert_eq!((asked.len(), asked[0].body.as_slice()), (1, &b"abc"[..]));
    assert!(asked[0].target.contains("digest=sha256%3Aba78"), "{}", asked[0].target);
}

#[tokio::test]
async fn a_registry_that_does_not_is_tried_once() {
    let server = Server::start(distribution).await;
    let repository = repository(&server);
    for text in [&b"abc"[..], b"def"] {
        repository.uploads().put(&Algorithm::Sha256.digest(text), stream(text)).await.unwrap();
    }
    let asked = server.asked();
    let sizes: Vec<_> = asked.iter().map(|asked| (asked.method.as_str(), asked.body.len())).collect();
    assert_eq!(sizes, [("POST", 3), ("PUT", 3), ("POST", 0), ("PUT", 3)]);
    assert!(asked[1].target.starts_with("/v2/a/b/blobs/uploads/1?_state=0&digest="), "{}", asked[1].target);
}

#[tokio::test]
async fn an_upload_that_is_gone_is_begun_anew() {
    let puts = AtomicUsize::new(0);
    let server = Server::start(move |asked| match asked.method.as_str() {
        "PUT" if puts.fetch_add(1, Ordering::Relaxed) == 0 => Reply::new(404),
        _ => distribution(asked),
    })
    .await;
    repository(&server).uploads().put(&Algorithm::Sha256.digest(b"abc"), stream(b"abc")).await.unwrap();
}

#[tokio::test]
async fn bytes_of_another_digest_are_a_mismatch() {
    let server = Server::start(|_| {
        Reply::new(400).body(r#"{"errors":[{"code":"DIGEST_INVALID","message":"no","detail":null}]}"#)
    })
    .await;
    let digest = Algorithm::Sha256.digest(b"something else");
    let error = repository(&server).uploads().put(&digest, stream(b"abc")).await.unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error:?}");
}

#[tokio::test]
async fn a_registry_that_stores_something_else_is_found_out() {
    let other = Algorithm::Sha256.digest(b"other").to_string();
    let server = Server::start(move |_| Reply::new(201).header("Docker-Content-Digest", other.clone())).await;
    let repository = repository(&server);
    assert!(repository.uploads().put(&Algorithm::Sha256.digest(b"abc"), stream(b"abc")).await.is_err());
    let put = PutManifest {
        media_type: None,
        bytes: Bytes::from_static(
            br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#,
        ),
        digest: None,
        tags: vec!["v1".parse().unwrap()],
        classes: None,
    };
    assert!(repository.manifests().put(put).await.is_err());
}

#[tokio::test]
async fn chunks_go_on_where_the_registry_is() {
    // It takes two bytes of the first chunk, then is gone for a moment.
    let patches = AtomicUsize::new(0);
    let server = Server::start(move |asked| {
        let at = |end: usize| {
            Reply::new(202)
                .header("Location", "/v2/a/b/blobs/uploads/1")
                .header("Range", format!("0-{}", end - 1))
        };
        match asked.method.as_str() {
            "POST" => Reply::new(202).header("Location", "/v2/a/b/blobs/uploads/1"),
            "PATCH" => match patches.fetch_add(1, Ordering::Relaxed) {
                0 => Reply::new(502),
                1 => at(4),
                _ => at(7),
            },
            "GET" => at(2),
            _ => Reply::new(201),
        }
    })
    .await;
    let options = Options { whole_bytes: 0, chunk_bytes: NonZeroUsize::new(4), ..impatient() };
    let repository = registry(&server, Credentials::Anonymous, options).repository(&"a/b".parse().unwrap());
    let written =
        repository.uploads().put(&Algorithm::Sha256.digest(b"abcdefg"), stream(b"abcdefg")).await.unwrap();
    assert_eq!(written.size, 7);
    let chunks: Vec<_> = server
        .asked()
        .iter()
        .filter(|asked| asked.method == "PATCH")
        .map(|asked| {
            (
                asked.header("content-range").unwrap().to_owned(),
                String::from_utf8(asked.body.clone()).unwrap(),
            )
        })
        .collect();
    assert_eq!(
        chunks,
        [("0-3".into(), "abcd".into()), ("2-3".into(), "cd".into()), ("4-6".into(), "efg".into())]
    );
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_fault_of_the_registry() {
    let server = Server::start(distribution).await;
    let broken =
        futures_util::stream::iter([Ok(Bytes::from_static(b"a")), Err(std::io::Error::other("gone"))]);
    let body = ByteStream::new(Some(2_000_000), broken);
    let error = repository(&server).uploads().put(&Algorithm::Sha256.digest(b"a"), body).await.unwrap_err();
    assert!(matches!(error, Error::Body(_)), "{error:?}");
}

#[tokio::test]
async fn an_upload_that_came_instead_of_a_mount_is_used() {
    let server = Server::start(distribution).await;
    let repository = repository(&server);
    let digest = Algorithm::Sha256.digest(b"abc");
    let mount = repository.blobs().mount(&digest, Some(&"x/y".parse().unwrap())).await.unwrap();
    assert_eq!(mount, Mount::NotFound);
    repository.uploads().put(&digest, stream(b"abc")).await.unwrap();
    let lines = server.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("mount=sha256") && lines[0].contains("from=x%2Fy"), "{lines:?}");
    assert!(lines[1].starts_with("PUT /v2/a/b/blobs/uploads/1"), "{lines:?}");
}

#[tokio::test]
async fn a_registry_without_referrers_gets_the_fallback_tag_kept() {
    let server = Server::start(|asked| match asked.method.as_str() {
        "PUT" => Reply::new(201),
        _ => Reply::new(404),
    })
    .await;
    let subject = Algorithm::Sha256.digest(b"subject");
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "artifactType": "text/plain",
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": Algorithm::Sha256.digest(b"{}"), "size": 2 },
        "layers": [], "subject": { "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": subject, "size": 7 },
    });
    let put = PutManifest {
        media_type: None,
        bytes: manifest.to_string().into(),
        digest: None,
        tags: Vec::new(),
        classes: None,
    };
    let stored = repository(&server).manifests().put(put).await.unwrap();
    let last = server.asked().pop().unwrap();
    assert_eq!(last.line(), format!("PUT /v2/a/b/manifests/{}", subject.to_string().replace(':', "-")));
    let index: serde_json::Value = serde_json::from_slice(&last.body).unwrap();
    assert_eq!(index["manifests"][0]["digest"], stored.digest.to_string());
    assert_eq!(index["manifests"][0]["artifactType"], "text/plain");
}

#[tokio::test]
async fn tags_that_a_registry_does_not_set_along_are_set_one_by_one() {
    let server = Server::start(|_| Reply::new(201).header("OCI-Tag", "b")).await;
    let put = PutManifest {
        media_type: None,
        bytes: Bytes::from_static(
            br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#,
        ),
        digest: None,
        tags: ["a", "b"].map(|tag| tag.parse().unwrap()).to_vec(),
        classes: None,
    };
    repository(&server).manifests().put(put).await.unwrap();
    let lines = server.lines();
    assert!(lines[0].ends_with("?tag=a&tag=b"), "{lines:?}");
    assert_eq!(lines[1..], ["PUT /v2/a/b/manifests/a"]);
}

#[tokio::test]
async fn what_may_have_been_done_is_not_done_again() {
    let server = Server::start(|_| Reply::new(502)).await;
    repository(&server).tags().delete(&"v1".parse().unwrap()).await.unwrap_err();
    assert_eq!(server.asked().len(), 1);
}
