//! What a registry offers, as traits: whoever stores, fetches or caches images implements them, whoever serves them asks.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use wharf_content::Content;
use wharf_digest::Digest;
use wharf_manifest::{Descriptor, Manifest};
use wharf_reference::{Reference, RepositoryName, Tag};
use wharf_tarsum::TarSum;

use crate::{Error, FullScope, NoSignatures, Scope, Signatures, Uploads};

/// All repositories of a registry.
#[async_trait]
pub trait Namespace: Send + Sync {
    /// A repository by name. It need not exist: what is pushed to it makes it.
    fn repository(&self, name: &RepositoryName) -> Arc<dyn Repository>;

    /// The names of repositories, in byte order. A repository is there once a manifest was pushed to it.
    ///
    /// # Errors
    ///
    /// What the store says.
    async fn repositories(&self, page: PageRequest<RepositoryName>) -> Result<Page<RepositoryName>, Error>;

    /// Which names there can be; all of them, unless it says otherwise.
    fn scope(&self) -> &dyn Scope {
        &FullScope
    }
}

/// One repository.
pub trait Repository: Send + Sync {
    /// Its name.
    fn name(&self) -> &RepositoryName;
    /// Its blobs: configurations, layers and whatever else manifests point to.
    fn blobs(&self) -> &dyn Blobs;
    /// The blobs that are being pushed to it.
    fn uploads(&self) -> &dyn Uploads;
    /// Its manifests.
    fn manifests(&self) -> &dyn Manifests;
    /// Its tags.
    fn tags(&self) -> &dyn Tags;
    /// Which manifests name another as their subject.
    fn referrers(&self) -> &dyn Referrers;
    /// The signatures of its manifests of schema 1, where they are kept; provided for registries that keep none.
    fn signatures(&self) -> &dyn Signatures {
        &NoSignatures
    }
}

