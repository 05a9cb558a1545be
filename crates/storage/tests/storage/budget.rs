//! How many calls to the store an operation may cost, without and with a cache that knows.

mod files;

use std::sync::Arc;

use tempfile::TempDir;
use wharf_registry::{Descriptor, Reference};
use wharf_storage_driver::{Call, MemoryDriver, Method, Recording, StorageDriver};

use crate::fixture::{Fixture, LARGE, content, deleting, once, push_blob, repository, sha256};
use crate::images::{descriptor, image, index, push_image, push_referrer, put};

struct Counting<D> {
    fixture: Fixture,
    driver: Arc<Recording<D>>,
}

impl Counting<MemoryDriver> {
    fn new() -> Self {
        Self::over(MemoryDriver::new(), None)
    }
}

impl<D: StorageDriver + 'static> Counting<D> {
    fn over(driver: D, folder: Option<TempDir>) -> Self {
        let driver = Arc::new(Recording::new(driver));
        Self { fixture: Fixture::over(Arc::clone(&driver) as _, folder), driver }
    }

    /// What some work costs in a process that remembers nothing yet, and again in the same.
    async fn cost<T>(&self, work: impl AsyncFn(&dyn wharf_registry::Repository) -> T) -> [Vec<Call>; 2] {
        let storage = self.fixture.with(deleting());
        let repository = repository(&storage, "a");
        self.driver.take();
        work(&*repository).await;
        let cold = self.driver.take();
        work(&*repository).await;
        [cold, self.driver.take()]
    }
}

fn methods(calls: &[Call]) -> Vec<Method> {
    calls.iter().map(|call| call.method).collect()
}

/// The longest chain of calls of which each waited for the one before.
fn rounds(calls: &[Call]) -> usize {
    let mut rounds: Vec<usize> = Vec::new();
    for (at, call) in calls.iter().enumerate() {
        let before = calls[..at].iter().zip(&rounds).filter(|(earlier, _)| !earlier.overlaps(call));
        rounds.push(before.map(|(_, round)| round + 1).max().unwrap_or(1));
    }
    rounds.into_iter().max().unwrap_or(0)
}

#[tokio::test]
async fn a_manifest_by_tag_is_three_calls_and_then_one() {
    let counting = Counting::new();
    push_image(&*counting.fixture.repository("a"), "x", &["latest"]).await;
    let reference = Reference::Tag("latest".parse().unwrap());
    let [cold, warm] =
        counting.cost(async |repository| repository.manifests().get(&reference).await.unwrap()).await;
    assert_eq!((cold.len(), rounds(&cold)), (3, 2), "{cold:?}");
    assert_eq!(methods(&warm), [Method::Get]);
}

#[tokio::test]
async fn a_manifest_by_digest_is_two_calls_together_and_then_none() {
    let counting = Counting::new();
    let digest = push_image(&*counting.fixture.repository("a"), "x", &[]).await.digest;
    let reference = Reference::Digest(digest);
    let [cold, warm] =
        counting.cost(async |repository| repository.manifests().get(&reference).await.unwrap()).await;
    assert_eq!((cold.len(), rounds(&cold), warm.len()), (2, 1, 0), "{cold:?}");
}

#[tokio::test]
async fn opening_a_blob_is_two_calls_together_and_then_none() {
    let counting = Counting::new();
    let digest = push_blob(&*counting.fixture.repository("a"), b"x").await.digest;
    let [cold, warm] =
        counting.cost(async |repository| drop(repository.blobs().open(&digest).await.unwrap())).await;
    assert_eq!((cold.len(), rounds(&cold), warm.len()), (2, 1, 0), "{cold:?}");
}

#[tokio::test]
async fn reading_a_blob_is_three_calls_and_then_one() {
    let counting = Counting::new();
    let digest = push_blob(&*counting.fixture.repository("a"), b"x").await.digest;
    let read = async |repository: &dyn wharf_registry::Repository| {
        drop(repository.blobs().open(&digest).await.unwrap().read(0..1).await.unwrap());
    };
    let [cold, warm] = counting.cost(read).await;
    assert_eq!((cold.len(), rounds(&cold)), (3, 2), "{cold:?}");
    assert_eq!(methods(&warm), [Method::Read]);
}

#[tokio::test]
async fn a_manifest_push_looks_at_all_references_at_once_and_then_writes_four_files() {
    let counting = Counting::new();
    let holder = counting.fixture.repository("a");
    let config = push_blob(&*holder, b"{}").await;
    let mut layers: Vec<Descriptor> = Vec::new();
    for layer in 0..9_u8 {
        layers.push(push_blob(&*holder, &[layer]).await);
    }
    layers.push(layers[0].clone());
    let manifest = put(&image(&config, &layers), &["latest"]);
    let [cold, warm] =
        counting.cost(async |repository| repository.manifests().put(manifest.clone()).await.unwrap()).await;
    assert_eq!((cold.len(), rounds(&cold)), (2 * 10 + 4, 1 + 4), "{cold:?}");
    assert_eq!(methods(&warm), [Method::Put; 4]);
}

#[tokio::test]
async fn an_index_push_looks_at_all_children_at_once() {
    let counting = Counting::new();
    let holder = counting.fixture.repository("a");
    let children = [push_image(&*holder, "x", &[]).await, push_image(&*holder, "y", &[]).await];
    let manifest = put(&index(&children.each_ref().map(descriptor)), &["latest"]);
    let [cold, _] =
        counting.cost(async |repository| repository.manifests().put(manifest.clone()).await.unwrap()).await;
    assert_eq!((cold.len(), rounds(&cold)), (2 * 2 + 4, 1 + 4), "{cold:?}");
    counting.driver.take();
    holder.manifests().put(manifest).await.unwrap();
    assert_eq!(counting.driver.take().len(), 4);
}

