//! Purging: old uploads go, young ones stay, and what cannot be judged stays too.

use std::time::{Duration, SystemTime};

use wharf_storage::{PurgeMode, PurgeReport, UploadPurge};
use wharf_storage_driver::WriterStart;

use crate::fixture::{Fixture, LARGE, content, once, push_blob, sha256};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

on_every_driver! {
    old_uploads_go_and_young_ones_stay
    a_dry_run_only_counts
    an_upload_without_a_beginning_goes_when_its_files_are_old
    an_empty_store_has_nothing_to_purge
}

fn purge(mode: PurgeMode) -> UploadPurge {
    UploadPurge { age: DAY, mode }
}

async fn uploads_left(fixture: &Fixture) -> usize {
    fixture.tree().await.keys().filter(|path| path.contains("_uploads")).count()
}

async fn old_uploads_go_and_young_ones_stay(fixture: Fixture) {
    fixture
        .write("/docker/registry/v2/repositories/a/b/_uploads/old/startedat", "2024-05-01T12:00:00Z")
        .await;
    fixture.write("/docker/registry/v2/repositories/a/b/_uploads/old/hashstates/sha256/0", "x").await;
    let repository = fixture.repository("a");
    let young = repository.uploads().start(None).await.unwrap().id;
    let large = repository.uploads().start(None).await.unwrap().id;
    repository.uploads().append(&large, None, once(&content(LARGE, 1))).await.unwrap();
    push_blob(&*repository, b"x").await;

    let now = SystemTime::now();
    let report = fixture.storage.purge_uploads(now, purge(PurgeMode::Delete)).await.unwrap();
    assert_eq!(report, PurgeReport { examined: 3, purged: 1, failed: 0, swept: 0 });
    repository.uploads().status(&young).await.unwrap();
    let report = fixture.storage.purge_uploads(now + DAY * 2, purge(PurgeMode::Delete)).await.unwrap();
    assert_eq!(report, PurgeReport { examined: 2, purged: 2, failed: 0, swept: 0 });
    assert_eq!(uploads_left(&fixture).await, 0);
    assert!(repository.uploads().status(&young).await.unwrap_err().is_unknown());
    assert!(repository.uploads().status(&large).await.unwrap_err().is_unknown());
    repository.blobs().open(&sha256(b"x")).await.unwrap();
}

async fn a_dry_run_only_counts(fixture: Fixture) {
    fixture.write("/docker/registry/v2/repositories/a/_uploads/old/startedat", "2024-05-01T12:00:00Z").await;
    let report = fixture.storage.purge_uploads(SystemTime::now(), purge(PurgeMode::DryRun)).await.unwrap();
    assert_eq!(report, PurgeReport { examined: 1, purged: 1, failed: 0, swept: 0 });
    assert_eq!(uploads_left(&fixture).await, 1);
}

async fn an_upload_without_a_beginning_goes_when_its_files_are_old(fixture: Fixture) {
    fixture.write("/docker/registry/v2/repositories/a/_uploads/left/hashstates/sha256/0", "x").await;
    fixture.write("/docker/registry/v2/repositories/a/_uploads/torn/startedat", "2024-05").await;
    let now = SystemTime::now();
    let report = fixture.storage.purge_uploads(now, purge(PurgeMode::Delete)).await.unwrap();
    assert_eq!(report, PurgeReport { examined: 2, purged: 0, failed: 0, swept: 0 });
    let report = fixture.storage.purge_uploads(now + DAY * 2, purge(PurgeMode::Delete)).await.unwrap();
    assert_eq!(report, PurgeReport { examined: 2, purged: 2, failed: 0, swept: 0 });
    assert_eq!(uploads_left(&fixture).await, 0);
}

async fn an_empty_store_has_nothing_to_purge(fixture: Fixture) {
    let report = fixture.storage.purge_uploads(SystemTime::now(), UploadPurge::default()).await.unwrap();
    assert_eq!(report, PurgeReport::default());
}

#[tokio::test]
async fn what_belongs_to_no_upload_is_swept() {
    let fixture = Fixture::memory();
    let orphan = "/docker/registry/v2/blobs/sha256/ab/abc/data".parse().unwrap();
    drop(fixture.driver.writer(&orphan, WriterStart::New).await.unwrap());
    let later = SystemTime::now() + DAY * 2;
    let report = fixture.storage.purge_uploads(later, purge(PurgeMode::DryRun)).await.unwrap();
    assert_eq!(report, PurgeReport::default());
    let report = fixture.storage.purge_uploads(later, purge(PurgeMode::Delete)).await.unwrap();
    assert_eq!(report, PurgeReport { swept: 1, ..PurgeReport::default() });
}
