//! How paths become names of blobs, and which names are the driver's own.
//!
//! The key of a file is the root and its path, as Distribution has it. What a writer keeps beside a file has a `~` in
//! its last component, which no path can have: `<key>~begun` is the journal of what was begun, and
//! `<key>~staged-<time>-<number>` is where one writer's blocks wait. A journal comes before what is staged in byte
//! order, which the sweep relies on.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wharf_storage_driver::StoragePath;

/// What separates a file's key from what the driver keeps beside it.
const MARK: char = '~';

const BEGUN: &str = "~begun";

const STAGED: &str = "~staged-";

/// The root of the store in its container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    /// Empty, or with a slash at its end.
    root: String,
}

/// What a key of the container is to the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owned<'a> {
    /// A file of the store, or something that is none of ours.
    No,
    /// The journal of the file with this key.
    Journal(&'a str),
    /// What a writer of the file with this key staged, and when it began.
    Staged(&'a str, SystemTime),
}

impl Keys {
    /// Where a root directory of the configuration is.
    pub(crate) fn new(root_directory: &str) -> Self {
        let root = root_directory.trim_start_matches('/').trim_end_matches('/');
        Self { root: if root.is_empty() { String::new() } else { format!("{root}/") } }
    }

    /// What every key of the store begins with: empty, or with a slash at its end.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// The key of a file; none for the root.
    pub(crate) fn file(&self, path: &StoragePath) -> Option<String> {
        let below = path.as_str().strip_prefix('/').filter(|below| !below.is_empty())?;
        Some(format!("{}{below}", self.root))
    }

    /// What the keys of everything in a folder begin with.
    pub(crate) fn folder(&self, path: &StoragePath) -> String {
        self.file(path).map_or_else(|| self.root.clone(), |key| key + "/")
    }
}

/// The key of the journal of a file.
pub(crate) fn journal(key: &str) -> String {
    format!("{key}{BEGUN}")
}

/// A key where a writer of a file may stage, and nobody else will.
pub(crate) fn staging(key: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    format!("{key}{STAGED}{now:012x}-{}", uuid::Uuid::new_v4().simple())
}

/// Whose key this is.
pub(crate) fn owned(key: &str) -> Owned<'_> {
    let name_start = key.rfind('/').map_or(0, |slash| slash + 1);
    let Some(mark) = key[name_start..].find(MARK).map(|mark| name_start + mark) else { return Owned::No };
    let (file, own) = key.split_at(mark);
    if own == BEGUN {
        return Owned::Journal(file);
    }
    let staged = own.strip_prefix(STAGED).and_then(|rest| rest.split_once('-'));
    let Some(millis) = staged.and_then(|(millis, _)| u64::from_str_radix(millis, 16).ok()) else {
        return Owned::No;
    };
    match UNIX_EPOCH.checked_add(Duration::from_millis(millis)) {
        Some(began) => Owned::Staged(file, began),
        None => Owned::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_trimmed_as_distribution_does() {
        let path: StoragePath = "/a/b".parse().unwrap();
        for (root, key, folder) in
            [("", "a/b", ""), ("/", "a/b", ""), ("x", "x/a/b", "x/"), ("/x/y/", "x/y/a/b", "x/y/")]
        {
            let keys = Keys::new(root);
            assert_eq!(keys.file(&path).as_deref(), Some(key));
            assert_eq!(keys.folder(&path), format!("{key}/"));
            assert_eq!(keys.folder(&StoragePath::root()), folder);
            assert_eq!(keys.file(&StoragePath::root()), None);
        }
    }

    #[test]
    fn what_the_driver_keeps_is_known_by_its_name() {
        assert_eq!(owned("a/b"), Owned::No);
        assert_eq!(owned("a~begun/b"), Owned::No);
        assert_eq!(owned("a/b~other"), Owned::No);
        assert_eq!(owned("a/b~staged-zz-1"), Owned::No);
        assert_eq!(owned(&journal("a/b")), Owned::Journal("a/b"));
        let staging = staging("a/b");
        let Owned::Staged("a/b", began) = owned(&staging) else { panic!("{staging}") };
        assert!(began <= SystemTime::now() && began > SystemTime::now() - Duration::from_secs(60));
        assert!(journal("a/b") < staging);
    }
}
