//! Signatures that are kept apart from the manifests that they are over, as registries from 2.0 to 2.4 did.

use async_trait::async_trait;
use bytes::Bytes;
use wharf_digest::Digest;

use crate::Error;

/// The signatures of a repository's manifests of schema 1. What a signature is, nobody looks at here.
#[async_trait]
pub trait Signatures: Send + Sync {
    /// The signatures of a manifest, each in the bytes that it was stored as; none when there are none.
    ///
    /// # Errors
    ///
    /// What the store says.
    async fn get(&self, revision: &Digest) -> Result<Vec<Bytes>, Error>;

    /// Keeps signatures of a manifest, beside those that are kept already.
    ///
    /// # Errors
    ///
    /// [`Error::ManifestUnknown`], [`Error::Unsupported`].
    async fn put(&self, revision: &Digest, signatures: Vec<Bytes>) -> Result<(), Error>;
}

/// The signatures of a registry that keeps none.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSignatures;

#[async_trait]
impl Signatures for NoSignatures {
    async fn get(&self, _: &Digest) -> Result<Vec<Bytes>, Error> {
        Ok(Vec::new())
    }

    async fn put(&self, _: &Digest, _: Vec<Bytes>) -> Result<(), Error> {
        Err(Error::Unsupported("this registry keeps no signatures"))
    }
}
