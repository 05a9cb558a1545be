//! Small files, written and read whole.

use ::bytes::Bytes;

use super::bytes::{MIB, assert_absent, get, put, put_as, read, some};
use super::{Store, names, path};
use crate::{ErrorKind, PutMode, PutOptions, RedirectMethod, RedirectRequest, Sync, Version};

/// Distribution: ValidPaths.
pub async fn every_valid_path_holds_a_file(store: Store) {
    let driver = store.driver();
    for (seed, at) in [
        "/a",
        "/2",
        "/aa",
        "/a.a",
        "/0-9/abcdefg",
        "/abcdefg/z.75",
        "/abc/1.2.3.4.5-6_zyx/123.z/4",
        "/docker/docker-registry",
        "/123.abc",
        "/abc./abc",
        "/.abc",
        "/a--b",
        "/a-.b",
        "/_.abc",
        "/Docker/docker-registry",
        "/Abc/Cba",
    ]
    .into_iter()
    .enumerate()
    {
        let bytes = some(seed as u64, 64);
        put(&*driver, at, bytes.clone()).await;
        assert_eq!(get(&*driver, at).await, bytes, "{at}");
    }
}

/// Distribution: InvalidPaths. All others of it cannot be made into a path here.
pub async fn the_root_holds_no_bytes(store: Store) {
    let driver = store.driver();
    let root = path("/");
    let error = driver.put(&root, Bytes::new(), PutOptions::default()).await.unwrap_err();
    assert_eq!(error.driver(), driver.name());
    assert!(driver.get(&root, MIB).await.unwrap_err().is_not_found());
    assert!(driver.read(&root, 0..1).await.unwrap_err().is_not_found());
    assert!(driver.writer(&root, crate::WriterStart::New).await.is_err());
}

/// Paths are bytes: upper and lower case are different files.
pub async fn names_differ_by_case(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/Name", "upper").await;
    put(&*driver, "/f/name", "lower").await;
    assert_eq!(get(&*driver, "/f/Name").await, "upper");
    assert_eq!(get(&*driver, "/f/name").await, "lower");
    assert_eq!(names(&*driver, "/f").await, ["Name", "name"]);
}

/// Distribution: WriteRead1.
pub async fn a_file_holds_one_byte(store: Store) {
    holds(store, Bytes::from_static(b"a")).await;
}

/// Distribution: WriteRead2, WriteRead3, WriteReadNonUTF8.
pub async fn a_file_holds_any_bytes(store: Store) {
    for bytes in [
        Bytes::from_static("ß".as_bytes()),
        some(1, 32),
        Bytes::from_static(&[0x80; 4]),
        Bytes::from(vec![0; 99]),
    ] {
        holds(store.clone(), bytes).await;
    }
}

/// Distribution: WriteRead4.
pub async fn a_file_holds_a_megabyte(store: Store) {
    holds(store, some(2, MIB)).await;
}

/// A file without a byte is a file.
pub async fn a_file_can_be_empty(store: Store) {
    holds(store, Bytes::new()).await;
}

/// Distribution: Truncate, without deleting in between.
pub async fn a_file_that_shrinks_keeps_nothing_of_the_old(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/shrinks", some(3, MIB)).await;
    put(&*driver, "/f/shrinks", some(4, 1024)).await;
    assert_eq!(get(&*driver, "/f/shrinks").await, some(4, 1024));
    assert_eq!(driver.stat(&path("/f/shrinks")).await.unwrap().size, 1024);
}

/// Distribution: PutContentMultipleTimes.
pub async fn a_file_can_be_rewritten_many_times(store: Store) {
    let driver = store.driver();
    for round in 0..10 {
        let bytes = some(round, 4096 >> (round % 3));
        put(&*driver, "/f/again", bytes.clone()).await;
        assert_eq!(get(&*store.driver(), "/f/again").await, bytes);
    }
    assert_eq!(names(&*driver, "/f").await, ["again"]);
}

/// What need not survive a crash is seen all the same.
pub async fn relaxed_files_are_seen_at_once(store: Store) {
    let options = PutOptions { mode: PutMode::Overwrite, sync: Sync::Relaxed };
    store.driver().put(&path("/f/relaxed"), some(5, 100), options).await.unwrap();
    assert_eq!(get(&*store.driver(), "/f/relaxed").await, some(5, 100));
    assert_eq!(names(&*store.driver(), "/f").await, ["relaxed"]);
}

