//! How many requests a call costs, counted at the wire.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use wharf_http_client::{HttpClient, Options};
use wharf_storage_driver::{ListOptions, PutMode, PutOptions, StorageDriver, StoragePath, Sync, Version};

use crate::counting::Counting;
use crate::drivers::driver;
use crate::stores::Place;

/// A driver behind a proxy that counts, with listings of so many keys; none when no store was given.
async fn open_with(list_page: i32) -> Option<(Arc<dyn StorageDriver>, Counting)> {
    let Some(place) = Place::given("WHARF_TESTS_MINIO") else {
        eprintln!("skipped: no store was given");
        return None;
    };
    let proxy = Counting::before(&place.endpoint).await;
    let mut config = place.by(&proxy.endpoint).config();
    config.list_page = list_page;
    Some((driver(config, HttpClient::new(Options::default()).unwrap()), proxy))
}

async fn open() -> Option<(Arc<dyn StorageDriver>, Counting)> {
    open_with(1000).await
}

fn path(text: &str) -> StoragePath {
    text.parse().unwrap()
}

async fn put(driver: &dyn StorageDriver, at: &str) {
    put_as(driver, at, PutMode::Overwrite).await;
}

async fn put_as(driver: &dyn StorageDriver, at: &str, mode: PutMode) -> Version {
    let options = PutOptions { mode, sync: Sync::Durable };
    driver.put(&path(at), Bytes::from_static(b"x"), options).await.unwrap()
}

#[tokio::test]
async fn a_small_file_is_one_request() {
    let Some((driver, proxy)) = open().await else { return };
    put(&*driver, "/f/file").await;
    assert_eq!(proxy.take().len(), 1, "to write it");
    driver.get(&path("/f/file"), 10).await.unwrap();
    assert_eq!(proxy.take().len(), 1, "to read it");
    driver.read(&path("/f/file"), 0..u64::MAX).await.unwrap().content.collect(10).await.unwrap();
    assert_eq!(proxy.take().len(), 1, "to open and read it");
    driver.stat(&path("/f/file")).await.unwrap();
    assert_eq!(proxy.take().len(), 1, "to look at it");
    driver.stat(&path("/f/missing")).await.unwrap_err();
    assert_eq!(proxy.take().len(), 2, "to look for it");
    driver.rename(&path("/f/file"), &path("/f/renamed")).await.unwrap();
    assert_eq!(proxy.take().len(), 3, "to rename it");
    driver.delete(&path("/f/renamed")).await.unwrap();
    assert_eq!(proxy.take().len(), 2, "to delete it");
}

#[tokio::test]
async fn a_condition_costs_nothing_once_it_was_tried() {
    let Some((driver, proxy)) = open().await else { return };
    put_as(&*driver, "/f/first", PutMode::Create).await;
    assert_eq!(proxy.take().len(), 6, "five to try, one to write");
    let version = put_as(&*driver, "/f/second", PutMode::Create).await;
    assert_eq!(proxy.take().len(), 1);
    let version = put_as(&*driver, "/f/second", PutMode::Replace(version)).await;
    assert_eq!(proxy.take().len(), 1);
    driver.delete_version(&path("/f/second"), &version).await.unwrap();
    assert_eq!(proxy.take().len(), 2);
    driver.delete(&path("/f")).await.unwrap();
}

#[tokio::test]
async fn a_folder_is_deleted_by_two_requests() {
    let Some((driver, proxy)) = open().await else { return };
    for files in [1, 2, 50] {
        for file in 0..files {
            put(&*driver, &format!("/uploads/1/{file}")).await;
        }
        proxy.take();
        driver.delete(&path("/uploads/1")).await.unwrap();
        assert_eq!(proxy.take().len(), 2, "{files} files");
    }
}

#[tokio::test]
async fn a_large_folder_is_deleted_in_batches() {
    let Some((driver, proxy)) = open_with(50).await else { return };
    join_all((0..51).map(|file| {
        let driver = &driver;
        async move { put(&**driver, &format!("/d/{file}")).await }
    }))
    .await;
    proxy.take();
    driver.delete(&path("/d")).await.unwrap();
    let seen = proxy.take();
    assert_eq!(seen.len(), 4, "a page of 50 and one of 1, and what they showed: {seen:?}");
    assert!(driver.stat(&path("/d")).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn siblings_that_fill_a_page_do_not_hide_a_folder() {
    let Some((driver, proxy)) = open_with(50).await else { return };
    join_all((0..51).map(|file| {
        let driver = &driver;
        async move { put(&**driver, &format!("/d/x-{file}")).await }
    }))
    .await;
    put(&*driver, "/d/x/file").await;
    proxy.take();
    driver.delete(&path("/d/x")).await.unwrap();
    assert_eq!(proxy.take().len(), 3);
    assert!(driver.stat(&path("/d/x")).await.unwrap_err().is_not_found());
    driver.stat(&path("/d/x-50")).await.unwrap();
    driver.delete(&path("/d")).await.unwrap();
}

#[tokio::test]
async fn a_page_among_many_costs_one_listing_or_two() {
    let Some((driver, proxy)) = open().await else { return };
    let mut tags: Vec<String> = (0..350).map(|build| format!("build-{build:05}")).collect();
    tags.extend((0..450).map(|n| format!("v{}.{}.{}", n / 150, n / 15 % 10, n % 15)));
    for some in tags.chunks(100) {
        let files: Vec<_> = some.iter().map(|tag| format!("/t/{tag}/current/link")).collect();
        join_all(files.iter().map(|file| put(&*driver, file))).await;
    }
    tags.sort();
    proxy.take();
    let mut listed: Vec<String> = Vec::new();
    loop {
        let start_after = listed.last().map(String::as_str);
        let options = ListOptions { start_after, limit: 100, holding: Some("current/link") };
        let page = driver.list(&path("/t"), options).await.unwrap();
        let seen = proxy.take();
        assert!(seen.len() <= 2, "{seen:?}");
        assert!(page.entries.len() == 100 || !page.more);
        listed.extend(page.entries.into_iter().map(|entry| entry.name));
        if !page.more {
            break;
        }
    }
    assert_eq!(listed, tags);
    driver.delete(&path("/t")).await.unwrap();
}
