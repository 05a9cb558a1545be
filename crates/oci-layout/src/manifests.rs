//! Manifests, tags and referrers: blobs that `index.json` leads to.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::{Descriptor, Manifest};
use wharf_reference::{Reference, Tag};
use wharf_registry::{
    DeletedManifest, Error as RegistryError, ManifestPut, Manifests, MissingReference, Page, PageRequest,
    PutManifest, ReferenceFault, ReferrerPage, ReferrerRequest, Referrers, Repository, StoredManifest, Tags,
};

use crate::blobs::found;
use crate::index::{Index, name_of};
use crate::layout::{OciLayout, path_in};
use crate::publish::write_file;

#[async_trait]
impl Manifests for OciLayout {
    async fn get(&self, reference: &Reference) -> Result<StoredManifest, RegistryError> {
        let (digest, entry) = match reference {
            Reference::Digest(digest) => (*digest, None),
            Reference::Tag(tag) => {
                let entry = self.entry(tag).await?;
                (entry.digest, Some(entry))
            }
        };
        let read = self.run(move |folder| read(folder, &digest)).await?;
        let bytes = read.ok_or_else(|| self.unknown(reference))?;
        let actual = digest.algorithm().digest(&bytes);
        if actual != digest {
            return Err(RegistryError::DigestMismatch { expected: digest, actual });
        }
        let media_type = entry.map(|entry| entry.media_type).unwrap_or_default();
        let manifest =
            Manifest::parse(Some(&media_type), bytes.clone()).or_else(|_| Manifest::parse_stored(bytes));
        let manifest = manifest.map_err(RegistryError::ManifestInvalid)?;
        Ok(StoredManifest { digest, manifest: Arc::new(manifest) })
    }

    async fn put(&self, put: PutManifest) -> Result<ManifestPut, RegistryError> {
        let manifest =
            Manifest::parse(put.media_type.as_deref(), put.bytes).map_err(RegistryError::ManifestInvalid)?;
        let algorithm = put.digest.map_or(Algorithm::Sha256, |digest| digest.algorithm());
        let digest = algorithm.digest(manifest.bytes());
        if let Some(expected) = put.digest.filter(|expected| *expected != digest) {
            return Err(RegistryError::DigestMismatch { expected, actual: digest });
        }
        let manifest = Arc::new(manifest);
        let (written, tags) = (Arc::clone(&manifest), put.tags);
        let missing = self
            .run(move |folder| {
                let missing = missing(folder, &written)?;
                if missing.is_empty() {
                    write_file(folder, &path_in(folder, &digest), written.bytes())?;
                    Index::change(folder, |index| index.add(&written, &entry_of(&written, digest), &tags))?;
                }
                Ok(missing)
            })
            .await?;
        if !missing.is_empty() {
            return Err(RegistryError::ManifestReferences(missing));
        }
        let subject = manifest.subject().map(|subject| subject.digest);
        Ok(ManifestPut { digest, manifest, subject })
    }

    async fn delete(&self, digest: &Digest) -> Result<DeletedManifest, RegistryError> {
        let wanted = *digest;
        let deleted = self.run(move |folder| {
            let entries = Index::read(folder)?.entries();
            let of_it = entries.iter().filter(|entry| entry.digest == wanted);
            let tags: Vec<Tag> = of_it.filter_map(name_of).collect();
            Index::change(folder, |index| index.retain(|entry| entry.digest != wanted))?;
            Ok(found(fs::remove_file(path_in(folder, &wanted)))?.map(|()| tags))
        });
        let tags = deleted.await?.ok_or_else(|| self.unknown(&Reference::Digest(*digest)))?;
        Ok(DeletedManifest { tags })
    }
}

#[async_trait]
impl Tags for OciLayout {
    async fn resolve(&self, tag: &Tag) -> Result<Digest, RegistryError> {
        Ok(self.entry(tag).await?.digest)
    }

