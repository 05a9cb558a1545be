//! Large files on their way to the container.
//!
//! Bytes are gathered into blocks, and full blocks go up, several at once, while the next one fills. They wait at a
//! key that this one writer made up (see [`keys`](crate::keys)), not at the file's own: the service throws waiting
//! blocks away when the blob at their key is written, so two writers who staged at the same file would undo each
//! other. Whoever goes on with a file stages where its journal says, under block names with a random number of its
//! own, so even two who go on at once never mix: one of them finds its journal changed or its blocks gone, and fails.
//!
//! To commit is to make the blob where its blocks wait, to copy it to its place, and to delete the first; that is two
//! requests more than making it in place, and each step can be repeated. A file that never filled a block takes none of
//! this: it is one request, straight to its place.
//!
//! `close` alone writes the journal. What fails afterwards leaves the journal, and the blocks that it names, as they
//! were.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::task::JoinSet;
use wharf_storage_driver::{Error, StoragePath, Sync, Writer, WriterStart};

use crate::config::MAX_CHUNK_BYTES;
use crate::container::{Claim, Container};
use crate::failure::{Failure, FailureKind};
use crate::journal::{Blocks, Damaged, HEAD_MAX_BYTES, Journal, MAX_BLOCKS};
use crate::keys::{self, Owned};
use crate::memory::Held;
use crate::removing::missing_is_fine;
use crate::segments::Segments;
use crate::service::{BlockId, Condition, Etag};

/// The longest tail that stays in the journal when blocks are staged already, in bytes; a longer one becomes a block
/// at once, so that it goes over the wire only once.
const JOURNAL_TAIL_BYTES: usize = 1024 * 1024;

/// A writer: what it has stored, what is on its way, and what it still gathers.
pub(crate) struct AzureWriter {
    path: StoragePath,
    key: String,
    begun: Begun,
    stored: Stored,
    tail: Segments,
    held: Held,
    has_failed: bool,
    _claim: Claim,
}

/// Whether others know of this writer.
enum Begun {
    /// Nobody.
    New,
    /// Whoever reads the journal, which was in this state.
    Earlier(Etag),
}

/// Blocks that are stored, or on their way. Dropped while nobody else knows of them they are thrown away.
struct Stored {
    container: Arc<Container>,
    stage: Option<String>,
    is_known: bool,
    writer: u64,
    next: u32,
    blocks: Blocks,
    in_flight: JoinSet<Result<(), Failure>>,
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("an earlier part of this file could not be stored")]
    Earlier,
    #[error("a file has at most {MAX_BLOCKS} blocks: a larger chunk size makes room for more")]
    TooManyBlocks,
}

impl AzureWriter {
    /// Begins, or goes on.
    pub(crate) async fn open(
        container: &Arc<Container>,
        path: &StoragePath,
        key: String,
        claim: Claim,
        start: WriterStart,
    ) -> Result<Self, Failure> {
        let mut writer = Self {
            path: path.clone(),
            begun: Begun::New,
            stored: Stored::new(Arc::clone(container)),
            tail: Segments::default(),
            held: Held::default(),
            has_failed: false,
            _claim: claim,
            key,
        };
        if start == WriterStart::Resume {
            writer.go_on().await?;
        }
        Ok(writer)
    }

    /// Takes up what the journal says.
    async fn go_on(&mut self) -> Result<(), Failure> {
        let (journal, etag) = self.journal().await?;
        let container = &self.stored.container;
        if let Some(name) = journal.stage {
            let stage =
                self.beside(&name).ok_or_else(|| Failure::new(FailureKind::Other).because(Damaged))?;
            self.stored.stage = Some(stage);
        }
        self.stored.blocks = journal.blocks;
        self.stored.is_known = self.stored.stage.is_some();
        self.held = container.memory.take(journal.tail.len()).await;
        self.tail = journal.tail;
        self.begun = Begun::Earlier(etag);
        Ok(())
    }

    /// The journal of this path and its state.
    async fn journal(&self) -> Result<(Journal, Etag), Failure> {
        let key = keys::journal(&self.key);
        let object = self.stored.container.get(&key, MAX_CHUNK_BYTES + HEAD_MAX_BYTES).await?;
        let journal = Journal::decode(object.bytes);
        let journal = journal.map_err(|error| Failure::new(FailureKind::Other).because(error))?;
        Ok((journal, Etag(object.version.0)))
    }

