//! Bytes to write, and ways to look at what is stored.

use ::bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use crate::{Content, Error, PutMode, PutOptions, StorageDriver, Sync, Version, Writer, WriterStart};

use super::path;

pub(super) const MIB: usize = 1024 * 1024;

/// As many bytes as asked for, without a pattern that a driver could meet by chance; another seed gives others.
pub(super) fn some(seed: u64, len: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    Bytes::from(bytes)
}

pub(super) async fn put(driver: &dyn StorageDriver, at: &str, bytes: impl Into<Bytes>) -> Version {
    driver.put(&path(at), bytes.into(), PutOptions::default()).await.unwrap()
}

pub(super) async fn put_as(
    driver: &dyn StorageDriver,
    at: &str,
    bytes: impl Into<Bytes>,
    mode: PutMode,
) -> Result<Version, Error> {
    driver.put(&path(at), bytes.into(), PutOptions { mode, sync: Sync::Durable }).await
}

pub(super) async fn get(driver: &dyn StorageDriver, at: &str) -> Bytes {
    driver.get(&path(at), 64 * MIB).await.unwrap().bytes
}

/// The bytes of a range, after a look at how many were promised.
pub(super) async fn read(driver: &dyn StorageDriver, at: &str, start: u64, end: u64) -> Bytes {
    let stored = driver.read(&path(at), start..end).await.unwrap();
    assert!(start >= stored.size || stored.content.len().is_none_or(|len| len <= stored.size - start));
    collect(stored.content).await
}

pub(super) async fn collect(content: Content) -> Bytes {
    let promised = content.len();
    let mut bytes = BytesMut::new();
    let mut pieces = content.into_stream();
    while let Some(piece) = pieces.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    assert!(promised.is_none_or(|len| len == bytes.len() as u64), "as many bytes as promised");
    bytes.freeze()
}

/// Checks that no call finds a file there.
pub(super) async fn assert_absent(driver: &dyn StorageDriver, at: &str) {
    let at = path(at);
    let errors = [
        driver.get(&at, MIB).await.map(drop).unwrap_err(),
        driver.read(&at, 0..u64::MAX).await.map(drop).unwrap_err(),
        driver.stat(&at).await.map(drop).unwrap_err(),
    ];
    for error in errors {
        assert!(error.is_not_found(), "{error:?}");
        assert_eq!((error.driver(), error.path()), (driver.name(), Some(&at)));
    }
}

pub(super) async fn begin(driver: &dyn StorageDriver, at: &str) -> Box<dyn Writer> {
    driver.writer(&path(at), WriterStart::New).await.unwrap()
}

pub(super) async fn resume(driver: &dyn StorageDriver, at: &str) -> Box<dyn Writer> {
    driver.writer(&path(at), WriterStart::Resume).await.unwrap()
}
