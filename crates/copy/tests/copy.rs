//! Copies between stores in memory and folders: all of it arrives, once, and what is wrong does not.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::{Value, json};
use wharf_cache::{Limits, MemoryCache};
use wharf_copy::{Copy, Error, Event, Options, Outcome, Watcher};
use wharf_oci_layout::OciLayout;
use wharf_registry::{
    Algorithm, Blobs, ByteStream, Descriptor, Digest, Error as RegistryError, Manifests, Namespace,
    PutManifest, Reference, ReferrerRequest, Referrers, Repository, RepositoryName, Tag, Tags, UploadId,
    UploadStatus, Uploads,
};
use wharf_storage::{Deletes, Storage};
use wharf_storage_driver::MemoryDriver;

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A registry in memory.
fn store() -> Storage {
    let cache = MemoryCache::new(Limits::default());
    let options = wharf_storage::Options { deletes: Deletes::Allowed, ..wharf_storage::Options::default() };
    Storage::new(Arc::new(MemoryDriver::new()), Arc::new(cache), options)
}

fn repository() -> Arc<dyn Repository> {
    store().repository(&"a/b".parse().unwrap())
}

/// Counts what happens.
#[derive(Default)]
struct Counter {
    blobs: Mutex<BTreeMap<Digest, Vec<Outcome>>>,
    manifests: Mutex<Vec<(Digest, Outcome)>>,
    bytes: AtomicU64,
}

impl Watcher for Counter {
    fn happened(&self, event: Event<'_>) {
        match event {
            Event::Passed(bytes) => drop(self.bytes.fetch_add(bytes, Ordering::Relaxed)),
            Event::Blob(blob, outcome) => {
                self.blobs.lock().unwrap().entry(blob.digest).or_default().push(outcome)
            }
            Event::Manifest(digest, outcome) => self.manifests.lock().unwrap().push((*digest, outcome)),
            _ => {}
        }
    }
}

impl Counter {
    fn outcomes(&self) -> Vec<Outcome> {
        self.blobs.lock().unwrap().values().flatten().copied().collect()
    }
}

async fn blob(to: &dyn Repository, algorithm: Algorithm, bytes: impl Into<Bytes>) -> Descriptor {
    let bytes = bytes.into();
    let digest = algorithm.digest(&bytes);
    to.uploads().put(&digest, ByteStream::once(bytes)).await.unwrap()
}

async fn manifest(to: &dyn Repository, value: &Value, tags: &[&str]) -> Descriptor {
    let bytes = Bytes::from(value.to_string());
    let size = bytes.len() as u64;
    let tags = tags.iter().map(|tag| tag.parse().unwrap()).collect();
    let put = PutManifest { media_type: None, bytes, digest: None, tags, classes: None };
    let stored = to.manifests().put(put).await.unwrap();
    Descriptor::new(stored.manifest.media_type(), stored.digest, size)
}