    /// The key of something that was staged for this file, if it was.
    fn beside(&self, name: &str) -> Option<String> {
        let folder = self.key.rfind('/').map_or("", |slash| &self.key[..=slash]);
        let stage = format!("{folder}{name}");
        matches!(keys::owned(&stage), Owned::Staged(file, _) if file == self.key).then_some(stage)
    }

    /// Refuses to go on after a failure: bytes may be missing.
    fn check(&self) -> Result<(), Failure> {
        if self.has_failed {
            return Err(Failure::new(FailureKind::Unavailable).because(Trouble::Earlier));
        }
        Ok(())
    }

    async fn gather(&mut self, mut bytes: Bytes) -> Result<(), Failure> {
        let chunk_bytes = self.stored.container.config.chunk_bytes;
        while !bytes.is_empty() {
            if self.tail.len() >= chunk_bytes {
                self.send_off().await?;
            }
            let len = bytes.len().min(chunk_bytes - self.tail.len());
            let held = match self.stored.container.memory.try_take(len) {
                Some(held) => held,
                None => {
                    // Nobody waits for memory with memory in hand.
                    self.send_off().await?;
                    self.stored.container.memory.take(len).await
                }
            };
            self.held.add(held);
            self.tail.push(bytes.split_to(len));
        }
        if self.tail.len() >= chunk_bytes {
            self.send_off().await?;
        }
        Ok(())
    }

    /// Makes a block of what was gathered and lets it go up.
    async fn send_off(&mut self) -> Result<(), Failure> {
        if self.tail.is_empty() {
            return Ok(());
        }
        self.stored.make_room().await?;
        let (tail, held) = (std::mem::take(&mut self.tail), std::mem::take(&mut self.held));
        self.stored.send(&self.key, tail, held)
    }

    async fn close_here(&mut self) -> Result<(), Failure> {
        self.check()?;
        if !self.stored.blocks.is_empty() && self.tail.len() > JOURNAL_TAIL_BYTES {
            self.send_off().await?;
        }
        self.stored.settle().await?;
        let stage = self.stored.stage.as_ref();
        let journal = Journal {
            stage: stage.map(|stage| stage.rsplit('/').next().unwrap_or_default().to_owned()),
            blocks: self.stored.blocks.clone(),
            tail: self.tail.clone(),
        };
        // Even without an answer the journal may be there, and then what it names must stay.
        self.stored.is_known = true;
        let (key, journal) = (keys::journal(&self.key), journal.encode());
        let service = &self.stored.container.service;
        let Begun::Earlier(etag) = &self.begun else {
            return match service.put(&key, journal.clone(), Condition::Absent).await {
                Err(failure) if failure.kind == FailureKind::Exists => {
                    self.forget_others().await?;
                    service.put(&key, journal, Condition::None).await.map(drop)
                }
                result => result.map(drop),
            };
        };
        match service.put(&key, journal, Condition::Is(etag.clone())).await {
            // It was committed or cancelled by another.
            Err(failure) if failure.kind == FailureKind::Missing => Err(Failure::new(FailureKind::Changed)),
            result => result.map(drop),
        }
    }

    async fn commit_here(&mut self, to: &str) -> Result<(), Failure> {
        self.check()?;
        let container = Arc::clone(&self.stored.container);
        if self.stored.blocks.is_empty() {
            let tail = std::mem::take(&mut self.tail);
            let (put, forgotten) = match self.begun {
                Begun::New => tokio::join!(container.overwrite(to, tail), self.forget_others()),
                Begun::Earlier(_) => {
                    container.overwrite(to, tail).await?;
                    return self.forget().await;
                }
            };
            put?;
            return forgotten;
        }
        self.send_off().await?;
        self.stored.settle().await?;
        if let Begun::New = self.begun {
            self.forget_others().await?;
        }
        let Some(stage) = self.stored.stage.clone() else { return Ok(()) };
        container.service.commit_blocks(&stage, &self.stored.blocks.ids()).await?;
        container.copy(&stage, to).await?;
        // The file is there: what stays behind is out of sight, and swept up later.
        self.stored.stage = None;
        let mut removed = match self.begun {
            Begun::Earlier(_) => self.forget().await,
            Begun::New => Ok(()),
        };
        if removed.is_ok() {
            removed = container.service.delete(&stage, Condition::None).await;
        }
        if let Err(failure) = removed {
            tracing::debug!(kind = ?failure.kind, "what a file was made of stays until it is swept up");
        }
        Ok(())
    }

