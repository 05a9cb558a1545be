//! Tags: names that point to manifests.

use std::collections::HashSet;

use async_trait::async_trait;
use wharf_cache::Content;
use wharf_digest::Digest;
use wharf_reference::{Reference, Tag};
use wharf_registry::{Error, Page, PageRequest, Tags};
use wharf_storage_driver::{ErrorKind, Kind, ListOptions};

use crate::blobs::DELETES_REFUSED;
use crate::error::{failed, found};
use crate::lasting::to_its_end;
use crate::layout;
use crate::links;
use crate::namespace::StoredRepository;
use crate::options::Deletes;

/// At most this many names are asked for at once.
const LIST_LIMIT: usize = 1000;
/// How often an immutable tag is tried to be set that others delete again and again.
const SET_ATTEMPTS: usize = 8;

#[async_trait]
impl Tags for StoredRepository {
    async fn resolve(&self, tag: &Tag) -> Result<Digest, Error> {
        self.tagged(tag).await?.ok_or_else(|| self.unknown(&Reference::Tag(tag.clone())))
    }

    async fn set(&self, tag: &Tag, digest: &Digest) -> Result<(), Error> {
        if self.size_of(Content::Manifest, digest).await?.is_none() {
            return Err(self.unknown(&Reference::Digest(*digest)));
        }
        self.check_movable(std::slice::from_ref(tag), digest).await?;
        let (repository, tag, digest) = (self.clone(), tag.clone(), *digest);
        to_its_end(async move { repository.set_tag(&tag, &digest).await }).await
    }

    async fn list(&self, page: PageRequest<Tag>) -> Result<Page<Tag>, Error> {
        let limit = page.limit.get();
        let mut items = match self.tags_after(page.after.as_ref(), limit.saturating_add(1)).await? {
            Some(items) => items,
            None if self.exists_at_all().await? => Vec::new(),
            None => return Err(Error::RepositoryUnknown(self.name.clone())),
        };
        let more = items.len() > limit;
        items.truncate(limit);
        Ok(Page { items, more })
    }

    async fn delete(&self, tag: &Tag) -> Result<(), Error> {
        if self.options().deletes == Deletes::Refused {
            return Err(DELETES_REFUSED);
        }
        if let Some(rule) = self.immutable(tag) {
            let there = self.tagged(tag).await?.is_some();
            return Err(if there { rule } else { self.unknown(&Reference::Tag(tag.clone())) });
        }
        let deleted = found(self.driver().delete(&self.layout.tag(tag)).await)?;
        deleted.ok_or_else(|| self.unknown(&Reference::Tag(tag.clone())))
    }
}

impl StoredRepository {
    /// The digest that a tag points to; none when there is no such tag.
    pub(crate) async fn tagged(&self, tag: &Tag) -> Result<Option<Digest>, Error> {
        links::read(self.driver(), &self.layout.tag_current(tag)).await
    }

    /// Sets a tag. The link that readers follow comes first, so that a crash between the two leaves a tag
    /// that works.
    pub(crate) async fn set_tag(&self, tag: &Tag, digest: &Digest) -> Result<(), Error> {
        match self.immutable(tag) {
            None => links::write(self.driver(), &self.layout.tag_current(tag), digest).await?,
            Some(rule) => self.set_once(tag, digest, rule).await?,
        }
        links::write(self.driver(), &self.layout.tag_index(tag, digest), digest).await
    }

    /// Sets a tag that is not there, and is content with one that is the same; `otherwise` is the error for another.
    async fn set_once(&self, tag: &Tag, digest: &Digest, otherwise: Error) -> Result<(), Error> {
        let current = self.layout.tag_current(tag);
        for _ in 0..SET_ATTEMPTS {
            if links::create(self.driver(), &current, digest).await? {
                return Ok(());
            }
            match links::read(self.driver(), &current).await? {
                Some(found) if found == *digest => return Ok(()),
                Some(_) => return Err(otherwise),
                // Somebody to whom other rules apply has deleted it in between.
                None => {}
            }
        }
        Err(otherwise)
    }

