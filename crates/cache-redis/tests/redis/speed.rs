//! Figures. They are printed; what is asserted is only that nothing is absurd.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wharf_cache::{Cache, Content};
use wharf_registry::Reference;
use wharf_storage_driver::StorageDriver;
use wharf_storage_driver_fs::{Config, FsDriver};

use crate::races::{push, push_manifest, repository, storage};
use crate::server::Redis;
use crate::{config, open, remember, sample};

const ROUNDS: u32 = 2000;

#[tokio::test]
async fn a_find_is_one_round_trip() {
    let Some(redis) = Redis::plain() else { return };
    let cache = open(config(redis.servers())).await;
    let (digest, entry) = sample("x");
    remember(&cache, Content::Blob, &digest, &entry).await;
    let a = crate::repository("a");
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        cache.find(&a, Content::Blob, &digest).await.unwrap();
        times.push(started.elapsed());
    }
    times.sort_unstable();
    let (median, late) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("FIGURE redis find over loopback: median {median:?}, 99 % {late:?}");
    assert!(median < Duration::from_millis(20));
}

#[tokio::test]
async fn warm_and_cold_on_files() {
    let Some(redis) = Redis::plain() else { return };
    let folder = TempDir::new().unwrap();
    let driver: Arc<dyn StorageDriver> = Arc::new(FsDriver::new(Config::new(folder.path())).unwrap());
    let storage = storage(&driver, config(redis.servers())).await;
    let repository = repository(&storage);
    let blob = push(&*repository, "layer").await;
    let manifest = Reference::Digest(push_manifest(&*repository, "x").await);
    let mut totals = [Duration::ZERO; 4];
    for _ in 0..ROUNDS / 10 {
        redis.ask(&["FLUSHALL"]);
        for (at, total) in totals.iter_mut().enumerate() {
            let started = Instant::now();
            match at % 2 {
                0 => drop(repository.blobs().open(&blob).await.unwrap()),
                _ => drop(repository.manifests().get(&manifest).await.unwrap()),
            }
            *total += started.elapsed();
        }
    }
    let [blob_cold, manifest_cold, blob_warm, manifest_warm] = totals.map(|total| total / (ROUNDS / 10));
    println!("FIGURE blob HEAD on files: cold {blob_cold:?}, warm {blob_warm:?}");
    println!("FIGURE manifest GET on files: cold {manifest_cold:?}, warm {manifest_warm:?}");
}
