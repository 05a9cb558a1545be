//! The wrapper: every method goes to the wrapped driver, but for where clients are sent.

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wharf_http_client::HttpClient;
use wharf_storage_driver::{
    Error as DriverError, ErrorKind, ListOptions, ListPage, Object, PutOptions, RedirectRequest, Stat,
    StorageDriver, StoragePath, Stored, Version, Writer, WriterStart,
};

use crate::recent::Recent;
use crate::refresh::Addresses;
use crate::signer::Signer;
use crate::{Config, Error, IpFilter};

/// A driver that sends clients to CloudFront.
///
/// Clients within the addresses that the filter names get the wrapped driver's own redirect. A request's lifetime counts
/// before the configured duration.
pub struct CloudFront<D> {
    inner: D,
    signer: Arc<Signer>,
    base: String,
    duration: Duration,
    excepted: Option<Addresses>,
    recent: Recent,
}

impl<D> CloudFront<D> {
    /// Sends the clients of `inner` to CloudFront. With a filter by address a task begins that keeps the list of AWS's
    /// addresses, with `http` where the list is at a URL, and that ends when the wrapper is dropped.
    ///
    /// # Errors
    ///
    /// When the configuration is wrong, or when a filter is wanted outside a tokio runtime. Whether the list of addresses
    /// can be had is not waited for.
    pub fn new(inner: D, config: Config, http: HttpClient) -> Result<Self, Error> {
        let base = base(&config.base_url, &config.key_prefix)?;
        let signer = Arc::new(Signer::new(config.private_key, config.key_pair_id)?);
        let excepted = match config.ip_filter {
            IpFilter::None => None,
            filter => Some(Addresses::keep(config.ip_ranges, filter, config.update_frequency, http)?),
        };
        Ok(Self { inner, signer, base, duration: config.duration, excepted, recent: Recent::default() })
    }

    fn excepts(&self, client: Option<IpAddr>) -> bool {
        let Some(addresses) = &self.excepted else { return false };
        client.is_some_and(|client| addresses.contain(client))
    }
}

impl<D: fmt::Debug> fmt::Debug for CloudFront<D> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CloudFront").field("inner", &self.inner).field("base", &self.base).finish()
    }
}

#[async_trait]
impl<D: StorageDriver> StorageDriver for CloudFront<D> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn get(&self, path: &StoragePath, limit_bytes: usize) -> Result<Object, DriverError> {
        self.inner.get(path, limit_bytes).await
    }

    async fn put(
        &self,
        path: &StoragePath,
        bytes: Bytes,
        options: PutOptions,
    ) -> Result<Version, DriverError> {
        self.inner.put(path, bytes, options).await
    }

    async fn read(&self, path: &StoragePath, range: Range<u64>) -> Result<Stored, DriverError> {
        self.inner.read(path, range).await
    }

    async fn writer(&self, path: &StoragePath, start: WriterStart) -> Result<Box<dyn Writer>, DriverError> {
        self.inner.writer(path, start).await
    }

    async fn stat(&self, path: &StoragePath) -> Result<Stat, DriverError> {
        self.inner.stat(path).await
    }

    async fn list(&self, path: &StoragePath, options: ListOptions<'_>) -> Result<ListPage, DriverError> {
        self.inner.list(path, options).await
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), DriverError> {
        self.inner.rename(from, to).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), DriverError> {
        self.inner.delete(path).await
    }

    async fn redirect(
        &self,
        path: &StoragePath,
        request: &RedirectRequest,
    ) -> Result<Option<String>, DriverError> {
        if self.excepts(request.client) {
            return self.inner.redirect(path, request).await;
        }
        let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
            DriverError::new(self.name(), ErrorKind::Other).at(path).because(error)
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let lifetime = request.lifetime.unwrap_or(self.duration).as_secs();
        let url = format!("{}{path}", self.base);
        if let Some(signed) = self.recent.find(&url, now, lifetime) {
            return Ok(Some(signed));
        }
        let expires = now.saturating_add(lifetime);
        let (signer, resource) = (Arc::clone(&self.signer), url.clone());
        let signing = tokio::task::spawn_blocking(move || signer.sign(&resource, expires));
        let signed = signing.await.map_err(|error| failed(error.into()))?;
        let signed = signed.map_err(|error| failed(error.into()))?;
        self.recent.remember(url, expires, signed.clone());
        Ok(Some(signed))
    }

    async fn sweep(&self, before: SystemTime) -> Result<u64, DriverError> {
        self.inner.sweep(before).await
    }
}

/// What stands before every path: the address of the distribution and the prefix of keys, without a slash at the end.
fn base(url: &str, prefix: &str) -> Result<String, Error> {
    let refused = || Error::BaseUrl(url.to_owned());
    let full = if url.contains("://") { url.to_owned() } else { format!("https://{url}") };
    let uri: http::Uri = full.parse().map_err(|_| refused())?;
    let has_user = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    let plain = full.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"\\<>^`{|}".contains(&byte));
    if !matches!(uri.scheme_str(), Some("http" | "https")) || has_user || !plain {
        return Err(refused());
    }
    let mut base = full.trim_end_matches('/').to_owned();
    let prefix = prefix.trim_matches('/');
    if !prefix.is_empty() {
        base.push('/');
        base.extend(utf8_percent_encode(prefix, ESCAPED));
    }
    Ok(base)
}

