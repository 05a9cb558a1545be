//! A push that dies at any call to the store, and one that meets a fault at any of them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use wharf_registry::{Algorithm, Digest, Error, PutManifest, Reference, ReferrerRequest, Repository};
use wharf_storage_driver::{
    Error as DriverError, ErrorKind, ListOptions, ListPage, MemoryDriver, Object, PutOptions,
    RedirectRequest, Stat, StorageDriver, StoragePath, Stored, Sync, Version, Writer, WriterStart,
};

use crate::fixture::{Fixture, LARGE, content, once, page, read_blob, repository, sha256};
use crate::images::{image, put, with_subject};

/// Lets a number of calls through, then fails some.
struct Dying {
    inner: MemoryDriver,
    plan: Arc<Plan>,
}

struct Plan {
    calls: AtomicUsize,
    failing: Range<usize>,
}

impl Plan {
    fn next(&self) -> Result<(), DriverError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let error = || DriverError::new("dying", ErrorKind::Unavailable);
        if self.failing.contains(&call) { Err(error()) } else { Ok(()) }
    }
}

struct DyingWriter {
    inner: Box<dyn Writer>,
    plan: Arc<Plan>,
}

#[async_trait]
impl StorageDriver for Dying {
    fn name(&self) -> &'static str {
        "dying"
    }

    async fn get(&self, path: &StoragePath, limit_bytes: usize) -> Result<Object, DriverError> {
        self.plan.next()?;
        self.inner.get(path, limit_bytes).await
    }

    async fn put(
        &self,
        path: &StoragePath,
        bytes: Bytes,
        options: PutOptions,
    ) -> Result<Version, DriverError> {
        self.plan.next()?;
        self.inner.put(path, bytes, options).await
    }

    async fn read(&self, path: &StoragePath, range: Range<u64>) -> Result<Stored, DriverError> {
        self.plan.next()?;
        self.inner.read(path, range).await
    }

    async fn writer(&self, path: &StoragePath, start: WriterStart) -> Result<Box<dyn Writer>, DriverError> {
        self.plan.next()?;
        Ok(Box::new(DyingWriter {
            inner: self.inner.writer(path, start).await?,
            plan: Arc::clone(&self.plan),
        }))
    }

    async fn stat(&self, path: &StoragePath) -> Result<Stat, DriverError> {
        self.plan.next()?;
        self.inner.stat(path).await
    }

    async fn list(&self, path: &StoragePath, options: ListOptions<'_>) -> Result<ListPage, DriverError> {
        self.plan.next()?;
        self.inner.list(path, options).await
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), DriverError> {
        self.plan.next()?;
        self.inner.rename(from, to).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), DriverError> {
        self.plan.next()?;
        self.inner.delete(path).await
    }

    async fn delete_version(&self, path: &StoragePath, version: &Version) -> Result<(), DriverError> {
        self.plan.next()?;
        self.inner.delete_version(path, version).await
    }

    async fn redirect(
        &self,
        path: &StoragePath,
        request: &RedirectRequest,
    ) -> Result<Option<String>, DriverError> {
        self.inner.redirect(path, request).await
    }

    async fn sweep(&self, before: std::time::SystemTime) -> Result<u64, DriverError> {
        self.plan.next()?;
        self.inner.sweep(before).await
    }
}

#[async_trait]
impl Writer for DyingWriter {
    fn offset(&self) -> u64 {
        self.inner.offset()
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), DriverError> {
        self.plan.next()?;
        self.inner.write(bytes).await
    }

    async fn close(self: Box<Self>, sync: Sync) -> Result<(), DriverError> {
        self.plan.next()?;
        self.inner.close(sync).await
    }

    async fn commit(self: Box<Self>, to: &StoragePath) -> Result<(), DriverError> {
        self.plan.next()?;
        self.inner.commit(to).await
    }

    async fn cancel(self: Box<Self>) -> Result<(), DriverError> {
        self.plan.next()?;
        self.inner.cancel().await
    }
}

/// What a push acknowledged before it stopped.
#[derive(Default)]
struct Acknowledged {
    blobs: Vec<(Digest, Vec<u8>)>,
    manifest: Option<Digest>,
}

/// Pushes an image with a subject: small and large blobs, by every way that there is.
async fn push(repository: &dyn Repository, done: &mut Acknowledged) -> Result<(), Error> {
    let uploads = repository.uploads();
    let config = uploads.put(&sha256(b"{}"), once(b"{}")).await?;
    done.blobs.push((config.digest, b"{}".to_vec()));
    let mut layers = Vec::new();
    for (seed, algorithm) in [(1, Algorithm::Sha256), (2, Algorithm::Sha512)] {
        for len in [100, LARGE] {
            let bytes = content(len, seed);
            let digest = algorithm.digest(&bytes);
            let id = uploads.start(None).await?.id;
            uploads.append(&id, Some(0), once(&bytes[..len - 50])).await?;
            layers.push(uploads.finish(&id, Some(len as u64 - 50), once(&bytes[len - 50..]), &digest).await?);
            done.blobs.push((digest, bytes));
        }
    }
    let manifest = put(&with_subject(image(&config, &layers), &sha256(b"subject")), &["latest"]);
    let digest = Algorithm::Sha512.digest(&manifest.bytes);
    repository.manifests().put(PutManifest { digest: Some(digest), ..manifest }).await?;
    done.manifest = Some(digest);
    Ok(())
}

