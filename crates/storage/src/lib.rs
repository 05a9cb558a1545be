#![doc = include_str!("../README.md")]

mod namespace;
mod options;

pub mod layout;
mod links;

mod blobs;
mod checks;
mod flights;
mod holding;
mod manifests;
mod policy;
mod schema1;
mod tags;
mod tarsums;

mod begun;
mod body;
mod fresh;
mod hashing;
mod large;
mod record;
mod uploads;

mod backfill;
mod referrers;

mod catalog;
mod error;
mod lasting;
mod purge;

pub use namespace::Storage;
pub use options::{
    AnonymousMounts, Deletes, ImageChecks, IndexChecks, IndexPlatform, MANIFEST_CACHE_BYTES, Options,
    REFERENCE_CONCURRENCY, REFERRERS_PAGE_BYTES, REFERRERS_PER_PAGE, Redirects, Schema1, TAG_CONCURRENCY,
    UPLOAD_WAIT, UrlPolicy,
};
pub use policy::ImmutableTags;
pub use purge::{PURGE_AGE, PurgeMode, PurgeReport, UploadPurge};
