//! The driver: the port's calls, with paths made into keys and failures into errors.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use wharf_http_client::HttpClient;
use wharf_storage_driver::{
    Error, ErrorKind, Kind, ListOptions, ListPage, Object, PutOptions, RedirectRequest, Stat, StorageDriver,
    StoragePath, Stored, Version, Writer, WriterStart,
};

use crate::config::{Config, InvalidConfig};
use crate::container::Container;
use crate::failure::{Failure, FailureKind};
use crate::sdk::Sdk;
use crate::writer::AzureWriter;

/// The name of the driver, as configuration and errors have it.
pub(crate) const NAME: &str = "azure";

/// A store in a container of an Azure storage account. Clones share its memory and what it remembers; other processes
/// may use the same container.
#[derive(Clone)]
pub struct AzureDriver {
    container: Arc<Container>,
}

impl AzureDriver {
    /// Opens the store; nobody is asked yet.
    ///
    /// # Errors
    ///
    /// When the configuration cannot work: a key that is no key, sizes that do not fit.
    pub fn new(config: Config, http: HttpClient) -> Result<Self, InvalidConfig> {
        config.check()?;
        let service = Arc::new(Sdk::new(&config, http)?);
        Ok(Self { container: Container::new(config, service) })
    }

    #[cfg(test)]
    pub(crate) fn over(container: Arc<Container>) -> Self {
        Self { container }
    }

    #[cfg(test)]
    pub(crate) fn key_of(&self, path: &str) -> String {
        self.container.keys.file(&path.parse().unwrap()).unwrap()
    }

    /// The key of a file that is read.
    fn source(&self, path: &StoragePath) -> Result<String, Error> {
        self.container.keys.file(path).ok_or_else(|| Failure::missing().at(path))
    }

    /// The key of a file that is written or deleted.
    fn target(&self, path: &StoragePath) -> Result<String, Error> {
        self.container.keys.file(path).ok_or_else(|| Failure::new(FailureKind::Other).at(path))
    }
}

impl fmt::Debug for AzureDriver {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AzureDriver").field("config", &self.container.config).finish_non_exhaustive()
    }
}

#[async_trait]
impl StorageDriver for AzureDriver {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn get(&self, path: &StoragePath, limit_bytes: usize) -> Result<Object, Error> {
        let key = self.source(path)?;
        self.container.get(&key, limit_bytes).await.map_err(|failure| failure.at(path))
    }

    async fn put(&self, path: &StoragePath, bytes: Bytes, options: PutOptions) -> Result<Version, Error> {
        let key = self.target(path)?;
        self.container.put(&key, bytes, options.mode).await.map_err(|failure| failure.at(path))
    }

    async fn read(&self, path: &StoragePath, range: Range<u64>) -> Result<Stored, Error> {
        let key = self.source(path)?;
        self.container.read(&key, range).await.map_err(|failure| failure.at(path))
    }

    async fn writer(&self, path: &StoragePath, start: WriterStart) -> Result<Box<dyn Writer>, Error> {
        let key = self.target(path)?;
        let claim = self.container.claim(&key).ok_or_else(|| Error::new(NAME, ErrorKind::Busy).at(path))?;
        let writer = AzureWriter::open(&self.container, path, key, claim, start).await;
        Ok(Box::new(writer.map_err(|failure| failure.at(path))?))
    }

    async fn stat(&self, path: &StoragePath) -> Result<Stat, Error> {
        let Some(key) = self.container.keys.file(path) else {
            return Ok(Stat { kind: Kind::Folder, size: 0, modified: None });
        };
        self.container.stat(&key).await.map_err(|failure| failure.at(path))
    }

    async fn list(&self, path: &StoragePath, options: ListOptions<'_>) -> Result<ListPage, Error> {
        let prefix = self.container.keys.folder(path);
        let page = self.container.list(&prefix, options.start_after, options.limit).await;
        page.map_err(|failure| failure.at(path))
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), Error> {
        let (source, target) = (self.source(from)?, self.target(to)?);
        self.container.rename(&source, &target).await.map_err(|failure| failure.at(from))
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), Error> {
        let key = self.target(path)?;
        self.container.delete(&key).await.map_err(|failure| failure.at(path))
    }

    async fn redirect(&self, path: &StoragePath, request: &RedirectRequest) -> Result<Option<String>, Error> {
        let key = self.source(path)?;
        let url = self.container.signed_url(&key, request.lifetime).await;
        url.map_err(|failure| failure.at(path))
    }
    async fn sweep(&self, before: SystemTime) -> Result<u64, Error> {
        self.container.sweep(before).await.map_err(|failure| failure.at(&StoragePath::root()))
    }
}
