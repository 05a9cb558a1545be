//! Files that move, go, and are looked at from outside.

use super::bytes::{assert_absent, get, put, some};
use super::{Store, names, path};
use crate::{ErrorKind, Kind, Stat};

/// Only the version that was meant is deleted, once.
pub async fn a_version_is_deleted_or_another_stays(store: Store) {
    let driver = store.driver();
    let old = put(&*driver, "/f/link", "old").await;
    let new = put(&*driver, "/f/link", "new").await;
    let error = driver.delete_version(&path("/f/link"), &old).await.unwrap_err();
    assert_eq!((error.kind(), error.path()), (ErrorKind::Changed, Some(&path("/f/link"))));
    assert_eq!(get(&*driver, "/f/link").await, "new");
    store.driver().delete_version(&path("/f/link"), &new).await.unwrap();
    assert_absent(&*driver, "/f/link").await;
    let error = driver.delete_version(&path("/f/link"), &new).await.unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
    assert!(driver.delete_version(&path("/f"), &new).await.unwrap_err().is_not_found());
}

/// Distribution: Move.
pub async fn a_renamed_file_is_only_at_its_new_place(store: Store) {
    let driver = store.driver();
    put(&*driver, "/from/here/file", some(1, 32)).await;
    driver.rename(&path("/from/here/file"), &path("/to/there/file")).await.unwrap();
    assert_eq!(get(&*driver, "/to/there/file").await, some(1, 32));
    assert_absent(&*driver, "/from/here/file").await;
}

/// Distribution: MoveOverwrite.
pub async fn renaming_onto_a_file_replaces_it(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/from", some(1, 32)).await;
    put(&*driver, "/f/to", some(2, 64)).await;
    driver.rename(&path("/f/from"), &path("/f/to")).await.unwrap();
    assert_eq!(get(&*driver, "/f/to").await, some(1, 32));
    assert_eq!(names(&*driver, "/f").await, ["to"]);
}

/// Distribution: MoveNonexistent.
pub async fn renaming_nothing_leaves_the_target(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/to", some(1, 32)).await;
    let error = driver.rename(&path("/f/missing"), &path("/f/to")).await.unwrap_err();
    assert!(error.is_not_found());
    assert_eq!((error.driver(), error.path()), (driver.name(), Some(&path("/f/missing"))));
    assert_eq!(get(&*driver, "/f/to").await, some(1, 32));
}

/// Distribution: MoveInvalid.
pub async fn renaming_through_a_file_fails(store: Store) {
    let driver = store.driver();
    put(&*driver, "/notadir", "x").await;
    driver.rename(&path("/notadir/foo"), &path("/notadir/bar")).await.unwrap_err();
    assert_eq!(get(&*driver, "/notadir").await, "x");
}

/// A store that moves by copying and deleting must not delete the only copy.
pub async fn renaming_onto_itself_changes_nothing(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/same", some(1, 32)).await;
    driver.rename(&path("/f/same"), &path("/f/same")).await.unwrap();
    assert_eq!(get(&*driver, "/f/same").await, some(1, 32));
}

/// Only files are moved.
pub async fn a_folder_is_not_renamed(store: Store) {
    let driver = store.driver();
    put(&*driver, "/folder/file", "x").await;
    assert!(driver.rename(&path("/folder"), &path("/other")).await.unwrap_err().is_not_found());
    assert_eq!(get(&*driver, "/folder/file").await, "x");
}

/// Distribution: Delete.
pub async fn a_deleted_file_is_gone(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/file", "x").await;
    put(&*driver, "/f/stays", "x").await;
    driver.delete(&path("/f/file")).await.unwrap();
    assert_absent(&*driver, "/f/file").await;
    assert_absent(&*store.driver(), "/f/file").await;
    assert_eq!(names(&*driver, "/f").await, ["stays"]);
}

