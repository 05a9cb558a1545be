//! Redirects of a driver, changed on their way out: for a store that clients reach under another address.

use std::ops::Range;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

use super::url::Url;
use crate::{
    Error, ErrorKind, ListOptions, ListPage, Object, PutOptions, RedirectRequest, Stat, StorageDriver,
    StoragePath, Stored, Version, Writer, WriterStart,
};

/// A driver whose redirects are changed.
///
/// This is the `rewrite` middleware of Distribution's configuration, except that a driver without a redirect stays without
/// one: there, a scheme and a host alone became a URL that led nowhere.
#[derive(Debug)]
pub struct Rewritten<D> {
    inner: D,
    rewrite: Rewrite,
}

/// Which parts of a redirect are changed; what is none stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// The scheme, such as `https`.
    pub scheme: Option<String>,
    /// The host, with a port if one is needed.
    pub host: Option<String>,
    /// What is cut off the beginning of the path where the path begins with it.
    pub trim_path_prefix: Option<String>,
}

impl<D> Rewritten<D> {
    /// Changes what `inner` offers.
    pub fn new(inner: D, rewrite: Rewrite) -> Self {
        Self { inner, rewrite }
    }
}

#[async_trait]
impl<D: StorageDriver> StorageDriver for Rewritten<D> {
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

    async fn redirect(&self, path: &StoragePath, request: &RedirectRequest) -> Result<Option<String>, Error> {
        let Some(offered) = self.inner.redirect(path, request).await? else { return Ok(None) };
        let broken = |error| Error::new(self.name(), ErrorKind::Other).at(path).because(error);
        let url = Url::parse(&offered).map_err(broken)?;
        Ok(Some(self.rewrite.apply(&url)))
    }

    async fn sweep(&self, before: SystemTime) -> Result<u64, Error> {
        self.inner.sweep(before).await
    }
}

impl Rewrite {
    fn apply(&self, url: &Url<'_>) -> String {
        let scheme = self.scheme.as_deref().unwrap_or(url.scheme);
        let authority = match &self.host {
            Some(host) => format!("{}{host}", &url.authority[..url.authority.len() - url.host().len()]),
            None => url.authority.to_owned(),
        };
        let prefix = self.trim_path_prefix.as_deref().unwrap_or_default();
        let path = url.path.strip_prefix(prefix).unwrap_or(url.path);
        let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
        format!("{scheme}://{authority}{slash}{path}{}", url.rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryDriver, RedirectMethod, Redirected};

    async fn rewritten(base: &str, rewrite: Rewrite) -> String {
        let request = RedirectRequest { method: RedirectMethod::Get, client: None, lifetime: None };
        let driver = Rewritten::new(Redirected::new(MemoryDriver::new(), base).unwrap(), rewrite);
        driver.redirect(&"/blobs/x".parse().unwrap(), &request).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn the_named_parts_change_and_the_others_stay() {
        let base = "http://store:9000/bucket";
        let host =
            Rewrite { scheme: Some("https".into()), host: Some("cdn.example".into()), ..Rewrite::default() };
        assert_eq!(rewritten(base, host).await, "https://cdn.example/bucket/blobs/x");
        let trim = |prefix: &str| Rewrite { trim_path_prefix: Some(prefix.to_owned()), ..Rewrite::default() };
        assert_eq!(rewritten(base, trim("/bucket")).await, "http://store:9000/blobs/x");
        assert_eq!(rewritten(base, trim("/bucket/")).await, "http://store:9000/blobs/x");
        assert_eq!(rewritten(base, trim("/other")).await, "http://store:9000/bucket/blobs/x");
        assert_eq!(rewritten(base, Rewrite::default()).await, "http://store:9000/bucket/blobs/x");
    }

    #[test]
    fn the_query_keeps_its_signature_to_the_letter() {
        let url = Url::parse("http://store/b/x?X-Sig=a%2Fb%3D&n=1").unwrap();
        let rewrite = Rewrite { host: Some("cdn".into()), ..Rewrite::default() };
        assert_eq!(rewrite.apply(&url), "http://cdn/b/x?X-Sig=a%2Fb%3D&n=1");
    }

    #[tokio::test]
    async fn without_a_redirect_there_is_none() {
        let rewrite =
            Rewrite { scheme: Some("https".into()), host: Some("cdn".into()), ..Rewrite::default() };
        let request = RedirectRequest { method: RedirectMethod::Head, client: None, lifetime: None };
        let driver = Rewritten::new(MemoryDriver::new(), rewrite);
        assert_eq!(driver.redirect(&"/x".parse().unwrap(), &request).await.unwrap(), None);
    }
}
