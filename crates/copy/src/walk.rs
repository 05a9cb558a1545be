//! The walk: from a manifest to everything that it points to, and back up with each manifest after what it needs.
//!
//! Referrers are walked after the tree that they refer to and not from within it: an index may refer to a manifest that it also
//! lists, and two that wait for each other would wait forever.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt, try_join, try_join_all};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::{Semaphore, SemaphorePermit};
use wharf_registry::{
    Descriptor, Digest, Error as RegistryError, Page, PageRequest, PutManifest, Reference, ReferrerRequest,
    Repository, StoredManifest, Tag,
};

use crate::blob::move_blob;
use crate::once::Once;
use crate::{Error, Event, Options, Outcome, Watcher};

/// A copy from one repository to another. It remembers what it has moved, so one value serves many images.
pub struct Copy {
    pub(crate) source: Arc<dyn Repository>,
    pub(crate) destination: Arc<dyn Repository>,
    pub(crate) options: Options,
    pub(crate) watcher: Arc<dyn Watcher>,
    slots: Semaphore,
    blobs: Once<()>,
    manifests: Once<Arc<Vec<Digest>>>,
}

impl Copy {
    /// A copy that has not begun.
    pub fn new(
        source: Arc<dyn Repository>,
        destination: Arc<dyn Repository>,
        options: Options,
        watcher: Arc<dyn Watcher>,
    ) -> Self {
        let slots = Semaphore::new(options.jobs.get());
        Self { source, destination, options, watcher, slots, blobs: Once::new(), manifests: Once::new() }
    }

    /// Copies what a reference names, and sets a tag to it if one is given. The digest is the same on both sides.
    ///
    /// # Errors
    ///
    /// When either side fails for good. What was moved by then stays.
    pub async fn image(&self, reference: &Reference, tag: Option<&Tag>) -> Result<Digest, Error> {
        let (stored, there) = {
            let _slot = self.slot().await;
            let get = async {
                let got = self.source.manifests().get(reference).await;
                got.map_err(|error| self.unread(format!("manifest {reference}"), error))
            };
            try_join(get, async { Ok(self.tagged(tag).await) }).await?
        };
        let digest = stored.digest;
        if there == Some(digest) {
            // Its tag was set last, so all of it is there.
            self.watcher.happened(Event::Manifest(&digest, Outcome::Present));
        }
        if there != Some(digest) || self.options.referrers {
            let copied = self.tree(stored, tag, 0).await?;
            self.referrers_of(copied).await?;
        }
        if let Some(tag) = tag {
            self.watcher.happened(Event::Tagged(tag, &digest));
        }
        Ok(digest)
    }

    /// Copies every tag of the source. They come back in the order in which they were done.
    ///
    /// # Errors
    ///
    /// As [`image`](Self::image), at the first tag that fails.
    pub async fn all_tags(&self) -> Result<Vec<(Tag, Digest)>, Error> {
        let tags = self.tags().await?;
        let copied = stream::iter(tags).map(|tag| async move {
            let digest = self.image(&Reference::Tag(tag.clone()), Some(&tag)).await?;
            Ok((tag, digest))
        });
        copied.buffer_unordered(self.options.jobs.get()).try_collect().await
    }

    async fn tags(&self) -> Result<Vec<Tag>, Error> {
        let mut tags = Vec::new();
        loop {
            let request = PageRequest { after: tags.last().cloned(), limit: self.options.page };
            let page = self.source.tags().list(request).await;
            let Page { items, more } = page.map_err(|error| self.unread("the list of tags".into(), error))?;
            let is_last = !more || items.is_empty();
            tags.extend(items);
            if is_last {
                return Ok(tags);
            }
        }
    }

    /// What the destination has under a tag. When it does not say, the copy is made, and says why it cannot be.
    async fn tagged(&self, tag: Option<&Tag>) -> Option<Digest> {
        self.destination.tags().resolve(tag?).await.ok()
    }