/// What of a key prefix cannot stand in the path of a URL as it is.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use wharf_storage_driver::{MemoryDriver, RedirectMethod, Redirected};

    use super::*;
    use crate::ranges::tests::LIST;
    use crate::signer::tests::{KEY_PAIR_ID, is_signed_by, key, pem};
    use crate::{PrivateKey, RangesSource};

    fn http() -> HttpClient {
        HttpClient::new(wharf_http_client::Options::default()).unwrap()
    }

    fn request(client: Option<&str>) -> RedirectRequest {
        let client = client.map(|client| client.parse().unwrap());
        RedirectRequest { method: RedirectMethod::Get, client, lifetime: None }
    }

    fn path() -> StoragePath {
        "/docker/registry/v2/blobs/sha256/aa/aa/data".parse().unwrap()
    }

    fn seconds_left(url: &str) -> u64 {
        let expires = url.split_once("Expires=").unwrap().1.split_once('&').unwrap().0;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        expires.parse::<u64>().unwrap().saturating_sub(now)
    }

    #[tokio::test]
    async fn everyone_gets_a_signed_url_of_the_key() {
        let key = key();
        let config = Config {
            key_prefix: "/some images/of ours/".into(),
            ..Config::new("d111.cloudfront.net/cdn/", KEY_PAIR_ID, pem(&key))
        };
        let driver = CloudFront::new(MemoryDriver::new(), config, http()).unwrap();
        for method in [RedirectMethod::Get, RedirectMethod::Head] {
            let request = RedirectRequest { method, ..request(Some("3.5.140.1")) };
            let url = driver.redirect(&path(), &request).await.unwrap().unwrap();
            let expected =
                format!("https://d111.cloudfront.net/cdn/some%20images/of%20ours{}?Expires=", path());
            assert!(url.starts_with(&expected), "{url}");
            assert!(is_signed_by(&url, &key), "{url}");
            assert!((1198..=1200).contains(&seconds_left(&url)), "{url}");
        }
    }

    #[tokio::test]
    async fn a_request_may_ask_for_another_lifetime() {
        let config = Config {
            duration: Duration::from_secs(60),
            ..Config::new("https://cdn.example", KEY_PAIR_ID, pem(&key()))
        };
        let driver = CloudFront::new(MemoryDriver::new(), config, http()).unwrap();
        let url = driver.redirect(&path(), &request(None)).await.unwrap().unwrap();
        assert!((58..=60).contains(&seconds_left(&url)), "{url}");
        let request = RedirectRequest { lifetime: Some(Duration::from_secs(3600)), ..request(None) };
        let url = driver.redirect(&path(), &request).await.unwrap().unwrap();
        assert!((3598..=3600).contains(&seconds_left(&url)), "{url}");
        let request = RedirectRequest { lifetime: Some(Duration::MAX), ..request };
        assert!(driver.redirect(&path(), &request).await.is_ok(), "no overflow");
    }

    #[tokio::test]
    async fn clients_within_the_filter_get_the_drivers_own_redirect() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ip-ranges.json");
        std::fs::write(&file, LIST).unwrap();
        let config = Config {
            ip_filter: IpFilter::AwsRegion(vec!["us-west-2".into()]),
            ip_ranges: RangesSource::File(file),
            ..Config::new("cdn.example", KEY_PAIR_ID, pem(&key()))
        };
        let bucket = Redirected::new(MemoryDriver::new(), "https://bucket.example").unwrap();
        let driver = CloudFront::new(bucket, config, http()).unwrap();
        let host = async |client: Option<&str>| {
            let url = driver.redirect(&path(), &request(client)).await.unwrap().unwrap();
            url.split('/').nth(2).unwrap().to_owned()
        };
        let deadline = SystemTime::now() + Duration::from_secs(20);
        while host(Some("52.94.77.1")).await != "bucket.example" {
            assert!(SystemTime::now() < deadline);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(host(Some("2600:1f14::1")).await, "bucket.example");
        for client in [Some("3.5.140.1"), Some("192.0.2.1"), Some("2001:db8::1"), None] {
            assert_eq!(host(client).await, "cdn.example", "{client:?}");
        }
    }

    #[tokio::test]
    async fn an_address_that_is_no_url_is_refused() {
        for url in [
            "",
            "https://",
            "ftp://cdn.example",
            "https://u@cdn.example",
            "cdn.example/?q",
            "cdn.example/#f",
            "a b",
            "cdn.example/\"",
            "cdn.example/ü",
        ] {
            let config = Config::new(url, KEY_PAIR_ID, PrivateKey::Pem(Vec::new()));
            let refused = CloudFront::new(MemoryDriver::new(), config, http());
            assert!(matches!(refused, Err(Error::BaseUrl(_))), "{url}");
        }
    }

    #[test]
    fn a_filter_needs_a_runtime_and_says_so() {
        let config =
            Config { ip_filter: IpFilter::Aws, ..Config::new("cdn.example", KEY_PAIR_ID, pem(&key())) };
        let refused = CloudFront::new(MemoryDriver::new(), config, http());
        assert!(matches!(refused, Err(Error::NoRuntime)));
    }
}