/// An image of a configuration, a layer of its own and one that all share, which is named by its sha512.
async fn image(to: &dyn Repository, name: &str, tags: &[&str]) -> Descriptor {
    let config = blob(to, Algorithm::Sha256, format!("{{\"name\":\"{name}\"}}")).await;
    let own = blob(to, Algorithm::Sha256, format!("layer of {name}")).await;
    let shared = blob(to, Algorithm::Sha512, "what all have in common").await;
    let value = json!({ "schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [own, shared] });
    manifest(to, &value, tags).await
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

fn impatient() -> Options {
    Options { backoff: Duration::from_millis(1), ..Options::default() }
}

fn copy(from: &Arc<dyn Repository>, to: &Arc<dyn Repository>, options: Options) -> (Copy, Arc<Counter>) {
    let counter = Arc::new(Counter::default());
    (Copy::new(Arc::clone(from), Arc::clone(to), options, counter.clone()), counter)
}

/// Fails unless both sides hold the same bytes under a reference and everything below it.
async fn assert_same(from: &dyn Repository, to: &dyn Repository, reference: &Reference) {
    let mut next = vec![reference.clone()];
    while let Some(reference) = next.pop() {
        let here = from.manifests().get(&reference).await.unwrap();
        let there = to.manifests().get(&reference).await.unwrap();
        assert_eq!((here.digest, here.manifest.bytes()), (there.digest, there.manifest.bytes()));
        for (role, descriptor) in here.manifest.references() {
            if role.is_manifest() {
                next.push(Reference::Digest(descriptor.digest));
                continue;
            }
            let content = to.blobs().fetch(descriptor).await.unwrap().collect(1 << 24).await.unwrap();
            assert_eq!(descriptor.digest.algorithm().digest(&content), descriptor.digest);
        }
    }
}

#[tokio::test]
async fn an_index_comes_with_all_its_images_and_shared_layers_pass_once() {
    let (from, to) = (repository(), repository());
    let children = [image(&*from, "one", &[]).await, image(&*from, "two", &[]).await];
    let inner = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": children });
    let inner = manifest(&*from, &inner, &[]).await;
    let outer = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [inner, children[0]] });
    manifest(&*from, &outer, &["v1"]).await;
    let (copy, counter) = copy(&from, &to, impatient());
    copy.image(&Reference::Tag(tag("v1")), Some(&tag("v1"))).await.unwrap();
    assert_same(&*from, &*to, &Reference::Tag(tag("v1"))).await;
    assert_eq!(counter.outcomes(), [Outcome::Copied; 5]);
    assert_eq!(counter.manifests.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn what_is_there_is_skipped() {
    let (from, to) = (repository(), repository());
    for name in ["a", "b", "c"] {
        image(&*from, name, &[name]).await;
    }
    let first = copy(&from, &to, impatient());
    assert_eq!(first.0.all_tags().await.unwrap().len(), 3);
    let second = copy(&from, &to, impatient());
    second.0.all_tags().await.unwrap();
    assert!(second.1.outcomes().is_empty());
    assert_eq!(second.1.bytes.load(Ordering::Relaxed), 0);
    // Without its tag the image is looked at again, and nothing is moved.
    Tags::delete(to.tags(), &tag("a")).await.unwrap();
    let third = copy(&from, &to, impatient());
    third.0.all_tags().await.unwrap();
    assert_eq!(third.1.outcomes(), [Outcome::Present; 3]);
    for name in ["a", "b", "c"] {
        assert_same(&*from, &*to, &Reference::Tag(tag(name))).await;
    }
}

#[tokio::test]
async fn referrers_come_along_when_they_are_asked_for() {
    let (from, to) = (repository(), repository());
    let subject = image(&*from, "subject", &["v1"]).await;
    let config = blob(&*from, Algorithm::Sha256, "{}").await;
    let refer = |subject: &Descriptor, kind: &str| json!({ "schemaVersion": 2, "mediaType": IMAGE, "artifactType": kind, "config": config, "layers": [], "subject": subject });
    let signature = manifest(&*from, &refer(&subject, "text/signature"), &[]).await;
    let countersignature = manifest(&*from, &refer(&signature, "text/countersignature"), &[]).await;
    // It refers to what it lists.
    let circle =
        json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [subject], "subject": subject });
    let circle = manifest(&*from, &circle, &[]).await;
    let reference = Reference::Tag(tag("v1"));
    let without = copy(&from, &to, impatient());
    without.0.image(&reference, Some(&tag("v1"))).await.unwrap();
    assert!(to.manifests().get(&Reference::Digest(signature.digest)).await.is_err());
    let with = copy(&from, &to, Options { referrers: true, ..impatient() });
    with.0.image(&reference, Some(&tag("v1"))).await.unwrap();
    for digest in [signature.digest, countersignature.digest, circle.digest] {
        assert_same(&*from, &*to, &Reference::Digest(digest)).await;
    }
    let listed = to.referrers().list(&subject.digest, ReferrerRequest::default()).await.unwrap();
    assert_eq!(listed.descriptors.len(), 2);
}

#[tokio::test]
async fn foreign_layers_stay_where_they_are() {
    let (from, to) = (repository(), repository());
    let config = blob(&*from, Algorithm::Sha256, "{}").await;
    let mut foreign = Descriptor::new(
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        Algorithm::Sha256.digest(b"licensed"),
        8,
    );
    foreign.urls.push("https://vendor.test/layer".into());
    let value = json!({ "schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [foreign] });
    manifest(&*from, &value, &["v1"]).await;
    let (copy, counter) = copy(&from, &to, impatient());
    copy.image(&Reference::Tag(tag("v1")), Some(&tag("v1"))).await.unwrap();
    assert_eq!(counter.blobs.lock().unwrap()[&foreign.digest], [Outcome::Foreign]);
    assert!(to.manifests().get(&Reference::Tag(tag("v1"))).await.is_ok());
}

#[tokio::test]
async fn within_one_registry_nothing_moves() {
    let store = store();
    let (from, to) = ("a/b".parse::<RepositoryName>().unwrap(), "c/d".parse::<RepositoryName>().unwrap());
    let (source, destination) = (store.repository(&from), store.repository(&to));
    image(&*source, "one", &["v1"]).await;
    let options = Options { mount_from: Some(from), ..impatient() };
    let (copy, counter) = copy(&source, &destination, options);
    copy.image(&Reference::Tag(tag("v1")), Some(&tag("v2"))).await.unwrap();
    assert_eq!(counter.outcomes(), [Outcome::Mounted; 3]);
    assert_eq!(counter.bytes.load(Ordering::Relaxed), 0);
    assert!(destination.tags().resolve(&tag("v2")).await.is_ok());
}

#[tokio::test]
async fn bytes_that_are_not_their_digests_do_not_arrive() {
    let folder = tempfile::tempdir().unwrap();
    let from: Arc<dyn Repository> = Arc::new(OciLayout::create(&folder.path().join("image")).unwrap());
    let to = repository();
    image(&*from, "one", &["v1"]).await;
    let layer = Algorithm::Sha256.digest(b"layer of one");
    std::fs::write(folder.path().join("image/blobs/sha256").join(layer.hex()), b"LAYER OF ONE").unwrap();
    let (copy, _) = copy(&from, &to, impatient());
    let error = copy.image(&Reference::Tag(tag("v1")), Some(&tag("v1"))).await.unwrap_err();
    assert!(matches!(error, Error::Corrupt { digest, .. } if digest == layer), "{error:?}");
    assert!(to.blobs().open(&layer).await.is_err());
    assert!(to.tags().resolve(&tag("v1")).await.is_err());
}

#[tokio::test]
async fn a_layout_takes_and_gives_what_a_registry_has() {
    let folder = tempfile::tempdir().unwrap();
    let layout: Arc<dyn Repository> = Arc::new(OciLayout::create(&folder.path().join("image")).unwrap());
    let (from, to) = (repository(), repository());
    let child = image(&*from, "one", &[]).await;
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [child] });
    manifest(&*from, &index, &["v1"]).await;
    image(&*from, "two", &["v2"]).await;
    copy(&from, &layout, impatient()).0.all_tags().await.unwrap();
    copy(&layout, &to, impatient()).0.all_tags().await.unwrap();
    for name in ["v1", "v2"] {
        assert_same(&*from, &*to, &Reference::Tag(tag(name))).await;
    }
}

#[tokio::test]
async fn indexes_do_not_nest_without_end() {
    let (from, to) = (repository(), repository());
    let mut inner = image(&*from, "one", &[]).await;
    for depth in 0..4 {
        let tags: &[&str] = if depth == 3 { &["v1"] } else { &[] };
        inner =
            manifest(&*from, &json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [inner] }), tags)
                .await;
    }
    let reference = Reference::Tag(tag("v1"));
    let shallow = copy(&from, &to, Options { depth: 3, ..impatient() });
    assert!(matches!(shallow.0.image(&reference, None).await, Err(Error::Depth(_))));
    copy(&from, &to, Options { depth: 4, ..impatient() }).0.image(&reference, None).await.unwrap();
}

