//! The layout as a repository: what goes in comes out, what is wrong stays out, what others wrote is understood.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::fs;
use std::path::Path;

use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;
use wharf_oci_layout::OciLayout;
use wharf_registry::{
    Algorithm, ByteStream, Descriptor, Error, PageRequest, PutManifest, Reference, ReferrerRequest,
    Repository, Tag,
};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

fn layout() -> (TempDir, OciLayout) {
    let folder = tempfile::tempdir().unwrap();
    let layout = OciLayout::create(&folder.path().join("image")).unwrap();
    (folder, layout)
}

async fn push(layout: &OciLayout, bytes: &'static [u8]) -> Descriptor {
    let digest = Algorithm::Sha256.digest(bytes);
    layout.uploads().put(&digest, ByteStream::once(Bytes::from_static(bytes))).await.unwrap()
}

async fn put(layout: &OciLayout, manifest: &Value, tags: &[&str]) -> Result<wharf_registry::Digest, Error> {
    let put = PutManifest {
        media_type: None,
        bytes: Bytes::from(manifest.to_string()),
        digest: None,
        tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
        classes: None,
    };
    layout.manifests().put(put).await.map(|put| put.digest)
}

fn image(config: &Descriptor) -> Value {
    json!({ "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [] })
}

fn index_of(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("image/index.json")).unwrap()).unwrap()
}

