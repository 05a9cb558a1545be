//! Reads over connections that break.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use wharf_http_client::{HttpClient, Options};
use wharf_storage_driver::{ErrorKind, StorageDriver, StoragePath};

use crate::drivers::driver;
use crate::fake::{Fake, Fault, Honours};

const STALL: Duration = Duration::from_millis(300);
const LEN: usize = 8 * 1024 * 1024;

async fn open(retries: u32) -> (Fake, Arc<dyn StorageDriver>, Bytes) {
    let fake = Fake::start(Honours::Everything).await;
    let mut config = fake.place.config();
    config.retries.reads = retries;
    config.retries.first_backoff = Duration::from_millis(5);
    config.timeouts.stall = STALL;
    let bytes: Bytes = (0..LEN).map(|index| (index / 7) as u8).collect();
    fake.put("file", bytes.clone());
    (fake, driver(config, HttpClient::new(Options::default()).unwrap()), bytes)
}

fn path() -> StoragePath {
    "/file".parse().unwrap()
}

#[tokio::test]
async fn a_read_that_breaks_goes_on_where_it_was() {
    let (fake, driver, bytes) = open(5).await;
    fake.plan(
        "GET",
        [Fault::CutAfter(1_000_000), Fault::CutAfter(0), Fault::StallAfter(10), Fault::CutAfter(LEN / 2)],
    );
    let stored = driver.read(&path(), 5..LEN as u64 - 3).await.unwrap();
    assert_eq!(stored.size, LEN as u64);
    assert!(stored.content.collect(LEN).await.unwrap() == bytes[5..LEN - 3]);
    let seen = fake.take();
    assert_eq!(seen.len(), 5);
    assert!(seen.iter().skip(1).all(|line| line.ends_with(&format!("-{}", LEN - 4))), "{seen:?}");
}

#[tokio::test]
async fn a_read_that_breaks_too_often_fails() {
    let (fake, driver, _) = open(2).await;
    fake.plan("GET", [Fault::CutAfter(1000); 3]);
    driver.read(&path(), 0..u64::MAX).await.unwrap().content.collect(LEN).await.unwrap_err();
    assert_eq!(fake.take().len(), 3);
}

#[tokio::test]
async fn a_file_that_was_replaced_is_not_mixed_with_what_it_was() {
    for replaced in [true, false] {
        let (fake, driver, bytes) = open(5).await;
        fake.plan("GET", [Fault::CutAfter(LEN / 2)]);
        let mut pieces = driver.read(&path(), 0..u64::MAX).await.unwrap().content.into_stream();
        let mut read = pieces.next().await.unwrap().unwrap().len();
        let other = if replaced { bytes.clone() } else { Bytes::new() };
        fake.put("file", other);
        let error = loop {
            match pieces.next().await.unwrap() {
                Ok(piece) => read += piece.len(),
                Err(error) => break error,
            }
        };
        assert!(read <= LEN / 2, "{error}");
    }
}

#[tokio::test]
async fn a_client_that_takes_its_time_is_no_stall() {
    let (fake, driver, bytes) = open(0).await;
    let mut pieces = driver.read(&path(), 0..u64::MAX).await.unwrap().content.into_stream();
    let mut read = Vec::new();
    while let Some(piece) = pieces.next().await {
        if read.len() < 200_000 {
            tokio::time::sleep(STALL * 2).await;
        }
        read.extend_from_slice(&piece.unwrap());
    }
    assert!(read == bytes);
    assert_eq!(fake.take().len(), 1);
}

#[tokio::test]
async fn a_small_file_is_read_once_more() {
    let (fake, driver, bytes) = open(2).await;
    fake.plan("GET", [Fault::CutAfter(1000), Fault::StallAfter(0)]);
    assert!(driver.get(&path(), LEN).await.unwrap().bytes == bytes);
    fake.plan("GET", [Fault::CutAfter(1000); 3]);
    assert_eq!(driver.get(&path(), LEN).await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_it_is_read() {
    let (fake, driver, _) = open(0).await;
    fake.plan("GET", [Fault::StallAfter(0)]);
    assert_eq!(driver.get(&path(), LEN - 1).await.unwrap_err().kind(), ErrorKind::TooLarge);
}