/// Everything that was acknowledged is whole, and every tag that is listed can be pulled with all that it
/// points to.
async fn is_whole(fixture: &Fixture, done: &Acknowledged) {
    let repository = repository(&fixture.elsewhere(), "a");
    for (digest, bytes) in &done.blobs {
        assert_eq!(read_blob(&*repository, digest).await, bytes.as_slice());
    }
    let tags = repository.tags().list(page(None, 10)).await.map(|page| page.items).unwrap_or_default();
    for tag in &tags {
        let stored = repository.manifests().get(&Reference::Tag(tag.clone())).await.unwrap();
        for layer in stored.manifest.layers() {
            assert_eq!(sha256(&read_blob(&*repository, &layer.digest).await).algorithm(), Algorithm::Sha256);
        }
    }
    if let Some(digest) = done.manifest {
        assert_eq!(repository.tags().resolve(&tags[0]).await.unwrap(), digest);
        let referrers =
            repository.referrers().list(&sha256(b"subject"), ReferrerRequest::default()).await.unwrap();
        assert_eq!(
            referrers.descriptors.iter().map(|descriptor| descriptor.digest).collect::<Vec<_>>(),
            [digest]
        );
    }
}

/// Runs a push with faults in turn at every call that it makes.
async fn at_every_call(faults: impl Fn(usize) -> Range<usize>) {
    for call in 0.. {
        let memory = MemoryDriver::new();
        let plan = Arc::new(Plan { calls: AtomicUsize::new(0), failing: faults(call) });
        let dying = Fixture::over(Arc::new(Dying { inner: memory.clone(), plan: Arc::clone(&plan) }), None);
        let healthy = Fixture::over(Arc::new(memory), None);
        let mut done = Acknowledged::default();
        let result = push(&*dying.repository("a"), &mut done).await;
        is_whole(&healthy, &done).await;

        let mut again = Acknowledged::default();
        push(&*healthy.repository("a"), &mut again).await.unwrap();
        is_whole(&healthy, &again).await;
        if plan.calls.load(Ordering::SeqCst) <= call {
            result.unwrap();
            return;
        }
        assert!(call < 500, "a push makes fewer calls");
    }
}

#[tokio::test]
async fn a_crash_at_any_call_hurts_nothing_that_was_acknowledged() {
    at_every_call(|call| call..usize::MAX).await;
}

#[tokio::test]
async fn a_fault_at_any_call_hurts_nothing_that_was_acknowledged() {
    at_every_call(|call| call..call + 1).await;
}

#[tokio::test]
async fn an_upload_survives_a_crash_at_any_call_of_a_chunk() {
    let bytes = content(LARGE * 2, 1);
    for call in 0..12 {
        let memory = MemoryDriver::new();
        let healthy = Fixture::over(Arc::new(memory.clone()), None);
        let uploads = healthy.repository("a");
        let id = uploads.uploads().start(None).await.unwrap().id;
        uploads.uploads().append(&id, Some(0), once(&bytes[..LARGE])).await.unwrap();

        let plan = Arc::new(Plan { calls: AtomicUsize::new(0), failing: call..usize::MAX });
        let dying = Fixture::over(Arc::new(Dying { inner: memory, plan }), None);
        let result =
            dying.repository("a").uploads().append(&id, Some(LARGE as u64), once(&bytes[LARGE..])).await;

        let elsewhere = repository(&healthy.elsewhere(), "a");
        let offset = elsewhere.uploads().status(&id).await.unwrap().offset;
        assert!(offset == LARGE as u64 * 2 || (result.is_err() && offset == LARGE as u64), "at call {call}");
        let rest = once(&bytes[usize::try_from(offset).unwrap()..]);
        elsewhere.uploads().finish(&id, Some(offset), rest, &sha256(&bytes)).await.unwrap();
        assert_eq!(read_blob(&*elsewhere, &sha256(&bytes)).await, bytes);
    }
}

#[tokio::test]
async fn a_store_that_is_not_available_is_told_from_one_that_holds_nothing() {
    let plan = Arc::new(Plan { calls: AtomicUsize::new(0), failing: 0..usize::MAX });
    let fixture = Fixture::over(Arc::new(Dying { inner: MemoryDriver::new(), plan }), None);
    let repository = fixture.repository("a");
    let is_unavailable = |error: Option<Error>| matches!(error, Some(Error::Unavailable { .. }));
    let digest = sha256(b"");
    assert!(is_unavailable(repository.blobs().open(&digest).await.err()));
    assert!(is_unavailable(repository.manifests().get(&Reference::Digest(digest)).await.err()));
    assert!(is_unavailable(repository.tags().list(page(None, 1)).await.err()));
    assert!(is_unavailable(repository.uploads().start(None).await.err()));
    assert!(is_unavailable(repository.uploads().status(&"x".parse().unwrap()).await.err()));
    assert!(is_unavailable(repository.referrers().list(&digest, ReferrerRequest::default()).await.err()));
    assert!(is_unavailable(repository.blobs().mount(&digest, None).await.err()));
}
