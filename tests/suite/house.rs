//! The house rules: what a reviewer would say twice, a test says.
//!
//! They read the tree, not the program: the layers of `crates/README.md`, the shape of files and functions, the documents.

mod documents;
mod layers;
mod source;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};

use wharf_tests::root;

/// Gives the folders of all our packages, relative to the top: those in `crates/`, then those of the tests.
fn packages() -> Vec<PathBuf> {
    let mut packages: Vec<PathBuf> = entries(&root().join("crates"))
        .into_iter()
        .filter(|path| path.is_dir())
        .map(|path| path.strip_prefix(root()).unwrap().to_owned())
        .collect();
    packages.extend(["tests".into(), "tests/conformance".into()]);
    packages
}

/// Gives what is in a folder, in order.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}

/// Reads a file below the top folder.
fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Fails with every breach of a rule at once.
#[track_caller]
fn assert_none(rule: &str, breaches: &[String]) {
    assert!(breaches.is_empty(), "{rule}, but:\n  {}", breaches.join("\n  "));
}
