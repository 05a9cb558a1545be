//! What goes over the wire.

use std::net::TcpListener;
use std::time::Duration;

use wharf_storage_driver::{PutOptions, StorageDriver, WriterStart};

#[path = "../../tests/answering/server.rs"]
mod answering;

use answering::server;

use super::*;
use crate::AzureDriver;
use crate::container::Container;

/// `hush hush hush hush`
const KEY: &str = "aHVzaCBodXNoIGh1c2ggaHVzaA==";

const SAS: &str = "sv=2022-11-02&sp=rwdl&sr=c&sig=aHVzaA%3D%3D";

fn sdk(url: String, credentials: Credentials) -> Sdk {
    let config = Config { service_url: Some(url), ..Config::new("account", "container", credentials) };
    Sdk::new(&config, HttpClient::new(Default::default()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_refusal_is_what_the_service_says() {
    let (url, _requests) = server(&["404 X\r\nx-ms-error-code: BlobNotFound", "503 X\r\nretry-after: 7"]);
    let sdk = sdk(url, Credentials::SharedKey(KEY.to_owned()));
    assert_eq!(sdk.properties("a").await.unwrap_err().kind, FailureKind::Missing);
    let busy = sdk.properties("a").await.unwrap_err();
    assert_eq!((busy.kind, busy.retry_after), (FailureKind::Unavailable, Some(Duration::from_secs(7))));
}

#[tokio::test]
async fn nobody_there_is_not_available_and_cannot_have_seen_anything() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sdk = sdk(format!("http://{closed}"), Credentials::SharedKey(KEY.to_owned()));
    let failure = sdk.delete("a", Condition::None).await.unwrap_err();
    assert_eq!((failure.kind, failure.is_unsent), (FailureKind::Unavailable, true));
}

#[test]
fn what_cannot_be_a_credential_or_a_url_is_refused() {
    let http = || HttpClient::new(Default::default()).unwrap();
    let key = |key: &str| Config::new("account", "container", Credentials::SharedKey(key.to_owned()));
    assert!(Sdk::new(&key(KEY), http()).is_ok());
    assert!(Sdk::new(&key("no base64!"), http()).is_err());
    for url in ["ftp://host", "host", "http://"] {
        assert!(
            Sdk::new(&Config { service_url: Some(url.to_owned()), ..key(KEY) }, http()).is_err(),
            "{url}"
        );
    }
}

#[tokio::test]
async fn a_signature_that_was_given_signs_no_urls() {
    let sdk = sdk("https://host".to_owned(), Credentials::Sas(format!("?{SAS}")));
    assert_eq!(sdk.signing(), Signing::Impossible);
    let now = SystemTime::now();
    assert!(sdk.sign_url("a", Window { start: now, end: now }, None).is_err());
}

#[tokio::test]
async fn urls_demand_https_unless_the_service_has_none() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let window = Window { start: now - Duration::from_secs(10), end: now + Duration::from_secs(1200) };
    for (url, protocol) in [("https://host", "https"), ("http://host/account", "http%2Chttps")] {
        let sdk = sdk(url.to_owned(), Credentials::SharedKey(KEY.to_owned()));
        let signed = sdk.sign_url("root/a~b", window, None).unwrap();
        let expected = format!(
            "{url}/container/root/a~b?sv=2022-11-02&sp=r&sr=b&se=2023-11-14T22%3A33%3A20Z&st=2023-11-14T22%3A13%3A10Z\
             &spr={protocol}&sig="
        );
        assert!(signed.starts_with(&expected), "{signed}");
    }
}

#[tokio::test]
async fn urls_are_signed_on_behalf_of_an_identity() {
    let credentials = Credentials::ManagedIdentity { client: None };
    let sdk = sdk("https://host".to_owned(), credentials);
    let window =
        Window { start: SystemTime::UNIX_EPOCH, end: SystemTime::UNIX_EPOCH + Duration::from_secs(60) };
    let id = "00000000-0000-0000-0000-000000000007".to_owned();
    let delegation = DelegationKey {
        object: id.clone(),
        tenant: id.clone(),
        window,
        service: "b".to_owned(),
        version: "2022-11-02".to_owned(),
        secret: KEY.to_owned(),
    };
    let url = sdk.sign_url("a", window, Some(&delegation)).unwrap();
    assert!(url.contains(&format!("?skoid={id}&sktid={id}&skt=1970-01-01T00%3A00%3A00Z&")), "{url}");
}

#[test]
fn nobody_else_names_the_sdk() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_file() && !path.ends_with("sdk.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(!text.contains("azure_core") && !text.contains("azure_storage"), "{path:?}");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "only the environment can say where the service is")]
fn variable() -> Option<String> {
    std::env::var("WHARF_TESTS_AZURITE").ok().filter(|url| !url.is_empty())
}

/// The SDK's container and a driver over it, in a part that nobody else uses; none when no service was given.
fn live() -> Option<(Arc<Sdk>, AzureDriver)> {
    let Some(url) = variable() else {
        eprintln!("skipped: no store was given");
        return None;
    };
    let url = Url::parse(&url).unwrap();
    let (account, key) = (url.username(), url.password().unwrap().to_owned());
    let address = format!("http://{}:{}/{account}", url.host_str().unwrap(), url.port().unwrap());
    let config = Config {
        service_url: Some(address),
        root_directory: format!("tests/{}", uuid::Uuid::new_v4()),
        ..Config::new(account, url.path().trim_matches('/'), Credentials::SharedKey(key))
    };
    let sdk = Arc::new(Sdk::new(&config, HttpClient::new(Default::default()).unwrap()).unwrap());
    Some((sdk.clone(), AzureDriver::over(Container::new(config, sdk))))
}

impl AzureDriver {
    /// Leaves what Distribution 3.0 leaves: everything is an append blob there.
    async fn append(&self, sdk: &Sdk, at: &str, bytes: &'static [u8]) {
        let blob = sdk.blob(&self.key_of(at));
        blob.put_append_blob().await.unwrap();
        if !bytes.is_empty() {
            blob.append_block(Bytes::from_static(bytes)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_distribution_left_is_read_replaced_and_purged() {
    let Some((sdk, driver)) = live() else { return };
    let path = |text: &str| text.parse().unwrap();
    for at in ["/blobs/a/data", "/tags/t/link", "/u/1/data", "/u/1/startedat"] {
        driver.append(&sdk, at, b"old").await;
    }
    driver.append(&sdk, "/u/1/hashstates/sha256/0", b"").await;
    assert_eq!(driver.get(&path("/tags/t/link"), 10).await.unwrap().bytes, "old");
    let stored = driver.read(&path("/blobs/a/data"), 1..3).await.unwrap();
    assert_eq!((stored.size, stored.content.collect(10).await.unwrap()), (3, "ld".into()));

    driver.put(&path("/tags/t/link"), "new".into(), PutOptions::default()).await.unwrap();
    assert_eq!(driver.get(&path("/tags/t/link"), 10).await.unwrap().bytes, "new");
    let large = Bytes::from(vec![7; crate::DEFAULT_CHUNK_BYTES + 1]);
    let mut writer = driver.writer(&path("/w/data"), WriterStart::New).await.unwrap();
    writer.write(large.clone()).await.unwrap();
    writer.commit(&path("/blobs/a/data")).await.unwrap();
    assert_eq!(driver.stat(&path("/blobs/a/data")).await.unwrap().size, large.len() as u64);

    let begun = driver.writer(&path("/u/1/data"), WriterStart::Resume).await.map(drop);
    assert!(begun.unwrap_err().is_not_found(), "an append blob is no upload of ours");
    driver.delete(&path("/u/1")).await.unwrap();
    assert!(driver.stat(&path("/u")).await.unwrap_err().is_not_found());
    for at in ["/tags", "/blobs"] {
        driver.delete(&path(at)).await.unwrap();
    }
}

#[tokio::test]
async fn waiting_blocks_are_listed_and_discarded() {
    let Some((sdk, driver)) = live() else { return };
    let key = crate::keys::staging(&driver.key_of("/u/data"));
    let block = Bytes::from_static(b"x").into();
    sdk.stage_block(&key, BlockId { writer: 1, index: 0 }, block).await.unwrap();
    assert_eq!(sdk.properties(&key).await.unwrap_err().kind, FailureKind::Missing);
    let later = SystemTime::now() + Duration::from_secs(60);
    assert_eq!(driver.sweep(later).await.unwrap(), 1);
    assert_eq!(driver.sweep(later).await.unwrap(), 0);
    let failure = sdk.commit_blocks(&key, &[BlockId { writer: 2, index: 0 }]).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::UnknownBlock);
}
