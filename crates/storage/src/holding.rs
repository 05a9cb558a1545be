//! What a repository holds: the one place that answers whether a digest is a blob, or a manifest, of a
//! repository.
//!
//! A cache may answer. What it does not know is asked of the store once, however many ask at that moment, and remembered
//! with the ticket that the cache gave beforehand: a deletion on any replica makes that void, so a reader that found a
//! link just before it went cannot bring it back.
//!
//! The sha256 of something decides: another algorithm's name is an alias, which counts only while the sha256 is there too.

use std::sync::Arc;

use futures_util::future;
use wharf_cache::{Content, Entry, Lookup, Ticket};
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::{Descriptor, Manifest, media_type};
use wharf_registry::Error;
use wharf_storage_driver::{ErrorKind, Kind, StoragePath};

use crate::error::{Damage, found};
use crate::namespace::StoredRepository;
use crate::{hashing, layout, links};

/// What a cache knows of something.
enum Known {
    /// Everything.
    Entry(Entry),
    /// Nothing; the ticket is missing when the cache could not be asked.
    Nothing(Option<Ticket>),
}

/// The tickets for what is about to be linked, each for one of its names.
pub(crate) struct Tickets(Vec<(Digest, Ticket)>);

impl StoredRepository {
    /// What is known of a blob of this repository: from the cache, else from its link and its data, asked
    /// together.
    pub(crate) async fn blob(&self, digest: &Digest) -> Result<Option<Entry>, Error> {
        if digest.algorithm() == Algorithm::Sha256 {
            return self.blob_of_sha256(digest).await;
        }
        let Some((canonical, ticket)) = self.resolve(Content::Blob, digest).await? else { return Ok(None) };
        let entry = self.blob_of_sha256(&canonical).await?;
        if let (Some(ticket), Some(entry)) = (ticket, &entry) {
            self.remember(Content::Blob, digest, entry, ticket).await;
        }
        Ok(entry)
    }

    async fn blob_of_sha256(&self, digest: &Digest) -> Result<Option<Entry>, Error> {
        let ticket = match self.known(Content::Blob, digest).await {
            Known::Entry(entry) => return Ok(Some(entry)),
            Known::Nothing(None) => {
                return Ok(self.size(Content::Blob, digest).await?.map(blob_entry(digest)));
            }
            Known::Nothing(Some(ticket)) => ticket,
        };
        let look = || async {
            let Some(size) = self.size(Content::Blob, digest).await? else { return Ok(None) };
            let entry = blob_entry(digest)(size);
            self.remember(Content::Blob, digest, &entry, ticket).await;
            Ok(Some(entry))
        };
        self.shared.blob_flights.join((self.name.clone(), *digest, ticket), look).await
    }

    /// The size of something that this repository holds, in bytes, without reading it.
    pub(crate) async fn size_of(&self, content: Content, digest: &Digest) -> Result<Option<u64>, Error> {
        if content == Content::Blob {
            return Ok(self.blob(digest).await?.map(|entry| entry.size));
        }
        let canonical = match digest.algorithm() {
            Algorithm::Sha256 => *digest,
            _ => match self.resolve(content, digest).await? {
                Some((canonical, _)) => canonical,
                None => return Ok(None),
            },
        };
        match self.known(content, &canonical).await {
            Known::Entry(entry) => Ok(Some(entry.size)),
            Known::Nothing(_) => self.size(content, &canonical).await,
        }
    }

    /// A manifest of this repository, from memory as far as that goes.
    pub(crate) async fn manifest(&self, digest: &Digest) -> Result<Option<Arc<Manifest>>, Error> {
        if digest.algorithm() == Algorithm::Sha256 {
            return self.manifest_of_sha256(digest).await;
        }
        let Some((canonical, ticket)) = self.resolve(Content::Manifest, digest).await? else {
            return Ok(None);
        };
        let manifest = self.manifest_of_sha256(&canonical).await?;
        if let (Some(ticket), Some(manifest)) = (ticket, &manifest) {
            self.remember(Content::Manifest, digest, &manifest_entry(canonical, manifest), ticket).await;
        }
        Ok(manifest)
    }

