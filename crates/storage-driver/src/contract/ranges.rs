//! Parts of files, and readers that outlive what they read.

use super::bytes::{MIB, assert_absent, collect, get, put, read, some};
use super::{Store, path};

/// Distribution: ReaderWithOffset.
pub async fn a_range_may_begin_anywhere(store: Store) {
    let driver = store.driver();
    for len in [96, 3 * MIB] {
        let bytes = some(len as u64, len);
        put(&*driver, "/f/range", bytes.clone()).await;
        for start in [0, 1, len / 3, len / 2, len - 1, len] {
            assert_eq!(
                read(&*driver, "/f/range", start as u64, u64::MAX).await,
                bytes[start..],
                "{start} of {len}"
            );
        }
    }
}

/// A range ends where it says or where the file does.
pub async fn a_range_may_end_anywhere(store: Store) {
    let driver = store.driver();
    for len in [96, 3 * MIB] {
        let bytes = some(len as u64, len);
        put(&*driver, "/f/range", bytes.clone()).await;
        for (start, end) in
            [(0, 1), (0, len), (1, len - 1), (len / 3, len / 2), (len - 1, len), (len - 1, len + 100)]
        {
            let stored = driver.read(&path("/f/range"), start as u64..end as u64).await.unwrap();
            assert_eq!(stored.size, len as u64, "the size is that of the file");
            assert_eq!(collect(stored.content).await, bytes[start..end.min(len)], "{start}..{end} of {len}");
        }
    }
}

/// A range at the end, beyond it or backwards has no bytes, and is no error.
pub async fn a_range_without_bytes_is_empty(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/range", some(1, 96)).await;
    let backwards = std::ops::Range { start: 9, end: 3 };
    for range in [96..97, 96..u64::MAX, 97..200, 5000..u64::MAX, u64::MAX..u64::MAX, 0..0, 17..17, backwards]
    {
        let stored = driver.read(&path("/f/range"), range.clone()).await.unwrap();
        assert_eq!(stored.size, 96);
        assert_eq!(collect(stored.content).await, "", "{range:?}");
    }
    put(&*driver, "/f/empty", "").await;
    for range in [0..0, 0..1, 0..u64::MAX, 7..8] {
        let stored = driver.read(&path("/f/empty"), range).await.unwrap();
        assert_eq!(stored.size, 0);
        assert_eq!(collect(stored.content).await, "");
    }
}

/// Distribution: ReadNonexistentStream.
pub async fn reading_nothing_is_not_found(store: Store) {
    let driver = store.driver();
    for range in [0..u64::MAX, 64..128, 0..0] {
        let error = driver.read(&path("/f/missing"), range).await.unwrap_err();
        assert!(error.is_not_found());
        assert_eq!(error.path(), Some(&path("/f/missing")));
    }
}

/// A reader that has begun keeps what it began with.
pub async fn a_reader_keeps_its_file_when_it_is_replaced(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/replaced", some(1, MIB)).await;
    let stored = driver.read(&path("/f/replaced"), 0..u64::MAX).await.unwrap();
    put(&*driver, "/f/replaced", some(2, MIB / 2)).await;
    assert_eq!(collect(stored.content).await, some(1, MIB));
    assert_eq!(get(&*driver, "/f/replaced").await, some(2, MIB / 2));
}

/// A reader that has begun keeps what it began with.
pub async fn a_reader_keeps_its_file_when_it_is_deleted(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/deleted", some(3, MIB)).await;
    let stored = driver.read(&path("/f/deleted"), 100..u64::MAX).await.unwrap();
    driver.delete(&path("/f/deleted")).await.unwrap();
    assert_absent(&*driver, "/f/deleted").await;
    assert_eq!(collect(stored.content).await, some(3, MIB)[100..]);
}

/// A small file may travel another way than a large one, with the same promise.
pub async fn a_small_reader_keeps_its_file_too(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/small", "old").await;
    let replaced = driver.read(&path("/f/small"), 0..u64::MAX).await.unwrap();
    put(&*driver, "/f/small", "new!").await;
    let deleted = driver.read(&path("/f/small"), 0..u64::MAX).await.unwrap();
    driver.delete(&path("/f/small")).await.unwrap();
    assert_eq!(collect(replaced.content).await, "old");
    assert_eq!(collect(deleted.content).await, "new!");
}
