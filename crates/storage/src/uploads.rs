//! Pushing blobs: in one piece, or through an upload that lives across requests and processes.
//!
//! A small upload is held in its record, which is replaced only by whoever read it last; of two requests that
//! add to it at once one is told that the other was faster. How large ones keep apart is told in `large.rs`.
//!
//! Whatever takes in a body runs as a task of its own: when a client goes away its request is dropped, and
//! what had arrived must be kept all the same.

use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;
use wharf_content::ByteStream;
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::Descriptor;
use wharf_registry::{Error, TarSum, UploadId, UploadStatus, Uploads};
use wharf_storage_driver::{ErrorKind, PutMode, PutOptions, Sync, Version};

use crate::body::{Body, Gathered};
use crate::error::{failed, found};
use crate::lasting::to_its_end;
use crate::namespace::StoredRepository;
use crate::record::{RECORD_LIMIT_BYTES, Record, Recorded, SMALL_BYTES};

#[async_trait]
impl Uploads for StoredRepository {
    async fn start(&self, algorithm: Option<Algorithm>) -> Result<UploadStatus, Error> {
        let id = new_id()?;
        let record = Record::new(SystemTime::now(), algorithm.unwrap_or(Algorithm::Sha256));
        let options = PutOptions { mode: PutMode::Overwrite, sync: Sync::Relaxed };
        let put = self.driver().put(&self.layout.upload_record(&id), record.to_bytes(), options).await;
        let held = Held { record: record.clone(), version: put.map_err(failed)? };
        self.shared.begun.remember(&self.name, &id, held);
        Ok(status(&id, &record, 0))
    }

    async fn status(&self, id: &UploadId) -> Result<UploadStatus, Error> {
        let held = self.record(id).await?;
        let offset = match held.record.content {
            Recorded::Large { hashers: None, .. } => self.large_offset(id, &held.record).await?,
            _ => held.record.offset(),
        };
        Ok(status(id, &held.record, offset))
    }

    async fn append(&self, id: &UploadId, at: Option<u64>, body: ByteStream) -> Result<UploadStatus, Error> {
        let (repository, id) = (self.clone(), id.clone());
        to_its_end(async move {
            let held = repository.expected(&id, at).await?;
            let record = match held.record.content.clone() {
                Recorded::Small(bytes) => {
                    repository.append_small(&id, &held, bytes, at, Body::new(body)).await?
                }
                Recorded::Large { .. } => repository.append_large(&id, held, at, Body::new(body)).await?,
            };
            Ok(status(&id, &record, record.offset()))
        })
        .await
    }

    async fn finish(
        &self,
        id: &UploadId,
        at: Option<u64>,
        body: ByteStream,
        digest: &Digest,
    ) -> Result<Descriptor, Error> {
        let (repository, id, digest) = (self.clone(), id.clone(), *digest);
        to_its_end(async move {
            let remembered = repository.remembered(&id, at);
            let is_remembered = remembered.is_some();
            let held = match remembered {
                Some(held) => held,
                None => repository.record(&id).await?,
            };
            let descriptor = match held.record.content.clone() {
                Recorded::Small(bytes) => {
                    check_offset(at, bytes.len() as u64)?;
                    repository.store_fresh(bytes, Body::new(body), &digest).await?
                }
                Recorded::Large { .. } => {
                    repository.finish_large(&id, held, at, Body::new(body), &digest).await?
                }
            };
            match found(repository.driver().delete(&repository.layout.upload(&id)).await) {
                // Another server has closed or cancelled it since it was begun here.
                Ok(None) if is_remembered => return Err(Error::UploadUnknown(id)),
                Ok(_) => {}
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "finished upload {id} stays until it is purged"
                ),
            }
            Ok(descriptor)
        })
        .await
    }

    async fn finish_by_tarsum(
        &self,
        id: &UploadId,
        at: Option<u64>,
        body: ByteStream,
        sum: &TarSum,
    ) -> Result<Descriptor, Error> {
        let (repository, id, sum) = (self.clone(), id.clone(), sum.clone());
        to_its_end(async move { repository.finish_layer(&id, at, body, &sum).await }).await
    }

    async fn cancel(&self, id: &UploadId) -> Result<(), Error> {
        self.shared.begun.take(&self.name, id);
        let deleted = found(self.driver().delete(&self.layout.upload(id)).await)?;
        deleted.ok_or_else(|| Error::UploadUnknown(id.clone()))
    }

    async fn put(&self, digest: &Digest, body: ByteStream) -> Result<Descriptor, Error> {
        let (repository, digest) = (self.clone(), *digest);
        to_its_end(async move { repository.store_fresh(Bytes::new(), Body::new(body), &digest).await }).await
    }
}

