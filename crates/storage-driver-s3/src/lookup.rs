//! What is at a key, without its bytes.

use std::time::SystemTime;

use wharf_storage_driver::{ErrorKind, Kind, Stat, StoragePath, Version};

use crate::bucket::Bucket;
use crate::conditions::MARK;
use crate::failure::Failure;

/// What a store says of an object.
#[derive(Debug)]
pub(crate) struct Head {
    /// In bytes.
    pub(crate) size: u64,
    pub(crate) version: Option<Version>,
    pub(crate) modified: Option<SystemTime>,
    /// The mark of whoever wrote it under a condition.
    pub(crate) mark: Option<String>,
}

/// What is known of an object; none where there is none.
pub(crate) async fn head(bucket: &Bucket, key: &str) -> Result<Option<Head>, Failure> {
    let answer = match bucket.head_object(key).send().await.map_err(Failure::from) {
        Err(failure) if failure.is_not_found() => return Ok(None),
        answer => answer?,
    };
    let size = answer.content_length().and_then(|len| u64::try_from(len).ok());
    Ok(Some(Head {
        size: size.ok_or_else(|| unexpected("the answer has no length"))?,
        version: version(answer.e_tag()),
        modified: answer.last_modified().and_then(|time| SystemTime::try_from(*time).ok()),
        mark: answer.metadata().and_then(|metadata| metadata.get(MARK)).cloned(),
    }))
}

/// A file or a folder. The root is always there, but to say so the store is asked, so that who wonders whether it answers
/// gets to know.
pub(crate) async fn stat(bucket: &Bucket, path: &StoragePath) -> Result<Stat, Failure> {
    let file = if path.is_root() { None } else { head(bucket, &bucket.keys.of(path)).await? };
    match file {
        Some(Head { size, modified, .. }) => Ok(Stat { kind: Kind::File, size, modified }),
        None if holds_anything(bucket, &bucket.keys.prefix(path)).await? || path.is_root() => {
            Ok(Stat { kind: Kind::Folder, size: 0, modified: None })
        }
        None => Err(Failure::not_found()),
    }
}

/// Whether any key begins so.
pub(crate) async fn holds_anything(bucket: &Bucket, prefix: &str) -> Result<bool, Failure> {
    let page = bucket.list_objects(prefix).max_keys(1).send().await?;
    Ok(!page.contents().is_empty())
}

/// The version that an entity tag marks: without its quotes, which stores use and understand in different ways.
pub(crate) fn version(tag: Option<&str>) -> Option<Version> {
    let tag = tag?.trim_matches('"');
    (!tag.is_empty()).then(|| Version(tag.to_owned()))
}

/// For an answer that lacks what every store says: as a rule it was cut on its way.
pub(crate) fn unexpected(what: impl Into<String>) -> Failure {
    Failure::new(ErrorKind::Unavailable).because(what.into())
}

/// For what cannot be asked of any store.
pub(crate) fn impossible(what: impl Into<String>) -> Failure {
    Failure::new(ErrorKind::Other).because(what.into())
}
