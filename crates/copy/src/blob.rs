//! Moves one blob: not at all if it is there, without a byte if it can be mounted, and otherwise until it has arrived.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use wharf_content::{ByteStream, Content};
use wharf_registry::{Descriptor, Error as RegistryError, Mount, UploadStatus};

use crate::walk::Copy;
use crate::{Error, Event, Options, Outcome, Watcher};

/// Sees to it that the destination has a blob, and says how that came about.
pub(crate) async fn move_blob(copy: &Copy, descriptor: &Descriptor) -> Result<Outcome, Error> {
    let blobs = copy.destination.blobs();
    let what = || format!("blob {}", descriptor.digest);
    match blobs.open(&descriptor.digest).await {
        Ok(_) => return Ok(Outcome::Present),
        Err(error) if error.is_unknown() => {}
        Err(error) => return Err(copy.unwritten(what(), error)),
    }
    if let Some(from) = &copy.options.mount_from {
        let mount = blobs.mount(&descriptor.digest, Some(from)).await;
        if let Mount::Mounted(..) = mount.map_err(|error| copy.unwritten(what(), error))? {
            return Ok(Outcome::Mounted);
        }
    }
    copy.watcher.happened(Event::Moving(descriptor));
    let moving = Moving { copy, descriptor };
    if descriptor.size > copy.options.resumable_bytes {
        moving.through_an_upload().await?;
    } else {
        moving.at_once().await?;
    }
    Ok(Outcome::Copied)
}

/// A blob on its way.
struct Moving<'a> {
    copy: &'a Copy,
    descriptor: &'a Descriptor,
}

impl Moving<'_> {
    /// Moves a small blob, from the start again if it fails.
    async fn at_once(&self) -> Result<(), Error> {
        let mut failures = 0;
        loop {
            let body = self.read_from(0).await?;
            let put = self.copy.destination.uploads().put(&self.descriptor.digest, body).await;
            let Err(error) = put else { return Ok(()) };
            failures += 1;
            self.pause(error, failures).await?;
        }
    }

    /// Moves a large blob, from where it is if it fails.
    async fn through_an_upload(&self) -> Result<(), Error> {
        let uploads = self.copy.destination.uploads();
        let mut upload = self.start().await?;
        let mut failures = 0;
        while upload.offset < self.descriptor.size {
            let body = self.read_from(upload.offset).await?;
            let before = upload.offset;
            match uploads.append(&upload.id, Some(before), body).await {
                Ok(status) => upload = status,
                Err(error) => {
                    failures += 1;
                    if let Err(error) = self.pause(error, failures).await {
                        let _kept_by_the_registry = uploads.cancel(&upload.id).await;
                        return Err(error);
                    }
                    upload = match uploads.status(&upload.id).await {
                        Ok(status) => status,
                        Err(_) => self.start().await?,
                    };
                }
            }
            if upload.offset > before {
                failures = 0;
            }
        }
        let end = Some(self.descriptor.size);
        let finished = uploads.finish(&upload.id, end, ByteStream::empty(), &self.descriptor.digest).await;
        finished.map_err(|error| self.unwritten(error))?;
        Ok(())
    }

    async fn start(&self) -> Result<UploadStatus, Error> {
        let started = self.copy.destination.uploads().start(Some(self.descriptor.digest.algorithm())).await;
        started.map_err(|error| self.unwritten(error))
    }

    /// What is left of the blob at the source.
    async fn read_from(&self, offset: u64) -> Result<ByteStream, Error> {
        let (blobs, end) = (self.copy.source.blobs(), self.descriptor.size);
        let unread = |error| self.copy.unread(format!("blob {}", self.descriptor.digest), error);
        let content = match offset {
            0 => blobs.fetch(self.descriptor).await,
            _ => match blobs.open(&self.descriptor.digest).await {
                Ok(blob) => blob.read(offset..end).await,
                Err(error) => Err(error),
            },
        };
        Ok(watched(content.map_err(unread)?, Arc::clone(&self.copy.watcher)))
    }

    /// Waits after a failure that may pass; any other is the end.
    async fn pause(&self, error: RegistryError, failures: u32) -> Result<(), Error> {
        let error = match error {
            RegistryError::Body(cause) if cause.kind() == io::ErrorKind::InvalidData => {
                let repository = self.copy.source.name().clone();
                return Err(Error::Corrupt { digest: self.descriptor.digest, repository, source: cause });
            }
            error => error,
        };
        let may_pass =
            matches!(
                error,
                RegistryError::Unavailable { .. } | RegistryError::Body(_) | RegistryError::UploadUnknown(_)
            ) || matches!(error, RegistryError::UploadOffset { .. } | RegistryError::UploadBusy(_));
        let Options { attempts, backoff: first, patience, .. } = self.copy.options;
        let asked = match &error {
            RegistryError::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        };
        if !may_pass || failures >= attempts || asked.is_some_and(|asked| asked > patience) {
            return Err(self.unwritten(error));
        }
        tracing::debug!(digest = %self.descriptor.digest, failures, %error, "moving a blob again");
        tokio::time::sleep(asked.unwrap_or_else(|| backoff(first, failures))).await;
        Ok(())
    }

    fn unwritten(&self, error: RegistryError) -> Error {
        self.copy.unwritten(format!("blob {}", self.descriptor.digest), error)
    }
}

fn backoff(first: Duration, failures: u32) -> Duration {
    first.saturating_mul(1 << failures.saturating_sub(1).min(5))
}

/// A stream whose bytes the watcher hears about.
fn watched(content: Content, watcher: Arc<dyn Watcher>) -> ByteStream {
    let stream = content.into_stream();
    let len = stream.len();
    let counted = stream.inspect(move |piece| {
        if let Ok(piece) = piece {
            watcher.happened(Event::Passed(piece.len() as u64));
        }
    });
    ByteStream::new(len, counted)
}
