#![doc = include_str!("../README.md")]

mod error;
mod reader;
mod repository;
mod scope;
mod signatures;
mod upload;

pub use error::{Error, MissingReference, ReferenceFault};
pub use reader::BlobReader;
pub use repository::{
    Blob, Blobs, DeletedManifest, ManifestPut, Manifests, Mount, Namespace, Page, PageRequest, PutManifest,
    Redirect, RedirectMethod, ReferrerPage, ReferrerRequest, Referrers, Repository, StoredManifest, Tags,
};
pub use scope::{FullScope, Scope};
pub use signatures::{NoSignatures, Signatures};
pub use upload::{InvalidUploadId, UploadId, UploadStatus, Uploads};
pub use wharf_content::{ByteStream, Content, FileRange};
pub use wharf_digest::{Algorithm, Digest};
pub use wharf_manifest::{Descriptor, Manifest};
pub use wharf_reference::{Reference, RepositoryName, Tag};
pub use wharf_tarsum::TarSum;
