//! Pulling: what is wrong is not taken for right, what breaks goes on, what is listed oddly comes out in order.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

use wharf_registry::{Algorithm, Descriptor, Digest, Error, PageRequest, Reference, ReferrerRequest, Tag};

use crate::repository;
use crate::server::{Asked, Reply, Server};

const LAYER: &[u8] = b"the bytes of a layer, which are enough to break off in the middle of them";
const INDEX: &str =
    r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

fn layer() -> Descriptor {
    Descriptor::new("application/octet-stream", Algorithm::Sha256.digest(LAYER), LAYER.len() as u64)
}

async fn fetched(server: &Server) -> Result<Vec<u8>, std::io::Error> {
    let content = repository(server).blobs().fetch(&layer()).await.unwrap();
    content.collect(1 << 20).await.map(|bytes| bytes.to_vec())
}

#[tokio::test]
async fn wrong_bytes_end_in_an_error() {
    for wrong in [LAYER.to_ascii_uppercase(), LAYER[1..].to_vec()] {
        let server = Server::start(move |_| Reply::new(200).body(wrong.clone())).await;
        let error = fetched(&server).await.unwrap_err();
        assert!(
            matches!(error.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_download_that_breaks_goes_on_where_it_stopped() {
    let server = Server::start(|asked| match asked.header("range") {
        None => Reply::new(200).body(LAYER).cut(20),
        Some(range) => {
            let start: usize = range["bytes=".len()..].split('-').next().unwrap().parse().unwrap();
            let last = LAYER.len() - 1;
            let reply =
                Reply::new(206).header("Content-Range", format!("bytes {start}-{last}/{}", LAYER.len()));
            let reply = reply.body(&LAYER[start..]);
            if start < 50 { reply.cut(20) } else { reply }
        }
    })
    .await;
    assert_eq!(fetched(&server).await.unwrap(), LAYER);
    let ranges: Vec<_> =
        server.asked().iter().map(|asked| asked.header("range").map(str::to_owned)).collect();
    assert_eq!(
        ranges,
        [
            None,
            Some("bytes=20-72".to_owned()),
            Some("bytes=40-72".to_owned()),
            Some("bytes=60-72".to_owned())
        ]
    );
}

#[tokio::test]
async fn a_registry_that_ignores_ranges_is_read_again_from_the_start() {
    let attempts = AtomicUsize::new(0);
    let server = Server::start(move |_| {
        let reply = Reply::new(200).body(LAYER);
        if attempts.fetch_add(1, Ordering::Relaxed) == 0 { reply.cut(30) } else { reply }
    })
    .await;
    assert_eq!(fetched(&server).await.unwrap(), LAYER);
}

#[tokio::test]
async fn a_download_that_never_goes_on_is_given_up() {
    let server = Server::start(|_| Reply::new(200).body(LAYER).cut(0)).await;
    assert!(fetched(&server).await.is_err());
    assert_eq!(server.asked().len(), 6, "one and five more");
}

#[tokio::test]
async fn another_range_than_was_asked_for_is_no_answer() {
    let server = Server::start(|asked| match asked.header("range") {
        None => Reply::new(200).body(LAYER).cut(20),
        Some(_) => Reply::new(206).header("Content-Range", "bytes 0-9/73").body(&LAYER[..10]),
    })
    .await;
    assert!(fetched(&server).await.is_err());
}

#[tokio::test]
async fn a_registry_that_asks_for_patience_gets_it_but_not_forever() {
    let attempts = AtomicUsize::new(0);
    let server = Server::start(move |_| match attempts.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::new(429).header("Retry-After", "0"),
        1 => Reply::new(503),
        2 => Reply::new(502),
        _ => Reply::new(200).body(LAYER),
    })
    .await;
    assert_eq!(fetched(&server).await.unwrap(), LAYER);
    let server = Server::start(|_| Reply::new(429).header("Retry-After", "86400")).await;
    let error = repository(&server).blobs().fetch(&layer()).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { retry_after: Some(_), .. }), "{error:?}");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn what_fails_for_good_is_asked_once_and_what_is_not_there_is_unknown() {
    let server = Server::start(|_| Reply::new(500)).await;
    repository(&server).blobs().fetch(&layer()).await.unwrap_err();
    assert_eq!(server.asked().len(), 1);
    let server = Server::start(|_| Reply::new(404)).await;
    let error = repository(&server).blobs().open(&layer().digest).await.map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::BlobUnknown(_)), "{error:?}");
}

