//! The filesystem driver keeps the contract, and leaves nothing behind on the disk.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::path::Path;
use std::sync::Arc;

use wharf_storage_driver::contract::Store;
use wharf_storage_driver::contract_tests;
use wharf_storage_driver_fs::{Config, FsDriver};

async fn open() -> Option<Store> {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let root = folder.path().join("not/yet/there");
    let store = Store::new(move || Arc::new(FsDriver::new(Config::new(root.clone())).unwrap()));
    Some(store.with_leftovers(move || files_below(folder.path())))
}

fn files_below(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path.display().to_string()] })
        .collect()
}

contract_tests!(open);
