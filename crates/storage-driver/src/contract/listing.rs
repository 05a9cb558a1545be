//! What is in a folder, page by page.

use super::bytes::put;
use super::{Store, entries, names, path};
use crate::{Entry, Kind, ListOptions, ListPage, StorageDriver};

/// Names whose byte order is not the order of the paths that begin with them, since `-` and `.` come before `/`.
const NAMES: [&str; 14] =
    ["1", "1.0", "1.0-rc1", "1.0.1", "1.0_1", "10", "2", "A", "Z", "_x", "a", "a-b", "a.b", "b"];

/// Distribution: RootExists.
pub async fn the_root_can_always_be_listed(store: Store) {
    let driver = store.driver();
    let page = list(&*driver, "/", None, 10).await;
    assert_eq!(page, ListPage { entries: Vec::new(), more: false });
    put(&*driver, "/only", "x").await;
    assert_eq!(
        list(&*driver, "/", None, 10).await.entries,
        [Entry { name: "only".to_owned(), kind: Kind::File }]
    );
}

/// Distribution: List, its first part.
pub async fn a_folder_that_is_not_there_cannot_be_listed(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/folder/file", "x").await;
    for at in ["/missing", "/f/fold", "/f/folder/missing"] {
        let options = ListOptions { start_after: None, limit: 10, holding: None };
        let error = driver.list(&path(at), options).await.unwrap_err();
        assert!(error.is_not_found());
        assert_eq!((error.driver(), error.path()), (driver.name(), Some(&path(at))));
    }
}

/// A file is not a folder without children.
pub async fn a_file_has_no_children(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/file", "x").await;
    let options = ListOptions { start_after: None, limit: 10, holding: None };
    assert!(driver.list(&path("/f/file"), options).await.unwrap_err().is_not_found());
}

/// Distribution: List.
pub async fn fifty_files_are_listed_at_every_level(store: Store) {
    let driver = store.driver();
    let mut expected: Vec<String> = (0..50).map(|index| format!("file{index}")).collect();
    for name in &expected {
        put(&*driver, &format!("/parent/child/{name}"), name.clone()).await;
    }
    expected.sort();
    assert_eq!(names(&*driver, "/").await, ["parent"]);
    assert_eq!(names(&*driver, "/parent").await, ["child"]);
    assert_eq!(names(&*driver, "/parent/child").await, expected);
    assert!(entries(&*driver, &path("/parent"), None).await.iter().all(|entry| entry.kind == Kind::Folder));
    assert!(
        entries(&*driver, &path("/parent/child"), None).await.iter().all(|entry| entry.kind == Kind::File)
    );
}

/// `1.0` comes before `1.0-rc1` and upper case before lower, whether they are files or folders.
pub async fn names_come_in_byte_order(store: Store) {
    let driver = store.driver();
    for (index, name) in NAMES.iter().enumerate().rev() {
        let below = if index % 3 == 0 { "" } else { "/current/link" };
        put(&*driver, &format!("/tags/{name}{below}"), "x").await;
    }
    let listed = entries(&*driver, &path("/tags"), None).await;
    assert_eq!(listed.iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), NAMES);
    for (index, entry) in listed.iter().enumerate() {
        assert_eq!(entry.kind, if index % 3 == 0 { Kind::File } else { Kind::Folder }, "{entry:?}");
    }
}

/// Pages of any size, one after another, give every name once.
pub async fn pages_add_up_to_the_whole(store: Store) {
    let driver = store.driver();
    fill(&*driver).await;
    for limit in [1, 3, 7, 13, 14, 15, 1000] {
        let mut all: Vec<String> = Vec::new();
        loop {
            let page = list(&*driver, "/tags", all.last().map(String::as_str), limit).await;
            assert!(page.entries.len() <= limit);
            assert!(!page.more || !page.entries.is_empty(), "a page with a successor has a last entry");
            all.extend(page.entries.into_iter().map(|entry| entry.name));
            if !page.more {
                break;
            }
        }
        assert_eq!(all, NAMES, "by {limit}");
    }
}

