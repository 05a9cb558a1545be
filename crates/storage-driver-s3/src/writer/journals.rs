//! Journals in the bucket: read, written, forgotten.

use bytes::Bytes;
use wharf_storage_driver::{ErrorKind, PutMode, Version};

use crate::bucket::Bucket;
use crate::failure::Failure;
use crate::journal::{HEAD_LIMIT_BYTES, Journal};
use crate::keys;
use crate::writer::session::piece_key;
use crate::{conditions, multipart, read, remove};

/// How often a journal is looked at again that someone else wrote meanwhile.
const ATTEMPTS: usize = 3;

/// A journal, and which version of it.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) journal: Journal,
    pub(crate) version: Version,
}

/// Reads the journal of a file; none when nothing was begun.
pub(crate) async fn load(bucket: &Bucket, key: &str) -> Result<Option<Known>, Failure> {
    let object = match read::get(bucket, &keys::journal(key), limit(bucket)).await {
        Err(failure) if failure.is_not_found() => return Ok(None),
        object => object?,
    };
    let journal =
        Journal::parse(&object.bytes).map_err(|error| Failure::new(ErrorKind::Other).because(error))?;
    Ok(Some(Known { journal, version: object.version }))
}

/// Replaces the journal that a writer has gone on from.
pub(crate) async fn replace(
    bucket: &Bucket,
    key: &str,
    file: Bytes,
    version: &Version,
) -> Result<(), Failure> {
    let journal = keys::journal(key);
    conditions::put(bucket, &journal, file, &PutMode::Replace(version.clone())).await.map(drop)
}

/// Writes the journal of a writer that has begun anew; what another one left is thrown away.
pub(crate) async fn create(bucket: &Bucket, key: &str, file: Bytes) -> Result<(), Failure> {
    let journal = keys::journal(key);
    let mut attempts_left = ATTEMPTS;
    loop {
        let failure = match conditions::put(bucket, &journal, file.clone(), &PutMode::Create).await {
            Ok(_) => return Ok(()),
            Err(failure) => failure,
        };
        attempts_left -= 1;
        if failure.kind != ErrorKind::Exists || attempts_left == 0 {
            return Err(failure);
        }
        let Some(other) = load(bucket, key).await? else { continue };
        match replace(bucket, key, file.clone(), &other.version).await {
            Err(failure) if failure.kind == ErrorKind::Changed => continue,
            done => done?,
        }
        if let Err(failure) = throw_away(bucket, key, &other.journal).await {
            tracing::warn!(error = %failure.into_error(), key, "parts of an upload that was begun anew stay in the store");
        }
        return Ok(());
    }
}

/// What became of a journal that was written, as far as anyone can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is there.
    Written,
    /// Another one is there, which it cannot replace.
    Lost,
    /// What it was to replace is there. It may still come.
    Open,
}

/// Looks what became of a journal that was to replace a version, or none.
pub(crate) async fn fate(
    bucket: &Bucket,
    key: &str,
    file: &Bytes,
    replaced: Option<&Version>,
) -> Result<Fate, Failure> {
    let there = match read::get(bucket, &keys::journal(key), limit(bucket)).await {
        Err(failure) if failure.is_not_found() => None,
        there => Some(there?),
    };
    Ok(match there {
        Some(object) if object.bytes == *file => Fate::Written,
        there if there.as_ref().map(|object| &object.version) == replaced => Fate::Open,
        _ => Fate::Lost,
    })
}

/// Forgets whatever was begun at a key, if anything was.
pub(crate) async fn forget(bucket: &Bucket, key: &str) -> Result<(), Failure> {
    match load(bucket, key).await? {
        Some(known) => forget_known(bucket, key, &known.journal).await,
        None => Ok(()),
    }
}

/// Forgets what was begun at a key. The journal goes first: it must name nothing that is not there.
pub(crate) async fn forget_known(bucket: &Bucket, key: &str, journal: &Journal) -> Result<(), Failure> {
    remove::remove_key(bucket, &keys::journal(key)).await?;
    throw_away(bucket, key, journal).await
}

/// Throws away what a journal names, without the journal.
async fn throw_away(bucket: &Bucket, key: &str, journal: &Journal) -> Result<(), Failure> {
    let aborting = async {
        match &journal.multipart {
            Some(parts) => multipart::abort(bucket, key, &parts.id).await,
            None => Ok(()),
        }
    };
    let pieces = journal.pieces.iter().map(|name| piece_key(key, name)).collect();
    let (aborted, removed) = tokio::join!(aborting, remove::remove_known(bucket, pieces));
    aborted.and(removed)
}

/// How long a journal may be, in bytes.
fn limit(bucket: &Bucket) -> usize {
    usize::try_from(HEAD_LIMIT_BYTES.saturating_add(bucket.memory.largest_part())).unwrap_or(usize::MAX)
}
