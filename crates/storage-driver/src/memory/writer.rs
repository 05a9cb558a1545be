//! Large files on their way into memory.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

use super::{Store, error, not_found};
use crate::{Error, ErrorKind, StoragePath, Sync, Writer};

/// What closed writers have left at a path, and who writes there now.
#[derive(Debug)]
pub(super) struct Unfinished {
    pub(super) pieces: Vec<Bytes>,
    pub(super) holder: Option<u64>,
    pub(super) began: SystemTime,
}

impl Unfinished {
    pub(super) fn new() -> Self {
        Self { pieces: Vec::new(), holder: None, began: SystemTime::now() }
    }
}

/// Holds a path until it is dropped.
#[derive(Debug)]
pub(super) struct MemoryWriter {
    store: Arc<Store>,
    path: StoragePath,
    holder: u64,
    pieces: Vec<Bytes>,
    offset: u64,
}

impl MemoryWriter {
    pub(super) fn new(store: Arc<Store>, path: StoragePath, holder: u64, pieces: Vec<Bytes>) -> Self {
        let offset = pieces.iter().map(|piece| piece.len() as u64).sum();
        Self { store, path, holder, pieces, offset }
    }

    /// Applies `change` to what is stored at this writer's path, which fails when someone has deleted it.
    fn change<T>(&self, change: impl FnOnce(&mut Unfinished) -> T) -> Result<T, Error> {
        let mut state = self.store.lock();
        let mine = state.unfinished.get_mut(&self.path).filter(|found| found.holder == Some(self.holder));
        mine.map(change).ok_or_else(|| not_found(&self.path))
    }

    /// The whole content in one piece; copies only when it came in several.
    fn content(&mut self) -> Bytes {
        if self.pieces.len() == 1 {
            return self.pieces.remove(0);
        }
        let mut content = BytesMut::with_capacity(usize::try_from(self.offset).unwrap_or_default());
        self.pieces.drain(..).for_each(|piece| content.extend_from_slice(&piece));
        content.freeze()
    }
}

#[async_trait]
impl Writer for MemoryWriter {
    fn offset(&self) -> u64 {
        self.offset
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        tokio::task::yield_now().await;
        self.change(|_| ())?;
        if !bytes.is_empty() {
            self.offset += bytes.len() as u64;
            self.pieces.push(bytes);
        }
        Ok(())
    }

    async fn close(mut self: Box<Self>, _sync: Sync) -> Result<(), Error> {
        tokio::task::yield_now().await;
        let pieces = std::mem::take(&mut self.pieces);
        self.change(|unfinished| {
            unfinished.pieces = pieces;
            unfinished.holder = None;
        })
    }

    async fn commit(mut self: Box<Self>, to: &StoragePath) -> Result<(), Error> {
        tokio::task::yield_now().await;
        self.change(|_| ())?;
        let content = self.content();
        let mut state = self.store.lock();
        let mine = state.unfinished.get(&self.path).is_some_and(|found| found.holder == Some(self.holder));
        if !mine {
            return Err(error(ErrorKind::NotFound, &self.path));
        }
        state.write(to, content)?;
        state.unfinished.remove(&self.path);
        Ok(())
    }

    async fn cancel(self: Box<Self>) -> Result<(), Error> {
        tokio::task::yield_now().await;
        self.change(|_| ())?;
        self.store.lock().unfinished.remove(&self.path);
        Ok(())
    }
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        let _ = self.change(|unfinished| unfinished.holder = None);
    }
}
