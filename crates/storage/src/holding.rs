//! What a repository holds: the one place that answers whether a digest is a blob, or a manifest, of a
//! repository.
//!
//! A cache may answer, and may be wrong for a moment when something is deleted meanwhile: a reader that found
//! a link just before it went must not remember it just after. So every deletion is counted, before and after
//! it happens, and whoever remembers something while the count moved forgets it again.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future;
use wharf_cache::{Content, Entry};
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::{Descriptor, Manifest, media_type};
use wharf_registry::Error;
use wharf_storage_driver::{ErrorKind, Kind, StoragePath};

use crate::error::{Damage, found};
use crate::namespace::StoredRepository;
use crate::{hashing, layout, links};

impl StoredRepository {
    /// What is known of a blob of this repository: from the cache, else from its link and its data, asked
    /// together.
    pub(crate) async fn blob(&self, digest: &Digest) -> Result<Option<Entry>, Error> {
        if let Some(entry) = self.remembered(Content::Blob, digest).await {
            return Ok(Some(entry));
        }
        let deletions = self.deletions();
        let Some((canonical, size)) = self.sized(Content::Blob, digest).await? else { return Ok(None) };
        let entry = Entry { canonical, size, media_type: media_type::OCTET_STREAM.to_owned() };
        self.remember(Content::Blob, digest, &entry, deletions).await;
        Ok(Some(entry))
    }

    /// The size of something that this repository holds, in bytes, without reading it.
    pub(crate) async fn size_of(&self, content: Content, digest: &Digest) -> Result<Option<u64>, Error> {
        if content == Content::Blob {
            return Ok(self.blob(digest).await?.map(|entry| entry.size));
        }
        match self.remembered(content, digest).await {
            Some(entry) => Ok(Some(entry.size)),
            None => Ok(self.sized(content, digest).await?.map(|(_, size)| size)),
        }
    }

    /// A manifest of this repository, from memory as far as that goes.
    pub(crate) async fn manifest(&self, digest: &Digest) -> Result<Option<Arc<Manifest>>, Error> {
        if let Some(entry) = self.remembered(Content::Manifest, digest).await {
            if let Some(manifest) = self.shared.manifests.get(&entry.canonical) {
                return Ok(Some(manifest));
            }
            let manifest = self.read_manifest(&entry.canonical).await?;
            if manifest.is_none() {
                self.forget(Content::Manifest, digest).await;
            }
            return Ok(manifest);
        }
        let deletions = self.deletions();
        let Some((canonical, manifest)) = self.stored_manifest(digest).await? else { return Ok(None) };
        self.remember_manifest(digest, canonical, &manifest, deletions).await;
        Ok(Some(manifest))
    }

    /// A manifest of this repository from its link and its data, asked together. Nothing is remembered.
    pub(crate) async fn stored_manifest(
        &self,
        digest: &Digest,
    ) -> Result<Option<(Digest, Arc<Manifest>)>, Error> {
        let Some(canonical) = self.canonical(Content::Manifest, digest).await? else { return Ok(None) };
        let data = self.read_manifest(&canonical);
        let (link, manifest) = future::join(self.link(Content::Manifest, &canonical), data).await;
        Ok(if link?.is_some() { manifest?.map(|manifest| (canonical, manifest)) } else { None })
    }

    /// Remembers a manifest that the repository holds.
    pub(crate) async fn remember_manifest(
        &self,
        digest: &Digest,
        canonical: Digest,
        manifest: &Arc<Manifest>,
        deletions: u64,
    ) {
        let size = manifest.bytes().len() as u64;
        self.shared.manifests.insert(canonical, Arc::clone(manifest), memory_of(manifest));
        let entry = Entry { canonical, size, media_type: manifest.media_type().to_owned() };
        self.remember(Content::Manifest, digest, &entry, deletions).await;
    }

