//! What the stores say to our signatures: the old one keeps the whole contract, and URLs that are given away do what they
//! are for, and nothing else.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on ends, and says when it was skipped"
)]

#[path = "contract/behind.rs"]
mod behind;
#[path = "contract/drivers.rs"]
mod drivers;
#[path = "contract/stores.rs"]
#[expect(dead_code, reason = "the contract needs more of it")]
mod stores;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use wharf_http_client::{HttpClient, Options, empty};
use wharf_storage_driver::contract::Store;
use wharf_storage_driver::{
    ListOptions, PutOptions, RedirectMethod, RedirectRequest, StorageDriver, StoragePath, Sync, WriterStart,
};
use wharf_storage_driver_s3::{Config, MIN_PART_BYTES, S3Driver, Signature};

use behind::leftovers;
use drivers::driver;
use stores::Place;

/// Ceph is the one of our stores that still takes the old signature.
mod old_signature {
    use wharf_storage_driver::contract_tests;

    use super::{Handle, HttpClient, Options, Place, Signature, Store, block_in_place, driver, leftovers};

    async fn open() -> Option<Store> {
        let place = Place::given("WHARF_TESTS_CEPH")?;
        let http = HttpClient::new(Options::default()).unwrap();
        let behind = place.clone();
        let store = Store::new(move || {
            let mut config = place.config();
            config.signature = Signature::V2;
            driver(config, http.clone())
        });
        let left = move || block_in_place(|| Handle::current().block_on(leftovers(&behind)));
        Some(store.with_leftovers(left))
    }

    contract_tests!(open);
}

/// A file in a store, and who may read it by which URL.
struct Shared {
    driver: S3Driver,
    http: HttpClient,
    path: StoragePath,
}

impl Shared {
    async fn new(config: Config) -> Self {
        let http = HttpClient::new(Options::default()).unwrap();
        let driver = S3Driver::new(config, http.clone()).await.unwrap();
        let path: StoragePath = "/a/shared-file_1.0".parse().unwrap();
        driver.put(&path, Bytes::from_static(b"shared"), PutOptions::default()).await.unwrap();
        Self { driver, http, path }
    }

    async fn url(&self, method: RedirectMethod, lifetime: Option<Duration>) -> String {
        let request = RedirectRequest { method, client: None, lifetime };
        self.driver.redirect(&self.path, &request).await.unwrap().unwrap()
    }

    async fn ask(&self, method: Method, url: &str) -> (StatusCode, Bytes) {
        let request = Request::builder().method(method).uri(url).body(empty()).unwrap();
        let response = self.http.send(request).await.unwrap();
        (response.status(), response.into_body().collect().await.unwrap().to_bytes())
    }

    async fn works(&self) {
        let get = self.url(RedirectMethod::Get, None).await;
        assert_eq!(self.ask(Method::GET, &get).await, (StatusCode::OK, Bytes::from_static(b"shared")));
        let head = self.url(RedirectMethod::Head, None).await;
        assert_eq!(self.ask(Method::HEAD, &head).await.0, StatusCode::OK);
        let other = get.replace("shared-file", "other-file");
        assert_eq!(self.ask(Method::GET, &other).await.0, StatusCode::FORBIDDEN);
        assert_eq!(self.ask(Method::DELETE, &get).await.0, StatusCode::FORBIDDEN);
        let short = self.url(RedirectMethod::Get, Some(Duration::from_secs(1))).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(self.ask(Method::GET, &short).await.0, StatusCode::FORBIDDEN);
        self.driver.delete(&self.path).await.unwrap();
    }
}

#[tokio::test]
async fn the_old_signature_carries_an_upload_in_parts() {
    let Some(place) = Place::given("WHARF_TESTS_CEPH") else {
        eprintln!("skipped: WHARF_TESTS_CEPH names no store");
        return;
    };
    let mut config = place.config();
    config.signature = Signature::V2;
    config.chunk_bytes = MIN_PART_BYTES;
    config.copy_threshold_bytes = MIN_PART_BYTES;
    config.copy_chunk_bytes = MIN_PART_BYTES;
    let driver = S3Driver::new(config, HttpClient::new(Options::default()).unwrap()).await.unwrap();
    let [begun, done, other]: [StoragePath; 3] =
        ["/uploads/1/data", "/blobs/1/data", "/blobs/2/data"].map(|path| path.parse().unwrap());
    let piece = Bytes::from(vec![7; 3 << 20]);
    for start in [WriterStart::New, WriterStart::Resume] {
        let mut writer = driver.writer(&begun, start).await.unwrap();
        for _ in 0..2 {
            writer.write(piece.clone()).await.unwrap();
        }
        writer.close(Sync::Durable).await.unwrap();
    }
    driver.writer(&begun, WriterStart::Resume).await.unwrap().commit(&done).await.unwrap();
    driver.put(&other, piece, PutOptions::default()).await.unwrap();
    assert_eq!(driver.stat(&done).await.unwrap().size, 12 << 20);
    let page = ListOptions { start_after: Some("1"), limit: 10, holding: None };
    assert_eq!(driver.list(&"/blobs".parse().unwrap(), page).await.unwrap().entries.len(), 1);
    driver.delete(&"/blobs".parse().unwrap()).await.unwrap();
    assert_eq!(leftovers(&place).await, [""; 0]);
}

async fn redirects_work(variable: &str, change: impl FnOnce(&mut Config)) {
    let Some(place) = Place::given(variable) else {
        eprintln!("skipped: {variable} names no store");
        return;
    };
    let mut config = place.config();
    change(&mut config);
    Shared::new(config).await.works().await;
}

#[tokio::test]
async fn urls_that_are_given_away_work_at_minio() {
    redirects_work("WHARF_TESTS_MINIO", |_| {}).await;
}

#[tokio::test]
async fn urls_that_are_given_away_work_at_versitygw() {
    redirects_work("WHARF_TESTS_VERSITYGW", |_| {}).await;
}

#[tokio::test]
async fn urls_that_are_given_away_work_at_ceph() {
    redirects_work("WHARF_TESTS_CEPH", |_| {}).await;
}

#[tokio::test]
async fn urls_with_the_old_signature_work_at_ceph() {
    redirects_work("WHARF_TESTS_CEPH", |config| config.signature = Signature::V2).await;
}

#[tokio::test]
async fn urls_may_name_another_host_than_we_use() {
    redirects_work("WHARF_TESTS_MINIO", |config| {
        let endpoint = config.endpoint.clone().unwrap();
        config.redirect_endpoint = Some(endpoint.replace("127.0.0.1", "localhost"));
    })
    .await;
}