    async fn manifest_of_sha256(&self, digest: &Digest) -> Result<Option<Arc<Manifest>>, Error> {
        let ticket = match self.known(Content::Manifest, digest).await {
            Known::Entry(_) => {
                let manifest = self.read_manifest(digest).await?;
                if manifest.is_none() {
                    self.forget(Content::Manifest, &[*digest]).await;
                }
                return Ok(manifest);
            }
            Known::Nothing(None) => return self.linked_manifest(digest).await,
            Known::Nothing(Some(ticket)) => ticket,
        };
        let look = || async {
            let manifest = self.linked_manifest(digest).await?;
            if let Some(manifest) = &manifest {
                self.remember(Content::Manifest, digest, &manifest_entry(*digest, manifest), ticket).await;
            }
            Ok(manifest)
        };
        self.shared.manifest_flights.join((self.name.clone(), *digest, ticket), look).await
    }

    /// A manifest of this repository from its link and its data, whatever a cache knows. Nothing is remembered.
    pub(crate) async fn stored_manifest(
        &self,
        digest: &Digest,
    ) -> Result<Option<(Digest, Arc<Manifest>)>, Error> {
        let Some(canonical) = self.canonical(Content::Manifest, digest).await? else { return Ok(None) };
        Ok(self.linked_manifest(&canonical).await?.map(|manifest| (canonical, manifest)))
    }

    /// A manifest by its sha256, from its link and its data, asked together.
    async fn linked_manifest(&self, canonical: &Digest) -> Result<Option<Arc<Manifest>>, Error> {
        let data = self.read_manifest(canonical);
        let (link, manifest) = future::join(self.link(Content::Manifest, canonical), data).await;
        if link?.is_some() { manifest } else { Ok(None) }
    }

    /// Remembers a manifest that was just linked, and keeps it in memory.
    pub(crate) async fn remember_manifest(
        &self,
        canonical: Digest,
        manifest: &Arc<Manifest>,
        tickets: Tickets,
    ) {
        self.shared.manifests.insert(canonical, Arc::clone(manifest), memory_of(manifest));
        self.remember_all(Content::Manifest, &manifest_entry(canonical, manifest), tickets).await;
    }

    /// Remembers something under all its names.
    pub(crate) async fn remember_all(&self, content: Content, entry: &Entry, tickets: Tickets) {
        let names = tickets.0.iter().map(|(digest, ticket)| self.remember(content, digest, entry, *ticket));
        future::join_all(names).await;
    }

