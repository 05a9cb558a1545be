//! The in-memory driver: the executable specification of the port, and the double that tests run on.
//!
//! It is stricter than any real store, so that what works here works everywhere. A folder vanishes with its last file. A
//! path is a file or a folder, never both. What a writer has not committed is seen by nobody, and what a dropped writer
//! had not closed is lost. Every call gives way to others once before it looks at the store, so that calls made together
//! are in flight together, as they are over a network.

mod tree;
mod writer;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use wharf_content::Content;

use crate::{
    Entry, Error, ErrorKind, Kind, ListOptions, ListPage, Object, PutMode, PutOptions, RedirectRequest, Stat,
    StorageDriver, StoragePath, Stored, Version, Writer, WriterStart,
};
use tree::{File, Folder, Node};
use writer::{MemoryWriter, Unfinished};

/// The name of the driver, as configuration and errors have it.
const NAME: &str = "inmemory";

/// A store in this process's memory. Clones share it; it is gone with the last of them.
#[derive(Debug, Clone, Default)]
pub struct MemoryDriver {
    store: Arc<Store>,
}

impl MemoryDriver {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the others go first, then looks at the store.
    async fn state(&self) -> MutexGuard<'_, State> {
        tokio::task::yield_now().await;
        self.store.lock()
    }
}

#[async_trait]
impl StorageDriver for MemoryDriver {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn get(&self, path: &StoragePath, limit_bytes: usize) -> Result<Object, Error> {
        let state = self.state().await;
        let file = state.root.file(path).ok_or_else(|| not_found(path))?;
        if file.bytes.len() > limit_bytes {
            return Err(error(ErrorKind::TooLarge, path));
        }
        Ok(Object { bytes: file.bytes.clone(), version: file.version() })
    }

    async fn put(&self, path: &StoragePath, bytes: Bytes, options: PutOptions) -> Result<Version, Error> {
        let mut state = self.state().await;
        let present = state.root.file(path).map(File::version);
        match (options.mode, present) {
            (PutMode::Create, Some(_)) => return Err(error(ErrorKind::Exists, path)),
            (PutMode::Replace(expected), present) if present.as_ref() != Some(&expected) => {
                return Err(error(ErrorKind::Changed, path));
            }
            _ => {}
        }
        state.write(path, bytes)
    }

    async fn read(&self, path: &StoragePath, range: Range<u64>) -> Result<Stored, Error> {
        let state = self.state().await;
        let bytes = &state.root.file(path).ok_or_else(|| not_found(path))?.bytes;
        let within = |position: u64| usize::try_from(position).map_or(bytes.len(), |at| at.min(bytes.len()));
        let start = within(range.start);
        let end = within(range.end).max(start);
        Ok(Stored { size: bytes.len() as u64, content: Content::Memory(bytes.slice(start..end)) })
    }

    async fn writer(&self, path: &StoragePath, start: WriterStart) -> Result<Box<dyn Writer>, Error> {
        let mut state = self.state().await;
        if path.is_root() {
            return Err(not_a_file(path));
        }
        let holder = state.next();
        let unfinished = match start {
            WriterStart::New => state.unfinished.entry(path.clone()).or_insert_with(Unfinished::new),
            WriterStart::Resume => state.unfinished.get_mut(path).ok_or_else(|| not_found(path))?,
        };
        if unfinished.holder.is_some() {
            return Err(error(ErrorKind::Busy, path));
        }
        unfinished.holder = Some(holder);
        if start == WriterStart::New {
            unfinished.pieces.clear();
            unfinished.began = SystemTime::now();
        }
        let pieces = unfinished.pieces.clone();
        Ok(Box::new(MemoryWriter::new(Arc::clone(&self.store), path.clone(), holder, pieces)))
    }

    async fn stat(&self, path: &StoragePath) -> Result<Stat, Error> {
        let state = self.state().await;
        match state.root.node(path) {
            Some(Node::File(file)) => {
                let size = file.bytes.len() as u64;
                Ok(Stat { kind: Kind::File, size, modified: Some(file.modified) })
            }
            Some(Node::Folder(_)) => Ok(Stat { kind: Kind::Folder, size: 0, modified: None }),
            None if path.is_root() => Ok(Stat { kind: Kind::Folder, size: 0, modified: None }),
            None => Err(not_found(path)),
        }
    }

