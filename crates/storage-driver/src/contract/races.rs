//! Many at once: what must come out when calls meet.

use std::future::Future;
use std::sync::Arc;

use ::bytes::Bytes;
use futures_util::future::join_all;

use super::bytes::{MIB, begin, collect, get, put, put_as, read, some};
use super::{Store, path};
use crate::{ErrorKind, PutMode, StorageDriver};

/// Of several calls that are to create one path, exactly one succeeds.
pub async fn of_sixteen_creators_one_wins(store: Store) {
    for round in 0..5 {
        let at = format!("/f/created{round}");
        let results = at_once(16, |index| {
            let (driver, at) = (store.driver(), at.clone());
            async move { put_as(&*driver, &at, format!("by {index}"), PutMode::Create).await }
        })
        .await;
        let object = store.driver().get(&path(&at), MIB).await.unwrap();
        for (index, result) in results.into_iter().enumerate() {
            let won = object.bytes == format!("by {index}");
            match result {
                Ok(version) => assert!(won && version == object.version, "{index} is not what is there"),
                Err(error) => assert!(!won && error.kind() == ErrorKind::Exists, "{error:?}"),
            }
        }
    }
}

/// Of several calls that are to replace one version, exactly one succeeds.
pub async fn of_sixteen_replacers_one_wins(store: Store) {
    for round in 0..5 {
        let at = format!("/f/replaced{round}");
        let before = put(&*store.driver(), &at, "before").await;
        let results = at_once(16, |index| {
            let (driver, at, before) = (store.driver(), at.clone(), before.clone());
            async move { put_as(&*driver, &at, format!("by {index}"), PutMode::Replace(before)).await }
        })
        .await;
        let object = store.driver().get(&path(&at), MIB).await.unwrap();
        for (index, result) in results.into_iter().enumerate() {
            let won = object.bytes == format!("by {index}");
            match result {
                Ok(version) => assert!(won && version == object.version, "{index} is not what is there"),
                Err(error) => assert!(!won && error.kind() == ErrorKind::Changed, "{error:?}"),
            }
        }
    }
}

/// Reading and replacing in turns is a way to change a file together.
pub async fn a_counter_loses_no_step(store: Store) {
    put(&*store.driver(), "/f/counter", "0").await;
    at_once(4, |_| {
        let driver = store.driver();
        async move {
            for _ in 0..10 {
                step(&*driver, "/f/counter").await;
            }
        }
    })
    .await;
    assert_eq!(get(&*store.driver(), "/f/counter").await, "40");
}

/// Of several files written to one path at once, one is there in the end, whole.
pub async fn puts_to_one_path_leave_one_whole(store: Store) {
    at_once(16, |index| {
        let driver = store.driver();
        async move { put(&*driver, "/f/contended", some(index as u64, 100_000 + index)).await }
    })
    .await;
    let bytes = get(&*store.driver(), "/f/contended").await;
    assert!((0..16).any(|index| bytes == some(index as u64, 100_000 + index)));
}

/// A reader sees the old bytes or the new, never a mixture.
pub async fn readers_see_the_old_or_the_new(store: Store) {
    let contents = [some(1, 90_000), some(2, 120_000)];
    put(&*store.driver(), "/f/flips", contents[0].clone()).await;
    at_once(6, |index| {
        let (driver, contents) = (store.driver(), contents.clone());
        async move {
            for round in 0..20 {
                let one = contents[round % 2].clone();
                match index {
                    0 => drop(put(&*driver, "/f/flips", one).await),
                    1..=3 => assert!(contents.contains(&get(&*driver, "/f/flips").await)),
                    _ => assert!(contents.contains(&read(&*driver, "/f/flips", 0, u64::MAX).await)),
                }
            }
        }
    })
    .await;
}

/// Of several large files that are committed to one path, one is there in the end, whole.
pub async fn commits_to_one_path_leave_one_whole(store: Store) {
    at_once(4, |index| {
        let driver = store.driver();
        async move {
            let mut writer = begin(&*driver, &format!("/uploads/{index}/data")).await;
            writer.write(some(index as u64, MIB)).await.unwrap();
            writer.commit(&path("/blobs/one/data")).await.unwrap();
        }
    })
    .await;
    let bytes = get(&*store.driver(), "/blobs/one/data").await;
    assert!((0..4).any(|index| bytes == some(index, MIB)));
}

/// Distribution: ConcurrentStreamReads.
pub async fn many_readers_share_a_file(store: Store) {
    let len = store.scaled(10 * MIB, 128 * MIB);
    let bytes = some(9, len);
    let mut writer = begin(&*store.driver(), "/f/shared").await;
    writer.write(bytes.clone()).await.unwrap();
    writer.commit(&path("/f/shared")).await.unwrap();
    at_once(10, |index| {
        let (driver, bytes) = (store.driver(), bytes.clone());
        async move {
            let start = (index * 7_919 * 1_013) % bytes.len();
            assert!(read(&*driver, "/f/shared", start as u64, u64::MAX).await == bytes[start..]);
        }
    })
    .await;
}

/// Distribution: ConcurrentFileStreams.
pub async fn many_writers_write_at_once(store: Store) {
    let (writers, parts) = (store.scaled(8, 32), store.scaled(8, 32));
    at_once(writers, |index| {
        let driver = store.driver();
        async move {
            let at = format!("/f/streams/{index}");
            let mut writer = begin(&*driver, &at).await;
            for part in 0..parts {
                writer.write(some((index * parts + part) as u64, MIB)).await.unwrap();
            }
            assert_eq!(writer.offset(), (parts * MIB) as u64);
            writer.commit(&path(&at)).await.unwrap();
        }
    })
    .await;
    for index in 0..writers {
        let stored = store.driver().read(&path(&format!("/f/streams/{index}")), 0..u64::MAX).await.unwrap();
        let bytes = collect(stored.content).await;
        let expected = (0..parts).map(|part| some((index * parts + part) as u64, MIB));
        assert!(bytes.chunks(MIB).map(Bytes::copy_from_slice).eq(expected), "stream {index}");
    }
}

/// Runs as many tasks as asked for, each on whatever thread is free.
async fn at_once<F>(tasks: usize, task: impl Fn(usize) -> F) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let start = Arc::new(tokio::sync::Barrier::new(tasks));
    let running = (0..tasks).map(|index| {
        let (start, work) = (Arc::clone(&start), task(index));
        tokio::spawn(async move {
            start.wait().await;
            work.await
        })
    });
    let running: Vec<_> = running.collect();
    join_all(running).await.into_iter().map(Result::unwrap).collect()
}

/// Adds one, as often as it takes.
async fn step(driver: &dyn StorageDriver, at: &str) {
    loop {
        let object = driver.get(&path(at), MIB).await.unwrap();
        let count: u32 = std::str::from_utf8(&object.bytes).unwrap().parse().unwrap();
        match put_as(driver, at, (count + 1).to_string(), PutMode::Replace(object.version)).await {
            Ok(_) => return,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Changed),
        }
    }
}
