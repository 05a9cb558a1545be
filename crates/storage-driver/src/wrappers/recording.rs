//! A record of the calls that reach a driver, for tests that say what an operation may cost.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    Error, ListOptions, ListPage, Object, PutOptions, RedirectRequest, Stat, StorageDriver, StoragePath,
    Stored, Sync, Version, Writer, WriterStart,
};

/// A driver that notes every call: which, where, and which others were in flight with it.
///
/// For tests only: the record grows until it is [taken](Self::take).
#[derive(Debug)]
pub struct Recording<D> {
    inner: D,
    log: Log,
}

/// A call that reached a driver or a writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// What was asked.
    pub method: Method,
    /// About what: the source for a rename, the writer's own path for what is asked of a writer.
    pub path: StoragePath,
    /// When it began, on a clock that ticks with every beginning and every end.
    pub started: u64,
    /// When it ended, by itself or because the caller gave up; none while it lasts.
    pub ended: Option<u64>,
}

impl Call {
    /// Whether there was a moment at which both were in flight; a call overlaps itself.
    pub fn overlaps(&self, other: &Self) -> bool {
        let ends_after = |call: &Self, tick| call.ended.is_none_or(|ended| ended > tick);
        ends_after(self, other.started) && ends_after(other, self.started)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.method, self.path)
    }
}

/// A method of [`StorageDriver`] or of [`Writer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// [`StorageDriver::get`].
    Get,
    /// [`StorageDriver::put`].
    Put,
    /// [`StorageDriver::read`].
    Read,
    /// [`StorageDriver::writer`].
    Writer,
    /// [`StorageDriver::stat`].
    Stat,
    /// [`StorageDriver::list`].
    List,
    /// [`StorageDriver::rename`].
    Rename,
    /// [`StorageDriver::delete`] or [`StorageDriver::delete_version`].
    Delete,
    /// [`StorageDriver::redirect`].
    Redirect,
    /// [`StorageDriver::sweep`].
    Sweep,
    /// [`Writer::write`], which is never recorded: how bytes are cut into pieces is no cost of an operation.
    Write,
    /// [`Writer::close`].
    Close,
    /// [`Writer::commit`].
    Commit,
    /// [`Writer::cancel`].
    Cancel,
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Get => "get",
            Self::Put => "put",
            Self::Read => "read",
            Self::Writer => "writer",
            Self::Stat => "stat",
            Self::List => "list",
            Self::Rename => "rename",
            Self::Delete => "delete",
            Self::Redirect => "redirect",
            Self::Sweep => "sweep",
            Self::Write => "write",
            Self::Close => "close",
            Self::Commit => "commit",
            Self::Cancel => "cancel",
        })
    }
}

impl<D> Recording<D> {
    /// Begins with an empty record.
    pub fn new(inner: D) -> Self {
        Self { inner, log: Log::default() }
    }

    /// The calls so far, in the order in which they began.
    pub fn calls(&self) -> Vec<Call> {
        self.log.lock().calls.clone()
    }

    /// The calls since the last time, in the order in which they began; none may be in flight.
    pub fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.log.lock().calls)
    }
}

