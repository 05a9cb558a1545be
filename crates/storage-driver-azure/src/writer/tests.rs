//! What large files cost, and what is left when something fails.

use std::time::Duration;

use wharf_storage_driver::{ErrorKind, StorageDriver};

use super::*;
use crate::AzureDriver;
use crate::fake::{CHUNK, Fake, Fault, driver};

fn path(text: &str) -> StoragePath {
    text.parse().unwrap()
}

fn some(len: usize) -> Bytes {
    (0..len).map(|index| (index % 251) as u8).collect()
}

async fn begin(driver: &AzureDriver) -> Box<dyn Writer> {
    driver.writer(&path("/u/data"), WriterStart::New).await.unwrap()
}

async fn resume(driver: &AzureDriver) -> Box<dyn Writer> {
    driver.writer(&path("/u/data"), WriterStart::Resume).await.unwrap()
}

/// Waits for what tasks of their own throw away.
async fn assert_left(fake: &Fake, keys: &[&str]) {
    for _ in 0..1000 {
        if fake.keys() == keys {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(fake.keys(), keys);
}

#[tokio::test]
async fn a_small_file_is_one_request_and_a_look() {
    let fake = Fake::default();
    let driver = driver(&fake);
    let mut writer = begin(&driver).await;
    writer.write(some(CHUNK - 1)).await.unwrap();
    writer.commit(&path("/blob")).await.unwrap();
    assert_eq!((fake.calls("put"), fake.calls("get"), fake.all_calls()), (1, 1, 2));
}

#[tokio::test]
async fn a_small_file_in_three_requests_of_a_client_is_six_of_ours() {
    let fake = Fake::default();
    let driver = driver(&fake);
    begin(&driver).await.close(Sync::Durable).await.unwrap();
    let mut writer = resume(&driver).await;
    writer.write(some(1000)).await.unwrap();
    writer.close(Sync::Durable).await.unwrap();
    resume(&driver).await.commit(&path("/blob")).await.unwrap();
    assert_eq!((fake.calls("put"), fake.calls("get"), fake.calls("delete"), fake.all_calls()), (3, 2, 1, 6));
    assert_left(&fake, &["blob"]).await;
}

#[tokio::test]
async fn a_large_file_is_its_blocks_and_four_more() {
    let fake = Fake::default();
    let driver = driver(&fake);
    let bytes = some(10 * CHUNK);
    let mut writer = begin(&driver).await;
    writer.write(bytes.clone()).await.unwrap();
    writer.commit(&path("/blob")).await.unwrap();
    assert_eq!((fake.calls("stage_block"), fake.all_calls()), (10, 14));
    assert_eq!(fake.bytes("blob").unwrap(), bytes);
    assert_left(&fake, &["blob"]).await;
}

#[tokio::test(start_paused = true)]
async fn when_a_block_fails_what_was_acknowledged_stays() {
    let fake = Fake::default();
    let driver = driver(&fake);
    let mut writer = begin(&driver).await;
    writer.write(some(CHUNK + 7)).await.unwrap();
    writer.close(Sync::Durable).await.unwrap();

    fake.plan(Fault { after: 1, ..Fault::times("stage_block", usize::MAX, FailureKind::Unavailable) });
    let mut writer = resume(&driver).await;
    let mut written = Ok(());
    for _ in 0..8 {
        written = writer.write(some(CHUNK)).await;
        if written.is_err() {
            break;
        }
    }
    let error = written.unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Unavailable, Some(&path("/u/data"))));
    assert!(writer.close(Sync::Durable).await.is_err());
    fake.heal();
    let writer = resume(&driver).await;
    assert_eq!(writer.offset(), CHUNK as u64 + 7);
    writer.commit(&path("/blob")).await.unwrap();
    assert_eq!(fake.bytes("blob").unwrap(), some(CHUNK + 7));
    assert_left(&fake, &["blob"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_block_that_fails_late_fails_the_commit() {
    let fake = Fake::default();
    let driver = driver(&fake);
    fake.plan(Fault::times("stage_block", usize::MAX, FailureKind::Unavailable));
    let mut writer = begin(&driver).await;
    writer.write(some(2 * CHUNK)).await.unwrap();
    let error = writer.commit(&path("/blob")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_left(&fake, &[]).await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_fails_at_any_step_can_be_tried_again() {
    for call in ["commit_blocks", "copy"] {
        let fake = Fake::default();
        let driver = driver(&fake);
        let mut writer = begin(&driver).await;
        writer.write(some(2 * CHUNK + 7)).await.unwrap();
        writer.close(Sync::Durable).await.unwrap();
        let mut writer = resume(&driver).await;
        writer.write(some(CHUNK)).await.unwrap();
        writer.close(Sync::Durable).await.unwrap();

        fake.plan(Fault::times(call, 5, FailureKind::Unavailable));
        let error = resume(&driver).await.commit(&path("/blob")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{call}");
        resume(&driver).await.commit(&path("/blob")).await.unwrap();
        assert_eq!(fake.bytes("blob").unwrap(), [some(2 * CHUNK + 7), some(CHUNK)].concat(), "{call}");
        assert_left(&fake, &["blob"]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_cannot_clear_up_has_happened() {
    let fake = Fake::default();
    let driver = driver(&fake);
    let mut writer = begin(&driver).await;
    writer.write(some(2 * CHUNK + 7)).await.unwrap();
    writer.close(Sync::Durable).await.unwrap();
    fake.plan(Fault::times("delete", 5, FailureKind::Unavailable));
    resume(&driver).await.commit(&path("/blob")).await.unwrap();
    assert_eq!(fake.bytes("blob").unwrap(), some(2 * CHUNK + 7));
    driver.delete(&path("/u")).await.unwrap();
    assert_left(&fake, &["blob"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_stays_pending_leaves_the_upload_as_it_was() {
    let fake = Fake::default();
    let driver = driver(&fake);
    let mut writer = begin(&driver).await;
    writer.write(some(CHUNK + 7)).await.unwrap();
    writer.close(Sync::Durable).await.unwrap();
    fake.pend_copies(1000);
    let error = resume(&driver).await.commit(&path("/blob")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(fake.bytes("blob"), None);
    fake.pend_copies(0);
    resume(&driver).await.commit(&path("/blob")).await.unwrap();
    assert_eq!(fake.bytes("blob").unwrap(), some(CHUNK + 7));
    assert_left(&fake, &["blob"]).await;
}

#[tokio::test]
async fn an_upload_that_was_committed_by_another_cannot_be_closed() {
    let fake = Fake::default();
    let (one, two) = (driver(&fake), driver(&fake));
    begin(&one).await.close(Sync::Durable).await.unwrap();
    let mut late = resume(&one).await;
    resume(&two).await.commit(&path("/blob")).await.unwrap();
    late.write(some(10)).await.unwrap();
    assert_eq!(late.close(Sync::Durable).await.unwrap_err().kind(), ErrorKind::Changed);
    let resumed = one.writer(&path("/u/data"), WriterStart::Resume).await.map(drop);
    assert!(resumed.unwrap_err().is_not_found());
}

#[tokio::test]
async fn what_a_dropped_writer_staged_is_thrown_away() {
    let fake = Fake::default();
    let driver = driver(&fake);
    let mut writer = begin(&driver).await;
    writer.write(some(5 * CHUNK)).await.unwrap();
    drop(writer);
    assert_left(&fake, &[]).await;
}

#[tokio::test]
async fn many_writers_share_little_memory_and_all_finish() {
    let fake = Fake::default();
    let driver = driver(&fake);
    let writers = (0..40).map(|index| {
        let driver = driver.clone();
        tokio::spawn(async move {
            let at = path(&format!("/u/{index}"));
            let mut writer = driver.writer(&at, WriterStart::New).await.unwrap();
            for _ in 0..30 {
                writer.write(some(CHUNK / 5)).await.unwrap();
                tokio::task::yield_now().await;
            }
            writer.commit(&at).await.unwrap();
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        tokio::time::timeout(Duration::from_secs(60), writer).await.unwrap().unwrap();
    }
    let expected = some(CHUNK / 5).repeat(30);
    for index in 0..40 {
        assert!(fake.bytes(&format!("u/{index}")).unwrap() == expected, "{index}");
    }
}

#[tokio::test]
async fn a_damaged_journal_is_an_error_and_no_obstacle() {
    let fake = Fake::default();
    let driver = driver(&fake);
    fake.put_now("u/data~begun", "nonsense");
    let error = driver.writer(&path("/u/data"), WriterStart::Resume).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    fake.put_now("u/data~begun", "wharf-azure-upload 1\nstage other~staged-1-1\nblocks 1 0 1 1\ntail 0\n");
    let error = driver.writer(&path("/u/data"), WriterStart::Resume).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    let mut writer = begin(&driver).await;
    writer.write(some(1)).await.unwrap();
    writer.commit(&path("/u/data")).await.unwrap();
    assert_left(&fake, &["u/data"]).await;
}
