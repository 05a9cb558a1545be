#![doc = include_str!("../README.md")]

mod error;
mod repository;
mod upload;

pub use error::{Error, MissingReference, ReferenceFault};
pub use repository::{
    Blob, Blobs, DeletedManifest, ManifestPut, Manifests, Mount, Namespace, Page, PageRequest, PutManifest,
    Redirect, RedirectMethod, ReferrerPage, ReferrerRequest, Referrers, Repository, StoredManifest, Tags,
};
pub use upload::{InvalidUploadId, UploadId, UploadStatus, Uploads};
pub use wharf_content::{ByteStream, Content, FileRange};
pub use wharf_digest::{Algorithm, Digest};
pub use wharf_manifest::{Descriptor, Manifest};
pub use wharf_reference::{Reference, RepositoryName, Tag};
