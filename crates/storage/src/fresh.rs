//! Storing a blob whose digest is known before its first byte is stored: nothing has to be moved afterwards.

use bytes::Bytes;
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::Descriptor;
use wharf_registry::Error;
use wharf_storage_driver::{ErrorKind, PutOptions, Writer, WriterStart};

use crate::body::{Body, Gathered};
use crate::error::{failed, found};
use crate::hashing::{self, Hashers};
use crate::layout;
use crate::namespace::StoredRepository;
use crate::record::SMALL_BYTES;
use crate::uploads::new_id;

impl StoredRepository {
    /// Stores `start` and then the body as a blob of this repository. When anything fails nothing is kept of
    /// the body.
    pub(crate) async fn store_fresh(
        &self,
        start: Bytes,
        mut body: Body,
        digest: &Digest,
    ) -> Result<Descriptor, Error> {
        match body.gather(start, SMALL_BYTES).await {
            Gathered::Broken(_, error) => Err(error),
            Gathered::All(all) => self.store_small(all, digest).await,
            Gathered::More(all) => self.store_large(all, body, digest).await,
        }
    }

    async fn store_small(&self, bytes: Bytes, digest: &Digest) -> Result<Descriptor, Error> {
        check_digest(digest, hashing::digest_of(digest.algorithm(), &bytes).await)?;
        let canonical = match digest.algorithm() {
            Algorithm::Sha256 => *digest,
            _ => hashing::digest_of(Algorithm::Sha256, &bytes).await,
        };
        let size = bytes.len() as u64;
        let data = layout::blob_data(&canonical);
        self.driver().put(&data, bytes, PutOptions::default()).await.map_err(failed)?;
        self.take_in(digest, canonical, size).await
    }

    async fn store_large(&self, start: Bytes, body: Body, digest: &Digest) -> Result<Descriptor, Error> {
        if digest.algorithm() != Algorithm::Sha256 {
            return self.store_moved(start, body, digest).await;
        }
        match self.driver().writer(&layout::blob_data(digest), WriterStart::New).await {
            Ok(writer) => self.publish(writer, start, body, digest).await,
            // Someone pushes the same at this moment. The later of the two replaces what is there by the
            // same.
            Err(error) if error.kind() == ErrorKind::Busy => self.store_moved(start, body, digest).await,
            Err(error) => Err(failed(error)),
        }
    }

    /// Stores a blob by way of an upload that nobody knows.
    async fn store_moved(&self, start: Bytes, body: Body, digest: &Digest) -> Result<Descriptor, Error> {
        let id = new_id()?;
        let writer =
            self.driver().writer(&self.layout.upload_data(&id), WriterStart::New).await.map_err(failed)?;
        let result = self.publish(writer, start, body, digest).await;
        // A store with real folders has one left.
        if let Err(error) = found(self.driver().delete(&self.layout.upload(&id)).await) {
            tracing::debug!(error = &error as &dyn std::error::Error, "upload {id} stays until it is purged");
        }
        result
    }

    async fn publish(
        &self,
        mut writer: Box<dyn Writer>,
        start: Bytes,
        mut body: Body,
        digest: &Digest,
    ) -> Result<Descriptor, Error> {
        let canonical = match write_verified(&mut *writer, start, &mut body, digest).await {
            Ok(canonical) => canonical,
            Err(error) => {
                if let Err(error) = writer.cancel().await {
                    tracing::debug!(error = &error as &dyn std::error::Error, "refused bytes stay unseen");
                }
                return Err(error);
            }
        };
        let size = writer.offset();
        writer.commit(&layout::blob_data(&canonical)).await.map_err(failed)?;
        self.take_in(digest, canonical, size).await
    }
}

/// Writes everything and checks its digest; returns the sha256.
async fn write_verified(
    writer: &mut dyn Writer,
    start: Bytes,
    body: &mut Body,
    digest: &Digest,
) -> Result<Digest, Error> {
    let mut hashers = Hashers::new(digest.algorithm());
    let mut piece = Some(start);
    while let Some(bytes) = piece {
        hashers.update(&bytes).await;
        writer.write(bytes).await.map_err(failed)?;
        piece = body.next().await?;
    }
    hashers.verified(digest).unwrap_or_else(|| Err(Error::internal("the hash of an upload was not begun")))
}

/// Refuses content whose digest is not the one that was said.
pub(crate) fn check_digest(expected: &Digest, actual: Digest) -> Result<(), Error> {
    if *expected == actual { Ok(()) } else { Err(Error::DigestMismatch { expected: *expected, actual }) }
}

impl Hashers {
    /// The sha256 of the bytes if they are those of `digest`; none when its algorithm was not begun.
    pub(crate) fn verified(&self, digest: &Digest) -> Option<Result<Digest, Error>> {
        let (actual, canonical) = (self.digest(digest.algorithm())?, self.digest(Algorithm::Sha256)?);
        Some(check_digest(digest, actual).map(|()| canonical))
    }
}
