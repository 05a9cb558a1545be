//! Blobs: found, read, mounted and deleted. How they get here is told in `uploads.rs`.

use std::ops::Range;
use std::time::SystemTime;

use async_trait::async_trait;
use wharf_cache::{Content as Held, Entry};
use wharf_content::Content;
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::{Descriptor, media_type};
use wharf_reference::RepositoryName;
use wharf_registry::{Blob, Blobs, Error, Mount, Redirect, RedirectMethod, TarSum};
use wharf_storage_driver::{RedirectMethod as DriverMethod, RedirectRequest};

use crate::error::{Damage, failed, found};
use crate::lasting::to_its_end;
use crate::layout;
use crate::namespace::StoredRepository;
use crate::options::{AnonymousMounts, Deletes, Redirects};

/// What clients are told when deleting is switched off.
pub(crate) const DELETES_REFUSED: Error = Error::Unsupported("deleting is switched off");

/// A blob that was found in a repository.
struct StoredBlob {
    repository: StoredRepository,
    descriptor: Descriptor,
    canonical: Digest,
}

#[async_trait]
impl Blobs for StoredRepository {
    async fn open(&self, digest: &Digest) -> Result<Box<dyn Blob>, Error> {
        let entry = self.blob(digest).await?.ok_or(Error::BlobUnknown(*digest))?;
        Ok(Box::new(StoredBlob {
            repository: self.clone(),
            descriptor: Descriptor::new(entry.media_type, *digest, entry.size),
            canonical: entry.canonical,
        }))
    }

    async fn exists(&self, digest: &Digest) -> Result<bool, Error> {
        Ok(self.blob(digest).await?.is_some())
    }

    async fn by_tarsum(&self, sum: &TarSum) -> Result<Digest, Error> {
        self.layer_of_tarsum(sum).await?.ok_or_else(|| Error::LayerUnknown(sum.clone()))
    }

    async fn mount(&self, digest: &Digest, from: Option<&RepositoryName>) -> Result<Mount, Error> {
        let entry = match from {
            Some(name) => self.sibling(name).blob(digest).await?,
            None => self.blob_of_anyone(digest).await?,
        };
        let Some(entry) = entry else { return Ok(Mount::NotFound) };
        let descriptor = self.take_in(digest, entry.canonical, entry.size).await?;
        Ok(Mount::Mounted(descriptor, from.cloned()))
    }

    async fn delete(&self, digest: &Digest) -> Result<(), Error> {
        if self.options().deletes == Deletes::Refused {
            return Err(DELETES_REFUSED);
        }
        let (repository, digest) = (self.clone(), *digest);
        to_its_end(async move { repository.delete_blob(&digest).await }).await
    }
}

impl StoredRepository {
    async fn delete_blob(&self, digest: &Digest) -> Result<(), Error> {
        let link = self.link(Held::Blob, digest).await?;
        let canonical = link.ok_or(Error::BlobUnknown(*digest))?;
        if canonical == *digest {
            return self.unlink(Held::Blob, &[canonical]).await;
        }
        if self.link(Held::Blob, &canonical).await?.is_none() {
            return Err(Error::BlobUnknown(*digest));
        }
        self.unlink(Held::Blob, &[canonical, *digest]).await
    }

    /// Makes data that is stored a blob of this repository.
    pub(crate) async fn take_in(
        &self,
        digest: &Digest,
        canonical: Digest,
        size: u64,
    ) -> Result<Descriptor, Error> {
        let tickets = self.tickets(digest, &canonical).await;
        self.link_up(Held::Blob, digest, &canonical).await?;
        let entry = Entry { canonical, size, media_type: media_type::OCTET_STREAM.to_owned() };
        self.remember_all(Held::Blob, &entry, tickets).await;
        Ok(Descriptor::new(entry.media_type, *digest, size))
    }

    /// A blob that any repository holds, if its data can be named: another algorithm's digest only with the
    /// cache's help.
    async fn blob_of_anyone(&self, digest: &Digest) -> Result<Option<Entry>, Error> {
        if self.options().anonymous_mounts == AnonymousMounts::Refused {
            return Ok(None);
        }
        let canonical = match digest.algorithm() {
            Algorithm::Sha256 => Some(*digest),
            _ => self.shared.cache.canonical(digest).await.unwrap_or_default(),
        };
        let Some(canonical) = canonical.filter(|canonical| canonical.algorithm() == Algorithm::Sha256) else {
            return Ok(None);
        };
        let size = self.data_size(&canonical).await?;
        Ok(size.map(|size| Entry { canonical, size, media_type: media_type::OCTET_STREAM.to_owned() }))
    }
}

#[async_trait]
impl Blob for StoredBlob {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn read(&self, range: Range<u64>) -> Result<Content, Error> {
        let path = layout::blob_data(&self.canonical);
        let expected = self.descriptor.size;
        let stored = found(self.repository.driver().read(&path, range).await)?;
        match stored {
            Some(stored) if stored.size == expected => Ok(stored.content),
            Some(stored) => {
                self.forget().await;
                Err(Damage::Size { path, expected, actual: stored.size }.into())
            }
            None => {
                self.forget().await;
                Err(Error::BlobUnknown(self.descriptor.digest))
            }
        }
    }

    async fn created_at(&self) -> Result<Option<SystemTime>, Error> {
        let stat = self.repository.driver().stat(&layout::blob_data(&self.canonical)).await;
        Ok(found(stat)?.and_then(|stat| stat.modified))
    }

    async fn redirect(&self, redirect: &Redirect) -> Result<Option<String>, Error> {
        if self.repository.options().redirects == Redirects::Never {
            return Ok(None);
        }
        let method = match redirect.method {
            RedirectMethod::Get => DriverMethod::Get,
            RedirectMethod::Head => DriverMethod::Head,
        };
        let request = RedirectRequest { method, client: redirect.client, lifetime: None };
        self.repository.driver().redirect(&layout::blob_data(&self.canonical), &request).await.map_err(failed)
    }
}

impl StoredBlob {
    /// What the cache said turned out to be wrong.
    async fn forget(&self) {
        self.repository.forget(Held::Blob, &[self.descriptor.digest, self.canonical]).await;
    }
}
