//! Folders within folders, each with its names in byte order.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::SystemTime;

use bytes::Bytes;

use crate::{Kind, StoragePath, Version};

/// A file and which of its states this is.
#[derive(Debug)]
pub(super) struct File {
    pub(super) bytes: Bytes,
    pub(super) version: u64,
    pub(super) modified: SystemTime,
}

impl File {
    pub(super) fn version(&self) -> Version {
        Version(self.version.to_string())
    }
}

/// What is at a path.
#[derive(Debug)]
pub(super) enum Node {
    File(File),
    Folder(Folder),
}

impl Node {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::File(_) => Kind::File,
            Self::Folder(_) => Kind::Folder,
        }
    }

    /// Whether this is a folder with that file below it.
    pub(super) fn holds(&self, below: &str) -> bool {
        let mut node = Some(self);
        for name in below.split('/') {
            node = match node {
                Some(Self::Folder(folder)) => folder.children.get(name),
                _ => None,
            };
        }
        matches!(node, Some(Self::File(_)))
    }
}

/// A folder; below the root it is never empty.
#[derive(Debug, Default)]
pub(super) struct Folder {
    children: BTreeMap<String, Node>,
}

/// A file stands where a folder is needed, or the other way round.
#[derive(Debug)]
pub(super) struct Conflict;

impl Folder {
    /// What is at a path below this folder; nothing for the root itself.
    pub(super) fn node(&self, path: &StoragePath) -> Option<&Node> {
        self.folder(&path.parent()?)?.children.get(path.name()?)
    }

    pub(super) fn file(&self, path: &StoragePath) -> Option<&File> {
        match self.node(path)? {
            Node::File(file) => Some(file),
            Node::Folder(_) => None,
        }
    }

    pub(super) fn folder(&self, path: &StoragePath) -> Option<&Self> {
        path.components().try_fold(self, |folder, name| match folder.children.get(name)? {
            Node::Folder(folder) => Some(folder),
            Node::File(_) => None,
        })
    }

    /// The children whose names come after `name`, or all, in byte order.
    pub(super) fn after(&self, name: Option<&str>) -> impl Iterator<Item = (&String, &Node)> {
        let start = name.map_or(Bound::Unbounded, Bound::Excluded);
        self.children.range::<str, _>((start, Bound::Unbounded))
    }

    /// Puts a file where a file or nothing is, making the folders above it; changes nothing when that cannot be.
    pub(super) fn insert(&mut self, path: &StoragePath, file: File) -> Result<(), Conflict> {
        let (Some(parent), Some(name)) = (path.parent(), path.name()) else { return Err(Conflict) };
        if matches!(self.node(path), Some(Node::Folder(_))) || self.has_file_above(path) {
            return Err(Conflict);
        }
        let mut folder = self;
        for component in parent.components() {
            let child = folder.children.entry(component.to_owned());
            folder = match child.or_insert_with(|| Node::Folder(Self::default())) {
                Node::Folder(child) => child,
                Node::File(_) => return Err(Conflict),
            };
        }
        folder.children.insert(name.to_owned(), Node::File(file));
        Ok(())
    }

    /// Removes a file or a whole folder, and the folders above that are empty then. Says whether anything was there.
    pub(super) fn remove(&mut self, path: &StoragePath) -> bool {
        let components: Vec<&str> = path.components().collect();
        self.remove_below(&components)
    }

    fn remove_below(&mut self, components: &[&str]) -> bool {
        let Some((name, rest)) = components.split_first() else { return false };
        if rest.is_empty() {
            return self.children.remove(*name).is_some();
        }
        let Some(Node::Folder(child)) = self.children.get_mut(*name) else { return false };
        let removed = child.remove_below(rest);
        if child.children.is_empty() {
            self.children.remove(*name);
        }
        removed
    }

    fn has_file_above(&self, path: &StoragePath) -> bool {
        let above = std::iter::successors(path.parent(), StoragePath::parent);
        above.into_iter().any(|folder| self.file(&folder).is_some())
    }
}
