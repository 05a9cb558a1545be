//! Several drivers over one folder, as several processes have it: each has its own open files, so the system's locks and
//! renames must keep them apart.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use wharf_storage_driver::{
    Content, Error, ErrorKind, Kind, ListOptions, PutMode, PutOptions, StorageDriver, StoragePath, Sync,
    Version, WriterStart,
};
use wharf_storage_driver_fs::{Config, FsDriver};

const DRIVERS: usize = 8;

fn driver(root: &Path) -> FsDriver {
    FsDriver::new(Config::new(root)).unwrap()
}

fn path(text: &str) -> StoragePath {
    text.parse().unwrap()
}

async fn put(driver: &FsDriver, at: &str, bytes: String, mode: PutMode) -> Result<Version, Error> {
    driver.put(&path(at), bytes.into(), PutOptions { mode, sync: Sync::Relaxed }).await
}

/// What came of the same deed done by all drivers at once.
async fn by_all<F>(root: &Path, deed: impl Fn(FsDriver, usize) -> F) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let start = Arc::new(tokio::sync::Barrier::new(DRIVERS));
    let mut running = Vec::new();
    for index in 0..DRIVERS {
        let (start, deed) = (Arc::clone(&start), deed(driver(root), index));
        running.push(tokio::spawn(async move {
            start.wait().await;
            deed.await
        }));
    }
    let mut results = Vec::new();
    for result in running {
        results.push(result.await.unwrap());
    }
    results
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_drivers_one_creates_a_file_in_a_folder_that_is_new() {
    let root = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let at = format!("/new/{round}/link");
        let results = by_all(root.path(), |driver, index| {
            let at = at.clone();
            async move { put(&driver, &at, index.to_string(), PutMode::Create).await }
        })
        .await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        let losers = results.iter().filter_map(|result| result.as_ref().err());
        assert!(losers.into_iter().all(|error| error.kind() == ErrorKind::Exists));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_drivers_one_replaces_a_version() {
    let root = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let at = format!("/f/link{round}");
        let version = put(&driver(root.path()), &at, "0".to_owned(), PutMode::Create).await.unwrap();
        let results = by_all(root.path(), |driver, index| {
            let (at, mode) = (at.clone(), PutMode::Replace(version.clone()));
            async move { put(&driver, &at, index.to_string(), mode).await }
        })
        .await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_replacement_never_undoes_what_it_did_not_see() {
    let root = tempfile::tempdir().unwrap();
    // Every driver appends its letters by reading and replacing, while all fight for the same file.
    put(&driver(root.path()), "/f/log", String::new(), PutMode::Create).await.unwrap();
    by_all(root.path(), |driver, index| async move {
        for _ in 0..25 {
            loop {
                let object = driver.get(&path("/f/log"), 1 << 20).await.unwrap();
                let text = format!("{}{index}", std::str::from_utf8(&object.bytes).unwrap());
                match put(&driver, "/f/log", text, PutMode::Replace(object.version)).await {
                    Ok(_) => break,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::Changed),
                }
            }
        }
    })
    .await;
    assert_eq!(driver(root.path()).get(&path("/f/log"), 1 << 20).await.unwrap().bytes.len(), 25 * DRIVERS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_writer_of_one_driver_keeps_the_others_out() {
    let root = tempfile::tempdir().unwrap();
    let (one, other) = (driver(root.path()), driver(root.path()));
    let mut writer = one.writer(&path("/u/data"), WriterStart::New).await.unwrap();
    writer.write(Bytes::from_static(b"mine")).await.unwrap();
    for start in [WriterStart::New, WriterStart::Resume] {
        let error = other.writer(&path("/u/data"), start).await.map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
    }
    writer.close(Sync::Relaxed).await.unwrap();
    let writer = other.writer(&path("/u/data"), WriterStart::Resume).await.unwrap();
    assert_eq!(writer.offset(), 4);
    writer.commit(&path("/f/data")).await.unwrap();
    assert_eq!(one.get(&path("/f/data"), 100).await.unwrap().bytes, "mine");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_drivers_one_writes() {
    let root = tempfile::tempdir().unwrap();
    for round in 0..20 {
        let at = path(&format!("/u/{round}/data"));
        let results = by_all(root.path(), |driver, _| {
            let at = at.clone();
            async move { driver.writer(&at, WriterStart::New).await }
        })
        .await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        let losers = results.iter().filter_map(|result| result.as_ref().err());
        assert!(losers.into_iter().all(|error| error.kind() == ErrorKind::Busy));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn putting_and_deleting_a_folder_at_once_ends_one_way_or_the_other() {
    let root = tempfile::tempdir().unwrap();
    by_all(root.path(), |driver, index| async move {
        for _ in 0..50 {
            if index % 2 == 0 {
                put(&driver, "/tags/x/current/link", index.to_string(), PutMode::Overwrite).await.ok();
            } else if let Err(error) = driver.delete(&path("/tags/x")).await {
                assert!(matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Unavailable), "{error:?}");
            }
        }
    })
    .await;
    let driver = driver(root.path());
    put(&driver, "/tags/x/current/link", "in the end".to_owned(), PutMode::Overwrite).await.unwrap();
    driver.delete(&path("/tags/x")).await.unwrap();
    assert!(driver.stat(&path("/tags/x")).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn folders_with_a_file_are_told_from_those_without() {
    let root = tempfile::tempdir().unwrap();
    let driver = driver(root.path());
    for index in 0..300 {
        let below = if index % 3 == 0 { "current/link" } else { "index/x" };
        put(&driver, &format!("/tags/t{index:03}/{below}"), String::new(), PutMode::Overwrite).await.unwrap();
    }
    put(&driver, "/tags/file", String::new(), PutMode::Overwrite).await.unwrap();
    let options = ListOptions { start_after: Some("t000"), limit: 99, holding: Some("current/link") };
    let page = driver.list(&path("/tags"), options).await.unwrap();
    assert!(!page.more, "exactly as many as fit");
    let expected = (1..100).map(|index| format!("t{:03}", index * 3));
    assert!(page.entries.iter().map(|entry| entry.name.clone()).eq(expected));
    assert!(page.entries.iter().all(|entry| entry.kind == Kind::Folder));
}

#[tokio::test]
async fn what_others_put_in_place_is_read_and_what_is_unfinished_is_not() {
    let root = tempfile::tempdir().unwrap();
    let driver = driver(root.path());
    std::fs::create_dir_all(root.path().join("u")).unwrap();
    std::fs::write(root.path().join("u/data"), "by Distribution, in place").unwrap();
    assert_eq!(driver.get(&path("/u/data"), 100).await.unwrap().bytes, "by Distribution, in place");
    assert!(driver.writer(&path("/u/data"), WriterStart::Resume).await.map(drop).unwrap_err().is_not_found());

    let leftover = path("/u/data.4ecd3de5-5a46-4a40-8b1c-ce2f4cb0e0a8.tmp");
    std::fs::write(root.path().join(&leftover.as_str()[1..]), "half of").unwrap();
    assert!(driver.get(&leftover, 100).await.unwrap_err().is_not_found());
    assert!(driver.read(&leftover, 0..1).await.unwrap_err().is_not_found());
    assert!(driver.stat(&leftover).await.unwrap_err().is_not_found());
    assert!(driver.delete(&leftover).await.unwrap_err().is_not_found());
    assert!(driver.rename(&leftover, &path("/u/x")).await.unwrap_err().is_not_found());
    assert_eq!(driver.rename(&path("/u/data"), &leftover).await.unwrap_err().kind(), ErrorKind::Other);
    assert_eq!(
        driver.put(&leftover, Bytes::new(), PutOptions::default()).await.unwrap_err().kind(),
        ErrorKind::Other
    );

    // A tag may have such a name: it is a folder.
    let tag = leftover.join("current/link").unwrap();
    std::fs::remove_file(root.path().join(&leftover.as_str()[1..])).unwrap();
    driver.put(&tag, Bytes::from_static(b"x"), PutOptions::default()).await.unwrap();
    assert_eq!(driver.stat(&leftover).await.unwrap().kind, Kind::Folder);
    driver.delete(&leftover).await.unwrap();
}

#[tokio::test]
async fn small_files_come_as_memory_and_large_ones_as_files() {
    let root = tempfile::tempdir().unwrap();
    let driver = driver(root.path());
    driver.put(&path("/small"), vec![1; 65_536].into(), PutOptions::default()).await.unwrap();
    driver.put(&path("/large"), vec![1; 65_537].into(), PutOptions::default()).await.unwrap();
    assert!(matches!(driver.read(&path("/small"), 0..u64::MAX).await.unwrap().content, Content::Memory(_)));
    assert!(matches!(driver.read(&path("/large"), 0..u64::MAX).await.unwrap().content, Content::File(_)));
}

#[tokio::test]
async fn a_name_too_long_for_the_system_is_nowhere() {
    let root = tempfile::tempdir().unwrap();
    let driver = driver(root.path());
    let long = StoragePath::root().join(&"x".repeat(300)).unwrap();
    assert!(driver.get(&long, 1).await.unwrap_err().is_not_found());
    assert!(driver.stat(&long).await.unwrap_err().is_not_found());
    assert_eq!(
        driver.put(&long, Bytes::new(), PutOptions::default()).await.unwrap_err().kind(),
        ErrorKind::Other
    );
}