#[tokio::test]
async fn what_goes_in_comes_out_again() {
    let (folder, layout) = layout();
    let config = push(&layout, b"{}").await;
    let digest = put(&layout, &image(&config), &["v1", "v2"]).await.unwrap();
    let opened = OciLayout::open(&folder.path().join("image")).unwrap();
    let tag: Tag = "v2".parse().unwrap();
    assert_eq!(opened.tags().resolve(&tag).await.unwrap(), digest);
    let stored = opened.manifests().get(&Reference::Tag(tag.clone())).await.unwrap();
    assert_eq!(stored.manifest.bytes(), image(&config).to_string().as_bytes());
    let content = opened.blobs().fetch(&config).await.unwrap();
    assert_eq!(content.collect(10).await.unwrap(), "{}");
    let request = PageRequest { after: None, limit: std::num::NonZeroUsize::MIN };
    let page = opened.tags().list(request).await.unwrap();
    assert_eq!((page.items.len(), page.more), (1, true));
    opened.tags().delete(&tag).await.unwrap();
    assert!(opened.tags().resolve(&tag).await.unwrap_err().is_unknown());
    assert_eq!(index_of(folder.path())["manifests"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn wrong_bytes_are_neither_taken_nor_given() {
    let (folder, layout) = layout();
    let digest = Algorithm::Sha512.digest(b"right");
    let wrong =
        layout.uploads().put(&digest, ByteStream::once(Bytes::from_static(b"wrong"))).await.unwrap_err();
    assert!(matches!(wrong, Error::DigestMismatch { .. }), "{wrong:?}");
    assert!(layout.blobs().open(&digest).await.is_err());
    let right = layout.uploads().put(&digest, ByteStream::once(Bytes::from_static(b"right"))).await.unwrap();
    let path = folder.path().join("image/blobs/sha512").join(digest.hex());
    assert_eq!(fs::read(&path).unwrap(), b"right");
    fs::write(&path, b"later").unwrap();
    let content = layout.blobs().fetch(&right).await.unwrap();
    assert_eq!(content.collect(10).await.unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    drop(layout);
    assert!(!folder.path().join("image/ingest").exists(), "nothing is left of what was refused");
}

#[tokio::test]
async fn an_upload_goes_on_in_another_process() {
    let (folder, layout) = layout();
    let digest = Algorithm::Sha256.digest(b"one and two");
    let upload = layout.uploads().start(None).await.unwrap();
    let broken =
        futures_util::stream::iter([Ok(Bytes::from_static(b"one")), Err(std::io::Error::other("gone"))]);
    let error =
        layout.uploads().append(&upload.id, Some(0), ByteStream::new(None, broken)).await.unwrap_err();
    assert!(matches!(error, Error::Body(_)), "{error:?}");
    let other = OciLayout::open(&folder.path().join("image")).unwrap();
    let status = other.uploads().status(&upload.id).await.unwrap();
    assert_eq!(status.offset, 3);
    let rest = || ByteStream::once(Bytes::from_static(b" and two"));
    let misplaced = other.uploads().append(&upload.id, Some(2), rest()).await.unwrap_err();
    assert!(matches!(misplaced, Error::UploadOffset { given: 2, actual: 3 }), "{misplaced:?}");
    let blob = other.uploads().finish(&upload.id, Some(3), rest(), &digest).await.unwrap();
    assert_eq!(blob.size, 11);
    assert!(other.uploads().status(&upload.id).await.is_err());
}

#[tokio::test]
async fn a_manifest_comes_after_what_it_needs() {
    let (folder, layout) = layout();
    let missing = Descriptor::new("application/json", Algorithm::Sha256.digest(b"{}"), 2);
    let error = put(&layout, &image(&missing), &["v1"]).await.unwrap_err();
    assert!(matches!(error, Error::ManifestReferences(_)), "{error:?}");
    assert_eq!(index_of(folder.path())["manifests"], json!([]));
    push(&layout, b"{}").await;
    let child = put(&layout, &image(&missing), &[]).await.unwrap();
    let size = image(&missing).to_string().len();
    let index = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{ "mediaType": MANIFEST, "digest": child, "size": size }] });
    put(&layout, &index, &["v1"]).await.unwrap();
    let listed = index_of(folder.path());
    assert_eq!(listed["manifests"].as_array().unwrap().len(), 1, "{listed}");
    assert!(layout.manifests().get(&Reference::Digest(child)).await.is_ok());
}

#[tokio::test]
async fn who_refers_to_an_image_is_found() {
    let (_folder, layout) = layout();
    let config = push(&layout, b"{}").await;
    let subject = put(&layout, &image(&config), &["v1"]).await.unwrap();
    let mut signature = image(&config);
    signature["artifactType"] = json!("text/signature");
    signature["subject"] =
        json!({ "mediaType": MANIFEST, "digest": subject, "size": image(&config).to_string().len() });
    let signature = put(&layout, &signature, &[]).await.unwrap();
    let found = layout.referrers().list(&subject, ReferrerRequest::default()).await.unwrap();
    assert_eq!(found.descriptors.iter().map(|one| one.digest).collect::<Vec<_>>(), [signature]);
    let other = ReferrerRequest { artifact_type: Some("text/other".into()), ..ReferrerRequest::default() };
    assert!(layout.referrers().list(&subject, other).await.unwrap().descriptors.is_empty());
}

#[tokio::test]
async fn many_writers_lose_no_tag() {
    let (_folder, layout) = layout();
    let config = push(&layout, b"{}").await;
    let manifest = image(&config);
    let names: Vec<String> = (0..20).map(|n| format!("v{n}")).collect();
    let puts = names.iter().map(|name| {
        let (layout, manifest) = (layout.clone(), manifest.clone());
        async move { put(&layout, &manifest, &[name]).await.unwrap() }
    });
    futures_util::future::join_all(puts).await;
    let request = PageRequest { after: None, limit: std::num::NonZeroUsize::new(100).unwrap() };
    assert_eq!(layout.tags().list(request).await.unwrap().items.len(), 20);
}

#[tokio::test]
async fn a_folder_of_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    assert!(OciLayout::create(folder.path()).is_err());
    assert!(OciLayout::open(folder.path()).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).unwrap();
    assert!(OciLayout::open(folder.path()).is_err());
}

#[tokio::test]
async fn a_broken_index_is_an_error_and_no_panic() {
    let (folder, layout) = layout();
    for text in ["", "[]", "7", r#"{"manifests":7}"#, r#"{"manifests":[7,{},{"digest":"x"}]}"#] {
        fs::write(folder.path().join("image/index.json"), text).unwrap();
        let tag: Tag = "v1".parse().unwrap();
        assert!(layout.tags().resolve(&tag).await.is_err(), "{text}");
    }
}
