//! Which manifests name another as their subject.
//!
//! Every push of such a manifest adds an entry to the index that lies beside the repository's layout. Stores
//! that others wrote have no such index: what their manifests say is collected once (`backfill.rs`), and the
//! list that clients kept for themselves under the fallback tag is read each time (OCI distribution 1.1,
//! section Listing Referrers).

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::{Descriptor, Manifest};
use wharf_reference::Tag;
use wharf_registry::{Error, ReferrerPage, ReferrerRequest, Referrers};
use wharf_storage_driver::{ListOptions, StoragePath};

use crate::error::found;
use crate::namespace::StoredRepository;
use crate::{layout, links};

/// How many entries are looked at before the next are listed.
const BATCH: usize = 256;
/// How many manifests are read together.
const CONCURRENCY: usize = 16;
/// How much of a digest's encoded part a fallback tag has, in characters.
const FALLBACK_HEX_LEN: usize = 64;

#[async_trait]
impl Referrers for StoredRepository {
    async fn list(&self, subject: &Digest, request: ReferrerRequest) -> Result<ReferrerPage, Error> {
        self.complete_referrers().await?;
        let fallback = self.fallback_referrers(subject).await?;
        let mut page = PageInMaking::new(self);
        let mut after = request.after;
        loop {
            let (batch, more) = self.indexed_referrers(subject, after).await?;
            let end = if more { batch.last().copied() } else { None };
            let candidates = merge(batch, &fallback, after, end);
            let mut looks = stream::iter(candidates.into_iter().map(|digest| self.referrer(subject, digest)))
                .buffered(CONCURRENCY);
            while let Some(descriptor) = looks.next().await {
                let wanted = |descriptor: &Descriptor| {
                    request.artifact_type.is_none() || descriptor.artifact_type == request.artifact_type
                };
                let Some(descriptor) = descriptor?.filter(wanted) else { continue };
                if !page.take(descriptor) {
                    return Ok(page.cut());
                }
            }
            match end {
                Some(_) => after = end,
                None => return Ok(page.last()),
            }
        }
    }
}

impl StoredRepository {
    /// Lists a manifest with its subject.
    pub(crate) async fn add_referrer(&self, subject: &Digest, referrer: &Digest) -> Result<(), Error> {
        links::write(self.driver(), &self.layout.referrer_link(subject, referrer), referrer).await
    }

    /// The descriptor of a referrer; none when it is gone, or is about something else.
    async fn referrer(&self, subject: &Digest, digest: Digest) -> Result<Option<Descriptor>, Error> {
        let manifest = self.readable(&digest).await?;
        let manifest =
            manifest.filter(|manifest| manifest.subject().is_some_and(|named| named.digest == *subject));
        Ok(manifest.map(|manifest| manifest.descriptor(digest)))
    }

    /// A manifest of the repository; a damaged one is as good as none, as it must not keep others from being
    /// listed.
    async fn readable(&self, digest: &Digest) -> Result<Option<Arc<Manifest>>, Error> {
        match self.manifest(digest).await {
            Err(Error::Internal(error)) => {
                tracing::warn!(error = &*error as &dyn std::error::Error, "manifest {digest} cannot be read");
                Ok(None)
            }
            result => result,
        }
    }

    /// The next entries of the index in the order of digests, and whether there may be more.
    async fn indexed_referrers(
        &self,
        subject: &Digest,
        after: Option<Digest>,
    ) -> Result<(Vec<Digest>, bool), Error> {
        let folder = self.layout.referrers(subject);
        let mut digests = Vec::new();
        let algorithms = ListOptions { start_after: None, limit: Algorithm::ALL.len(), holding: None };
        let Some(present) = found(self.driver().list(&folder, algorithms).await)? else {
            return Ok((digests, false));
        };
        for algorithm in Algorithm::ALL {
            let passed = after.is_some_and(|after| after.algorithm() > algorithm);
            if passed || !present.entries.iter().any(|entry| entry.name == algorithm.as_str()) {
                continue;
            }
            let start = after.filter(|after| after.algorithm() == algorithm).map(|after| after.hex());
            let folder = layout::below(&folder, algorithm.as_str());
            let more = self.digests_after(&folder, algorithm, start, &mut digests).await?;
            if more || digests.len() >= BATCH {
                return Ok((digests, true));
            }
        }
        Ok((digests, false))
    }