#[async_trait]
impl<D: StorageDriver> StorageDriver for Recording<D> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn get(&self, path: &StoragePath, limit_bytes: usize) -> Result<Object, Error> {
        let _call = self.log.begin(Method::Get, path);
        self.inner.get(path, limit_bytes).await
    }

    async fn put(&self, path: &StoragePath, bytes: Bytes, options: PutOptions) -> Result<Version, Error> {
        let _call = self.log.begin(Method::Put, path);
        self.inner.put(path, bytes, options).await
    }

    async fn read(&self, path: &StoragePath, range: Range<u64>) -> Result<Stored, Error> {
        let _call = self.log.begin(Method::Read, path);
        self.inner.read(path, range).await
    }

    async fn writer(&self, path: &StoragePath, start: WriterStart) -> Result<Box<dyn Writer>, Error> {
        let _call = self.log.begin(Method::Writer, path);
        let inner = self.inner.writer(path, start).await?;
        Ok(Box::new(RecordingWriter { inner, log: self.log.clone(), path: path.clone() }))
    }

    async fn stat(&self, path: &StoragePath) -> Result<Stat, Error> {
        let _call = self.log.begin(Method::Stat, path);
        self.inner.stat(path).await
    }

    async fn list(&self, path: &StoragePath, options: ListOptions<'_>) -> Result<ListPage, Error> {
        let _call = self.log.begin(Method::List, path);
        self.inner.list(path, options).await
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), Error> {
        let _call = self.log.begin(Method::Rename, from);
        self.inner.rename(from, to).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), Error> {
        let _call = self.log.begin(Method::Delete, path);
        self.inner.delete(path).await
    }

    async fn delete_version(&self, path: &StoragePath, version: &Version) -> Result<(), Error> {
        let _call = self.log.begin(Method::Delete, path);
        self.inner.delete_version(path, version).await
    }

    async fn redirect(&self, path: &StoragePath, request: &RedirectRequest) -> Result<Option<String>, Error> {
        let _call = self.log.begin(Method::Redirect, path);
        self.inner.redirect(path, request).await
    }

    async fn sweep(&self, before: SystemTime) -> Result<u64, Error> {
        let _call = self.log.begin(Method::Sweep, &StoragePath::root());
        self.inner.sweep(before).await
    }
}

struct RecordingWriter {
    inner: Box<dyn Writer>,
    log: Log,
    path: StoragePath,
}

#[async_trait]
impl Writer for RecordingWriter {
    fn offset(&self) -> u64 {
        self.inner.offset()
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.inner.write(bytes).await
    }

    async fn close(self: Box<Self>, sync: Sync) -> Result<(), Error> {
        let _call = self.log.begin(Method::Close, &self.path);
        self.inner.close(sync).await
    }

    async fn commit(self: Box<Self>, to: &StoragePath) -> Result<(), Error> {
        let _call = self.log.begin(Method::Commit, &self.path);
        self.inner.commit(to).await
    }

    async fn cancel(self: Box<Self>) -> Result<(), Error> {
        let _call = self.log.begin(Method::Cancel, &self.path);
        self.inner.cancel().await
    }
}

#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Record>>);

#[derive(Debug, Default)]
struct Record {
    calls: Vec<Call>,
    clock: u64,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, method: Method, path: &StoragePath) -> InFlight {
        let mut record = self.lock();
        record.clock += 1;
        let started = record.clock;
        record.calls.push(Call { method, path: path.clone(), started, ended: None });
        InFlight { log: self.clone(), started }
    }
}

/// Ends its call when it is dropped, so that a call that was given up has an end too.
struct InFlight {
    log: Log,
    started: u64,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut record = self.log.lock();
        record.clock += 1;
        let ended = Some(record.clock);
        if let Some(call) = record.calls.iter_mut().find(|call| call.started == self.started) {
            call.ended = ended;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MemoryDriver, PutOptions};

    #[tokio::test]
    async fn calls_made_together_are_seen_to_overlap() {
        let driver = Recording::new(MemoryDriver::new());
        let path = StoragePath::root().join("a").unwrap();
        driver.put(&path, Bytes::new(), PutOptions::default()).await.unwrap();
        let (stat, object) = futures_util::future::join(driver.stat(&path), driver.get(&path, 0)).await;
        assert!(stat.is_ok() && object.is_ok());
        let calls = driver.take();
        assert_eq!(calls.iter().map(Call::to_string).collect::<Vec<_>>(), ["put /a", "stat /a", "get /a"]);
        assert!(calls[1].overlaps(&calls[2]));
        assert!(!calls[0].overlaps(&calls[1]));
        assert!(driver.calls().is_empty());
    }

    #[tokio::test]
    async fn what_a_writer_is_told_is_noted_but_not_its_pieces() {
        let driver = Recording::new(MemoryDriver::new());
        let path = StoragePath::root().join("a").unwrap();
        let mut writer = driver.writer(&path, WriterStart::New).await.unwrap();
        writer.write(Bytes::from_static(b"1")).await.unwrap();
        writer.commit(&path).await.unwrap();
        let methods: Vec<_> = driver.calls().iter().map(|call| call.method).collect();
        assert_eq!(methods, [Method::Writer, Method::Commit]);
    }
}
