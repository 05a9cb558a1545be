//! The list of all repositories: byte order of whole names, exact pages, and no look at what a page does not
//! reach.

use std::sync::Arc;

use wharf_registry::{Namespace, RepositoryName};
use wharf_storage_driver::{MemoryDriver, Method, Recording};

use crate::fixture::{Fixture, page};

on_every_driver! {
    names_come_in_byte_order_and_exact_pages
    an_empty_store_has_an_empty_list
    what_is_no_repository_is_not_listed
}

async fn make(fixture: &Fixture, names: &[&str]) {
    for name in names {
        fixture
            .write(&format!("/docker/registry/v2/repositories/{name}/_manifests/tags/x/current/link"), "")
            .await;
    }
}

async fn names_come_in_byte_order_and_exact_pages(fixture: Fixture) {
    let mut names = vec![
        "a",
        "a-b",
        "a-b/c",
        "a-b-c",
        "a-b.c/d",
        "a.b",
        "a/0",
        "a/b",
        "a/b-c",
        "a/b/c",
        "a0",
        "a_b",
        "a__b/c",
        "ab",
        "b/c/d/e/f",
        "b/c/d",
        "b-",
        "foo",
        "foo-bar",
        "foo/1bar",
        "foo/abar",
        "foo/bar",
        "foobar",
        "z/z",
        "0/1",
        "0-0/1",
        "a--b/c",
        "a-b/0",
    ];
    names.retain(|name| name.parse::<RepositoryName>().is_ok());
    make(&fixture, &names).await;
    names.sort_unstable();
    for limit in 1..=names.len() + 1 {
        let mut listed: Vec<RepositoryName> = Vec::new();
        loop {
            let got = fixture.storage.repositories(page(listed.last().cloned(), limit)).await.unwrap();
            listed.extend(got.items.iter().cloned());
            assert_eq!(got.more, listed.len() < names.len(), "pages of {limit}");
            assert!(got.items.len() == limit || !got.more);
            if !got.more {
                break;
            }
        }
        assert_eq!(listed.iter().map(RepositoryName::as_str).collect::<Vec<_>>(), names, "pages of {limit}");
    }
    for after in
        ["a-", "a-b-", "a/a", "a/bb", "aa", "foo-a/b", "foo.bar/x", "zz", "0", "b/c/d/e", "b/c/d/e/f/g"]
    {
        let Ok(after) = after.parse::<RepositoryName>() else { continue };
        let got = fixture.storage.repositories(page(Some(after.clone()), 100)).await.unwrap();
        let expected: Vec<_> = names.iter().copied().filter(|name| *name > after.as_str()).collect();
        assert_eq!(
            got.items.iter().map(RepositoryName::as_str).collect::<Vec<_>>(),
            expected,
            "after {after}"
        );
    }
}

async fn an_empty_store_has_an_empty_list(fixture: Fixture) {
    let got = fixture.storage.repositories(page(None, 10)).await.unwrap();
    assert!(got.items.is_empty() && !got.more);
}

async fn what_is_no_repository_is_not_listed(fixture: Fixture) {
    make(&fixture, &["good", "Bad/x", "good/Bad", "_hidden/x"]).await;
    let root = "/docker/registry/v2/repositories";
    fixture.write(&format!("{root}/only/blobs/_layers/sha256/x/link"), "").await;
    fixture.write(&format!("{root}/stray"), "").await;
    let got = fixture.storage.repositories(page(None, 10)).await.unwrap();
    assert_eq!(got.items.iter().map(RepositoryName::as_str).collect::<Vec<_>>(), ["good"]);
}

#[tokio::test]
async fn a_page_costs_what_is_on_it() {
    let driver = Arc::new(Recording::new(MemoryDriver::new()));
    let fixture = Fixture::over(Arc::clone(&driver) as _, None);
    let names: Vec<String> =
        (0..300).map(|index| format!("group{:02}/image{index:04}", index / 10)).collect();
    make(&fixture, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    driver.take();
    for after in [None, Some("group15/image0155")] {
        let after = after.map(|name: &str| name.parse().unwrap());
        let got = fixture.storage.repositories(page(after, 10)).await.unwrap();
        assert_eq!(got.items.len(), 10);
        let calls = driver.take();
        assert!(calls.iter().all(|call| call.method == Method::List));
        assert!(calls.len() < 40, "{} calls for ten names", calls.len());
    }
}
