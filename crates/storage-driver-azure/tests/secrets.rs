//! No key and no signature shows, however much is logged: not in the logs of the SDK either, which would show every
//! request with its `Authorization` header (RUSTSEC-2026-0275).
//!
//! One test alone in its program, since what is logged is decided for a whole program.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::io::Write;
use std::sync::{Arc, Mutex};

#[path = "answering/server.rs"]
mod answering;

use bytes::Bytes;
use tracing_subscriber::fmt::MakeWriter;
use wharf_http_client::{HttpClient, Options};
use wharf_storage_driver::{PutOptions, StorageDriver, StoragePath};
use wharf_storage_driver_azure::{AzureDriver, Config, Credentials};

use answering::server;

/// `hush hush hush hush`
const KEY: &str = "aHVzaCBodXNoIGh1c2ggaHVzaA==";

const SAS: &str = "?sv=2022-11-02&sp=rwdl&sr=c&sig=aHVzaA%3D%3D";

const PUT: &str = "201 Created\r\netag: \"0x1\"\r\nlast-modified: Mon, 02 Oct 2023 20:00:31 GMT\r\n\
    date: Mon, 02 Oct 2023 20:00:31 GMT\r\nx-ms-request-id: 00000000-0000-0000-0000-000000000001\r\n\
    x-ms-request-server-encrypted: true";

const REFUSED: &str = "403 Forbidden\r\nx-ms-error-code: AuthenticationFailed\r\nx-ms-request-id: 42";

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_key_or_signature_is_logged_or_told_at_any_level() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone());
    tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
    let mut secrets = vec!["aHVzaCBodXNo".to_owned(), "aHVzaA".to_owned(), "SharedKey account".to_owned()];
    let mut told = String::new();
    for credentials in [Credentials::SharedKey(KEY.to_owned()), Credentials::Sas(SAS.to_owned())] {
        let is_key = matches!(credentials, Credentials::SharedKey(_));
        let (url, requests) = server(&[PUT, REFUSED, REFUSED, REFUSED]);
        told += &use_driver(url, credentials).await;
        for request in requests.iter().take(4) {
            let signature =
                request.lines().find_map(|line| line.strip_prefix("authorization: SharedKey account:"));
            assert_eq!(signature.is_some(), is_key, "{request}");
            assert_eq!(request.contains("sig=aHVzaA"), !is_key, "{request}");
            secrets.extend(signature.map(str::to_owned));
        }
    }
    told += &String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(told.contains("AuthorizationPolicy"), "the SDK logs at all: {told}");
    for secret in secrets {
        assert!(!told.contains(&secret), "{secret} shows");
    }
}

/// Has requests sent, and gives all that the errors say.
async fn use_driver(url: String, credentials: Credentials) -> String {
    let config = Config {
        service_url: Some(url),
        max_attempts: 1,
        ..Config::new("account", "container", credentials)
    };
    let driver = AzureDriver::new(config, HttpClient::new(Options::default()).unwrap()).unwrap();
    let (path, to): (StoragePath, StoragePath) = ("/a".parse().unwrap(), "/b".parse().unwrap());
    driver.put(&path, Bytes::from_static(b"x"), PutOptions::default()).await.unwrap();
    let put = driver.put(&path, Bytes::from_static(b"x"), PutOptions::default()).await.map(drop).unwrap_err();
    let rename = driver.rename(&path, &to).await.unwrap_err();
    let get = driver.get(&path, 10).await.map(drop).unwrap_err();
    // By now nobody is there.
    let stat = driver.stat(&path).await.map(drop).unwrap_err();
    format!("{driver:?} {put:?} {rename:?} {get:?} {stat:?}")
}