    async fn cancel_here(&mut self) -> Result<(), Failure> {
        self.stored.in_flight.shutdown().await;
        match self.begun {
            Begun::New => self.forget_others().await?,
            Begun::Earlier(_) => self.forget().await?,
        }
        match self.stored.stage.take() {
            Some(stage) => self.stored.container.discard(&stage).await,
            None => Ok(()),
        }
    }

    /// Throws away what an earlier writer began here. Mostly there was none, and this is one request that finds
    /// nothing.
    async fn forget_others(&self) -> Result<(), Failure> {
        let journal = match self.journal().await {
            Err(failure) if failure.kind == FailureKind::Missing => return Ok(()),
            // One that cannot be read is as good as one that says nothing.
            Err(failure) if failure.kind == FailureKind::Other => Journal::default(),
            journal => journal?.0,
        };
        self.forget().await?;
        match journal.stage.and_then(|name| self.beside(&name)) {
            Some(stage) => self.stored.container.discard(&stage).await,
            None => Ok(()),
        }
    }

    /// Deletes the journal.
    async fn forget(&self) -> Result<(), Failure> {
        let journal = keys::journal(&self.key);
        missing_is_fine(self.stored.container.service.delete(&journal, Condition::None).await)
    }
}

#[async_trait]
impl Writer for AzureWriter {
    fn offset(&self) -> u64 {
        self.stored.blocks.bytes() + self.tail.len() as u64
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        let result = match self.check() {
            Ok(()) => self.gather(bytes).await,
            failed => failed,
        };
        self.has_failed |= result.is_err();
        result.map_err(|failure| failure.at(&self.path))
    }

    async fn close(mut self: Box<Self>, _: Sync) -> Result<(), Error> {
        self.close_here().await.map_err(|failure| failure.at(&self.path))
    }

    async fn commit(mut self: Box<Self>, to: &StoragePath) -> Result<(), Error> {
        let key = self.stored.container.keys.file(to);
        let key = key.ok_or_else(|| Failure::new(FailureKind::Other).at(to))?;
        self.commit_here(&key).await.map_err(|failure| failure.at(to))
    }

    async fn cancel(mut self: Box<Self>) -> Result<(), Error> {
        self.cancel_here().await.map_err(|failure| failure.at(&self.path))
    }
}

impl Stored {
    fn new(container: Arc<Container>) -> Self {
        Self {
            container,
            stage: None,
            is_known: false,
            writer: uuid::Uuid::new_v4().as_u64_pair().0,
            next: 0,
            blocks: Blocks::default(),
            in_flight: JoinSet::new(),
        }
    }

    /// Waits until another block may go up.
    async fn make_room(&mut self) -> Result<(), Failure> {
        while self.in_flight.len() >= self.container.config.upload_concurrency {
            self.settle_one().await?;
        }
        Ok(())
    }

    /// Waits until all blocks are stored.
    async fn settle(&mut self) -> Result<(), Failure> {
        while !self.in_flight.is_empty() {
            self.settle_one().await?;
        }
        Ok(())
    }

    async fn settle_one(&mut self) -> Result<(), Failure> {
        match self.in_flight.join_next().await {
            Some(Ok(result)) => result,
            Some(Err(error)) => Err(Failure::new(FailureKind::Other).because(error)),
            None => Ok(()),
        }
    }

    /// Lets a block go up; it is counted from now on.
    fn send(&mut self, key: &str, body: Segments, held: Held) -> Result<(), Failure> {
        let size = u32::try_from(body.len()).unwrap_or(u32::MAX);
        if self.blocks.is_full() {
            return Err(Failure::new(FailureKind::Other).because(Trouble::TooManyBlocks));
        }
        let id = BlockId { writer: self.writer, index: self.next };
        self.next += 1;
        self.blocks.push(id, size);
        let stage = self.stage.get_or_insert_with(|| keys::staging(key)).clone();
        let container = Arc::clone(&self.container);
        self.in_flight.spawn(async move {
            let result = container.service.stage_block(&stage, id, body).await;
            drop(held);
            result
        });
        Ok(())
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        let Some(stage) = self.stage.take().filter(|_| !self.is_known) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let container = Arc::clone(&self.container);
        let mut in_flight = std::mem::take(&mut self.in_flight);
        runtime.spawn(async move {
            in_flight.shutdown().await;
            if let Err(failure) = container.discard(&stage).await {
                tracing::debug!(kind = ?failure.kind, "what was staged in vain stays until it is swept up");
            }
        });
    }
}

#[cfg(test)]
mod tests;
