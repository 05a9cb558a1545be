//! What the contract does not ask, on a real service: two servers over one container, large files, URLs for anyone.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::BodyExt;
use wharf_storage_driver::{
    ErrorKind, PutOptions, RedirectMethod, RedirectRequest, StorageDriver, StoragePath, Sync, Writer,
    WriterStart,
};
use wharf_storage_driver_azure::{AzureDriver, MIN_CHUNK_BYTES};

use super::place;

/// Two drivers over one part of the container, as two servers have them; or a word that there is no service.
fn two_servers() -> Option<(AzureDriver, AzureDriver)> {
    let config = place::config_or_word()?;
    let open = || AzureDriver::new(config.clone(), place::http()).unwrap();
    Some((open(), open()))
}

fn path(text: &str) -> StoragePath {
    text.parse().unwrap()
}

fn some(seed: u8, len: usize) -> Bytes {
    (0..len).map(|index| (index / 7 % 251) as u8 ^ seed).collect()
}

async fn begin(driver: &AzureDriver, at: &str) -> Box<dyn Writer> {
    driver.writer(&path(at), WriterStart::New).await.unwrap()
}

async fn resume(driver: &AzureDriver, at: &str) -> Box<dyn Writer> {
    driver.writer(&path(at), WriterStart::Resume).await.unwrap()
}

async fn read(driver: &AzureDriver, at: &str) -> Bytes {
    let stored = driver.read(&path(at), 0..u64::MAX).await.unwrap();
    let mut all = Vec::new();
    let mut pieces = stored.content.into_stream();
    while let Some(piece) = pieces.next().await {
        all.extend_from_slice(&piece.unwrap());
    }
    all.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_of_one_file_never_mix() {
    let Some((one, two)) = two_servers() else { return };
    let (mine, theirs) = (some(1, 2 * MIN_CHUNK_BYTES + 5), some(2, 3 * MIN_CHUNK_BYTES));
    let mut first = begin(&one, "/blob/data").await;
    let mut second = begin(&two, "/blob/data").await;
    for index in 0..mine.len().div_ceil(MIN_CHUNK_BYTES) {
        let part = |bytes: &Bytes| {
            bytes.slice(index * MIN_CHUNK_BYTES..((index + 1) * MIN_CHUNK_BYTES).min(bytes.len()))
        };
        first.write(part(&mine)).await.unwrap();
        second.write(part(&theirs)).await.unwrap();
    }
    first.commit(&path("/blob/data")).await.unwrap();
    assert!(read(&two, "/blob/data").await == mine);
    second.commit(&path("/blob/data")).await.unwrap();
    assert!(read(&one, "/blob/data").await == theirs);
    one.delete(&path("/blob")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_go_on_with_one_file_one_fails() {
    let Some((one, two)) = two_servers() else { return };
    let bytes = some(3, 2 * MIN_CHUNK_BYTES + 2_000_000);
    let mut writer = begin(&one, "/u/data").await;
    writer.write(bytes.clone()).await.unwrap();
    writer.close(Sync::Durable).await.unwrap();
    let mut first = resume(&one, "/u/data").await;
    let mut second = resume(&two, "/u/data").await;
    assert_eq!((first.offset(), second.offset()), (bytes.len() as u64, bytes.len() as u64));
    first.write(some(4, MIN_CHUNK_BYTES)).await.unwrap();
    second.write(some(5, MIN_CHUNK_BYTES)).await.unwrap();
    first.close(Sync::Durable).await.unwrap();
    let error = second.close(Sync::Durable).await.unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Changed, Some(&path("/u/data"))));
    resume(&two, "/u/data").await.commit(&path("/blob/data")).await.unwrap();
    assert!(read(&one, "/blob/data").await == [bytes, some(4, MIN_CHUNK_BYTES)].concat());
    one.delete(&path("/blob")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_written_by_many_servers_in_turns() {
    let Some((one, two)) = two_servers() else { return };
    let mut all = Vec::new();
    begin(&one, "/u/data").await.close(Sync::Durable).await.unwrap();
    for (round, len) in [100, 5_000_000, 3_000_000, 0, MIN_CHUNK_BYTES, 12, 9_999_999].into_iter().enumerate()
    {
        let driver = if round % 2 == 0 { &two } else { &one };
        let mut writer = resume(driver, "/u/data").await;
        assert_eq!(writer.offset(), all.len() as u64);
        let bytes = some(round as u8, len);
        writer.write(bytes.clone()).await.unwrap();
        all.extend_from_slice(&bytes);
        writer.close(Sync::Durable).await.unwrap();
    }
    resume(&one, "/u/data").await.commit(&path("/blob/data")).await.unwrap();
    assert!(read(&two, "/blob/data").await == all);
    one.delete(&path("/blob")).await.unwrap();
}

#[tokio::test]
async fn anyone_reads_by_a_redirect_until_it_is_over() {
    let Some((driver, _)) = two_servers() else { return };
    driver.put(&path("/blob/data"), Bytes::from_static(b"layer"), PutOptions::default()).await.unwrap();
    let request = |method, lifetime| RedirectRequest { method, client: None, lifetime };
    let mut urls = Vec::new();
    for method in [RedirectMethod::Get, RedirectMethod::Head] {
        let url = driver.redirect(&path("/blob/data"), &request(method, None)).await.unwrap().unwrap();
        urls.push((method, url));
    }
    for (method, url) in &urls {
        let method = if *method == RedirectMethod::Get { "GET" } else { "HEAD" };
        let (status, length, body) = fetch(method, url).await;
        let body_is_right = body == if method == "GET" { "layer" } else { "" };
        assert!(status == 200 && length == "5" && body_is_right, "{method}: {status} {length} {body:?}");
        assert_eq!(fetch(method, &url.replace("/blob/data?", "/blob/other?")).await.0, 403);
        assert_eq!(fetch("DELETE", url).await.0, 403);
    }
    let short = request(RedirectMethod::Get, Some(Duration::ZERO));
    let url = driver.redirect(&path("/blob/data"), &short).await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(fetch("GET", &url).await.0, 403);
    driver.delete(&path("/blob")).await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_wrong_is_denied() {
    let Some(mut config) = place::config_or_word() else { return };
    config.credentials = wharf_storage_driver_azure::Credentials::SharedKey("d3Jvbmc=".to_owned());
    let driver = AzureDriver::new(config, place::http()).unwrap();
    for error in [
        driver.get(&path("/a"), 10).await.map(drop).unwrap_err(),
        driver.stat(&path("/a")).await.map(drop).unwrap_err(),
        driver.put(&path("/a"), Bytes::new(), PutOptions::default()).await.map(drop).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    }
}

#[tokio::test]
async fn a_container_that_is_missing_is_no_missing_file() {
    let Some(mut config) = place::config_or_word() else { return };
    config.container = "nosuchcontainer".to_owned();
    let driver = AzureDriver::new(config, place::http()).unwrap();
    assert_eq!(driver.get(&path("/a"), 10).await.map(drop).unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(driver.stat(&path("/a")).await.map(drop).unwrap_err().kind(), ErrorKind::Denied);
}

async fn fetch(method: &str, url: &str) -> (u16, String, String) {
    let request = http::Request::builder().method(method).uri(url).body(wharf_http_client::empty()).unwrap();
    let answer = place::http().send(request).await.unwrap();
    let length = answer.headers().get("content-length").map(|length| length.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, length.unwrap_or_default(), String::from_utf8_lossy(&body).into_owned())
}