    async fn list(&self, path: &StoragePath, options: ListOptions<'_>) -> Result<ListPage, Error> {
        let state = self.state().await;
        let folder = state.root.folder(path).ok_or_else(|| not_found(path))?;
        let held = |node: &Node| options.holding.is_none_or(|below| node.holds(below));
        let mut children = folder.after(options.start_after).filter(|(_, node)| held(node));
        let entry = |(name, node): (&String, &Node)| Entry { name: name.clone(), kind: node.kind() };
        let entries = children.by_ref().take(options.limit).map(entry).collect();
        Ok(ListPage { entries, more: children.next().is_some() })
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), Error> {
        let mut state = self.state().await;
        let bytes = state.root.file(from).ok_or_else(|| not_found(from))?.bytes.clone();
        if from != to {
            state.write(to, bytes)?;
            state.root.remove(from);
        }
        Ok(())
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), Error> {
        let mut state = self.state().await;
        if path.is_root() {
            return Err(not_a_file(path));
        }
        let removed = state.root.remove(path);
        let begun = state.unfinished.len();
        state.unfinished.retain(|other, _| !is_below(other, path));
        if removed || state.unfinished.len() < begun { Ok(()) } else { Err(not_found(path)) }
    }

    async fn delete_version(&self, path: &StoragePath, version: &Version) -> Result<(), Error> {
        let mut state = self.state().await;
        match state.root.file(path).map(File::version) {
            None => return Err(not_found(path)),
            Some(present) if present != *version => return Err(error(ErrorKind::Changed, path)),
            Some(_) => {}
        }
        state.root.remove(path);
        Ok(())
    }

    async fn redirect(
        &self,
        _path: &StoragePath,
        _request: &RedirectRequest,
    ) -> Result<Option<String>, Error> {
        Ok(None)
    }

    async fn sweep(&self, before: SystemTime) -> Result<u64, Error> {
        let mut state = self.state().await;
        let begun = state.unfinished.len();
        state.unfinished.retain(|_, unfinished| unfinished.holder.is_some() || unfinished.began >= before);
        Ok((begun - state.unfinished.len()) as u64)
    }
}

#[derive(Debug, Default)]
struct Store {
    state: Mutex<State>,
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct State {
    root: Folder,
    unfinished: BTreeMap<StoragePath, Unfinished>,
    counter: u64,
}

impl State {
    /// A number that was never given out before.
    fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    fn write(&mut self, path: &StoragePath, bytes: Bytes) -> Result<Version, Error> {
        let file = File { bytes, version: self.next(), modified: SystemTime::now() };
        let version = file.version();
        self.root.insert(path, file).map_err(|_| not_a_file(path))?;
        Ok(version)
    }
}

fn is_below(path: &StoragePath, folder: &StoragePath) -> bool {
    path.as_str().strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
}

fn error(kind: ErrorKind, path: &StoragePath) -> Error {
    Error::new(NAME, kind).at(path)
}

fn not_found(path: &StoragePath) -> Error {
    error(ErrorKind::NotFound, path)
}

fn not_a_file(path: &StoragePath) -> Error {
    error(ErrorKind::Other, path)
        .because("a folder is where a file should be, or a file where a folder should be")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> StoragePath {
        text.parse().unwrap()
    }

    async fn put(driver: &MemoryDriver, at: &str) -> Result<Version, Error> {
        driver.put(&path(at), Bytes::from_static(b"x"), PutOptions::default()).await
    }

    #[tokio::test]
    async fn a_folder_vanishes_with_its_last_file() {
        let driver = MemoryDriver::new();
        put(&driver, "/a/b/c").await.unwrap();
        driver.delete(&path("/a/b/c")).await.unwrap();
        assert!(driver.stat(&path("/a/b")).await.unwrap_err().is_not_found());
        assert!(driver.stat(&path("/a")).await.unwrap_err().is_not_found());
    }

    #[tokio::test]
    async fn a_path_is_a_file_or_a_folder_but_not_both() {
        let driver = MemoryDriver::new();
        put(&driver, "/a/b").await.unwrap();
        assert_eq!(put(&driver, "/a").await.unwrap_err().kind(), ErrorKind::Other);
        assert_eq!(put(&driver, "/a/b/c").await.unwrap_err().kind(), ErrorKind::Other);
        assert_eq!(put(&driver, "/").await.unwrap_err().kind(), ErrorKind::Other);
    }

    #[tokio::test]
    async fn a_dropped_writer_loses_what_was_not_closed() {
        let driver = MemoryDriver::new();
        let mut writer = driver.writer(&path("/u"), WriterStart::New).await.unwrap();
        writer.write(Bytes::from_static(b"kept")).await.unwrap();
        writer.close(crate::Sync::Durable).await.unwrap();
        let mut writer = driver.writer(&path("/u"), WriterStart::Resume).await.unwrap();
        writer.write(Bytes::from_static(b" and lost")).await.unwrap();
        drop(writer);
        assert_eq!(driver.writer(&path("/u"), WriterStart::Resume).await.unwrap().offset(), 4);
    }

    #[tokio::test]
    async fn deleting_the_folder_ends_the_writers_in_it() {
        let driver = MemoryDriver::new();
        let writer = driver.writer(&path("/u/1/data"), WriterStart::New).await.unwrap();
        driver.delete(&path("/u/1")).await.unwrap();
        assert!(writer.commit(&path("/blob")).await.unwrap_err().is_not_found());
        assert!(driver.stat(&path("/blob")).await.unwrap_err().is_not_found());
    }
}