    /// Remembers what a digest names here, and under its sha256 too; `deletions` is from before it was looked
    /// up.
    pub(crate) async fn remember(&self, content: Content, digest: &Digest, entry: &Entry, deletions: u64) {
        for name in names(digest, &entry.canonical) {
            if let Err(error) = self.shared.cache.remember(&self.name, content, name, entry).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "cache does not remember {name}");
            }
        }
        if self.deletions() != deletions {
            self.forget(content, digest).await;
            self.forget(content, &entry.canonical).await;
        }
    }

    /// Forgets what a digest names here.
    pub(crate) async fn forget(&self, content: Content, digest: &Digest) {
        if let Err(error) = self.shared.cache.forget(&self.name, content, digest).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "cache does not forget {digest}");
        }
    }

    /// Deletes what makes digests belong to this repository, and sees to it that no cache says otherwise
    /// afterwards.
    pub(crate) async fn unlink(&self, content: Content, digests: &[Digest]) -> Result<(), Error> {
        self.shared.deletions.fetch_add(1, Ordering::SeqCst);
        future::join_all(digests.iter().map(|digest| self.forget(content, digest))).await;
        let deletions = digests.iter().map(|digest| async move {
            let folder = match content {
                Content::Blob => self.layout.layer(digest),
                Content::Manifest => self.layout.revision(digest),
            };
            self.driver().delete(&folder).await
        });
        let results = future::join_all(deletions).await;
        self.shared.deletions.fetch_add(1, Ordering::SeqCst);
        future::join_all(digests.iter().map(|digest| self.forget(content, digest))).await;
        results.into_iter().try_for_each(|result| found(result).map(drop))
    }

    /// Writes the links that make data belong to this repository, under the digest that was used and under
    /// its sha256.
    pub(crate) async fn link_up(
        &self,
        content: Content,
        digest: &Digest,
        canonical: &Digest,
    ) -> Result<(), Error> {
        let writes = names(digest, canonical).map(|name| async move {
            links::write(self.driver(), &self.link_path(content, name), canonical).await
        });
        future::try_join_all(writes).await.map(drop)
    }

    /// The sha256 under which the data of a digest lies, as far as that is known without asking for the
    /// sha256's own link.
    pub(crate) async fn canonical(&self, content: Content, digest: &Digest) -> Result<Option<Digest>, Error> {
        match digest.algorithm() {
            Algorithm::Sha256 => Ok(Some(*digest)),
            _ => self.link(content, digest).await,
        }
    }

    /// The link of a digest.
    pub(crate) async fn link(&self, content: Content, digest: &Digest) -> Result<Option<Digest>, Error> {
        links::read_canonical(self.driver(), &self.link_path(content, digest), digest).await
    }

    /// What a cache knows; another algorithm's name counts only while the sha256 is there too.
    async fn remembered(&self, content: Content, digest: &Digest) -> Option<Entry> {
        let entry = self.ask_cache(content, digest).await?;
        if entry.canonical.algorithm() != Algorithm::Sha256 {
            return None;
        }
        if entry.canonical == *digest { Some(entry) } else { self.ask_cache(content, &entry.canonical).await }
    }

    async fn ask_cache(&self, content: Content, digest: &Digest) -> Option<Entry> {
        match self.shared.cache.find(&self.name, content, digest).await {
            Ok(entry) => entry,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cache does not answer");
                None
            }
        }
    }

    async fn sized(&self, content: Content, digest: &Digest) -> Result<Option<(Digest, u64)>, Error> {
        let Some(canonical) = self.canonical(content, digest).await? else { return Ok(None) };
        let size = self.data_size(&canonical);
        let (link, size) = future::join(self.link(content, &canonical), size).await;
        Ok(if link?.is_some() { size?.map(|size| (canonical, size)) } else { None })
    }

    /// The size of the data that a sha256 names, in bytes, whoever holds it.
    pub(crate) async fn data_size(&self, canonical: &Digest) -> Result<Option<u64>, Error> {
        let path = layout::blob_data(canonical);
        match found(self.driver().stat(&path).await)? {
            Some(stat) if stat.kind == Kind::Folder => Err(Damage::Folder { path }.into()),
            stat => Ok(stat.map(|stat| stat.size)),
        }
    }

    async fn read_manifest(&self, canonical: &Digest) -> Result<Option<Arc<Manifest>>, Error> {
        if let Some(manifest) = self.shared.manifests.get(canonical) {
            return Ok(Some(manifest));
        }
        let path = layout::blob_data(canonical);
        let object = match self.driver().get(&path, Manifest::MAX_BYTES).await {
            Err(error) if error.kind() == ErrorKind::TooLarge => {
                return Err(Damage::ManifestSize { path, limit_bytes: Manifest::MAX_BYTES }.into());
            }
            result => found(result)?,
        };
        let Some(object) = object else { return Ok(None) };
        if hashing::digest_of(Algorithm::Sha256, &object.bytes).await != *canonical {
            return Err(Damage::ManifestBytes { path }.into());
        }
        let manifest =
            Manifest::parse_stored(object.bytes).map_err(|source| Damage::Manifest { path, source })?;
        Ok(Some(Arc::new(manifest)))
    }

    fn link_path(&self, content: Content, digest: &Digest) -> StoragePath {
        match content {
            Content::Blob => self.layout.layer_link(digest),
            Content::Manifest => self.layout.revision_link(digest),
        }
    }
}

/// Both names of something, or the only one.
fn names<'a>(digest: &'a Digest, canonical: &'a Digest) -> impl Iterator<Item = &'a Digest> {
    std::iter::once(canonical).chain((digest != canonical).then_some(digest))
}

/// What a parsed manifest takes, in bytes, roughly: its own bytes, the texts cut from them, and a struct per
/// descriptor.
fn memory_of(manifest: &Manifest) -> u64 {
    let descriptors = manifest.references().count() * size_of::<Descriptor>();
    (manifest.bytes().len() * 2 + descriptors) as u64
}