#[tokio::test]
async fn a_redirect_is_followed_and_a_circle_is_not() {
    let store = Server::start(|_| Reply::new(200).body(LAYER)).await;
    let target = format!("{}/bucket/key?signature=secret", store.url());
    let server = Server::start(move |_| Reply::new(307).header("Location", target.clone())).await;
    assert_eq!(fetched(&server).await.unwrap(), LAYER);
    let circle = Server::start(|asked| Reply::new(307).header("Location", asked.target.clone())).await;
    let error = repository(&circle).blobs().fetch(&layer()).await.unwrap_err();
    assert!(matches!(error, Error::Internal(_)), "{error:?}");
}

#[tokio::test]
async fn a_manifest_is_held_against_both_digests() {
    let other = Algorithm::Sha256.digest(b"other");
    let server = Server::start(move |_| {
        Reply::new(200).header("Docker-Content-Digest", other.to_string()).body(INDEX)
    })
    .await;
    let manifests = repository(&server);
    for reference in [Reference::Tag("v1".parse().unwrap()), Reference::Digest(other)] {
        let error = manifests.manifests().get(&reference).await.unwrap_err();
        assert!(matches!(error, Error::DigestMismatch { .. }), "{error:?}");
    }
    let own = Reference::Digest(Algorithm::Sha512.digest(INDEX.as_bytes()));
    assert_eq!(manifests.manifests().get(&own).await.unwrap().manifest.bytes(), INDEX);
}

#[tokio::test]
async fn a_manifest_without_an_end_is_not_read_to_it() {
    let server = Server::start(|_| Reply::new(200).body(vec![b' '; 5 << 20])).await;
    let reference = Reference::Tag("v1".parse().unwrap());
    assert!(repository(&server).manifests().get(&reference).await.is_err());
}

async fn tags(server: &Server, limit: usize) -> Vec<String> {
    let repository = repository(server);
    let (mut all, mut after) = (Vec::new(), None::<Tag>);
    loop {
        let request = PageRequest { after: after.clone(), limit: NonZeroUsize::new(limit).unwrap() };
        let page = repository.tags().list(request).await.unwrap();
        after = page.items.last().cloned();
        all.extend(page.items.iter().map(Tag::to_string));
        if !page.more {
            return all;
        }
        assert!(page.items.len() <= limit && all.len() < 100, "{all:?}");
    }
}

#[tokio::test]
async fn tags_come_in_order_from_a_registry_without_pages() {
    let server =
        Server::start(|_| Reply::new(200).body(r#"{"name":"a/b","tags":["d","b","c","a","e"]}"#)).await;
    assert_eq!(tags(&server, 2).await, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn a_link_of_the_registrys_own_is_followed() {
    let page = |asked: &Asked| {
        let (tags, next) = match asked.target.split_once("token=").map(|(_, token)| token) {
            None => (r#"["a","b"]"#, Some("1")),
            Some("1") => ("[]", Some("2")),
            Some("2") => (r#"["c"]"#, None),
            Some(other) => panic!("{other}"),
        };
        let reply = Reply::new(200).body(format!(r#"{{"tags":{tags}}}"#));
        match next {
            Some(next) => reply.header("Link", format!("</v2/a/b/tags/list?token={next}>; rel=\"next\"")),
            None => reply,
        }
    };
    let server = Server::start(page).await;
    assert_eq!(tags(&server, 10).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_list_that_leads_nowhere_ends_in_an_error() {
    let server = Server::start(|asked| {
        Reply::new(200).body(r#"{"tags":null}"#).header("Link", format!("<{}>; rel=\"next\"", asked.target))
    })
    .await;
    let request = PageRequest { after: None, limit: NonZeroUsize::MIN };
    assert!(repository(&server).tags().list(request).await.is_err());
}

#[tokio::test]
async fn referrers_are_found_under_the_fallback_tag() {
    let subject: Digest = layer().digest;
    let entry = |text: &[u8], kind: &str| {
        let mut entry =
            Descriptor::new("application/vnd.oci.image.manifest.v1+json", Algorithm::Sha256.digest(text), 1);
        entry.artifact_type = Some(kind.to_owned());
        entry
    };
    let entries = [entry(b"1", "text/a"), entry(b"2", "text/b")];
    let index = serde_json::json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries });
    let index = index.to_string();
    let server = Server::start(move |asked| match asked.target.contains("/manifests/sha256-") {
        true => Reply::new(200).body(index.clone()),
        false => Reply::new(404),
    })
    .await;
    let repository = repository(&server);
    let all = repository.referrers().list(&subject, ReferrerRequest::default()).await.unwrap();
    assert_eq!(all.descriptors.len(), 2);
    let request = ReferrerRequest { artifact_type: Some("text/b".into()), ..ReferrerRequest::default() };
    let some = repository.referrers().list(&subject, request).await.unwrap();
    assert_eq!(some.descriptors, [entry(b"2", "text/b")]);
}
