//! Whether everything that a manifest points to may be pointed to, and is there.

use std::collections::{HashMap, HashSet};

use futures_util::{StreamExt, TryStreamExt, stream};
use wharf_cache::Content;
use wharf_digest::Digest;
use wharf_manifest::{Descriptor, Kind, Manifest, Role, media_type};
use wharf_registry::{Error, MissingReference, ReferenceFault};

use crate::namespace::StoredRepository;
use crate::options::ImageChecks;

impl StoredRepository {
    /// Looks at all references of a manifest together and reports every fault at once.
    pub(crate) async fn check_references(&self, manifest: &Manifest) -> Result<(), Error> {
        let looked_up: HashSet<(Content, Digest)> = manifest
            .references()
            .filter_map(|(role, descriptor)| Some((content_of(role)?, descriptor.digest)))
            .collect();
        let sizes = stream::iter(looked_up.into_iter().map(|(content, digest)| async move {
            Ok::<_, Error>(((content, digest), self.size_of(content, &digest).await?))
        }));
        let concurrency = self.options().reference_concurrency.get();
        let sizes: HashMap<(Content, Digest), Option<u64>> =
            sizes.buffer_unordered(concurrency).try_collect().await?;

        let mut faults: Vec<MissingReference> = Vec::new();
        let mut reported = HashSet::new();
        for (role, descriptor) in manifest.references() {
            let stored = content_of(role)
                .and_then(|content| sizes.get(&(content, descriptor.digest)).copied().flatten());
            let fault = match stored {
                // Schema 1 never says how large a layer is.
                Some(stored) if stored != descriptor.size && manifest.kind() != Kind::Schema1 => {
                    Some(ReferenceFault::Size { declared: descriptor.size, stored })
                }
                None if self.demands(role, descriptor) => Some(ReferenceFault::Missing),
                _ => self.url_fault(descriptor),
            };
            let missing = fault.map(|fault| MissingReference { digest: descriptor.digest, fault });
            faults.extend(missing.filter(|missing| reported.insert(missing.clone())));
        }
        if !faults.is_empty() {
            return Err(Error::ManifestReferences(faults));
        }
        match self.options().image_checks {
            ImageChecks::All => self.check_old_layers(manifest).await,
            ImageChecks::None => Ok(()),
        }
    }

    /// Whether what is referred to has to be in the repository. What need not be there still must not be lied about.
    fn demands(&self, role: Role, descriptor: &Descriptor) -> bool {
        let options = self.options();
        let blobs = options.image_checks == ImageChecks::All;
        match role {
            Role::Config | Role::Blob => blobs,
            // A layer that its licence keeps out of registries "SHOULD NOT" be pushed: OCI image
            // specification 1.1.
            Role::Layer => blobs && !descriptor.is_foreign(),
            Role::Child => options.index_checks.demand(descriptor),
            Role::Subject => false,
        }
    }

    fn url_fault(&self, descriptor: &Descriptor) -> Option<ReferenceFault> {
        if descriptor.media_type == media_type::DOCKER_FOREIGN_LAYER && descriptor.urls.is_empty() {
            return Some(ReferenceFault::UrlMissing);
        }
        let mut urls = descriptor.urls.iter().filter(|_| descriptor.are_urls_checked());
        let refused = urls.find(|url| !self.options().urls.allows(url))?;
        Some(ReferenceFault::UrlRefused(refused.clone()))
    }
}

/// Where to look for what is referred to; nowhere for a subject, which may come later and be anything.
fn content_of(role: Role) -> Option<Content> {
    match role {
        Role::Config | Role::Blob | Role::Layer => Some(Content::Blob),
        Role::Child => Some(Content::Manifest),
        Role::Subject => None,
    }
}
