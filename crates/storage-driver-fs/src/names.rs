//! Which names on the disk are files of the store, and which are what is unfinished.
//!
//! Two kinds of files are nobody's yet. A small file on its way is `<name>.<uuid>.tmp`, as Distribution has it, so that
//! what either leaves after a crash is recognised by both. A large file that a writer has begun is `<name>.uncommitted`, a
//! name that every process finds again. Only files are hidden by such a name: a folder is a tag or a repository, and may be
//! called so.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use uuid::Uuid;
use wharf_storage_driver::StoragePath;

const TEMPORARY: &str = ".tmp";
const UNCOMMITTED: &str = ".uncommitted";
const UUID_LEN: usize = 36;

/// Where a path of the store is on the disk.
pub(crate) fn locate(root: &Path, path: &StoragePath) -> PathBuf {
    let below = path.as_str().trim_start_matches('/');
    if below.is_empty() { root.to_owned() } else { root.join(below) }
}

/// Whether a file of this name is unfinished.
pub(crate) fn is_unfinished(name: &str) -> bool {
    let has_stem = |stem: &str| !stem.is_empty();
    name.strip_suffix(UNCOMMITTED).is_some_and(has_stem)
        || name.strip_suffix(TEMPORARY).is_some_and(ends_with_uuid)
}

/// Whether a file of the store may be at this path.
pub(crate) fn can_be_file(path: &StoragePath) -> bool {
    path.name().is_some_and(|name| !is_unfinished(name))
}

/// A new name beside `at` for what is to become it.
pub(crate) fn temporary(at: &Path) -> PathBuf {
    beside(at, &format!(".{}{TEMPORARY}", Uuid::new_v4()))
}

/// The name beside `at` for what a writer has begun.
pub(crate) fn uncommitted(at: &Path) -> PathBuf {
    beside(at, UNCOMMITTED)
}

fn beside(at: &Path, suffix: &str) -> PathBuf {
    let mut name = at.file_name().map(OsString::from).unwrap_or_default();
    name.push(suffix);
    at.with_file_name(name)
}

fn ends_with_uuid(text: &str) -> bool {
    let Some(dot) = text.len().checked_sub(UUID_LEN + 1).filter(|dot| *dot > 0) else { return false };
    let (stem, uuid) = text.split_at_checked(dot).unwrap_or_default();
    !stem.is_empty() && uuid.strip_prefix('.').is_some_and(|uuid| Uuid::try_parse(uuid).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unfinished_is_recognised_and_nothing_else() {
        for name in [
            "link.4ecd3de5-5a46-4a40-8b1c-ce2f4cb0e0a8.tmp",
            "a.b.4ECD3DE5-5a46-4a40-8b1c-ce2f4cb0e0a8.tmp",
            "data.uncommitted",
        ] {
            assert!(is_unfinished(name), "{name}");
        }
        for name in [
            "link",
            "x.tmp",
            "link.tmp",
            "4ecd3de5-5a46-4a40-8b1c-ce2f4cb0e0a8.tmp",
            ".4ecd3de5-5a46-4a40-8b1c-ce2f4cb0e0a8.tmp",
            "link.4ecd3de55a464a408b1cce2f4cb0e0a8.tmp",
            "link.4ecd3de5-5a46-4a40-8b1c-ce2f4cb0e0a8.tmp2",
            "linkß4ecd3de5-5a46-4a40-8b1c-ce2f4cb0e0a8.tmp",
            "link.4ecd3de5-5a46-4a40-8b1c-ce2f4cb0e0ag.tmp",
            ".uncommitted",
            "uncommitted",
            "data.uncommitted.x",
            "",
        ] {
            assert!(!is_unfinished(name), "{name}");
        }
    }

    #[test]
    fn our_own_names_are_recognised_and_valid_in_a_store() {
        for name in [temporary(Path::new("/r/a/link")), uncommitted(Path::new("/r/a/data"))] {
            let name = name.file_name().unwrap().to_str().unwrap();
            assert!(is_unfinished(name), "{name}");
            assert!(
                StoragePath::root().join(name).is_ok(),
                "Distribution stops at names that are not valid: {name}"
            );
        }
    }

    #[test]
    fn a_path_of_the_store_is_below_its_root() {
        assert_eq!(locate(Path::new("/var/lib"), &"/a/b".parse().unwrap()), Path::new("/var/lib/a/b"));
        assert_eq!(locate(Path::new("/var/lib"), &StoragePath::root()), Path::new("/var/lib"));
    }
}
