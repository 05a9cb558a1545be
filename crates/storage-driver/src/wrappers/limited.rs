//! A bound on how many calls a store serves at once, as Distribution's regulator sets it.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::{
    Error, ListOptions, ListPage, Object, PutOptions, RedirectRequest, Stat, StorageDriver, StoragePath,
    Stored, Version, Writer, WriterStart,
};

/// A driver that serves at most so many calls at once; others wait their turn.
///
/// A call ends when it returns: the content and the writers that it hands out are not counted, so a slow client cannot
/// keep others from the store.
#[derive(Debug)]
pub struct Limited<D> {
    inner: D,
    calls: Semaphore,
}

impl<D> Limited<D> {
    /// Lets at most `calls` through at once.
    pub fn new(inner: D, calls: NonZeroUsize) -> Self {
        Self { inner, calls: Semaphore::new(calls.get().min(Semaphore::MAX_PERMITS)) }
    }
}

// The semaphore is never closed, so holding the result of `acquire` is holding a permit.
#[async_trait]
impl<D: StorageDriver> StorageDriver for Limited<D> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn get(&self, path: &StoragePath, limit_bytes: usize) -> Result<Object, Error> {
        let _permit = self.calls.acquire().await;
        self.inner.get(path, limit_bytes).await
    }

    async fn put(&self, path: &StoragePath, bytes: Bytes, options: PutOptions) -> Result<Version, Error> {
        let _permit = self.calls.acquire().await;
        self.inner.put(path, bytes, options).await
    }

    async fn read(&self, path: &StoragePath, range: Range<u64>) -> Result<Stored, Error> {
        let _permit = self.calls.acquire().await;
        self.inner.read(path, range).await
    }

    async fn writer(&self, path: &StoragePath, start: WriterStart) -> Result<Box<dyn Writer>, Error> {
        let _permit = self.calls.acquire().await;
        self.inner.writer(path, start).await
    }

    async fn stat(&self, path: &StoragePath) -> Result<Stat, Error> {
        let _permit = self.calls.acquire().await;
        self.inner.stat(path).await
    }

    async fn list(&self, path: &StoragePath, options: ListOptions<'_>) -> Result<ListPage, Error> {
        let _permit = self.calls.acquire().await;
        self.inner.list(path, options).await
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), Error> {
        let _permit = self.calls.acquire().await;
        self.inner.rename(from, to).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), Error> {
        let _permit = self.calls.acquire().await;
        self.inner.delete(path).await
    }

    async fn delete_version(&self, path: &StoragePath, version: &Version) -> Result<(), Error> {
        let _permit = self.calls.acquire().await;
        self.inner.delete_version(path, version).await
    }

    async fn redirect(&self, path: &StoragePath, request: &RedirectRequest) -> Result<Option<String>, Error> {
        let _permit = self.calls.acquire().await;
        self.inner.redirect(path, request).await
    }

    async fn sweep(&self, before: SystemTime) -> Result<u64, Error> {
        let _permit = self.calls.acquire().await;
        self.inner.sweep(before).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Call, MemoryDriver, Recording};

    #[tokio::test]
    async fn no_more_calls_than_allowed_are_in_flight_together() {
        let recording = Arc::new(Recording::new(MemoryDriver::new()));
        let driver = Limited::new(Arc::clone(&recording), NonZeroUsize::new(2).unwrap());
        let path = StoragePath::root().join("a").unwrap();
        futures_util::future::join_all((0..10).map(|_| driver.stat(&path))).await;
        let calls = recording.take();
        assert_eq!(calls.len(), 10);
        for call in &calls {
            let goes_on = |other: &&Call| other.started <= call.started && other.overlaps(call);
            assert!(calls.iter().filter(goes_on).count() <= 2);
        }
        assert!(calls[0].overlaps(&calls[1]));
    }

    #[tokio::test]
    async fn a_writer_is_not_counted_while_it_is_open() {
        let driver = Limited::new(MemoryDriver::new(), NonZeroUsize::MIN);
        let path = StoragePath::root().join("a").unwrap();
        let writer = driver.writer(&path, WriterStart::New).await.unwrap();
        assert!(driver.stat(&path).await.unwrap_err().is_not_found());
        writer.cancel().await.unwrap();
    }
}
