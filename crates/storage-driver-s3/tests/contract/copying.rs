//! Copies: those that are too large for one request, and those of names that are written in more than one way.

use bytes::Bytes;
use wharf_http_client::{HttpClient, Options};
use wharf_storage_driver::{ErrorKind, ListOptions, PutOptions, StoragePath};
use wharf_storage_driver_s3::MIN_PART_BYTES;

use crate::behind::leftovers;
use crate::counting::Counting;
use crate::drivers::driver;
use crate::stores::Place;

fn path(text: &str) -> StoragePath {
    text.parse().unwrap()
}

fn bytes() -> Bytes {
    (0..2 * MIN_PART_BYTES + 17).map(|index| (index / 13) as u8).collect()
}

/// Renames a file of three parts, and another of which the second part is refused.
async fn is_copied_in_parts(variable: &str) {
    let Some(place) = Place::given(variable) else {
        eprintln!("skipped: no store was given");
        return;
    };
    let proxy = Counting::before(&place.endpoint).await;
    let mut config = place.by(&proxy.endpoint).config();
    config.copy_threshold_bytes = MIN_PART_BYTES;
    config.copy_chunk_bytes = MIN_PART_BYTES;
    let driver = driver(config, HttpClient::new(Options::default()).unwrap());
    let bytes = bytes();
    driver.put(&path("/f/from"), bytes.clone(), PutOptions::default()).await.unwrap();
    driver.put(&path("/f/to"), Bytes::from_static(b"old"), PutOptions::default()).await.unwrap();
    driver.rename(&path("/f/from"), &path("/f/to")).await.unwrap();
    assert!(driver.get(&path("/f/to"), bytes.len()).await.unwrap().bytes == bytes);
    assert!(driver.stat(&path("/f/from")).await.unwrap_err().is_not_found());
    assert_eq!(proxy.take().iter().filter(|line| line.contains("UploadPartCopy")).count(), 3);

    proxy.refuse("UploadPartCopy&partNumber=2");
    let error = driver.rename(&path("/f/to"), &path("/f/third")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(proxy.take().iter().any(|line| line.contains("AbortMultipartUpload")), "it is thrown away");
    driver.stat(&path("/f/third")).await.unwrap_err();
    driver.delete(&path("/f")).await.unwrap();
    assert_eq!(leftovers(&place).await, [""; 0]);
}

/// Moves files below a root directory of letters that must be written differently in paths, headers and bodies.
async fn letters_are_safe(variable: &str) {
    let Some(place) = Place::given(variable) else {
        eprintln!("skipped: no store was given");
        return;
    };
    let place = Place { root: format!("{}/a b+c%41&=ß", place.root), ..place };
    let driver = driver(place.config(), HttpClient::new(Options::default()).unwrap());
    for name in ["/f/1", "/f/2"] {
        driver.put(&path(name), Bytes::from_static(b"x"), PutOptions::default()).await.unwrap();
    }
    driver.rename(&path("/f/2"), &path("/f/3")).await.unwrap();
    let options = ListOptions { start_after: Some("0"), limit: 10, holding: None };
    let listed = driver.list(&path("/f"), options).await.unwrap().entries;
    assert_eq!(listed.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["1", "3"]);
    assert_eq!(driver.get(&path("/f/3"), 10).await.unwrap().bytes, "x");
    driver.delete(&path("/f")).await.unwrap();
    assert_eq!(leftovers(&place).await, [""; 0]);
}

#[tokio::test]
async fn a_root_directory_may_have_any_letters() {
    for variable in ["WHARF_TESTS_MINIO", "WHARF_TESTS_CEPH", "WHARF_TESTS_VERSITYGW"] {
        letters_are_safe(variable).await;
    }
}

#[tokio::test]
async fn a_large_file_is_copied_in_parts_at_minio() {
    is_copied_in_parts("WHARF_TESTS_MINIO").await;
}

#[tokio::test]
async fn a_large_file_is_copied_in_parts_at_ceph() {
    is_copied_in_parts("WHARF_TESTS_CEPH").await;
}

#[tokio::test]
async fn a_large_file_is_copied_in_parts_at_versitygw() {
    is_copied_in_parts("WHARF_TESTS_VERSITYGW").await;
}
