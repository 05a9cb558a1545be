//! A path in a store that cannot be a wrong one.

use std::fmt;
use std::str::FromStr;

/// An absolute path in a store, or its root.
///
/// Every component is one or more of `A-Z a-z 0-9 . _ -` and none is `.` or `..`, so a path cannot climb out of its
/// store and means the same on every backend. It begins with `/`, does not end with one (the root is `/` alone) and has
/// no empty component.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoragePath(String);

/// Why a text is no [`StoragePath`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid path: {path:?}")]
pub struct InvalidPath {
    path: String,
}

impl StoragePath {
    /// The root of the store.
    pub fn root() -> Self {
        Self("/".to_owned())
    }

    /// The path as text, which begins with `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// This path and more below it; `below` is one or more components without a leading slash.
    ///
    /// # Errors
    ///
    /// When a component of `below` is not one of a path.
    pub fn join(&self, below: &str) -> Result<Self, InvalidPath> {
        if !below.split('/').all(is_component) {
            return Err(InvalidPath { path: format!("{self}/{below}") });
        }
        let mut path = String::with_capacity(self.0.len() + 1 + below.len());
        if !self.is_root() {
            path.push_str(&self.0);
        }
        path.push('/');
        path.push_str(below);
        Ok(Self(path))
    }

    /// The last component; none for the root.
    pub fn name(&self) -> Option<&str> {
        if self.is_root() { None } else { self.0.rsplit('/').next() }
    }

    /// The path without its last component; none for the root.
    pub fn parent(&self) -> Option<Self> {
        let slash = self.0.rfind('/').filter(|_| !self.is_root())?;
        Some(if slash == 0 { Self::root() } else { Self(self.0[..slash].to_owned()) })
    }

    /// Whether a text can be one component of a path.
    pub fn is_component(text: &str) -> bool {
        is_component(text)
    }

    /// The components from the root down.
    pub fn components(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|component| !component.is_empty())
    }
}

impl FromStr for StoragePath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = match text.strip_prefix('/') {
            Some("") => true,
            Some(rest) => rest.split('/').all(is_component),
            None => false,
        };
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidPath { path: text.to_owned() }) }
    }
}

impl fmt::Display for StoragePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for StoragePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

fn is_component(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !text.is_empty() && text != "." && text != ".." && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_valid_prints_as_it_was() {
        for text in [
            "/",
            "/a",
            "/2",
            "/a.a",
            "/abc/1.2.3.4.5-6_zyx/123.z/4",
            "/.abc",
            "/abc./abc",
            "/a--b",
            "/_.abc",
            "/Abc/Cba",
        ] {
            assert_eq!(text.parse::<StoragePath>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_could_climb_or_confuse_is_refused() {
        for text in [
            "",
            "abc",
            "123.abc",
            "//bcd",
            "/abc_123/",
            "/a/../b",
            "/..",
            "/.",
            "/a/./b",
            "/a b",
            "/a:b",
            "/a\0",
            "/ß",
            "/a//b",
        ] {
            assert!(text.parse::<StoragePath>().is_err(), "{text:?}");
            assert!(
                StoragePath::root().join(text).is_err() || text == "abc" || text == "123.abc",
                "{text:?}"
            );
        }
    }

    #[test]
    fn parents_and_names_undo_joining() {
        let path: StoragePath = "/a/b".parse().unwrap();
        assert_eq!(path.parent().unwrap().as_str(), "/a");
        assert_eq!(path.parent().unwrap().parent().unwrap(), StoragePath::root());
        assert_eq!(StoragePath::root().parent(), None);
        assert_eq!(path.parent().unwrap().join(path.name().unwrap()).unwrap(), path);
        assert_eq!(StoragePath::root().join("a/b").unwrap(), path);
        assert_eq!(path.components().collect::<Vec<_>>(), ["a", "b"]);
    }
}