/// A record as it was read.
pub(crate) struct Held {
    pub(crate) record: Record,
    pub(crate) version: Version,
}

impl StoredRepository {
    /// Reads the record that makes an upload one. A record that cannot be read is none: the client begins
    /// anew.
    pub(crate) async fn record(&self, id: &UploadId) -> Result<Held, Error> {
        let path = self.layout.upload_record(id);
        let object = match self.driver().get(&path, RECORD_LIMIT_BYTES).await {
            Err(error) if error.kind() == ErrorKind::TooLarge => None,
            result => Some(found(result)?.ok_or_else(|| Error::UploadUnknown(id.clone()))?),
        };
        let held = object
            .and_then(|object| Some(Held { record: Record::parse(&object.bytes)?, version: object.version }));
        held.ok_or_else(|| {
            tracing::warn!("{path} is no record of an upload");
            Error::UploadUnknown(id.clone())
        })
    }

    /// The record of an upload that the client believes to be at `at`; not read when it can be remembered.
    async fn expected(&self, id: &UploadId, at: Option<u64>) -> Result<Held, Error> {
        match self.remembered(id, at) {
            Some(held) => Ok(held),
            None => self.record(id).await,
        }
    }

    /// What this process remembers of an upload that the client believes to be empty. It may be gone by now.
    fn remembered(&self, id: &UploadId, at: Option<u64>) -> Option<Held> {
        self.shared.begun.take(&self.name, id).filter(|_| at == Some(0))
    }

    /// What to answer when a record was replaced by someone else.
    pub(crate) async fn overtaken(&self, id: &UploadId, given: u64) -> Error {
        match self.record(id).await {
            Ok(held) if held.record.offset() != given => {
                Error::UploadOffset { given, actual: held.record.offset() }
            }
            Ok(_) => Error::UploadBusy(id.clone()),
            Err(error) => error,
        }
    }

    /// Replaces a record if it still is the version that was read; none when it is not.
    ///
    /// A store that is asked twice because its first answer was lost says that the record was changed, though by this
    /// very call.
    pub(crate) async fn replace(
        &self,
        id: &UploadId,
        version: &Version,
        record: &Record,
        sync: Sync,
    ) -> Result<Option<Version>, Error> {
        let options = PutOptions { mode: PutMode::Replace(version.clone()), sync };
        let (path, bytes) = (self.layout.upload_record(id), record.to_bytes());
        match self.driver().put(&path, bytes.clone(), options).await {
            Ok(version) => Ok(Some(version)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) if error.kind() == ErrorKind::Changed => {
                let there = self.driver().get(&path, RECORD_LIMIT_BYTES).await;
                Ok(there.ok().filter(|object| object.bytes == bytes).map(|object| object.version))
            }
            Err(error) => Err(failed(error)),
        }
    }

    async fn append_small(
        &self,
        id: &UploadId,
        held: &Held,
        bytes: Bytes,
        at: Option<u64>,
        mut body: Body,
    ) -> Result<Record, Error> {
        check_offset(at, bytes.len() as u64)?;
        match body.gather(bytes, SMALL_BYTES).await {
            Gathered::All(all) => self.keep_small(id, held, all).await,
            Gathered::Broken(all, error) => {
                self.keep_small(id, held, all).await?;
                Err(error)
            }
            Gathered::More(all) => self.outgrow(id, held, all, body).await,
        }
    }

    async fn keep_small(&self, id: &UploadId, held: &Held, all: Bytes) -> Result<Record, Error> {
        if all.len() as u64 == held.record.offset() {
            return Ok(held.record.clone());
        }
        let record = held.record.next(Recorded::Small(all));
        match self.replace(id, &held.version, &record, Sync::Durable).await? {
            Some(_) => Ok(record),
            None => Err(self.overtaken(id, held.record.offset()).await),
        }
    }
}

/// Refuses a chunk that does not begin where the upload ends.
pub(crate) fn check_offset(at: Option<u64>, actual: u64) -> Result<(), Error> {
    match at {
        Some(given) if given != actual => Err(Error::UploadOffset { given, actual }),
        _ => Ok(()),
    }
}

/// A new name for an upload: a random UUID, as Distribution's purger expects.
pub(crate) fn new_id() -> Result<UploadId, Error> {
    Uuid::new_v4().to_string().parse().map_err(Error::internal)
}

fn status(id: &UploadId, record: &Record, offset: u64) -> UploadStatus {
    UploadStatus { id: id.clone(), offset, started_at: record.started_at.into() }
}
