//! Redirects to a place that serves the same files, such as a web server over the same folder.

use std::ops::Range;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

use super::url::{InvalidUrl, Url};
use crate::{
    Error, ListOptions, ListPage, Object, PutOptions, RedirectRequest, Stat, StorageDriver, StoragePath,
    Stored, Version, Writer, WriterStart,
};

/// A driver that sends every reader of a file to a base URL followed by the file's path.
///
/// This is the `redirect` middleware of Distribution's configuration: nothing is signed, whatever the driver itself would
/// offer is not asked for, and a user, a query or a fragment in the base is dropped.
#[derive(Debug)]
pub struct Redirected<D> {
    inner: D,
    base: String,
}

impl<D> Redirected<D> {
    /// Sends readers below `base_url`, which has a scheme and a host and may have a path.
    ///
    /// # Errors
    ///
    /// When the scheme or the host is missing.
    pub fn new(inner: D, base_url: &str) -> Result<Self, InvalidUrl> {
        let url = Url::parse(base_url)?;
        let mut base = format!("{}://{}", url.scheme, url.host());
        for component in clean(url.path) {
            base.push('/');
            base.push_str(component);
        }
        Ok(Self { inner, base })
    }
}

#[async_trait]
impl<D: StorageDriver> StorageDriver for Redirected<D> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn get(&self, path: &StoragePath, limit_bytes: usize) -> Result<Object, Error> {
        self.inner.get(path, limit_bytes).await
    }

    async fn put(&self, path: &StoragePath, bytes: Bytes, options: PutOptions) -> Result<Version, Error> {
        self.inner.put(path, bytes, options).await
    }

    async fn read(&self, path: &StoragePath, range: Range<u64>) -> Result<Stored, Error> {
        self.inner.read(path, range).await
    }

    async fn writer(&self, path: &StoragePath, start: WriterStart) -> Result<Box<dyn Writer>, Error> {
        self.inner.writer(path, start).await
    }

    async fn stat(&self, path: &StoragePath) -> Result<Stat, Error> {
        self.inner.stat(path).await
    }

    async fn list(&self, path: &StoragePath, options: ListOptions<'_>) -> Result<ListPage, Error> {
        self.inner.list(path, options).await
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), Error> {
        self.inner.rename(from, to).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), Error> {
        self.inner.delete(path).await
    }

    async fn delete_version(&self, path: &StoragePath, version: &Version) -> Result<(), Error> {
        self.inner.delete_version(path, version).await
    }

    async fn redirect(
        &self,
        path: &StoragePath,
        _request: &RedirectRequest,
    ) -> Result<Option<String>, Error> {
        Ok(Some(format!("{}{path}", self.base)))
    }

    async fn sweep(&self, before: SystemTime) -> Result<u64, Error> {
        self.inner.sweep(before).await
    }
}

/// The components of a path without empty ones and with `.` and `..` resolved.
fn clean(path: &str) -> Vec<&str> {
    let mut components = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => drop(components.pop()),
            name => components.push(name),
        }
    }
    components
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryDriver, RedirectMethod};

    #[tokio::test]
    async fn the_path_follows_the_base() {
        let request = RedirectRequest { method: RedirectMethod::Get, client: None, lifetime: None };
        let path: StoragePath = "/docker/registry/v2/blobs".parse().unwrap();
        for (base, expected) in [
            ("https://cdn.example", "https://cdn.example/docker/registry/v2/blobs"),
            ("http://cdn.example:8080/", "http://cdn.example:8080/docker/registry/v2/blobs"),
            ("https://u@cdn.example//a/./b/../c/?q#f", "https://cdn.example/a/c/docker/registry/v2/blobs"),
        ] {
            let driver = Redirected::new(MemoryDriver::new(), base).unwrap();
            assert_eq!(driver.redirect(&path, &request).await.unwrap().unwrap(), expected);
        }
    }

    #[test]
    fn a_base_without_scheme_or_host_is_refused() {
        assert!(Redirected::new(MemoryDriver::new(), "cdn.example").is_err());
        assert!(Redirected::new(MemoryDriver::new(), "https:///path").is_err());
    }
}
