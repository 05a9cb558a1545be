//! The driver: each call is a few requests, most often one.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use wharf_http_client::HttpClient;
use wharf_storage_driver::{
    Error, ErrorKind, ListOptions, ListPage, Object, PutOptions, RedirectRequest, Stat, StorageDriver,
    StoragePath, Stored, Version, Writer, WriterStart,
};

use crate::bucket::Bucket;
use crate::failure::{Failure, NAME};
use crate::lookup::impossible;
use crate::memory::MemoryUse;
use crate::{Config, conditions, connect, copy, listing, lookup, presign, read, remove, sweep, writer};

/// A store in a bucket. Clones share it; other processes may use the same bucket.
#[derive(Debug, Clone)]
pub struct S3Driver {
    bucket: Arc<Bucket>,
}

impl S3Driver {
    /// Opens the store. The bucket is not asked for anything yet; only who we are may be looked for, when the configuration
    /// leaves it to the machine.
    ///
    /// # Errors
    ///
    /// When the configuration cannot be: no region, or no such endpoint.
    pub async fn new(config: Config, http: HttpClient) -> Result<Self, Error> {
        let connected = connect::connect(&config, http).await;
        let client = connected.map_err(|error| Failure::new(ErrorKind::Other).because(error).into_error())?;
        Ok(Self { bucket: Arc::new(Bucket::new(client, config)) })
    }

    /// How much memory the uploads of this driver take.
    pub fn upload_memory(&self) -> MemoryUse {
        self.bucket.memory.in_use()
    }

    /// The key of a file, which the root is not.
    fn key(&self, path: &StoragePath) -> Result<String, Failure> {
        if path.is_root() { Err(Failure::not_found()) } else { Ok(self.bucket.keys.of(path)) }
    }

    /// The key of a file that is to be written.
    fn target(&self, path: &StoragePath) -> Result<String, Failure> {
        self.key(path).map_err(|_| impossible("the root holds no bytes"))
    }

    async fn read_at(&self, path: &StoragePath, range: Range<u64>) -> Result<Stored, Failure> {
        read::read(&self.bucket, self.key(path)?, range).await
    }

    async fn get_at(&self, path: &StoragePath, limit_bytes: usize) -> Result<Object, Failure> {
        read::get(&self.bucket, &self.key(path)?, limit_bytes).await
    }

    async fn put_at(
        &self,
        path: &StoragePath,
        bytes: Bytes,
        options: &PutOptions,
    ) -> Result<Version, Failure> {
        conditions::put(&self.bucket, &self.target(path)?, bytes, &options.mode).await
    }

    async fn rename_to(&self, from: &StoragePath, to: &StoragePath) -> Result<(), Failure> {
        let (from, to) = (self.key(from)?, self.target(to)?);
        let there = lookup::head(&self.bucket, &from).await?.ok_or_else(Failure::not_found)?;
        if from == to {
            return Ok(());
        }
        copy::copy(&self.bucket, &from, there.version.as_ref(), &to, there.size).await?;
        remove::remove_key(&self.bucket, &from).await
    }
}

#[async_trait]
impl StorageDriver for S3Driver {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn get(&self, path: &StoragePath, limit_bytes: usize) -> Result<Object, Error> {
        self.get_at(path, limit_bytes).await.map_err(|failure| failure.at(path))
    }

    async fn put(&self, path: &StoragePath, bytes: Bytes, options: PutOptions) -> Result<Version, Error> {
        self.put_at(path, bytes, &options).await.map_err(|failure| failure.at(path))
    }

    async fn read(&self, path: &StoragePath, range: Range<u64>) -> Result<Stored, Error> {
        self.read_at(path, range).await.map_err(|failure| failure.at(path))
    }

    async fn writer(&self, path: &StoragePath, start: WriterStart) -> Result<Box<dyn Writer>, Error> {
        self.target(path).map_err(|failure| failure.at(path))?;
        writer::open(Arc::clone(&self.bucket), path, start).await
    }

    async fn stat(&self, path: &StoragePath) -> Result<Stat, Error> {
        lookup::stat(&self.bucket, path).await.map_err(|failure| failure.at(path))
    }

    async fn list(&self, path: &StoragePath, options: ListOptions<'_>) -> Result<ListPage, Error> {
        listing::list(&self.bucket, path, &options).await.map_err(|failure| failure.at(path))
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), Error> {
        self.rename_to(from, to).await.map_err(|failure| failure.at(from))
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), Error> {
        remove::remove(&self.bucket, path).await.map_err(|failure| failure.at(path))
    }

    async fn delete_version(&self, path: &StoragePath, version: &Version) -> Result<(), Error> {
        let key = self.key(path).map_err(|failure| failure.at(path))?;
        conditions::remove(&self.bucket, &key, version).await.map_err(|failure| failure.at(path))
    }

    async fn sweep(&self, before: SystemTime) -> Result<u64, Error> {
        sweep::sweep(&self.bucket, before).await.map_err(Failure::into_error)
    }

    async fn redirect(&self, path: &StoragePath, request: &RedirectRequest) -> Result<Option<String>, Error> {
        let key = self.key(path).map_err(|failure| failure.at(path))?;
        presign::presigned(&self.bucket, &key, request).await.map(Some).map_err(|failure| failure.at(path))
    }
}
