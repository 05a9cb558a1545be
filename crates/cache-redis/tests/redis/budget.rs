//! How many calls to the store an operation may cost, without and with what another process left in Redis.

use std::sync::Arc;

use tempfile::TempDir;
use wharf_registry::{Reference, Repository};
use wharf_storage_driver::{Call, Method, Recording, StorageDriver};
use wharf_storage_driver_fs::{Config, FsDriver};

use crate::config;
use crate::races::{push, push_manifest, repository, storage};
use crate::server::Redis;

struct Counting {
    redis: Redis,
    driver: Arc<Recording<FsDriver>>,
    _folder: TempDir,
}

impl Counting {
    fn new() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let driver = Recording::new(FsDriver::new(Config::new(folder.path())).unwrap());
        Some(Self { redis: Redis::plain()?, driver: Arc::new(driver), _folder: folder })
    }

    async fn repository(&self) -> Arc<dyn Repository> {
        let driver: Arc<dyn StorageDriver> = Arc::clone(&self.driver) as _;
        repository(&storage(&driver, config(self.redis.servers())).await)
    }

    /// What some work costs when Redis is empty, what it costs again, and what in another process.
    async fn cost<T>(&self, work: impl AsyncFn(&dyn Repository) -> T) -> [Vec<Method>; 3] {
        self.redis.ask(&["FLUSHALL"]);
        let (first, other) = (self.repository().await, self.repository().await);
        self.driver.take();
        work(&*first).await;
        let cold = self.driver.take();
        work(&*first).await;
        let warm = self.driver.take();
        work(&*other).await;
        [cold, warm, self.driver.take()].map(methods)
    }
}

fn methods(calls: Vec<Call>) -> Vec<Method> {
    calls.iter().map(|call| call.method).collect()
}

#[tokio::test]
async fn manifests() {
    let Some(counting) = Counting::new() else { return };
    let digest = push_manifest(&*counting.repository().await, "x").await;
    let tag = Reference::Tag("latest".parse().unwrap());
    let [cold, warm, other] =
        counting.cost(async |repository| repository.manifests().get(&tag).await.unwrap()).await;
    assert_eq!((cold.len(), warm, other), (3, vec![Method::Get], vec![Method::Get; 2]));
    let reference = Reference::Digest(digest);
    let [cold, warm, other] =
        counting.cost(async |repository| repository.manifests().get(&reference).await.unwrap()).await;
    // The bytes are in nobody's memory yet, but the link need not be read.
    assert_eq!((cold.len(), warm, other), (2, vec![], vec![Method::Get]));
}

#[tokio::test]
async fn blobs() {
    let Some(counting) = Counting::new() else { return };
    let digest = push(&*counting.repository().await, "x").await;
    let [cold, warm, other] =
        counting.cost(async |repository| drop(repository.blobs().open(&digest).await.unwrap())).await;
    assert_eq!((cold.len(), warm, other), (2, vec![], vec![]));
    let read = async |repository: &dyn Repository| {
        drop(repository.blobs().open(&digest).await.unwrap().read(0..1).await.unwrap());
    };
    let [cold, warm, other] = counting.cost(read).await;
    assert_eq!((cold.len(), warm, other), (3, vec![Method::Read], vec![Method::Read]));
}

#[tokio::test]
async fn a_manifest_push() {
    let Some(counting) = Counting::new() else { return };
    let holder = counting.repository().await;
    push_manifest(&*holder, "x").await;
    counting.driver.take();
    // The configuration is pushed again with it: two writes, and then four for the manifest, and no look at anything.
    push_manifest(&*counting.repository().await, "x").await;
    assert_eq!(methods(counting.driver.take()), [Method::Put; 6]);
}

#[tokio::test]
async fn a_hundred_who_ask_at_once_cost_as_much_as_one() {
    let Some(counting) = Counting::new() else { return };
    let digest = push_manifest(&*counting.repository().await, "x").await;
    let blob = push(&*counting.repository().await, "y").await;
    let reference = Reference::Digest(digest);
    let [cold, ..] = counting
        .cost(async |repository: &dyn Repository| {
            let reads = (0..100).map(|_| async {
                repository.manifests().get(&reference).await.unwrap();
                drop(repository.blobs().open(&blob).await.unwrap());
            });
            futures_util::future::join_all(reads).await;
        })
        .await;
    assert!(cold.len() <= 4 + 2, "{cold:?}");
}