/// A repository whose uploads break off, some times.
struct Flaky {
    inner: Arc<dyn Repository>,
    failures: AtomicUsize,
    appended: AtomicU64,
}

impl Repository for Flaky {
    fn name(&self) -> &RepositoryName {
        self.inner.name()
    }
    fn blobs(&self) -> &dyn Blobs {
        self.inner.blobs()
    }
    fn uploads(&self) -> &dyn Uploads {
        self
    }
    fn manifests(&self) -> &dyn Manifests {
        self.inner.manifests()
    }
    fn tags(&self) -> &dyn Tags {
        self.inner.tags()
    }
    fn referrers(&self) -> &dyn Referrers {
        self.inner.referrers()
    }
}

#[async_trait]
impl Uploads for Flaky {
    async fn start(&self, algorithm: Option<Algorithm>) -> Result<UploadStatus, RegistryError> {
        self.inner.uploads().start(algorithm).await
    }
    async fn status(&self, id: &UploadId) -> Result<UploadStatus, RegistryError> {
        self.inner.uploads().status(id).await
    }
    async fn append(
        &self,
        id: &UploadId,
        at: Option<u64>,
        body: ByteStream,
    ) -> Result<UploadStatus, RegistryError> {
        self.appended.fetch_add(body.len().unwrap(), Ordering::Relaxed);
        if self.failures.fetch_sub(1, Ordering::Relaxed) == 0 {
            return self.inner.uploads().append(id, at, body).await;
        }
        let all = wharf_registry::Content::from(body).collect(1 << 24).await.unwrap();
        let half = all.slice(..all.len() / 2);
        let broken = futures_util::stream::iter([Ok(half), Err(std::io::Error::other("gone"))]);
        self.inner.uploads().append(id, at, ByteStream::new(None, broken)).await
    }
    async fn finish(
        &self,
        id: &UploadId,
        at: Option<u64>,
        body: ByteStream,
        digest: &Digest,
    ) -> Result<Descriptor, RegistryError> {
        self.inner.uploads().finish(id, at, body, digest).await
    }
    async fn cancel(&self, id: &UploadId) -> Result<(), RegistryError> {
        self.inner.uploads().cancel(id).await
    }
    async fn put(&self, digest: &Digest, body: ByteStream) -> Result<Descriptor, RegistryError> {
        self.inner.uploads().put(digest, body).await
    }
}

#[tokio::test]
async fn a_large_blob_goes_on_where_it_broke_off() {
    let (from, to) = (repository(), repository());
    let config = blob(&*from, Algorithm::Sha256, "{}").await;
    let layer = blob(&*from, Algorithm::Sha256, vec![7; 4_000_000]).await;
    let value = json!({ "schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [layer] });
    manifest(&*from, &value, &["v1"]).await;
    let flaky = Arc::new(Flaky { inner: to, failures: AtomicUsize::new(2), appended: AtomicU64::new(0) });
    let to: Arc<dyn Repository> = flaky.clone();
    let options = Options { resumable_bytes: 1_000_000, jobs: NonZeroUsize::MIN, ..impatient() };
    copy(&from, &to, options).0.image(&Reference::Tag(tag("v1")), Some(&tag("v1"))).await.unwrap();
    assert_same(&*from, &*to, &Reference::Tag(tag("v1"))).await;
    assert_eq!(flaky.appended.load(Ordering::Relaxed), 4_000_000 + 2_000_000 + 1_000_000);
}
