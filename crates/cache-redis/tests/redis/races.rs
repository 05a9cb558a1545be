//! Two replicas over one store and one Redis.

use std::sync::Arc;

use bytes::Bytes;
use wharf_cache_redis::Config;
use wharf_digest::{Algorithm, Digest};
use wharf_registry::{ByteStream, Error, Namespace, Reference, Repository};
use wharf_storage::{Deletes, Options, Storage};
use wharf_storage_driver::{MemoryDriver, StorageDriver};

use crate::server::Redis;
use crate::setups::Setup;
use crate::{config, open};

pub(crate) async fn storage(driver: &Arc<dyn StorageDriver>, config: Config) -> Storage {
    let options = Options { deletes: Deletes::Allowed, ..Options::default() };
    Storage::new(Arc::clone(driver), Arc::new(open(config).await), options)
}

pub(crate) fn repository(storage: &Storage) -> Arc<dyn Repository> {
    storage.repository(&"a".parse().unwrap())
}

async fn two_replicas(config: &Config) -> [Arc<dyn Repository>; 2] {
    let driver: Arc<dyn StorageDriver> = Arc::new(MemoryDriver::new());
    let here = storage(&driver, config.clone()).await;
    let there = storage(&driver, config.clone()).await;
    [repository(&here), repository(&there)]
}

pub(crate) async fn push(repository: &dyn Repository, text: &str) -> Digest {
    let digest = Algorithm::Sha256.digest(text.as_bytes());
    let body = ByteStream::once(Bytes::copy_from_slice(text.as_bytes()));
    repository.uploads().put(&digest, body).await.unwrap();
    digest
}

pub(crate) fn manifest(config: &Digest, size: usize, note: &str) -> String {
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let config = format!(
        r#"{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{config}","size":{size}}}"#
    );
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{config},"layers":[],"annotations":{{"note":"{note}"}}}}"#
    )
}

pub(crate) async fn push_manifest(repository: &dyn Repository, note: &str) -> Digest {
    let config = push(repository, "{}").await;
    let bytes = Bytes::from(manifest(&config, 2, note));
    let put = wharf_registry::PutManifest {
        media_type: Some("application/vnd.oci.image.manifest.v1+json".to_owned()),
        bytes,
        digest: None,
        tags: vec!["latest".parse().unwrap()],
        classes: None,
    };
    repository.manifests().put(put).await.unwrap().digest
}

async fn is_blob(repository: &dyn Repository, digest: &Digest) -> bool {
    match repository.blobs().open(digest).await {
        Ok(_) => true,
        Err(Error::BlobUnknown(_)) => false,
        Err(other) => panic!("{other:?}"),
    }
}

async fn is_manifest(repository: &dyn Repository, digest: &Digest) -> bool {
    repository.manifests().get(&Reference::Digest(*digest)).await.is_ok()
}

async fn blob_rounds(config: &Config, rounds: usize) {
    let [here, there] = two_replicas(config).await;
    for round in 0..rounds {
        let digest = push(&*here, &format!("blob {round}")).await;
        let heads = async {
            for _ in 0..3 {
                is_blob(&*there, &digest).await;
            }
        };
        let delete = async {
            for _ in 0..round % 7 {
                tokio::task::yield_now().await;
            }
            here.blobs().delete(&digest).await.unwrap();
            // Acknowledged: from here on it is gone on both.
            assert!(!is_blob(&*there, &digest).await, "ghost at once in round {round}");
        };
        tokio::join!(heads, delete);
        assert!(
            !is_blob(&*here, &digest).await && !is_blob(&*there, &digest).await,
            "ghost in round {round}"
        );
    }
}

async fn manifest_rounds(config: &Config, rounds: usize) {
    let [here, there] = two_replicas(config).await;
    for round in 0..rounds {
        let digest = push_manifest(&*here, &round.to_string()).await;
        let gets = async {
            for _ in 0..3 {
                is_manifest(&*there, &digest).await;
            }
        };
        let delete = async {
            for _ in 0..round % 7 {
                tokio::task::yield_now().await;
            }
            here.manifests().delete(&digest).await.unwrap();
            assert!(!is_manifest(&*there, &digest).await, "ghost at once in round {round}");
        };
        tokio::join!(gets, delete);
        assert!(
            !is_manifest(&*here, &digest).await && !is_manifest(&*there, &digest).await,
            "ghost in round {round}"
        );
        let tag = Reference::Tag("latest".parse().unwrap());
        assert!(there.manifests().get(&tag).await.is_err(), "the tag outlived its manifest");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_heads_that_race_a_delete_leave_no_ghost() {
    let Some(redis) = Redis::plain() else { return };
    // A cache that expires at once would leave none either.
    blob_rounds(&Config { max_age: std::time::Duration::from_secs(3600), ..config(redis.servers()) }, 2000)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_manifest_reads_that_race_a_delete_leave_no_ghost() {
    let Some(redis) = Redis::plain() else { return };
    manifest_rounds(&config(redis.servers()), 500).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_and_several_connections_leave_no_ghost_either() {
    let Some(setup) = Setup::cluster() else { return };
    blob_rounds(&setup.config, 200).await;
    manifest_rounds(&setup.config, 100).await;
    let Some(redis) = Redis::plain() else { return };
    let connections = std::num::NonZeroUsize::new(4).unwrap();
    blob_rounds(&Config { connections, ..config(redis.servers()) }, 500).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deletes_are_told_to_the_other_replica_after_redis_was_killed_in_the_middle() {
    let Some(mut redis) = Redis::plain() else { return };
    let [here, there] = two_replicas(&config(redis.servers())).await;
    for round in 0..20 {
        let digest = push(&*here, &format!("blob {round}")).await;
        let manifest = push_manifest(&*here, &round.to_string()).await;
        assert!(is_blob(&*there, &digest).await && is_manifest(&*there, &manifest).await);
        if round % 2 == 0 {
            redis.ask(&["SAVE"]);
        }
        redis.kill();
        here.blobs().delete(&digest).await.unwrap();
        here.manifests().delete(&manifest).await.unwrap();
        assert!(!is_blob(&*there, &digest).await && !is_manifest(&*there, &manifest).await);
        redis.start_again();
        // Whoever connects first is told by nobody yet; but who deleted tells it before it believes it itself.
        let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while redis.ask(&["EXISTS", &format!("repository::a::wharf::deleted::{digest}")]) == "0" {
            assert!(std::time::Instant::now() < until, "the deletion is not told");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        assert!(!is_blob(&*there, &digest).await && !is_manifest(&*there, &manifest).await, "round {round}");
        assert!(!is_blob(&*here, &digest).await && !is_manifest(&*here, &manifest).await, "round {round}");
    }
}