/// What a page begins after need not exist, and a folder's children do not follow it.
pub async fn pages_begin_after_any_name(store: Store) {
    let driver = store.driver();
    fill(&*driver).await;
    for (after, expected) in [
        ("1.0", &NAMES[2..]),
        ("1.0-rc1", &NAMES[3..]),
        ("1.0-", &NAMES[2..]),
        ("0", &NAMES[..]),
        ("B", &NAMES[8..]),
        ("a", &NAMES[11..]),
        ("aa", &NAMES[13..]),
        ("a-", &NAMES[11..]),
        ("b", &[]),
        ("zzz", &[]),
    ] {
        let page = list(&*driver, "/tags", Some(after), 1000).await;
        let listed: Vec<_> = page.entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(listed, expected, "after {after}");
        assert!(!page.more);
    }
}

/// No folder that holds the file is missed; a store without real folders may show others too.
pub async fn holding_shows_every_folder_that_holds(store: Store) {
    let driver = store.driver();
    for at in
        ["/t/a/current/link", "/t/b/index/x", "/t/c/current/link", "/t/d/current/other", "/t/e/link", "/t/f"]
    {
        put(&*driver, at, "x").await;
    }
    let all = ["a", "b", "c", "d", "e", "f"];
    for (holding, expected) in [("current/link", vec!["a", "c"]), ("link", vec!["e"]), ("none", vec![])] {
        let listed = entries(&*driver, &path("/t"), Some(holding)).await;
        let listed: Vec<_> = listed.iter().map(|entry| entry.name.as_str()).collect();
        assert!(expected.iter().all(|name| listed.contains(name)), "{holding}: {listed:?}");
        assert!(listed.is_sorted() && listed.iter().all(|name| all.contains(name)), "{holding}: {listed:?}");
    }
}

/// Pages of what holds a file give every name once.
pub async fn holding_works_with_pages(store: Store) {
    let driver = store.driver();
    for index in 0..20 {
        let below = if index % 4 == 0 { "current/link" } else { "gone" };
        put(&*driver, &format!("/t/tag{index:02}/{below}"), "x").await;
    }
    let mut found: Vec<String> = Vec::new();
    loop {
        let start_after = found.last().map(String::as_str);
        let options = ListOptions { start_after, limit: 2, holding: Some("current/link") };
        let page = driver.list(&path("/t"), options).await.unwrap();
        assert!(!page.more || !page.entries.is_empty(), "a page with a successor has a last entry");
        found.extend(page.entries.into_iter().map(|entry| entry.name));
        if !page.more {
            break;
        }
    }
    assert!(found.is_sorted());
    for name in ["tag00", "tag04", "tag08", "tag12", "tag16"] {
        assert_eq!(found.iter().filter(|other| *other == name).count(), 1, "{name} in {found:?}");
    }
}

/// Whoever lists after a call has returned sees what it did, however fast the two follow each other.
pub async fn a_listing_follows_every_change(store: Store) {
    let (driver, other) = (store.driver(), store.driver());
    put(&*driver, "/f/always/x", "x").await;
    for round in 0..40 {
        let name = format!("new{round}");
        put(&*driver, &format!("/f/{name}/x"), "x").await;
        assert_eq!(names(&*driver, "/f").await, ["always", name.as_str()]);
        assert_eq!(names(&*other, "/f").await, ["always", name.as_str()]);
        other.delete(&path("/f").join(&name).unwrap()).await.unwrap();
        assert_eq!(names(&*driver, "/f").await, ["always"]);
    }
}

async fn fill(driver: &dyn StorageDriver) {
    for name in NAMES {
        put(driver, &format!("/tags/{name}/current/link"), "x").await;
        put(driver, &format!("/tags/{name}/index/x"), "x").await;
    }
}

async fn list(driver: &dyn StorageDriver, folder: &str, start_after: Option<&str>, limit: usize) -> ListPage {
    driver.list(&path(folder), ListOptions { start_after, limit, holding: None }).await.unwrap()
}
