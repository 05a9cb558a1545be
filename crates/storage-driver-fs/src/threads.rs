//! The threads that wait for the disk: a bounded number of them.

use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;

use crate::failure::Failure;

#[derive(Debug)]
pub(crate) struct Threads {
    free: Arc<Semaphore>,
}

impl Threads {
    pub(crate) fn new(max: NonZeroUsize) -> Self {
        Self { free: Arc::new(Semaphore::new(max.get().min(Semaphore::MAX_PERMITS))) }
    }

    /// Waits for a free thread and then for what is done on it. The thread counts as used until it is done, also when
    /// nobody waits any more.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        finished(&mut self.reserve().await.start(work)).await
    }

    /// Waits for a free thread.
    pub(crate) async fn reserve(&self) -> Reserved {
        // The semaphore is never closed, so this is always a permit.
        Reserved { permit: Arc::clone(&self.free).acquire_owned().await }
    }
}

/// A thread that waits for work.
pub(crate) struct Reserved {
    permit: Result<OwnedSemaphorePermit, AcquireError>,
}

impl Reserved {
    pub(crate) fn start<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> JoinHandle<Result<T, Failure>> {
        tokio::task::spawn_blocking(move || {
            let _permit = self.permit;
            work()
        })
    }
}

/// What came of the work; that a thread was lost is a failure like others.
pub(crate) async fn finished<T>(work: &mut JoinHandle<Result<T, Failure>>) -> Result<T, Failure> {
    work.await.unwrap_or_else(|error| Err(std::io::Error::other(error).into()))
}
