//! A driver behind a shared pointer is a driver, so that wrappers can be put around one that configuration chose.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    Error, ListOptions, ListPage, Object, PutOptions, RedirectRequest, Stat, StorageDriver, StoragePath,
    Stored, Version, Writer, WriterStart,
};

#[async_trait]
impl<D: StorageDriver + ?Sized> StorageDriver for Arc<D> {
    fn name(&self) -> &'static str {
        (**self).name()
    }

    async fn get(&self, path: &StoragePath, limit_bytes: usize) -> Result<Object, Error> {
        (**self).get(path, limit_bytes).await
    }

    async fn put(&self, path: &StoragePath, bytes: Bytes, options: PutOptions) -> Result<Version, Error> {
        (**self).put(path, bytes, options).await
    }

    async fn read(&self, path: &StoragePath, range: Range<u64>) -> Result<Stored, Error> {
        (**self).read(path, range).await
    }

    async fn writer(&self, path: &StoragePath, start: WriterStart) -> Result<Box<dyn Writer>, Error> {
        (**self).writer(path, start).await
    }

    async fn stat(&self, path: &StoragePath) -> Result<Stat, Error> {
        (**self).stat(path).await
    }

    async fn list(&self, path: &StoragePath, options: ListOptions<'_>) -> Result<ListPage, Error> {
        (**self).list(path, options).await
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), Error> {
        (**self).rename(from, to).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), Error> {
        (**self).delete(path).await
    }

    async fn delete_version(&self, path: &StoragePath, version: &Version) -> Result<(), Error> {
        (**self).delete_version(path, version).await
    }

    async fn redirect(&self, path: &StoragePath, request: &RedirectRequest) -> Result<Option<String>, Error> {
        (**self).redirect(path, request).await
    }

    async fn sweep(&self, before: SystemTime) -> Result<u64, Error> {
        (**self).sweep(before).await
    }
}