    /// Copies a manifest and everything below it, and gives all manifests that this took.
    fn tree<'a>(
        &'a self,
        stored: StoredManifest,
        tag: Option<&'a Tag>,
        depth: usize,
    ) -> BoxFuture<'a, Result<Vec<Digest>, Error>> {
        async move {
            let StoredManifest { digest, manifest } = stored;
            if depth > self.options.depth {
                return Err(Error::Depth(digest));
            }
            let children = manifest.children().iter().map(|child| self.child(child, depth + 1));
            let blobs = self.blobs_of(&digest, &manifest).await?;
            let blobs = blobs.iter().map(|blob| self.blob(blob));
            let (below, _) = try_join(try_join_all(children), try_join_all(blobs)).await?;
            let (bytes, media_type) = self.document(&digest, &manifest).await?;
            let put = PutManifest {
                media_type: Some(media_type),
                bytes,
                digest: Some(digest),
                tags: tag.cloned().into_iter().collect(),
                classes: None,
            };
            let _slot = self.slot().await;
            let put = self.destination.manifests().put(put).await;
            put.map_err(|error| self.unwritten(format!("manifest {digest}"), error))?;
            self.watcher.happened(Event::Manifest(&digest, Outcome::Copied));
            let mut all: Vec<Digest> = below.iter().flat_map(|below| below.iter().copied()).collect();
            all.push(digest);
            Ok(all)
        }
        .boxed()
    }

    /// Copies a manifest that has no tag, unless somebody did.
    async fn child(&self, descriptor: &Descriptor, depth: usize) -> Result<Arc<Vec<Digest>>, Error> {
        let cell = self.manifests.of(&descriptor.digest);
        let copied = cell.get_or_try_init(|| async {
            let reference = Reference::Digest(descriptor.digest);
            let stored = {
                let _slot = self.slot().await;
                let got = self.source.manifests().get(&reference).await;
                got.map_err(|error| self.unread(format!("manifest {reference}"), error))?
            };
            self.tree(stored, None, depth).await.map(Arc::new)
        });
        copied.await.cloned()
    }

    async fn blob(&self, descriptor: &Descriptor) -> Result<(), Error> {
        if descriptor.is_foreign() && !descriptor.urls.is_empty() {
            self.watcher.happened(Event::Blob(descriptor, Outcome::Foreign));
            return Ok(());
        }
        let cell = self.blobs.of(&descriptor.digest);
        let moved = cell.get_or_try_init(|| async {
            let _slot = self.slot().await;
            let outcome = move_blob(self, descriptor).await?;
            self.watcher.happened(Event::Blob(descriptor, outcome));
            Ok(())
        });
        moved.await.copied()
    }

    /// Copies who refers to these manifests, who refers to those, and so on.
    async fn referrers_of(&self, manifests: Vec<Digest>) -> Result<(), Error> {
        if !self.options.referrers {
            return Ok(());
        }
        let mut seen: HashSet<Digest> = manifests.iter().copied().collect();
        let mut next: Vec<Digest> = seen.iter().copied().collect();
        while !next.is_empty() {
            let found = try_join_all(next.iter().map(|subject| self.referrers(subject))).await?;
            let copied = try_join_all(found.iter().flatten().map(|referrer| self.child(referrer, 0))).await?;
            let copied = copied.iter().flat_map(|copied| copied.iter().copied());
            next = copied.filter(|digest| seen.insert(*digest)).collect();
        }
        Ok(())
    }

    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, Error> {
        let _slot = self.slot().await;
        let mut found = Vec::new();
        let mut request = ReferrerRequest::default();
        loop {
            let page = self.source.referrers().list(subject, request.clone()).await;
            let page = page.map_err(|error| self.unread(format!("referrers of {subject}"), error))?;
            found.extend(page.descriptors);
            match page.next {
                Some(next) => request.after = Some(next),
                None => return Ok(found),
            }
        }
    }

    pub(crate) async fn slot(&self) -> Option<SemaphorePermit<'_>> {
        self.slots.acquire().await.ok()
    }

    pub(crate) fn unread(&self, what: String, source: RegistryError) -> Error {
        Error::Source { what, repository: self.source.name().clone(), source }
    }

    pub(crate) fn unwritten(&self, what: String, source: RegistryError) -> Error {
        Error::Destination { what, repository: self.destination.name().clone(), source }
    }
}
