//! Manifests: read, stored after everything they point to was looked at, and deleted with all that points to
//! them.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future, stream};
use wharf_cache::Content;
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::Manifest;
use wharf_reference::{Reference, Tag};
use wharf_registry::{
    DeletedManifest, Error, ManifestPut, Manifests, Page, PageRequest, PutManifest, StoredManifest,
};
use wharf_storage_driver::{ListOptions, PutOptions};

use crate::blobs::DELETES_REFUSED;
use crate::error::{failed, found};
use crate::lasting::to_its_end;
use crate::namespace::StoredRepository;
use crate::options::Deletes;
use crate::policy::check_class;
use crate::referrers::digest_of;
use crate::schema1::Pushed;
use crate::{hashing, layout};

/// How many tags are looked at before the next are listed.
const TAGS_AT_ONCE: usize = 1000;
/// How many manifests are listed at once.
const REVISIONS_AT_ONCE: usize = 1000;

#[async_trait]
impl Manifests for StoredRepository {
    async fn get(&self, reference: &Reference) -> Result<StoredManifest, Error> {
        let digest = match reference {
            Reference::Tag(tag) => self.tagged(tag).await?.ok_or_else(|| self.unknown(reference))?,
            Reference::Digest(digest) => *digest,
        };
        let manifest = self.manifest(&digest).await?.ok_or_else(|| self.unknown(reference))?;
        Ok(StoredManifest { digest, manifest })
    }

    async fn exists(&self, reference: &Reference) -> Result<bool, Error> {
        let digest = match reference {
            Reference::Tag(tag) => self.tagged(tag).await?,
            Reference::Digest(digest) => Some(*digest),
        };
        match digest {
            Some(digest) => Ok(self.size_of(Content::Manifest, &digest).await?.is_some()),
            None => Ok(false),
        }
    }

    async fn list(&self, page: PageRequest<Digest>) -> Result<Page<Digest>, Error> {
        self.revisions(page).await
    }

    async fn put(&self, put: PutManifest) -> Result<ManifestPut, Error> {
        self.put_manifest(put, References::Checked).await
    }

    async fn put_unchecked(&self, put: PutManifest) -> Result<ManifestPut, Error> {
        self.put_manifest(put, References::Unchecked).await
    }

    async fn delete(&self, digest: &Digest) -> Result<DeletedManifest, Error> {
        if self.options().deletes == Deletes::Refused {
            return Err(DELETES_REFUSED);
        }
        let (repository, digest) = (self.clone(), *digest);
        to_its_end(async move { repository.delete_manifest(&digest).await }).await
    }
}

/// Whether what a manifest points to is looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum References {
    Checked,
    Unchecked,
}

/// What deleting needs to know of a manifest. It may be one that cannot be parsed: that must not keep it from
/// going.
struct Stored {
    bytes: Bytes,
    subject: Option<Digest>,
}

impl StoredRepository {
    async fn put_manifest(&self, put: PutManifest, references: References) -> Result<ManifestPut, Error> {
        if put.bytes.len() > Manifest::MAX_BYTES {
            return Err(Error::TooLarge { limit: Manifest::MAX_BYTES as u64 });
        }
        let Pushed { manifest, signatures } = self.parse_pushed(put.media_type, put.bytes).await?;
        let canonical = hashing::digest_of(Algorithm::Sha256, manifest.bytes()).await;
        let digest = put.digest.unwrap_or(canonical);
        let actual = match digest.algorithm() {
            Algorithm::Sha256 => canonical,
            other => hashing::digest_of(other, manifest.bytes()).await,
        };
        if actual != digest {
            return Err(Error::DigestMismatch { expected: digest, actual });
        }
        check_class(&self.options().classes, put.classes.as_deref(), &manifest)?;
        if references == References::Checked {
            self.check_references(&manifest).await?;
        }
        self.check_movable(&put.tags, &digest).await?;

        let (repository, manifest, tags) = (self.clone(), Arc::new(manifest), put.tags);
        to_its_end(async move {
            let subject = repository.store_manifest(&digest, canonical, &manifest).await?;
            repository.keep_signatures(&canonical, signatures).await?;
            repository.set_tags(tags, &digest).await?;
            Ok(ManifestPut { digest, manifest, subject })
        })
        .await
    }