/// Distribution: ReadNonexistent.
pub async fn nothing_is_found_where_nothing_was_put(store: Store) {
    let driver = store.driver();
    assert_absent(&*driver, "/missing").await;
    assert_absent(&*driver, "/missing/too").await;
    put(&*driver, "/file", "x").await;
    assert_absent(&*driver, "/file2").await;
    assert_absent(&*driver, "/fil").await;
    assert_absent(&*driver, "/file/below").await;
}

/// A folder is not a file that could be read.
pub async fn a_folder_cannot_be_read(store: Store) {
    let driver = store.driver();
    put(&*driver, "/folder/file", "x").await;
    assert!(driver.get(&path("/folder"), MIB).await.unwrap_err().is_not_found());
    assert!(driver.read(&path("/folder"), 0..1).await.unwrap_err().is_not_found());
}

/// A file as large as the limit is read, a larger one is not.
pub async fn get_refuses_what_is_over_the_limit(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/limited", some(6, 1000)).await;
    assert_eq!(driver.get(&path("/f/limited"), 1000).await.unwrap().bytes, some(6, 1000));
    for limit in [999, 1, 0] {
        let error = driver.get(&path("/f/limited"), limit).await.unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::TooLarge, Some(&path("/f/limited"))));
    }
    put(&*driver, "/f/empty", "").await;
    assert_eq!(driver.get(&path("/f/empty"), 0).await.unwrap().bytes, "");
}

/// To create is to find nothing; what is there stays as it is.
pub async fn create_refuses_what_is_there(store: Store) {
    let driver = store.driver();
    let version = put_as(&*driver, "/f/new", "first", PutMode::Create).await.unwrap();
    assert_eq!(driver.get(&path("/f/new"), MIB).await.unwrap().version, version);
    let error = put_as(&*driver, "/f/new", "second", PutMode::Create).await.unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Exists, Some(&path("/f/new"))));
    assert_eq!(get(&*driver, "/f/new").await, "first");
    driver.delete(&path("/f/new")).await.unwrap();
    put_as(&*driver, "/f/new", "third", PutMode::Create).await.unwrap();
    assert_eq!(get(&*driver, "/f/new").await, "third");
}

/// To replace is to find exactly that version; what is there otherwise stays as it is.
pub async fn replace_refuses_what_was_changed(store: Store) {
    let driver = store.driver();
    let first = put(&*driver, "/f/changes", "first").await;
    assert_eq!(driver.get(&path("/f/changes"), MIB).await.unwrap().version, first);
    let second = put_as(&*driver, "/f/changes", "second", PutMode::Replace(first.clone())).await.unwrap();
    assert_eq!(driver.get(&path("/f/changes"), MIB).await.unwrap().version, second);
    for stale in [first, Version("no version of anything".to_owned())] {
        let error = put_as(&*driver, "/f/changes", "third", PutMode::Replace(stale)).await.unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Changed, Some(&path("/f/changes"))));
    }
    assert_eq!(get(&*driver, "/f/changes").await, "second");
    driver.delete(&path("/f/changes")).await.unwrap();
    let error = put_as(&*driver, "/f/changes", "third", PutMode::Replace(second)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed);
    assert_absent(&*driver, "/f/changes").await;
}

/// Distribution: RedirectURL. Whether a URL leads to the bytes is for the driver's own tests.
pub async fn redirects_are_urls_or_absent(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/elsewhere", some(7, 32)).await;
    for method in [RedirectMethod::Get, RedirectMethod::Head] {
        let request = RedirectRequest { method, client: None, lifetime: None };
        if let Some(url) = driver.redirect(&path("/f/elsewhere"), &request).await.unwrap() {
            assert!(url.starts_with("http://") || url.starts_with("https://"), "{url}");
        }
    }
}

async fn holds(store: Store, bytes: Bytes) {
    put(&*store.driver(), "/f/file", bytes.clone()).await;
    let driver = store.driver();
    assert_eq!(get(&*driver, "/f/file").await, bytes);
    assert_eq!(read(&*driver, "/f/file", 0, u64::MAX).await, bytes);
    assert_eq!(driver.stat(&path("/f/file")).await.unwrap().size, bytes.len() as u64);
}
