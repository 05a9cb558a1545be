//! The same figures on files. Which calls are made together is not asked here: a quick disk may end one before the next.

use tempfile::TempDir;
use wharf_registry::{Reference, Repository};
use wharf_storage_driver_fs::{Config, FsDriver};

use super::Counting;
use crate::fixture::push_blob;
use crate::images::{image, push_image, put};

impl Counting<FsDriver> {
    fn on_files() -> Self {
        let folder = TempDir::new().unwrap();
        let driver = FsDriver::new(Config::new(folder.path())).unwrap();
        Self::over(driver, Some(folder))
    }

    /// How many calls some work takes cold, and how many warm.
    async fn counts<T>(&self, work: impl AsyncFn(&dyn Repository) -> T) -> [usize; 2] {
        self.cost(work).await.map(|calls| calls.len())
    }
}

#[tokio::test]
async fn a_manifest_is_three_calls_by_tag_and_two_by_digest_and_then_one_and_none() {
    let counting = Counting::on_files();
    let digest = push_image(&*counting.fixture.repository("a"), "x", &["latest"]).await.digest;
    let references = [Reference::Tag("latest".parse().unwrap()), Reference::Digest(digest)];
    for (reference, expected) in references.iter().zip([[3, 1], [2, 0]]) {
        let counts = counting.counts(async |repository| repository.manifests().get(reference).await.unwrap());
        assert_eq!(counts.await, expected, "{reference}");
    }
}

#[tokio::test]
async fn a_blob_is_two_calls_to_open_and_three_to_read_and_then_none_and_one() {
    let counting = Counting::on_files();
    let digest = push_blob(&*counting.fixture.repository("a"), b"x").await.digest;
    let open = async |repository: &dyn Repository| drop(repository.blobs().open(&digest).await.unwrap());
    assert_eq!(counting.counts(open).await, [2, 0]);
    let read = async |repository: &dyn Repository| {
        drop(repository.blobs().open(&digest).await.unwrap().read(0..1).await.unwrap());
    };
    assert_eq!(counting.counts(read).await, [3, 1]);
}

#[tokio::test]
async fn a_manifest_push_is_two_calls_for_each_reference_and_four_and_then_four() {
    let counting = Counting::on_files();
    let holder = counting.fixture.repository("a");
    let config = push_blob(&*holder, b"{}").await;
    let layer = push_blob(&*holder, b"layer").await;
    let manifest = put(&image(&config, &[layer]), &["latest"]);
    let push =
        async |repository: &dyn Repository| repository.manifests().put(manifest.clone()).await.unwrap();
    assert_eq!(counting.counts(push).await, [2 * 2 + 4, 4]);
}
