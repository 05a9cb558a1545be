//! Large files on their way to the disk.
//!
//! A file that is begun lies beside its place under a name that every process finds again, and whoever writes it holds the
//! system's lock on it: so nobody sees it before it is committed, any process can go on with it, and none can while another
//! writes. The lock goes with the process, and what a crash leaves has the size that the file really has.
//!
//! Pieces are kept as they came until there are enough for one write, which another thread does while the next are
//! collected: at most two batches wait in memory.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, IoSlice};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use tokio::task::JoinHandle;
use wharf_storage_driver::{Error, ErrorKind, StoragePath, Sync, Writer, WriterStart};

use crate::driver::Disk;
use crate::failure::Failure;
use crate::folders::{Folder, tolerating};
use crate::publish::{ATTEMPTS, persistently, place};
use crate::threads::finished;
use crate::{names, steps};

/// How many bytes are collected before they are written.
const BATCH_BYTES: usize = 128 * 1024;
/// How many pieces are collected at most: each may keep a larger buffer of a connection alive.
const BATCH_PIECES: usize = 64;

/// A file that is begun, and nobody else's at this moment.
#[derive(Debug)]
pub(crate) struct Begun {
    file: Arc<Held>,
    at: PathBuf,
    offset: u64,
}

/// An open file that is locked until this is dropped.
///
/// Closing it would unlock it too, but not while a process that another thread is starting still has its copy.
#[derive(Debug)]
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

impl Begun {
    /// Begins the file that is to be at `to`, or goes on with it.
    pub(crate) fn new(disk: &Disk, to: &Path, start: WriterStart) -> Result<Self, Failure> {
        let at = names::uncommitted(to);
        for _ in 0..ATTEMPTS {
            let file = match start {
                WriterStart::New => persistently(|| Ok(create(disk, &at)?))?,
                WriterStart::Resume => OpenOptions::new().read(true).write(true).open(&at)?,
            };
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => return Err(Failure::new(ErrorKind::Busy)),
                Err(TryLockError::Error(error)) => tolerating(Err(error))?,
                Ok(()) => {}
            }
            let file = Arc::new(Held(file));
            // Between opening and locking its last writer may have committed or cancelled it.
            if !is_at(&file.0, &at)? {
                continue;
            }
            if start == WriterStart::New {
                file.0.set_len(0)?;
            }
            let offset = file.0.metadata()?.len();
            return Ok(Self { file, at, offset });
        }
        Err(Failure::new(ErrorKind::Busy))
    }
}

/// Collects pieces and has them written, one batch at a time.
#[derive(Debug)]
pub(crate) struct FsWriter {
    disk: Arc<Disk>,
    path: StoragePath,
    file: Arc<Held>,
    at: PathBuf,
    batch: VecDeque<Bytes>,
    batch_bytes: usize,
    /// Where the batch will go.
    batch_offset: u64,
    in_flight: Option<JoinHandle<Result<(), Failure>>>,
    has_failed: bool,
}

impl FsWriter {
    pub(crate) fn new(disk: Arc<Disk>, path: StoragePath, begun: Begun) -> Self {
        let Begun { file, at, offset } = begun;
        Self {
            disk,
            path,
            file,
            at,
            batch: VecDeque::new(),
            batch_bytes: 0,
            batch_offset: offset,
            in_flight: None,
            has_failed: false,
        }
    }

    /// Waits for the batch that is being written. Safe to give up: what is awaited stays where it is.
    async fn settle(&mut self) -> Result<(), Failure> {
        if let Some(work) = self.in_flight.as_mut() {
            let result = finished(work).await;
            self.in_flight = None;
            self.has_failed |= result.is_err();
            result?;
        }
        if self.has_failed {
            return Err(io::Error::other("an earlier write to this file failed").into());
        }
        Ok(())
    }

    /// Has the batch written while the next one is collected.
    async fn hand_over(&mut self) -> Result<(), Failure> {
        self.settle().await?;
        let disk = Arc::clone(&self.disk);
        let permit = disk.threads.reserve().await;
        let (file, batch, offset) = self.take();
        self.in_flight = Some(permit.start(move || write_all(&file.0, batch, offset)));
        Ok(())
    }