    async fn list(&self, page: PageRequest<Tag>) -> Result<Page<Tag>, RegistryError> {
        let mut items: Vec<Tag> = self.entries().await?.iter().filter_map(name_of).collect();
        items.retain(|tag| page.after.as_ref().is_none_or(|after| tag > after));
        items.sort_unstable();
        items.dedup();
        let more = items.len() > page.limit.get();
        items.truncate(page.limit.get());
        Ok(Page { items, more })
    }

    async fn delete(&self, tag: &Tag) -> Result<(), RegistryError> {
        self.entry(tag).await?;
        let tag = tag.clone();
        self.run(move |folder| {
            Index::change(folder, |index| index.retain(|entry| name_of(entry).as_ref() != Some(&tag)))
        })
        .await
    }
}

#[async_trait]
impl Referrers for OciLayout {
    async fn list(&self, subject: &Digest, request: ReferrerRequest) -> Result<ReferrerPage, RegistryError> {
        let mut descriptors: Vec<Descriptor> = Vec::new();
        for entry in self.entries().await? {
            let reference = Reference::Digest(entry.digest);
            // An entry whose bytes are not here refers to nothing.
            let Ok(stored) = self.manifests().get(&reference).await else { continue };
            if stored.manifest.subject().is_some_and(|named| named.digest == *subject) {
                descriptors.push(stored.manifest.descriptor(stored.digest));
            }
        }
        descriptors.retain(|descriptor| {
            let wanted = request.artifact_type.as_ref();
            wanted.is_none_or(|wanted| descriptor.artifact_type.as_ref() == Some(wanted))
                && request.after.is_none_or(|after| descriptor.digest > after)
        });
        descriptors.sort_unstable_by_key(|descriptor| descriptor.digest);
        descriptors.dedup_by_key(|descriptor| descriptor.digest);
        Ok(ReferrerPage { descriptors, next: None })
    }
}

impl OciLayout {
    async fn entries(&self) -> Result<Vec<Descriptor>, RegistryError> {
        Ok(self.run(Index::read).await?.entries())
    }

    async fn entry(&self, tag: &Tag) -> Result<Descriptor, RegistryError> {
        let entries = self.entries().await?;
        let named = entries.into_iter().find(|entry| name_of(entry).as_ref() == Some(tag));
        named.ok_or_else(|| self.unknown(&Reference::Tag(tag.clone())))
    }

    fn unknown(&self, reference: &Reference) -> RegistryError {
        RegistryError::ManifestUnknown { repository: self.name().clone(), reference: reference.clone() }
    }
}

/// The bytes of a manifest, unless there are none or too many.
fn read(folder: &Path, digest: &Digest) -> io::Result<Option<Bytes>> {
    let path = path_in(folder, digest);
    match found(fs::metadata(&path))? {
        Some(metadata) if metadata.is_file() && metadata.len() <= Manifest::MAX_BYTES as u64 => {
            Ok(found(fs::read(path))?.map(Bytes::from))
        }
        _ => Ok(None),
    }
}

/// What a manifest points to and is not here, or is of another size.
fn missing(folder: &Path, manifest: &Manifest) -> io::Result<Vec<MissingReference>> {
    let mut missing = Vec::new();
    for (role, descriptor) in manifest.references() {
        let elsewhere = descriptor.is_foreign() && !descriptor.urls.is_empty();
        if !role.must_exist() || elsewhere {
            continue;
        }
        let fault = match found(fs::metadata(path_in(folder, &descriptor.digest)))? {
            Some(metadata) if metadata.len() == descriptor.size => continue,
            Some(metadata) => ReferenceFault::Size { declared: descriptor.size, stored: metadata.len() },
            None => ReferenceFault::Missing,
        };
        missing.push(MissingReference { digest: descriptor.digest, fault });
    }
    Ok(missing)
}

/// How `index.json` describes a manifest. What refers to another is easier to find with its type.
fn entry_of(manifest: &Manifest, digest: Digest) -> Descriptor {
    let mut entry = Descriptor::new(manifest.media_type(), digest, manifest.bytes().len() as u64);
    if manifest.subject().is_some() {
        entry.artifact_type = manifest.artifact_type().map(str::to_owned);
    }
    entry
}