    /// Says why a tag is neither moved nor deleted; none when it may be.
    fn immutable(&self, tag: &Tag) -> Option<Error> {
        let rule = self.options().immutable.rule(&self.name, tag)?;
        Some(Error::TagImmutable { tag: tag.clone(), rule })
    }

    /// Refuses tags that point elsewhere and may not be moved. What comes in between is found when they are set.
    pub(crate) async fn check_movable(&self, tags: &[Tag], digest: &Digest) -> Result<(), Error> {
        for tag in tags {
            if let Some(rule) = self.immutable(tag)
                && self.tagged(tag).await?.is_some_and(|found| found != *digest)
            {
                return Err(rule);
            }
        }
        Ok(())
    }

    /// Refuses to take a manifest from a tag that may not be deleted.
    pub(crate) async fn check_deletable(&self, names: &HashSet<Digest>) -> Result<(), Error> {
        if self.options().immutable.is_none() {
            return Ok(());
        }
        let mut after = None;
        while let Some(page) = self.tags_after(after.as_ref(), LIST_LIMIT).await? {
            for tag in &page {
                let Some(rule) = self.immutable(tag) else { continue };
                if self.tagged(tag).await?.is_some_and(|found| names.contains(&found)) {
                    return Err(rule);
                }
            }
            after = page.into_iter().next_back();
            if after.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// Deletes a tag if it points to one of these manifests, and says whether it did. A tag that someone moves elsewhere at
    /// this moment stays, as far as the store can delete and compare at once.
    pub(crate) async fn delete_tag_of(&self, tag: &Tag, names: &HashSet<Digest>) -> Result<bool, Error> {
        let current = self.layout.tag_current(tag);
        let Some((digest, version)) = links::read_version(self.driver(), &current).await? else {
            return Ok(false);
        };
        if !names.contains(&digest) {
            return Ok(false);
        }
        match self.driver().delete_version(&current, &version).await {
            Err(error) if matches!(error.kind(), ErrorKind::Changed | ErrorKind::NotFound) => {
                return Ok(false);
            }
            result => result.map_err(failed)?,
        }
        found(self.driver().delete(&self.layout.tag_past(tag)).await)?;
        // A folder without a link is an empty one of a store with real folders. In others there is none, or the tag was set
        // again meanwhile.
        let folder = self.layout.tag(tag);
        let is_left = found(self.driver().stat(&folder).await)?.is_some();
        if is_left && found(self.driver().stat(&current).await)?.is_none() {
            found(self.driver().delete(&folder).await)?;
        }
        Ok(true)
    }

    /// At most `limit` tags after one, in byte order; none when there is no folder of tags.
    pub(crate) async fn tags_after(
        &self,
        after: Option<&Tag>,
        limit: usize,
    ) -> Result<Option<Vec<Tag>>, Error> {
        let folder = self.layout.tags();
        let mut tags = Vec::new();
        let mut after = after.map(|tag| tag.as_str().to_owned());
        while tags.len() < limit {
            let options = ListOptions {
                start_after: after.as_deref(),
                limit: (limit - tags.len()).min(LIST_LIMIT),
                holding: Some(layout::TAG_CURRENT),
            };
            let Some(page) = found(self.driver().list(&folder, options).await)? else {
                return Ok((!tags.is_empty()).then_some(tags));
            };
            after = page.entries.last().map(|entry| entry.name.clone());
            let folders = page.entries.into_iter().filter(|entry| entry.kind == Kind::Folder);
            tags.extend(folders.filter_map(|entry| entry.name.parse::<Tag>().ok()));
            if !page.more || after.is_none() {
                break;
            }
        }
        Ok(Some(tags))
    }

    /// Whether anything was ever pushed to this repository.
    pub(crate) async fn exists_at_all(&self) -> Result<bool, Error> {
        Ok(found(self.driver().stat(&self.layout.manifests()).await)?.is_some())
    }

    /// What is answered for a manifest that is not there.
    pub(crate) fn unknown(&self, reference: &Reference) -> Error {
        Error::ManifestUnknown { repository: self.name.clone(), reference: reference.clone() }
    }
}