    fn take(&mut self) -> (Arc<Held>, VecDeque<Bytes>, u64) {
        let batch = std::mem::take(&mut self.batch);
        let offset = self.batch_offset;
        self.batch_offset += std::mem::take(&mut self.batch_bytes) as u64;
        (Arc::clone(&self.file), batch, offset)
    }

    /// Writes what is left and then does `last`, both on one thread; lets go of the file before it returns.
    async fn finish(
        mut self,
        last: impl FnOnce(&Disk, &File, &Path) -> Result<(), Failure> + Send + 'static,
    ) -> Result<(), Error> {
        let path = self.path.clone();
        let settled = self.settle().await;
        settled.map_err(|failure| failure.at(&path))?;
        let (file, batch, offset) = self.take();
        let Self { disk, at, file: held, .. } = self;
        drop(held);
        let there = Arc::clone(&disk);
        let work = move || {
            write_all(&file.0, batch, offset)?;
            last(&there, &file.0, &at)
        };
        disk.threads.run(work).await.map_err(|failure| failure.at(&path))
    }
}

#[async_trait]
impl Writer for FsWriter {
    fn offset(&self) -> u64 {
        self.batch_offset + self.batch_bytes as u64
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        if self.has_failed {
            self.settle().await.map_err(|failure| failure.at(&self.path))?;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.batch_bytes += bytes.len();
        self.batch.push_back(bytes);
        if self.batch_bytes >= BATCH_BYTES || self.batch.len() >= BATCH_PIECES {
            self.hand_over().await.map_err(|failure| failure.at(&self.path))?;
        }
        Ok(())
    }

    async fn close(self: Box<Self>, sync: Sync) -> Result<(), Error> {
        self.finish(move |disk, file, at| {
            if sync == Sync::Durable {
                steps::sync_file(file, at)?;
                disk.folders.sync_above(&Folder::of(at)?)?;
            }
            Ok(())
        })
        .await
    }

    async fn commit(self: Box<Self>, to: &StoragePath) -> Result<(), Error> {
        if !names::can_be_file(to) {
            return Err(Failure::reserved().at(to));
        }
        let to = names::locate(&self.disk.root, to);
        self.finish(move |disk, file, at| {
            if !is_at(file, at)? {
                return Err(Failure::not_found());
            }
            file.set_modified(SystemTime::now())?;
            steps::sync_file(file, at)?;
            place(&disk.folders, at, &to)
        })
        .await
    }

    async fn cancel(mut self: Box<Self>) -> Result<(), Error> {
        // What went wrong before is of no interest now.
        let _ = self.settle().await;
        let Self { disk, path, file, at, .. } = *self;
        let work = move || {
            if is_at(&file.0, &at)? { Ok(steps::remove_file(&at)?) } else { Err(Failure::not_found()) }
        };
        disk.threads.run(work).await.map_err(|failure| failure.at(&path))
    }
}

fn create(disk: &Disk, at: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    match (options.open(at), at.parent()) {
        (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
            disk.folders.make(folder)?;
            options.open(at)
        }
        (result, _) => result,
    }
}

/// Whether the open file is still what has this name.
fn is_at(file: &File, at: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match fs::metadata(at) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Writes a batch with as few calls as the system allows.
fn write_all(file: &File, mut batch: VecDeque<Bytes>, mut offset: u64) -> Result<(), Failure> {
    while !batch.is_empty() {
        let slices: Vec<_> = batch.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut written = match rustix::io::pwritev(file, &slices, offset) {
            Err(rustix::io::Errno::INTR) => continue,
            Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
            result => result?,
        };
        offset += written as u64;
        while let Some(piece) = batch.front_mut() {
            if piece.len() > written {
                piece.advance(written);
                break;
            }
            written -= piece.len();
            batch.pop_front();
        }
    }
    Ok(())
}
