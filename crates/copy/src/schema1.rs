//! What is different about manifests of schema 1: their signatures travel with them, and they do not say how large layers are.

use bytes::Bytes;
use futures_util::future::try_join_all;
use wharf_manifest::{Kind, media_type};
use wharf_manifest_schema1::{Error as SignedError, Signature, Signed};
use wharf_registry::{Descriptor, Digest, Error as RegistryError, Manifest};

use crate::Error;
use crate::walk::Copy;

impl Copy {
    /// The blobs of a manifest, with their sizes.
    pub(crate) async fn blobs_of(
        &self,
        digest: &Digest,
        manifest: &Manifest,
    ) -> Result<Vec<Descriptor>, Error> {
        let blobs = manifest.references().filter(|(role, _)| !role.is_manifest()).map(|(_, blob)| blob);
        if manifest.kind() != Kind::Schema1 {
            return Ok(blobs.cloned().collect());
        }
        if !manifest.old_layers().is_empty() {
            let unsupported =
                RegistryError::Unsupported("layers that are named by tarsums stay where they are");
            return Err(self.unread(format!("manifest {digest}"), unsupported));
        }
        let described = blobs.map(|blob| async {
            let _slot = self.slot().await;
            let found = self.source.blobs().open(&blob.digest).await;
            let found = found.map_err(|error| self.unread(format!("blob {}", blob.digest), error))?;
            Ok(Descriptor { size: found.descriptor().size, ..blob.clone() })
        });
        try_join_all(described).await
    }

    /// The bytes of a manifest as they are pushed, and their media type.
    pub(crate) async fn document(
        &self,
        digest: &Digest,
        manifest: &Manifest,
    ) -> Result<(Bytes, String), Error> {
        if manifest.kind() != Kind::Schema1 {
            return Ok((manifest.bytes().clone(), manifest.media_type().to_owned()));
        }
        let what = || format!("the signatures of manifest {digest}");
        let stored =
            self.source.signatures().get(digest).await.map_err(|error| self.unread(what(), error))?;
        let stored = stored.iter().filter_map(|bytes| Signature::parse(bytes).ok());
        let unsigned =
            |error: SignedError| self.unread(what(), RegistryError::ManifestUnverified(vec![error.into()]));
        let signed = Signed::join(manifest.bytes().clone(), stored).map_err(unsigned)?;
        let document = signed.to_document().map_err(unsigned)?;
        Ok((document, media_type::DOCKER_SCHEMA1_SIGNED.to_owned()))
    }
}