/// Distribution: DeleteNonexistent.
pub async fn deleting_nothing_is_not_found(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/file", "x").await;
    for at in ["/missing", "/f/missing", "/f/fil", "/f/file/below"] {
        let error = driver.delete(&path(at)).await.unwrap_err();
        assert!(error.is_not_found(), "{error:?}");
        assert_eq!((error.driver(), error.path()), (driver.name(), Some(&path(at))));
    }
    driver.delete(&path("/f/file")).await.unwrap();
    assert!(driver.delete(&path("/f/file")).await.unwrap_err().is_not_found());
}

/// Distribution: DeleteFolder, with folders in it.
pub async fn a_deleted_folder_takes_everything_below(store: Store) {
    let driver = store.driver();
    let all = ["/d/one", "/d/two", "/d/deep/er/three", "/d/deep/four"];
    for at in all {
        put(&*driver, at, "x").await;
    }
    driver.delete(&path("/d/one")).await.unwrap();
    assert_absent(&*driver, "/d/one").await;
    for at in &all[1..] {
        assert_eq!(get(&*driver, at).await, "x");
    }
    driver.delete(&path("/d")).await.unwrap();
    for at in all {
        assert_absent(&*driver, at).await;
    }
    assert_absent(&*driver, "/d").await;
    assert_eq!(names(&*driver, "/").await, [""; 0]);
}

/// Distribution: DeleteOnlyDeletesSubpaths.
pub async fn deleting_spares_names_that_begin_alike(store: Store) {
    let driver = store.driver();
    for at in ["/d/x", "/d/xsuffix", "/d/x-y/file", "/d/d/file", "/d/dsuffix/file", "/d/d.e/file", "/d/d-f"] {
        put(&*driver, at, "x").await;
    }
    driver.delete(&path("/d/x")).await.unwrap();
    driver.delete(&path("/d/d")).await.unwrap();
    assert_absent(&*driver, "/d/x").await;
    assert_absent(&*driver, "/d/d/file").await;
    for at in ["/d/xsuffix", "/d/x-y/file", "/d/dsuffix/file", "/d/d.e/file", "/d/d-f"] {
        assert_eq!(get(&*driver, at).await, "x");
    }
    assert_eq!(names(&*driver, "/d").await, ["d-f", "d.e", "dsuffix", "x-y", "xsuffix"]);
}

/// A mistake must not cost the whole store.
pub async fn the_root_cannot_be_deleted(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/file", "x").await;
    driver.delete(&path("/")).await.unwrap_err();
    assert_eq!(get(&*driver, "/f/file").await, "x");
}

/// Distribution: StatCall, for a file.
pub async fn a_file_knows_its_size_and_age(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/file", some(1, 4096)).await;
    let first = driver.stat(&path("/f/file")).await.unwrap();
    assert_eq!((first.kind, first.size), (Kind::File, 4096));
    put(&*driver, "/f/file", some(1, 5)).await;
    let second = driver.stat(&path("/f/file")).await.unwrap();
    assert_eq!((second.kind, second.size), (Kind::File, 5));
    assert!(second.modified >= first.modified, "{second:?} is not older than {first:?}");
    assert_absent(&*driver, "/f/missing").await;
}

/// Distribution: StatCall, for a folder.
pub async fn a_folder_is_there_while_it_holds_a_file(store: Store) {
    let driver = store.driver();
    match driver.stat(&path("/")).await {
        Ok(root) => assert_eq!((root.kind, root.size), (Kind::Folder, 0)),
        Err(error) => assert!(error.is_not_found()),
    }
    assert!(driver.stat(&path("/f/folder")).await.unwrap_err().is_not_found());
    put(&*driver, "/f/folder/file", "x").await;
    for at in ["/f", "/f/folder"] {
        let Stat { kind, size, .. } = driver.stat(&path(at)).await.unwrap();
        assert_eq!((kind, size), (Kind::Folder, 0), "{at}");
    }
    assert!(driver.stat(&path("/f/fold")).await.unwrap_err().is_not_found());
}