    async fn revisions(&self, page: PageRequest<Digest>) -> Result<Page<Digest>, Error> {
        let folder = self.layout.revisions(Algorithm::Sha256);
        let mut after =
            page.after.filter(|after| after.algorithm() == Algorithm::Sha256).map(|after| after.hex());
        let mut items = Vec::new();
        loop {
            let limit = (page.limit.get() - items.len()).min(REVISIONS_AT_ONCE);
            let options = ListOptions { start_after: after.as_deref(), limit, holding: Some("link") };
            let Some(listed) = found(self.driver().list(&folder, options).await)? else {
                if items.is_empty() && !self.exists_at_all().await? {
                    return Err(Error::RepositoryUnknown(self.name.clone()));
                }
                return Ok(Page { items, more: false });
            };
            after = listed.entries.last().map(|entry| entry.name.clone());
            items.extend(listed.entries.iter().filter_map(|entry| digest_of(Algorithm::Sha256, &entry.name)));
            if items.len() >= page.limit.get() || !listed.more || after.is_none() {
                return Ok(Page { items, more: listed.more });
            }
        }
    }

    async fn delete_manifest(&self, digest: &Digest) -> Result<DeletedManifest, Error> {
        let unknown = || self.unknown(&Reference::Digest(*digest));
        let canonical = self.canonical(Content::Manifest, digest).await?.ok_or_else(unknown)?;
        self.link(Content::Manifest, &canonical).await?.ok_or_else(unknown)?;
        let manifest = self.stored_bytes(&canonical).await?;
        let names = names_of(digest, canonical, manifest.as_ref()).await;
        self.check_deletable(&names).await?;

        let tags = self.delete_tags_of(&names).await?;
        if let Some(subject) = manifest.as_ref().and_then(|stored| stored.subject) {
            self.delete_referrer(&subject, &names).await?;
        }
        let names: Vec<Digest> = names.into_iter().collect();
        self.unlink(Content::Manifest, &names).await?;
        Ok(DeletedManifest { tags })
    }

    async fn set_tags(&self, tags: Vec<Tag>, digest: &Digest) -> Result<(), Error> {
        let tags = tags.into_iter().map(|tag| async move { self.set_tag(&tag, digest).await });
        stream::iter(tags).buffer_unordered(self.options().tag_concurrency.get()).try_collect().await
    }

    /// Writes a manifest in the order that a crash cannot hurt: data, link, referrer. The tags are to follow.
    async fn store_manifest(
        &self,
        digest: &Digest,
        canonical: Digest,
        manifest: &Arc<Manifest>,
    ) -> Result<Option<Digest>, Error> {
        let data = layout::blob_data(&canonical);
        let put = self.driver().put(&data, manifest.bytes().clone(), PutOptions::default());
        let (put, tickets) = future::join(put, self.tickets(digest, &canonical)).await;
        put.map_err(failed)?;
        self.link_up(Content::Manifest, digest, &canonical).await?;
        let subject = manifest.subject().map(|subject| subject.digest);
        if let Some(subject) = &subject {
            self.add_referrer(subject, digest).await?;
        }
        self.remember_manifest(canonical, manifest, tickets).await;
        Ok(subject)
    }

    async fn stored_bytes(&self, canonical: &Digest) -> Result<Option<Stored>, Error> {
        let data = self.driver().get(&layout::blob_data(canonical), Manifest::MAX_BYTES).await;
        let Some(object) = found(data)? else { return Ok(None) };
        let manifest = Manifest::parse_stored(object.bytes.clone()).ok();
        let subject = manifest.and_then(|manifest| manifest.subject().map(|subject| subject.digest));
        Ok(Some(Stored { bytes: object.bytes, subject }))
    }

    /// Deletes the tags that point to any of these digests, and says which they were.
    async fn delete_tags_of(&self, names: &HashSet<Digest>) -> Result<Vec<Tag>, Error> {
        let concurrency = self.options().tag_concurrency.get();
        let mut deleted = Vec::new();
        let mut after = None;
        while let Some(page) = self.tags_after(after.as_ref(), TAGS_AT_ONCE).await? {
            let Some(last) = page.last().cloned() else { break };
            let complete = page.len() < TAGS_AT_ONCE;
            let looks = page.into_iter().map(|tag| async move {
                Ok::<_, Error>(self.delete_tag_of(&tag, names).await?.then_some(tag))
            });
            let found: Vec<_> = stream::iter(looks).buffered(concurrency).try_collect().await?;
            deleted.extend(found.into_iter().flatten());
            if complete {
                break;
            }
            after = Some(last);
        }
        Ok(deleted)
    }

    async fn delete_referrer(&self, subject: &Digest, names: &HashSet<Digest>) -> Result<(), Error> {
        let deletions = names.iter().map(|name| async move {
            found(self.driver().delete(&self.layout.referrer(subject, name)).await).map(drop)
        });
        future::try_join_all(deletions).await.map(drop)
    }
}

/// Every name under which a manifest can have been pushed.
async fn names_of(digest: &Digest, canonical: Digest, manifest: Option<&Stored>) -> HashSet<Digest> {
    let mut names = HashSet::from([*digest, canonical]);
    if let Some(manifest) = manifest {
        for algorithm in Algorithm::ALL {
            names.insert(hashing::digest_of(algorithm, &manifest.bytes).await);
        }
    }
    names
}
