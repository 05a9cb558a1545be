//! What a registry can answer instead of what was asked for.

use std::error::Error as StdError;
use std::time::Duration;

use wharf_digest::Digest;
use wharf_reference::{Reference, RepositoryName, Tag};
use wharf_tarsum::TarSum;

use crate::UploadId;

/// Why a registry did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No such repository.
    #[error("repository {0} is unknown")]
    RepositoryUnknown(RepositoryName),
    /// The repository does not hold the blob.
    #[error("blob {0} is unknown")]
    BlobUnknown(Digest),
    /// The repository holds no layer that goes by that old name.
    #[error("layer {0} is unknown")]
    LayerUnknown(TarSum),
    /// The repository does not hold the manifest, or has no such tag.
    #[error("manifest {reference} of {repository} is unknown")]
    ManifestUnknown {
        /// Where it was looked for.
        repository: RepositoryName,
        /// What was looked for.
        reference: Reference,
    },
    /// No such upload, or no longer.
    #[error("upload {0} is unknown")]
    UploadUnknown(UploadId),
    /// Another request is writing this upload.
    #[error("upload {0} is being written by another request")]
    UploadBusy(UploadId),
    /// A chunk does not begin where the upload ends.
    #[error("upload is at byte {actual}, the chunk begins at {given}")]
    UploadOffset {
        /// Where the client's chunk begins, in bytes.
        given: u64,
        /// How many bytes the upload holds.
        actual: u64,
    },
    /// The bytes are not those of the digest.
    #[error("content does not match digest {expected}")]
    DigestMismatch {
        /// What the client said.
        expected: Digest,
        /// What the bytes are, by the same algorithm.
        actual: Digest,
    },
    /// The bytes are no tar, or one of another sum.
    #[error("content does not match {expected}")]
    TarsumMismatch {
        /// What the client said.
        expected: TarSum,
        /// Why it is not that.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The body is longer or shorter than was said.
    #[error("{expected} bytes were announced, {actual} arrived")]
    SizeMismatch {
        /// What the client said, in bytes.
        expected: u64,
        /// What came, in bytes.
        actual: u64,
    },
    /// The bytes are no manifest that this registry takes.
    #[error("invalid manifest")]
    ManifestInvalid(#[source] wharf_manifest::Error),
    /// The bytes are no signed manifest.
    #[error("invalid signed manifest")]
    SignedManifestInvalid(#[source] Box<dyn StdError + Send + Sync>),
    /// Nobody stands for a signed manifest: each reason is about one of its signatures.
    #[error("unverified manifest: {} of its signatures are wrong", .0.len())]
    ManifestUnverified(Vec<Box<dyn StdError + Send + Sync>>),
    /// A manifest points to what the repository does not hold, or may not point to.
    #[error("manifest refers to {} things that are missing or refused", .0.len())]
    ManifestReferences(Vec<MissingReference>),
    /// A manifest names layers by old names that lead to none of the repository's.
    #[error("manifest refers to {} layers that are missing", .0.len())]
    ManifestLayers(Vec<TarSum>),
    /// More bytes than a limit allows.
    #[error("content is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// This registry does not do that, or was told not to.
    #[error("{0}")]
    Unsupported(&'static str),
    /// A policy forbids it.
    #[error("{0}")]
    Denied(String),
    /// A tag keeps what it points to, and may be neither moved nor deleted.
    #[error("tag {tag} is immutable: {rule}")]
    TagImmutable {
        /// The tag.
        tag: Tag,
        /// Why, for people.
        rule: String,
    },
    /// The bytes of a request stopped coming.
    #[error("the body could not be read to its end")]
    Body(#[source] std::io::Error),
    /// The store cannot do this now; the same request may work later.
    #[error("the store is not available")]
    Unavailable {
        /// When trying again makes sense, if that is known.
        retry_after: Option<Duration>,
        /// What the store said.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The store failed, or holds something that cannot be.
    #[error("the registry failed")]
    Internal(#[source] Box<dyn StdError + Send + Sync>),
}

/// One thing that a manifest points to and should not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MissingReference {
    /// The digest in the manifest's descriptor.
    pub digest: Digest,
    /// What is wrong with it.
    pub fault: ReferenceFault,
}

/// What is wrong with something that a manifest points to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReferenceFault {
    /// The repository does not hold it.
    Missing,
    /// It is there, with another size.
    Size {
        /// What the manifest says, in bytes.
        declared: u64,
        /// What is stored, in bytes.
        stored: u64,
    },
    /// A layer of a kind that is fetched from elsewhere names no URL.
    UrlMissing,
    /// A URL that policy does not allow.
    UrlRefused(String),
}

impl Error {
    /// Wraps a failure that no caller can do anything about.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }

    /// Whether this says that something is not there.
    pub fn is_unknown(&self) -> bool {
        matches!(
            self,
            Self::RepositoryUnknown(_)
                | Self::BlobUnknown(_)
                | Self::LayerUnknown(_)
                | Self::ManifestUnknown { .. }
                | Self::UploadUnknown(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use wharf_digest::Algorithm;

    use super::*;

    #[test]
    fn unknown_is_what_is_not_there_and_nothing_else() {
        let digest = Algorithm::Sha256.digest(b"");
        let name: RepositoryName = "a/b".parse().unwrap();
        let reference = Reference::Digest(digest);
        assert!(Error::RepositoryUnknown(name.clone()).is_unknown());
        assert!(Error::BlobUnknown(digest).is_unknown());
        assert!(Error::LayerUnknown("tarsum+sha256:ab".parse().unwrap()).is_unknown());
        assert!(Error::ManifestUnknown { repository: name, reference }.is_unknown());
        assert!(Error::UploadUnknown("1".parse().unwrap()).is_unknown());
        assert!(!Error::UploadBusy("1".parse().unwrap()).is_unknown());
        assert!(!Error::internal("permission denied").is_unknown());
        assert!(!Error::Unavailable { retry_after: None, source: "down".into() }.is_unknown());
    }

    #[test]
    fn an_error_prints_its_own_level_and_keeps_its_cause() {
        let error = Error::internal("disk is gone");
        assert_eq!(error.to_string(), "the registry failed");
        assert_eq!(error.source().unwrap().to_string(), "disk is gone");
    }

    #[test]
    fn a_policy_is_told_from_a_fault() {
        assert_eq!(Error::Denied("no plugins here".into()).to_string(), "no plugins here");
        assert_eq!(Error::Unsupported("deleting is switched off").to_string(), "deleting is switched off");
    }
}
