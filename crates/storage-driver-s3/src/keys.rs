//! Which keys of the bucket are files of the store, and which are ours alone.
//!
//! A file's key is the root directory and its path, as Distribution has it, so that either finds what the other left. What
//! is nobody's file has a `~` in one of its components, which no path of the store can hold: `<key>~begun` and
//! `<key>~part-…` are what a writer left of a file it has begun, and `<root>/~wharf/…` is where conditions are tried and
//! locks are held.

use wharf_storage_driver::StoragePath;

/// What ends the key of a writer's journal.
pub(crate) const BEGUN: &str = "~begun";
/// The folder for what is nobody's file.
const OURS: &str = "~wharf";

/// Where a store is in its bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Keys {
    /// The root directory with a slash behind it, or nothing.
    root: String,
}

impl Keys {
    /// The keys below a root directory, which may have slashes around it.
    pub(crate) fn below(root_directory: &str) -> Self {
        let root = root_directory.trim_matches('/');
        Self { root: if root.is_empty() { String::new() } else { format!("{root}/") } }
    }

    /// The key of a file; for the root of the store the prefix of all keys.
    pub(crate) fn of(&self, path: &StoragePath) -> String {
        format!("{}{}", self.root, path.as_str().trim_start_matches('/'))
    }

    /// What the keys of a folder's children begin with.
    pub(crate) fn prefix(&self, path: &StoragePath) -> String {
        if path.is_root() { self.root.clone() } else { format!("{}/", self.of(path)) }
    }

    /// What every key of the store begins with: empty, or with a slash at its end.
    pub(crate) fn root(&self) -> &str {
        &self.root
    }

    /// The key of something that is nobody's file.
    pub(crate) fn ours(&self, name: &str) -> String {
        format!("{}{OURS}/{name}", self.root)
    }
}

/// The key of the journal of whoever writes to `key`.
pub(crate) fn journal(key: &str) -> String {
    format!("{key}{BEGUN}")
}

/// Whether a key is that of a journal.
pub(crate) fn is_journal(key: &str) -> bool {
    key.ends_with(BEGUN)
}

/// Whether a name could be that of a child of a folder: nothing of ours, and nothing that no path can name.
pub(crate) fn is_listed(name: &str) -> bool {
    StoragePath::is_component(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> StoragePath {
        text.parse().unwrap()
    }

    #[test]
    fn a_key_is_the_root_directory_and_the_path() {
        for root in ["registry", "/registry", "registry/", "/registry/"] {
            let keys = Keys::below(root);
            assert_eq!(keys.of(&path("/docker/x")), "registry/docker/x");
            assert_eq!(keys.prefix(&path("/docker")), "registry/docker/");
            assert_eq!(keys.prefix(&StoragePath::root()), "registry/");
            assert_eq!(keys.root(), "registry/");
        }
    }

    #[test]
    fn without_a_root_directory_keys_begin_at_once() {
        for root in ["", "/"] {
            let keys = Keys::below(root);
            assert_eq!(keys.of(&path("/docker/x")), "docker/x");
            assert_eq!(keys.prefix(&StoragePath::root()), "");
            assert_eq!(keys.ours("probe"), "~wharf/probe");
        }
    }

    #[test]
    fn what_is_ours_can_be_nobodys_file() {
        let keys = Keys::below("r");
        for key in [journal(&keys.of(&path("/a/data"))), keys.ours("lock-1")] {
            let below = key.strip_prefix("r/").unwrap();
            assert!(StoragePath::root().join(below).is_err(), "{key}");
        }
        assert!(is_journal(&journal("r/a/data")));
        assert!(!is_listed("data~begun") && !is_listed("~wharf") && !is_listed(""));
        assert!(is_listed("data"));
    }
}
