//! A driver that fails when a test wants it to.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use ::bytes::Bytes;
use async_trait::async_trait;

use crate::{
    Error, ErrorKind, ListOptions, ListPage, Method, Object, PutOptions, RedirectRequest, Stat,
    StorageDriver, StoragePath, Stored, Sync, Version, Writer, WriterStart,
};

/// A driver that fails the calls which a test has chosen and passes all others on.
#[derive(Debug)]
pub struct Faulty<D> {
    inner: D,
    plan: Plan,
}

/// Which calls fail, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What is asked of the driver or of a writer.
    pub method: Method,
    /// How the path ends (the source of a rename, the writer's own path for what is asked of a writer); empty for any.
    pub path_ending: &'static str,
    /// How many such calls go well first.
    pub after: usize,
    /// How many then fail.
    pub times: usize,
    /// Whether the store does it all the same.
    pub moment: Moment,
    /// What the caller is told.
    pub kind: ErrorKind,
}

/// When a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before the store hears of it.
    Before,
    /// After the store has done it, as when the answer is lost.
    After,
}

impl Fault {
    /// The next such call fails, once, before the store hears of it.
    pub fn once(method: Method, path_ending: &'static str, kind: ErrorKind) -> Self {
        Self { method, path_ending, after: 0, times: 1, moment: Moment::Before, kind }
    }

    /// Every such call fails, before the store hears of it.
    pub fn always(method: Method, path_ending: &'static str, kind: ErrorKind) -> Self {
        Self { times: usize::MAX, ..Self::once(method, path_ending, kind) }
    }
}

impl<D> Faulty<D> {
    /// A driver that does not fail yet.
    pub fn new(inner: D) -> Self {
        Self { inner, plan: Plan::default() }
    }

    /// Adds a fault to those that are planned.
    pub fn plan(&self, fault: Fault) {
        self.plan.0.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    /// Forgets every planned fault.
    pub fn heal(&self) {
        self.plan.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[async_trait]
impl<D: StorageDriver> StorageDriver for Faulty<D> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn get(&self, path: &StoragePath, limit_bytes: usize) -> Result<Object, Error> {
        self.failing(Method::Get, path, self.inner.get(path, limit_bytes)).await
    }

    async fn put(&self, path: &StoragePath, bytes: Bytes, options: PutOptions) -> Result<Version, Error> {
        self.failing(Method::Put, path, self.inner.put(path, bytes, options)).await
    }

    async fn read(&self, path: &StoragePath, range: Range<u64>) -> Result<Stored, Error> {
        self.failing(Method::Read, path, self.inner.read(path, range)).await
    }

    async fn writer(&self, path: &StoragePath, start: WriterStart) -> Result<Box<dyn Writer>, Error> {
        let inner = self.failing(Method::Writer, path, self.inner.writer(path, start)).await?;
        Ok(Box::new(FaultyWriter { inner, plan: self.plan.clone(), name: self.name(), path: path.clone() }))
    }

    async fn stat(&self, path: &StoragePath) -> Result<Stat, Error> {
        self.failing(Method::Stat, path, self.inner.stat(path)).await
    }

    async fn list(&self, path: &StoragePath, options: ListOptions<'_>) -> Result<ListPage, Error> {
        self.failing(Method::List, path, self.inner.list(path, options)).await
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), Error> {
        self.failing(Method::Rename, from, self.inner.rename(from, to)).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), Error> {
        self.failing(Method::Delete, path, self.inner.delete(path)).await
    }

    async fn delete_version(&self, path: &StoragePath, version: &Version) -> Result<(), Error> {
        self.failing(Method::Delete, path, self.inner.delete_version(path, version)).await
    }

    async fn redirect(&self, path: &StoragePath, request: &RedirectRequest) -> Result<Option<String>, Error> {
        self.failing(Method::Redirect, path, self.inner.redirect(path, request)).await
    }

    async fn sweep(&self, before: SystemTime) -> Result<u64, Error> {
        self.failing(Method::Sweep, &StoragePath::root(), self.inner.sweep(before)).await
    }
}

impl<D: StorageDriver> Faulty<D> {
    async fn failing<T>(
        &self,
        method: Method,
        path: &StoragePath,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.plan.failing(self.inner.name(), method, path, call).await
    }
}

struct FaultyWriter {
    inner: Box<dyn Writer>,
    plan: Plan,
    name: &'static str,
    path: StoragePath,
}

#[async_trait]
impl Writer for FaultyWriter {
    fn offset(&self) -> u64 {
        self.inner.offset()
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.plan.failing(self.name, Method::Write, &self.path, self.inner.write(bytes)).await
    }

    async fn close(self: Box<Self>, sync: Sync) -> Result<(), Error> {
        self.plan.failing(self.name, Method::Close, &self.path, self.inner.close(sync)).await
    }

    async fn commit(self: Box<Self>, to: &StoragePath) -> Result<(), Error> {
        self.plan.failing(self.name, Method::Commit, &self.path, self.inner.commit(to)).await
    }

    async fn cancel(self: Box<Self>) -> Result<(), Error> {
        self.plan.failing(self.name, Method::Cancel, &self.path, self.inner.cancel()).await
    }
}

#[derive(Debug, Clone, Default)]
struct Plan(Arc<Mutex<Vec<Fault>>>);

impl Plan {
    async fn failing<T>(
        &self,
        name: &'static str,
        method: Method,
        path: &StoragePath,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let Some((moment, kind)) = self.next(method, path) else { return call.await };
        if moment == Moment::After {
            call.await?;
        }
        Err(Error::new(name, kind).at(path).because("this fault was planned"))
    }

    /// What the first planned fault for this call says, and that it has had its turn.
    fn next(&self, method: Method, path: &StoragePath) -> Option<(Moment, ErrorKind)> {
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let concerns =
            |fault: &&mut Fault| fault.method == method && path.as_str().ends_with(fault.path_ending);
        let fault = faults.iter_mut().filter(|fault| fault.times > 0).find(concerns)?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        fault.times = fault.times.saturating_sub(1);
        Some((fault.moment, fault.kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryDriver;

    #[tokio::test]
    async fn only_the_chosen_call_fails_and_only_so_often() {
        let driver = Faulty::new(MemoryDriver::new());
        let path: StoragePath = "/a/link".parse().unwrap();
        driver.plan(Fault { after: 1, ..Fault::once(Method::Put, "/link", ErrorKind::Unavailable) });
        let put = || driver.put(&path, Bytes::from_static(b"x"), PutOptions::default());
        assert!(put().await.is_ok());
        assert_eq!(put().await.unwrap_err().kind(), ErrorKind::Unavailable);
        assert!(put().await.is_ok());
    }

    #[tokio::test]
    async fn a_lost_answer_is_not_an_undone_deed() {
        let driver = Faulty::new(MemoryDriver::new());
        let path: StoragePath = "/a".parse().unwrap();
        driver.plan(Fault {
            moment: Moment::After,
            ..Fault::always(Method::Commit, "", ErrorKind::Unavailable)
        });
        let writer = driver.writer(&path, WriterStart::New).await.unwrap();
        assert_eq!(writer.commit(&path).await.unwrap_err().kind(), ErrorKind::Unavailable);
        assert!(driver.stat(&path).await.is_ok());
    }
}
