//! Stores to test on, and short words for what every test does.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use tempfile::TempDir;
use tokio::sync::mpsc::{self, UnboundedSender};
use wharf_cache::{Limits, MemoryCache, NoCache};
use wharf_registry::{Algorithm, ByteStream, Descriptor, Digest, Namespace, PageRequest, Repository};
use wharf_storage::{Deletes, Options, Storage};
use wharf_storage_driver::{Kind, ListOptions, MemoryDriver, PutOptions, StorageDriver, StoragePath};
use wharf_storage_driver_fs::{Config, FsDriver};

/// Larger than what an upload's record holds.
pub(crate) const LARGE: usize = 600 * 1024;

/// Runs tests on every driver.
macro_rules! on_every_driver {
    ($($test:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $test() {
                super::$test($crate::fixture::Fixture::memory()).await;
            })*
        }
        mod files {
            $(#[tokio::test]
            async fn $test() {
                super::$test($crate::fixture::Fixture::files()).await;
            })*
        }
    };
}

/// A registry over an empty store, which lets clients delete.
pub(crate) struct Fixture {
    pub(crate) driver: Arc<dyn StorageDriver>,
    pub(crate) storage: Storage,
    _folder: Option<TempDir>,
}

impl Fixture {
    pub(crate) fn memory() -> Self {
        Self::over(Arc::new(MemoryDriver::new()), None)
    }

    pub(crate) fn files() -> Self {
        let folder = TempDir::new().unwrap();
        let driver = FsDriver::new(Config::new(folder.path())).unwrap();
        Self::over(Arc::new(driver), Some(folder))
    }

    pub(crate) fn over(driver: Arc<dyn StorageDriver>, folder: Option<TempDir>) -> Self {
        let storage = with_cache(&driver, deleting());
        Self { driver, storage, _folder: folder }
    }

    pub(crate) fn repository(&self, name: &str) -> Arc<dyn Repository> {
        repository(&self.storage, name)
    }

    /// The same store, seen by another process.
    pub(crate) fn elsewhere(&self) -> Storage {
        Storage::new(Arc::clone(&self.driver), Arc::new(NoCache), deleting())
    }

    pub(crate) fn with(&self, options: Options) -> Storage {
        with_cache(&self.driver, options)
    }

    pub(crate) async fn write(&self, path: &str, content: &str) {
        let path: StoragePath = path.parse().unwrap();
        self.driver.put(&path, Bytes::from(content.to_owned()), PutOptions::default()).await.unwrap();
    }

    /// Every file of the store, with its content.
    pub(crate) async fn tree(&self) -> BTreeMap<String, Bytes> {
        let mut files = BTreeMap::new();
        let mut folders = vec![StoragePath::root()];
        while let Some(folder) = folders.pop() {
            let options = ListOptions { start_after: None, limit: 10_000, holding: None };
            let Ok(page) = self.driver.list(&folder, options).await else { continue };
            for entry in page.entries {
                let path = folder.join(&entry.name).unwrap();
                match entry.kind {
                    Kind::Folder => folders.push(path),
                    Kind::File => {
                        let object = self.driver.get(&path, 16 << 20).await.unwrap();
                        files.insert(path.to_string(), object.bytes);
                    }
                }
            }
        }
        files
    }
}

fn with_cache(driver: &Arc<dyn StorageDriver>, options: Options) -> Storage {
    Storage::new(Arc::clone(driver), Arc::new(MemoryCache::new(Limits::default())), options)
}

pub(crate) fn deleting() -> Options {
    Options { deletes: Deletes::Allowed, ..Options::default() }
}

pub(crate) fn repository(storage: &Storage, name: &str) -> Arc<dyn Repository> {
    storage.repository(&name.parse().unwrap())
}

pub(crate) fn sha256(content: &[u8]) -> Digest {
    Algorithm::Sha256.digest(content)
}

pub(crate) fn once(content: &[u8]) -> ByteStream {
    ByteStream::once(Bytes::copy_from_slice(content))
}

/// A body of unknown length in pieces.
pub(crate) fn pieces(content: &[u8], piece: usize) -> ByteStream {
    let pieces: Vec<_> = content.chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    ByteStream::new(None, stream::iter(pieces))
}

/// A body that ends in an error.
pub(crate) fn broken(content: &[u8]) -> ByteStream {
    let pieces = vec![Ok(Bytes::copy_from_slice(content)), Err(std::io::ErrorKind::ConnectionReset.into())];
    ByteStream::new(None, stream::iter(pieces))
}

/// A body that ends when the sender is dropped.
pub(crate) fn channel() -> (UnboundedSender<std::io::Result<Bytes>>, ByteStream) {
    let (send, receive) = mpsc::unbounded_channel();
    let pieces = stream::unfold(receive, |mut receive| async move { Some((receive.recv().await?, receive)) });
    (send, ByteStream::new(None, pieces))
}

/// Content that differs by its seed and is not the same all over.
pub(crate) fn content(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|at| (at as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0] ^ seed).collect()
}

pub(crate) async fn push_blob(repository: &dyn Repository, content: &[u8]) -> Descriptor {
    repository.uploads().put(&sha256(content), once(content)).await.unwrap()
}

pub(crate) async fn read_blob(repository: &dyn Repository, digest: &Digest) -> Bytes {
    let blob = repository.blobs().open(digest).await.unwrap();
    let size = blob.descriptor().size;
    blob.read(0..u64::MAX).await.unwrap().collect(size as usize).await.unwrap()
}

pub(crate) fn page<T>(after: Option<T>, limit: usize) -> PageRequest<T> {
    PageRequest { after, limit: NonZeroUsize::new(limit).unwrap() }
}