/// The blobs of a repository. A blob that another repository holds is unknown here, and so is a manifest.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Finds a blob. The descriptor's digest is the one that was asked for.
    ///
    /// # Errors
    ///
    /// [`Error::BlobUnknown`].
    async fn open(&self, digest: &Digest) -> Result<Box<dyn Blob>, Error>;

    /// Whether the repository holds a blob.
    ///
    /// # Errors
    ///
    /// What the store says; that it is not there is no error.
    async fn exists(&self, digest: &Digest) -> Result<bool, Error> {
        match self.open(digest).await {
            Ok(_) => Ok(true),
            Err(Error::BlobUnknown(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The digest of the blob that an old registry knew by a tarsum.
    ///
    /// # Errors
    ///
    /// [`Error::LayerUnknown`], which is all that a registry says that never knew any.
    async fn by_tarsum(&self, sum: &TarSum) -> Result<Digest, Error> {
        Err(Error::LayerUnknown(sum.clone()))
    }

    /// Reads the whole of a blob that a manifest describes, in one step where that is cheaper than to find it first.
    ///
    /// # Errors
    ///
    /// [`Error::BlobUnknown`].
    async fn fetch(&self, descriptor: &Descriptor) -> Result<Content, Error> {
        let blob = self.open(&descriptor.digest).await?;
        blob.read(0..descriptor.size).await
    }

    /// Makes a blob of another repository one of this, without moving a byte. Without `from` any repository will do, if
    /// the registry can tell cheaply that one holds it.
    ///
    /// # Errors
    ///
    /// What the store says; that there is nothing to mount is no error.
    async fn mount(&self, digest: &Digest, from: Option<&RepositoryName>) -> Result<Mount, Error>;

    /// Takes a blob out of the repository.
    ///
    /// # Errors
    ///
    /// [`Error::BlobUnknown`], [`Error::Unsupported`].
    async fn delete(&self, digest: &Digest) -> Result<(), Error>;
}

/// A blob that was found.
#[async_trait]
pub trait Blob: Send + Sync {
    /// Its digest, size and media type.
    fn descriptor(&self) -> &Descriptor;

    /// Its bytes from `range.start` to just before `range.end`, cut at the blob's end.
    ///
    /// # Errors
    ///
    /// [`Error::BlobUnknown`] when it is gone by now.
    async fn read(&self, range: Range<u64>) -> Result<Content, Error>;

    /// When it was stored, where the store knows.
    ///
    /// # Errors
    ///
    /// What the store says.
    async fn created_at(&self) -> Result<Option<SystemTime>, Error> {
        Ok(None)
    }

    /// Where a client may read the blob by itself, if the store offers that.
    ///
    /// # Errors
    ///
    /// What the store says.
    async fn redirect(&self, redirect: &Redirect) -> Result<Option<String>, Error>;
}

/// Who would follow a redirect, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Redirect {
    /// What the client asks for.
    pub method: RedirectMethod,
    /// The client's address, when it is known.
    pub client: Option<IpAddr>,
}

/// The method that a redirected client will use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectMethod {
    /// The bytes.
    Get,
    /// The headers only.
    Head,
}

/// What came of [`Blobs::mount`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "one is made per mount, and it is taken apart at once")]
pub enum Mount {
    /// The repository holds the blob now; where it came from, if that is known.
    Mounted(Descriptor, Option<RepositoryName>),
    /// There is no such blob to mount: it has to be pushed.
    NotFound,
}

/// The manifests of a repository.
#[async_trait]
pub trait Manifests: Send + Sync {
    /// Reads a manifest by tag or by digest.
    ///
    /// # Errors
    ///
    /// [`Error::ManifestUnknown`].
    async fn get(&self, reference: &Reference) -> Result<StoredManifest, Error>;

    /// Whether there is a manifest of that digest, or a tag that can be pulled.
    ///
    /// # Errors
    ///
    /// What the store says; that it is not there is no error.
    async fn exists(&self, reference: &Reference) -> Result<bool, Error> {
        match self.get(reference).await {
            Ok(_) => Ok(true),
            Err(Error::ManifestUnknown { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The digests of all manifests by their sha256, in byte order, tagged or not.
    ///
    /// # Errors
    ///
    /// [`Error::RepositoryUnknown`]; [`Error::Unsupported`] from whoever cannot list them.
    async fn list(&self, page: PageRequest<Digest>) -> Result<Page<Digest>, Error> {
        let _ = page;
        Err(Error::Unsupported("manifests cannot be listed here"))
    }

    /// Stores a manifest after checking everything that it points to, then sets its tags.
    ///
    /// # Errors
    ///
    /// [`Error::ManifestReferences`], [`Error::DigestMismatch`], [`Error::Denied`].
    async fn put(&self, put: PutManifest) -> Result<ManifestPut, Error>;

    /// As [`put`](Self::put), without looking for what it points to: for whoever stores the parts later. Never offered to
    /// clients.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put); [`Error::Unsupported`] where there is no way around the checks.
    async fn put_unchecked(&self, put: PutManifest) -> Result<ManifestPut, Error> {
        let _ = put;
        Err(Error::Unsupported("what a manifest points to is always checked here"))
    }

    /// Deletes a manifest and every tag that points to it.
    ///
    /// # Errors
    ///
    /// [`Error::ManifestUnknown`], [`Error::Unsupported`].
    async fn delete(&self, digest: &Digest) -> Result<DeletedManifest, Error>;
}

/// A manifest as it was pushed; one of schema 1 without its signatures. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StoredManifest {
    /// The digest that it was asked for by: that of the request, or that of the tag.
    pub digest: Digest,
    /// The manifest, exact bytes included.
    pub manifest: Arc<Manifest>,
}

/// A manifest to be stored.
#[derive(Debug, Clone)]
pub struct PutManifest {
    /// The media type that the client gave, without parameters.
    pub media_type: Option<String>,
    /// The exact bytes; of schema 1 with the signatures in them.
    pub bytes: Bytes,
    /// The digest that it is pushed by; none to use the sha256 of the bytes.
    pub digest: Option<Digest>,
    /// The tags that it is to have.
    pub tags: Vec<Tag>,
    /// The classes of images that the client may push here, where its credentials say so. A registry that takes all classes
    /// does not look at it.
    pub classes: Option<Vec<String>>,
}

/// A manifest that was stored.
#[derive(Debug, Clone)]
pub struct ManifestPut {
    /// Its digest, by the algorithm that it was pushed with.
    pub digest: Digest,
    /// The manifest.
    pub manifest: Arc<Manifest>,
    /// The digest of its subject, which is now listed as having this referrer.
    pub subject: Option<Digest>,
}

/// A manifest that was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedManifest {
    /// The tags that went with it.
    pub tags: Vec<Tag>,
}

/// The tags of a repository.
#[async_trait]
pub trait Tags: Send + Sync {
    /// The digest that a tag points to.
    ///
    /// # Errors
    ///
    /// [`Error::ManifestUnknown`].
    async fn resolve(&self, tag: &Tag) -> Result<Digest, Error>;

    /// Whether there is such a tag.
    ///
    /// # Errors
    ///
    /// What the store says; that it is not there is no error.
    async fn exists(&self, tag: &Tag) -> Result<bool, Error> {
        match self.resolve(tag).await {
            Ok(_) => Ok(true),
            Err(Error::ManifestUnknown { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lets a tag point to a manifest that is there.
    ///
    /// # Errors
    ///
    /// [`Error::ManifestUnknown`], [`Error::TagImmutable`]; [`Error::Unsupported`] where tags are set with their manifests
    /// only.
    async fn set(&self, tag: &Tag, digest: &Digest) -> Result<(), Error> {
        let _ = (tag, digest);
        Err(Error::Unsupported("a tag is set by pushing its manifest"))
    }

    /// Tags in byte order; a tag that could not be pulled is not among them.
    ///
    /// # Errors
    ///
    /// [`Error::RepositoryUnknown`].
    async fn list(&self, page: PageRequest<Tag>) -> Result<Page<Tag>, Error>;

    /// Deletes a tag; its manifest stays.
    ///
    /// # Errors
    ///
    /// [`Error::ManifestUnknown`], [`Error::Unsupported`].
    async fn delete(&self, tag: &Tag) -> Result<(), Error>;
}

/// Manifests that name another as their subject.
#[async_trait]
pub trait Referrers: Send + Sync {
    /// Descriptors of the manifests whose subject is the given digest, in the byte order of their digests. Neither the
    /// subject nor the repository need exist.
    ///
    /// # Errors
    ///
    /// What the store says.
    async fn list(&self, subject: &Digest, request: ReferrerRequest) -> Result<ReferrerPage, Error>;
}

/// Which referrers are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReferrerRequest {
    /// Only those of this artifact type.
    pub artifact_type: Option<String>,
    /// Only those after this digest.
    pub after: Option<Digest>,
}

/// A page of referrers; the registry chooses its size so that the answer stays a size that clients take.
#[derive(Debug, Clone, Default)]
pub struct ReferrerPage {
    /// Media type, size, digest, artifact type and all annotations of each.
    pub descriptors: Vec<Descriptor>,
    /// The digest to ask after for the next page; none when this was the last.
    pub next: Option<Digest>,
}

/// Which page of a listing is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<T> {
    /// Only what comes after this in byte order; it need not exist.
    pub after: Option<T>,
    /// At most this many.
    pub limit: NonZeroUsize,
}

/// A page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it, in byte order.
    pub items: Vec<T>,
    /// Whether anything comes after its last item.
    pub more: bool,
}
