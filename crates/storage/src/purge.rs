//! Deleting uploads that nobody is going to finish.
//!
//! The walk goes through folders a page at a time, so that its memory does not grow with the store, and it
//! leaves what it cannot judge: an upload without a readable beginning goes only when all of its files are
//! old.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use wharf_registry::Error;
use wharf_storage_driver::{Entry, Error as DriverError, Kind, ListOptions, StorageDriver, StoragePath};

use crate::error::{failed, found};
use crate::layout;
use crate::record::{RECORD_LIMIT_BYTES, Record};

/// How many names of a folder are asked for at once.
const LIST_LIMIT: usize = 1000;
/// How deep an upload's own folders are looked into: `hashstates/<algorithm>/<offset>` is what Distribution
/// leaves.
const UPLOAD_DEPTH: usize = 3;

/// Which uploads to purge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadPurge {
    /// Those that were begun longer ago than this.
    pub age: Duration,
    /// Whether to delete them or only to say which they are.
    pub mode: PurgeMode,
}

/// The age at which Distribution purges by default: a week.
pub const PURGE_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl Default for UploadPurge {
    /// Deletes what is older than [`PURGE_AGE`].
    fn default() -> Self {
        Self { age: PURGE_AGE, mode: PurgeMode::Delete }
    }
}

/// Whether a purge deletes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PurgeMode {
    /// It does.
    #[default]
    Delete,
    /// It only reports.
    DryRun,
}

/// What a purge did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PurgeReport {
    /// How many uploads there were.
    pub examined: u64,
    /// How many were old enough; in a dry run none of them was deleted.
    pub purged: u64,
    /// How many could not be looked at or deleted; the log says why.
    pub failed: u64,
    /// How many writes the store threw away that belonged to no upload any more, such as parts in a bucket.
    pub swept: u64,
}

pub(crate) async fn purge_uploads(
    driver: &dyn StorageDriver,
    now: SystemTime,
    purge: UploadPurge,
) -> Result<PurgeReport, Error> {
    let before = now.checked_sub(purge.age).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut report = PurgeReport::default();
    let mut pending = vec![Pending { folder: layout::repositories(), after: None }];
    while let Some(Pending { folder, after }) = pending.pop() {
        let options = ListOptions { start_after: after.as_deref(), limit: LIST_LIMIT, holding: None };
        let Some(page) = found(driver.list(&folder, options).await)? else { continue };
        let last = page.entries.last().map(|entry| entry.name.clone());
        if let Some(last) = last.filter(|_| page.more) {
            pending.push(Pending { folder: folder.clone(), after: Some(last) });
        }
        for (entry, path) in folders_in(&folder, page.entries) {
            if entry.name == layout::UPLOADS {
                purge_folder(driver, &path, before, purge.mode, &mut report).await?;
            } else if !entry.name.starts_with('_') {
                pending.push(Pending { folder: path, after: None });
            }
        }
    }
    if purge.mode == PurgeMode::Delete {
        report.swept = driver.sweep(before).await.map_err(failed)?;
    }
    Ok(report)
}

/// A folder that was not listed to its end.
struct Pending {
    folder: StoragePath,
    after: Option<String>,
}

/// Purges the uploads of one repository.
async fn purge_folder(
    driver: &dyn StorageDriver,
    folder: &StoragePath,
    before: SystemTime,
    mode: PurgeMode,
    report: &mut PurgeReport,
) -> Result<(), Error> {
    let mut after: Option<String> = None;
    loop {
        let options = ListOptions { start_after: after.as_deref(), limit: LIST_LIMIT, holding: None };
        let Some(page) = found(driver.list(folder, options).await)? else { return Ok(()) };
        after = page.entries.last().map(|entry| entry.name.clone());
        for (_, upload) in folders_in(folder, page.entries) {
            report.examined += 1;
            match purge_upload(driver, &upload, before, mode).await {
                Ok(true) => report.purged += 1,
                Ok(false) => {}
                Err(error) => {
                    report.failed += 1;
                    tracing::warn!(error = &error as &dyn std::error::Error, "upload {upload} is not purged");
                }
            }
        }
        if !page.more || after.is_none() {
            return Ok(());
        }
    }
}

/// Deletes an upload if it is old enough, and says whether it is.
async fn purge_upload(
    driver: &dyn StorageDriver,
    upload: &StoragePath,
    before: SystemTime,
    mode: PurgeMode,
) -> Result<bool, Error> {
    let record = driver.get(&layout::below(upload, layout::UPLOAD_RECORD), RECORD_LIMIT_BYTES).await;
    let record = match record {
        Err(error) if error.kind() == wharf_storage_driver::ErrorKind::TooLarge => None,
        result => found(result)?,
    };
    let began = record.and_then(|object| beginning(&object.bytes));
    let is_old = match began {
        Some(began) => began < before,
        None => last_change(driver, upload).await.map_err(failed)?.is_some_and(|changed| changed < before),
    };
    if is_old && mode == PurgeMode::Delete {
        found(driver.delete(upload).await)?;
    }
    if is_old {
        tracing::info!(dry_run = mode == PurgeMode::DryRun, "purged upload {upload}");
    }
    Ok(is_old)
}

/// When an upload began, by its record, or by the first line of what once was one.
fn beginning(file: &Bytes) -> Option<SystemTime> {
    let record = Record::parse(file).or_else(|| {
        let end = file.iter().position(|byte| *byte == b'\n').unwrap_or(file.len());
        Record::parse(&file.slice(..end))
    });
    record.map(|record| record.started_at.into())
}

/// When anything below a folder was last written; none when that is not known of everything, or is deeper
/// than uploads are.
async fn last_change(
    driver: &dyn StorageDriver,
    upload: &StoragePath,
) -> Result<Option<SystemTime>, DriverError> {
    let mut newest = match driver.stat(upload).await {
        Ok(stat) => stat.modified,
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error),
    };
    let mut folders = vec![(upload.clone(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let page = match driver
            .list(&folder, ListOptions { start_after: None, limit: LIST_LIMIT, holding: None })
            .await
        {
            Ok(page) => page,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error),
        };
        if page.more || depth > UPLOAD_DEPTH {
            return Ok(None);
        }
        for entry in page.entries {
            let Ok(path) = folder.join(&entry.name) else { return Ok(None) };
            match entry.kind {
                Kind::Folder => folders.push((path, depth + 1)),
                Kind::File => match driver.stat(&path).await?.modified {
                    Some(modified) => newest = newest.max(Some(modified)),
                    None => return Ok(None),
                },
            }
        }
    }
    Ok(newest)
}

/// The folders of a listing, with their paths.
fn folders_in(parent: &StoragePath, entries: Vec<Entry>) -> impl Iterator<Item = (Entry, StoragePath)> {
    let folders = entries.into_iter().filter(|entry| entry.kind == Kind::Folder);
    folders.filter_map(|entry| {
        let path = parent.join(&entry.name).ok()?;
        Some((entry, path))
    })
}
