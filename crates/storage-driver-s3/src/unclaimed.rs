//! What was put into the store and nothing names yet.
//!
//! Until a journal or a whole file names it, only whoever put it there knows that it is there. So it goes when they go,
//! however that comes about: with a last word, with an error, or with a request that is dropped at whatever it waited for.
//! What is sent to it holds it, so that it goes after the last of that. Only what a process leaves that is killed stays,
//! until it is swept.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;

use crate::bucket::Bucket;
use crate::failure::Failure;
use crate::journal::fits_a_line;
use crate::lookup::unexpected;
use crate::{multipart, remove};

/// Something in the store that is undone when this is dropped, unless it was claimed.
#[derive(Debug)]
pub(crate) struct Unclaimed {
    bucket: Arc<Bucket>,
    what: What,
    is_settled: AtomicBool,
}

#[derive(Debug, Clone)]
enum What {
    Multipart { key: String, id: String },
    Object { key: String },
}

impl Unclaimed {
    /// Begins a multipart upload. When nobody waits for it any more, it is undone as soon as the store has answered.
    pub(crate) async fn multipart(bucket: &Arc<Bucket>, key: &str) -> Result<Arc<Self>, Failure> {
        let (bucket, key) = (Arc::clone(bucket), key.to_owned());
        let begun = tokio::spawn(async move {
            let answer = bucket.begin_multipart(&key).send().await?;
            let id = answer.upload_id.filter(|id| fits_a_line(id));
            let id = id.ok_or_else(|| unexpected("the store gave a multipart upload no usable name"))?;
            Ok(Self::new(&bucket, What::Multipart { key, id }))
        });
        begun.await.map_err(|error| unexpected(error.to_string()))?
    }

    /// An object that is about to be written, or that was.
    pub(crate) fn object(bucket: &Arc<Bucket>, key: String) -> Arc<Self> {
        Self::new(bucket, What::Object { key })
    }

    fn new(bucket: &Arc<Bucket>, what: What) -> Arc<Self> {
        Arc::new(Self { bucket: Arc::clone(bucket), what, is_settled: AtomicBool::new(false) })
    }

    pub(crate) fn key(&self) -> &str {
        match &self.what {
            What::Multipart { key, .. } | What::Object { key } => key,
        }
    }

    /// The name of the multipart upload; empty for an object.
    pub(crate) fn id(&self) -> &str {
        match &self.what {
            What::Multipart { id, .. } => id,
            What::Object { .. } => "",
        }
    }

    /// Leaves it to something that names it now, or may name it.
    pub(crate) fn claim(&self) {
        self.is_settled.store(true, Ordering::Relaxed);
    }

    /// Takes a claim back: what was to name it does not.
    pub(crate) fn disclaim(&self) {
        self.is_settled.store(false, Ordering::Relaxed);
    }

    /// Undoes it now. Nothing may be on its way to it.
    pub(crate) async fn undo(&self) -> Result<(), Failure> {
        if self.is_settled.load(Ordering::Relaxed) {
            return Ok(());
        }
        undo(&self.bucket, &self.what).await?;
        self.claim();
        Ok(())
    }

    /// Undoes it now, where something else went wrong already.
    pub(crate) async fn undo_or_warn(&self) {
        if let Err(failure) = self.undo().await {
            tracing::warn!(error = %failure.into_error(), what = ?self.what, "this stays in the store until it is swept");
            self.claim();
        }
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        let runtime = Handle::try_current();
        if let (false, Ok(runtime)) = (*self.is_settled.get_mut(), runtime) {
            let (bucket, what) = (Arc::clone(&self.bucket), self.what.clone());
            runtime.spawn(async move {
                if let Err(failure) = undo(&bucket, &what).await {
                    tracing::debug!(error = %failure.into_error(), ?what, "this stays in the store until it is swept");
                }
            });
        }
    }
}

async fn undo(bucket: &Bucket, what: &What) -> Result<(), Failure> {
    match what {
        What::Multipart { key, id } => multipart::abort(bucket, key, id).await,
        What::Object { key } => remove::remove_key(bucket, key).await,
    }
}