#[tokio::test]
async fn a_small_blob_by_post_patch_put_is_six_calls() {
    let counting = Counting::new();
    let [calls, _] = counting
        .cost(async |repository| {
            let id = repository.uploads().start(None).await.unwrap().id;
            repository.uploads().append(&id, Some(0), once(b"x")).await.unwrap();
            repository.uploads().finish(&id, Some(1), once(b""), &sha256(b"x")).await.unwrap();
        })
        .await;
    let (get, put) = (Method::Get, Method::Put);
    assert_eq!(methods(&calls), [put, put, get, put, put, Method::Delete]);
}

#[tokio::test]
async fn a_small_blob_by_post_put_is_four_calls_and_by_two_processes_five() {
    let counting = Counting::new();
    let [calls, _] = counting
        .cost(async |repository| {
            let id = repository.uploads().start(None).await.unwrap().id;
            repository.uploads().finish(&id, Some(0), once(b"x"), &sha256(b"x")).await.unwrap();
        })
        .await;
    assert_eq!(methods(&calls), [Method::Put, Method::Put, Method::Put, Method::Delete]);
    let id = counting.fixture.repository("a").uploads().start(None).await.unwrap().id;
    counting.driver.take();
    let elsewhere = repository(&counting.fixture.elsewhere(), "a");
    elsewhere.uploads().finish(&id, Some(0), once(b"x"), &sha256(b"x")).await.unwrap();
    assert_eq!(methods(&counting.driver.take()), [Method::Get, Method::Put, Method::Put, Method::Delete]);
}

#[tokio::test]
async fn a_blob_in_one_request_is_written_and_linked() {
    let counting = Counting::new();
    let [small, _] = counting.cost(async |repository| push_blob(repository, b"x").await).await;
    assert_eq!(methods(&small), [Method::Put, Method::Put]);
    let bytes = content(LARGE, 1);
    let [large, _] = counting.cost(async |repository| push_blob(repository, &bytes).await).await;
    assert_eq!(methods(&large), [Method::Writer, Method::Commit, Method::Put]);
}

#[tokio::test]
async fn a_large_upload_is_never_read_again() {
    let counting = Counting::new();
    let bytes = content(LARGE, 1);
    let [calls, _] = counting
        .cost(async |repository| {
            let id = repository.uploads().start(None).await.unwrap().id;
            for part in bytes.chunks(LARGE / 3 + 1) {
                repository.uploads().append(&id, None, once(part)).await.unwrap();
            }
            repository.uploads().finish(&id, None, once(b""), &sha256(&bytes)).await.unwrap();
        })
        .await;
    assert!(calls.iter().all(|call| !matches!(call.method, Method::Read | Method::Rename)), "{calls:?}");
}

#[tokio::test]
async fn a_page_of_tags_is_one_call_and_a_tag_is_one() {
    let counting = Counting::new();
    push_image(&*counting.fixture.repository("a"), "x", &["a", "b", "c"]).await;
    let list = async |repository: &dyn wharf_registry::Repository| {
        repository.tags().list(crate::fixture::page(None, 2)).await.unwrap()
    };
    assert_eq!(methods(&counting.cost(list).await[0]), [Method::List]);
    let tag = "a".parse().unwrap();
    let [resolve, _] = counting.cost(async |repository| repository.tags().resolve(&tag).await.unwrap()).await;
    assert_eq!(methods(&resolve), [Method::Get]);
}

#[tokio::test]
async fn a_mount_is_three_calls_and_with_a_cache_one() {
    let counting = Counting::new();
    let from = counting.fixture.repository("from");
    let digest = push_blob(&*from, b"x").await.digest;
    let mount = async |repository: &dyn wharf_registry::Repository| {
        repository.blobs().mount(&digest, Some(from.name())).await.unwrap()
    };
    let [cold, warm] = counting.cost(mount).await;
    assert_eq!((cold.len(), rounds(&cold)), (3, 2), "{cold:?}");
    assert_eq!(methods(&warm), [Method::Put]);
}

#[tokio::test]
async fn a_query_for_referrers_reads_each_manifest_once() {
    let counting = Counting::new();
    let holder = counting.fixture.repository("a");
    let subject = sha256(b"");
    for seed in 0..5 {
        push_referrer(&*holder, &seed.to_string(), &subject, "a/b").await;
    }
    holder.referrers().list(&subject, wharf_registry::ReferrerRequest::default()).await.unwrap();
    let list = async |repository: &dyn wharf_registry::Repository| {
        repository.referrers().list(&subject, wharf_registry::ReferrerRequest::default()).await.unwrap()
    };
    let [cold, warm] = counting.cost(list).await;
    // The marker, the fallback tag, two listings; then link and data of each.
    assert_eq!((cold.len(), warm.len()), (4 + 2 * 5, 3), "{cold:?}");
}

#[tokio::test]
async fn a_hundred_who_ask_at_once_cost_as_much_as_one() {
    let counting = Counting::new();
    let holder = counting.fixture.repository("a");
    let manifest = Reference::Digest(push_image(&*holder, "x", &[]).await.digest);
    let blob = push_blob(&*holder, b"y").await.digest;
    let ask = async |repository: &dyn wharf_registry::Repository| {
        let asks = (0..100).map(|_| async {
            repository.manifests().get(&manifest).await.unwrap();
            drop(repository.blobs().open(&blob).await.unwrap());
        });
        futures_util::future::join_all(asks).await;
    };
    let [cold, warm] = counting.cost(ask).await;
    assert_eq!((cold.len(), warm.len()), (2 + 2, 0), "{cold:?}");
}
