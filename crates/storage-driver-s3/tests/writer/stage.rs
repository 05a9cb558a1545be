//! A store of a test's own, behind a proxy that can spoil requests.

use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use bytes::Bytes;
use futures_util::StreamExt;
use wharf_http_client::{HttpClient, Options};
use wharf_storage_driver::{Error, StorageDriver, StoragePath, Sync, Writer, WriterStart};
use wharf_storage_driver_s3::{Config, S3Driver};

use crate::faults::{Faults, Proxy};
use crate::stores::Place;

/// The size of a part in these tests: the smallest there is.
pub(crate) const PART: usize = 5 << 20;

/// How long what is thrown away in the background may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A store, and how to reach it.
pub(crate) struct Stage {
    pub(crate) place: Place,
    pub(crate) client: Client,
    proxy: Proxy,
}

impl Stage {
    pub(crate) async fn given(variable: &str) -> Option<Self> {
        let place = Place::given(variable)?;
        let proxy = Proxy::before(&place.endpoint).await;
        Some(Self { client: place.client(), place, proxy })
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.proxy.faults
    }

    pub(crate) fn config(&self) -> Config {
        let mut config = self.place.by(&self.proxy.endpoint).config();
        config.chunk_bytes = PART as u64;
        config.copy_chunk_bytes = PART as u64;
        config.copy_threshold_bytes = PART as u64;
        config.retries.max_attempts = 3;
        config.retries.first_backoff = Duration::from_millis(10);
        config
    }

    /// Another server over the same store.
    pub(crate) async fn driver(&self) -> S3Driver {
        self.driver_as(self.config()).await
    }

    pub(crate) async fn driver_as(&self, config: Config) -> S3Driver {
        S3Driver::new(config, HttpClient::new(Options::default()).unwrap()).await.unwrap()
    }

    /// The key of a path.
    pub(crate) fn key(&self, path: &str) -> String {
        format!("{}{path}", self.place.root)
    }

    /// All keys of this test that are not about conditions.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let prefix = format!("{}/", self.place.root);
        let page =
            self.client.list_objects_v2().bucket(&self.place.bucket).prefix(&prefix).send().await.unwrap();
        let keys = page.contents().iter().filter_map(|object| object.key()?.strip_prefix(&prefix));
        keys.filter(|key| !key.starts_with("~wharf/")).map(|key| format!("/{key}")).collect()
    }

    /// What was begun in parts and not finished. Without a prefix, which MinIO takes for a key.
    pub(crate) async fn begun(&self) -> Vec<String> {
        let page = self.client.list_multipart_uploads().bucket(&self.place.bucket).send().await.unwrap();
        assert_ne!(page.is_truncated(), Some(true), "so many were left that this cannot tell");
        let keys = page.uploads().iter().filter_map(|upload| upload.key()?.strip_prefix(&self.place.root));
        keys.map(str::to_owned).collect()
    }

    /// Waits until nothing is begun, and these are all keys.
    pub(crate) async fn holds_only(&self, keys: &[&str]) {
        let since = Instant::now();
        loop {
            let (begun, found) = (self.begun().await, self.keys().await);
            if (begun.is_empty() && found == keys) || since.elapsed() > PATIENCE {
                assert_eq!(
                    (begun, found.iter().map(String::as_str).collect::<Vec<_>>()),
                    (vec![], keys.to_vec())
                );
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Deletes what a test has committed, and looks whether that was all.
    pub(crate) async fn is_left_empty(&self) {
        self.faults().end();
        let driver = self.driver().await;
        for folder in ["/f", "/u"] {
            match driver.delete(&path(folder)).await {
                Err(error) if error.is_not_found() => {}
                deleted => deleted.unwrap(),
            }
        }
        self.holds_only(&[]).await;
    }
}

pub(crate) fn path(text: &str) -> StoragePath {
    text.parse().unwrap()
}

/// As many bytes as asked for, at most 64 MiB, without a pattern; each seed gives others.
pub(crate) fn some(seed: usize, len: usize) -> Bytes {
    static NOISE: std::sync::OnceLock<Bytes> = std::sync::OnceLock::new();
    let noise = NOISE.get_or_init(|| {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let words = std::iter::repeat_with(move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        });
        Bytes::from(words.take(9 << 20).flatten().collect::<Vec<u8>>())
    });
    let start = seed * 4099 % (8 << 20);
    noise.slice(start..start + len)
}

pub(crate) async fn begin(driver: &S3Driver, at: &str) -> Box<dyn Writer> {
    driver.writer(&path(at), WriterStart::New).await.unwrap()
}

pub(crate) async fn resume(driver: &S3Driver, at: &str) -> Box<dyn Writer> {
    driver.writer(&path(at), WriterStart::Resume).await.unwrap()
}

/// Writes in pieces, as a connection gives them.
pub(crate) async fn write(writer: &mut Box<dyn Writer>, bytes: &Bytes) -> Result<(), Error> {
    for start in (0..bytes.len()).step_by(300_000) {
        writer.write(bytes.slice(start..bytes.len().min(start + 300_000))).await?;
    }
    Ok(())
}

/// One session: goes on, or begins, writes and closes.
pub(crate) async fn store(
    driver: &S3Driver,
    at: &str,
    start: WriterStart,
    bytes: &Bytes,
) -> Result<(), Error> {
    let mut writer = driver.writer(&path(at), start).await?;
    write(&mut writer, bytes).await?;
    writer.close(Sync::Durable).await
}

pub(crate) async fn read(driver: &S3Driver, at: &str) -> Bytes {
    let stored = driver.read(&path(at), 0..u64::MAX).await.unwrap();
    let mut all = Vec::with_capacity(stored.size as usize);
    let mut pieces = stored.content.into_stream();
    while let Some(piece) = pieces.next().await {
        all.extend_from_slice(&piece.unwrap());
    }
    Bytes::from(all)
}

/// Whether a file holds exactly these bytes; says where it does not instead of showing megabytes.
pub(crate) async fn assert_holds(driver: &S3Driver, at: &str, pieces: &[&[u8]]) {
    let (found, expected) = (read(driver, at).await, pieces.concat());
    assert_eq!(found.len(), expected.len(), "{at}");
    let differs = found.iter().zip(&expected).position(|(found, expected)| found != expected);
    assert_eq!(differs, None, "{at}");
}