    /// Adds the digests that a folder's names are, up to a batch; says whether there may be more.
    async fn digests_after(
        &self,
        folder: &StoragePath,
        algorithm: Algorithm,
        mut start: Option<String>,
        digests: &mut Vec<Digest>,
    ) -> Result<bool, Error> {
        while digests.len() < BATCH {
            let options = ListOptions {
                start_after: start.as_deref(),
                limit: BATCH - digests.len(),
                holding: Some("link"),
            };
            let Some(page) = found(self.driver().list(folder, options).await)? else { return Ok(false) };
            start = page.entries.last().map(|entry| entry.name.clone());
            digests.extend(page.entries.iter().filter_map(|entry| digest_of(algorithm, &entry.name)));
            if !page.more || start.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What clients listed under the fallback tag, if it is an index.
    async fn fallback_referrers(&self, subject: &Digest) -> Result<BTreeSet<Digest>, Error> {
        let Some(tag) = fallback_tag(subject) else { return Ok(BTreeSet::new()) };
        let index = match self.tagged(&tag).await? {
            Some(digest) => self.readable(&digest).await?,
            None => None,
        };
        Ok(index.iter().flat_map(|index| index.children()).map(|child| child.digest).collect())
    }
}

/// The digest that a name in a folder of an algorithm stands for.
pub(crate) fn digest_of(algorithm: Algorithm, name: &str) -> Option<Digest> {
    format!("{algorithm}:{name}").parse().ok()
}

/// The tag under which clients list referrers where the registry does not.
fn fallback_tag(subject: &Digest) -> Option<Tag> {
    let hex = subject.hex();
    let hex = hex.get(..FALLBACK_HEX_LEN).unwrap_or(&hex);
    format!("{}-{hex}", subject.algorithm()).parse().ok()
}

/// What is in the index and what is in the fallback list between the same bounds, in order.
fn merge(
    batch: Vec<Digest>,
    fallback: &BTreeSet<Digest>,
    after: Option<Digest>,
    end: Option<Digest>,
) -> BTreeSet<Digest> {
    let start = after.map_or(Bound::Unbounded, Bound::Excluded);
    let end = end.map_or(Bound::Unbounded, Bound::Included);
    let mut merged: BTreeSet<Digest> = fallback.range((start, end)).copied().collect();
    merged.extend(batch);
    merged
}

/// A page that grows until it is full by count or by size.
struct PageInMaking {
    descriptors: Vec<Descriptor>,
    size_bytes: usize,
    limit: usize,
    limit_bytes: usize,
}

impl PageInMaking {
    fn new(repository: &StoredRepository) -> Self {
        let options = repository.options();
        let limit = options.referrers_per_page.get();
        Self { descriptors: Vec::new(), size_bytes: 0, limit, limit_bytes: options.referrers_page_bytes }
    }

    /// Takes one more, unless the page is full; the first always fits.
    fn take(&mut self, descriptor: Descriptor) -> bool {
        let size_bytes = json_len(&descriptor);
        let fits = self.descriptors.len() < self.limit && self.size_bytes + size_bytes <= self.limit_bytes;
        if !fits && !self.descriptors.is_empty() {
            return false;
        }
        self.size_bytes += size_bytes;
        self.descriptors.push(descriptor);
        true
    }

    /// The page, when something came that it could not take.
    fn cut(self) -> ReferrerPage {
        let next = self.descriptors.last().map(|last| last.digest);
        ReferrerPage { descriptors: self.descriptors, next }
    }

    /// The page, when everything was taken.
    fn last(self) -> ReferrerPage {
        ReferrerPage { descriptors: self.descriptors, next: None }
    }
}

/// What a descriptor takes in an answer, in bytes of JSON, never too little: its texts with all that may have
/// to be escaped, and the words and figures around them.
fn json_len(descriptor: &Descriptor) -> usize {
    const AROUND: usize = 256;
    const AROUND_PAIR: usize = 6;
    let text = |text: &str| -> usize {
        text.bytes()
            .map(|byte| match byte {
                b'"' | b'\\' => 2,
                b'<' | b'>' | b'&' | 0..0x20 | 0x7f => 6,
                // U+2028 and U+2029 are three bytes, and six when they are escaped.
                0xe2 => 6,
                _ => 1,
            })
            .sum()
    };
    let pairs = descriptor.annotations.iter().map(|(key, value)| text(key) + text(value) + AROUND_PAIR);
    let artifact_type = descriptor.artifact_type.as_deref().map_or(0, text);
    AROUND + text(&descriptor.media_type) + artifact_type + pairs.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fallback_tag_is_as_long_as_the_specification_says() {
        let tag = |algorithm: Algorithm| fallback_tag(&algorithm.digest(b"")).unwrap().to_string();
        assert_eq!(
            tag(Algorithm::Sha256),
            "sha256-e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(tag(Algorithm::Sha512).len(), "sha512-".len() + 64);
    }

    #[test]
    fn the_size_of_a_descriptor_is_never_estimated_too_small() {
        let mut descriptor = Descriptor::new("a/b", Algorithm::Sha512.digest(b""), u64::MAX);
        descriptor.artifact_type = Some("x\"<\u{1}\u{2028}".into());
        for key in ["", "plain", "\u{0}\u{1f}", "\\\"", "ü\u{2029}"] {
            descriptor.annotations.insert(key.into(), key.repeat(100));
        }
        assert!(json_len(&descriptor) >= serde_json::to_vec(&descriptor).unwrap().len());
    }
}