    async fn remember(&self, content: Content, digest: &Digest, entry: &Entry, ticket: Ticket) {
        if let Err(error) = self.shared.cache.remember(&self.name, content, digest, entry, ticket).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "cache does not remember {digest}");
        }
    }

    /// The tickets for what is about to be linked under a digest and its sha256. Without them it is not remembered.
    pub(crate) async fn tickets(&self, digest: &Digest, canonical: &Digest) -> Tickets {
        let tickets = names(digest, canonical).map(|name| async move {
            match self.shared.cache.ticket(&self.name, name).await {
                Ok(ticket) => Some((*name, ticket)),
                Err(error) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "cache gives no ticket");
                    None
                }
            }
        });
        Tickets(future::join_all(tickets).await.into_iter().flatten().collect())
    }

    /// Forgets what digests name here.
    pub(crate) async fn forget(&self, content: Content, digests: &[Digest]) {
        if let Err(error) = self.shared.cache.forget(&self.name, content, digests).await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "cache does not forget {digests:?} yet"
            );
        }
    }

    /// Deletes what makes digests belong to this repository, and sees to it that no cache says otherwise
    /// afterwards.
    pub(crate) async fn unlink(&self, content: Content, digests: &[Digest]) -> Result<(), Error> {
        self.forget(content, digests).await;
        let deletions = digests.iter().map(|digest| async move {
            let folder = match content {
                Content::Blob => self.layout.layer(digest),
                Content::Manifest => self.layout.revision(digest),
            };
            self.driver().delete(&folder).await
        });
        let results = future::join_all(deletions).await;
        self.forget(content, digests).await;
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

    /// The sha256 that an alias stands for: from the cache, else from its link, and then with a ticket to remember it.
    async fn resolve(
        &self,
        content: Content,
        alias: &Digest,
    ) -> Result<Option<(Digest, Option<Ticket>)>, Error> {
        match self.known(content, alias).await {
            Known::Entry(entry) => Ok(Some((entry.canonical, None))),
            Known::Nothing(ticket) => {
                Ok(self.link(content, alias).await?.map(|canonical| (canonical, ticket)))
            }
        }
    }

    /// What a cache knows of a name. What it says of a sha256 is about that very data.
    async fn known(&self, content: Content, digest: &Digest) -> Known {
        match self.shared.cache.find(&self.name, content, digest).await {
            Ok(Lookup::Known(entry)) if is_plausible(&entry, digest) => Known::Entry(entry),
            Ok(Lookup::Known(_)) => Known::Nothing(None),
            Ok(Lookup::Unknown(ticket)) => Known::Nothing(Some(ticket)),
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "cache does not answer");
                Known::Nothing(None)
            }
        }
    }

    /// The size of what this repository holds under a sha256, in bytes, from its link and its data, asked together.
    async fn size(&self, content: Content, canonical: &Digest) -> Result<Option<u64>, Error> {
        let size = self.data_size(canonical);
        let (link, size) = future::join(self.link(content, canonical), size).await;
        if link?.is_some() { size } else { Ok(None) }
    }

    /// The size of the data that a sha256 names, in bytes, whoever holds it.
    pub(crate) async fn data_size(&self, canonical: &Digest) -> Result<Option<u64>, Error> {
        let path = layout::blob_data(canonical);
        match found(self.driver().stat(&path).await)? {
            Some(stat) if stat.kind == Kind::Folder => Err(Damage::Folder { path }.into()),
            stat => Ok(stat.map(|stat| stat.size)),
        }
    }

    /// The manifest that a sha256 names, whoever holds it: from memory, else read once for all who ask.
    async fn read_manifest(&self, canonical: &Digest) -> Result<Option<Arc<Manifest>>, Error> {
        if let Some(manifest) = self.shared.manifests.get(canonical) {
            return Ok(Some(manifest));
        }
        let read = || async {
            let manifest = self.read_stored_manifest(canonical).await?;
            if let Some(manifest) = &manifest {
                self.shared.manifests.insert(*canonical, Arc::clone(manifest), memory_of(manifest));
            }
            Ok(manifest)
        };
        self.shared.body_flights.join(*canonical, read).await
    }

    async fn read_stored_manifest(&self, canonical: &Digest) -> Result<Option<Arc<Manifest>>, Error> {
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

/// Whether an entry can be about a digest: a sha256 is its own canonical name, and everything else has one.
fn is_plausible(entry: &Entry, digest: &Digest) -> bool {
    entry.canonical.algorithm() == Algorithm::Sha256
        && (digest.algorithm() != Algorithm::Sha256 || entry.canonical == *digest)
}

fn blob_entry(canonical: &Digest) -> impl Fn(u64) -> Entry {
    let canonical = *canonical;
    move |size| Entry { canonical, size, media_type: media_type::OCTET_STREAM.to_owned() }
}

fn manifest_entry(canonical: Digest, manifest: &Manifest) -> Entry {
    let size = manifest.bytes().len() as u64;
    Entry { canonical, size, media_type: manifest.media_type().to_owned() }
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
