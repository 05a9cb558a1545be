//! Files appear whole: first beside their place under another name, then, in one step, at it.
//!
//! The order is bytes, name, folders: the bytes are on stable storage before the file has its name, and the name and those
//! of new folders above it are before a caller hears of success. A crash between any two steps leaves the old file or the
//! new one, and at most an unfinished file beside it that nobody sees.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use wharf_storage_driver::{ErrorKind, PutMode, PutOptions, Sync, Version};

use crate::failure::Failure;
use crate::folders::{Folder, Folders};
use crate::{names, steps};

/// How often a write is tried again when someone deletes the folder under its hands.
pub(crate) const ATTEMPTS: usize = 4;

/// Which state of a file this is. A replaced file is another file; one that was written in place has another size or time,
/// and every file we write has its own time to the nanosecond, so that a number that is used again tells no lie.
pub(crate) fn version(metadata: &Metadata) -> Version {
    let seconds = metadata.mtime();
    Version(format!("{:x}-{:x}.{:x}-{:x}", metadata.ino(), seconds, metadata.mtime_nsec(), metadata.size()))
}

/// Writes a whole file.
pub(crate) fn put(
    folders: &Folders,
    at: &Path,
    bytes: &[u8],
    options: &PutOptions,
) -> Result<Version, Failure> {
    // Whoever has lost already need not write first.
    check(at, &options.mode)?;
    persistently(|| {
        let mut temporary = Temporary::create(folders, at)?;
        temporary.file.write_all(bytes)?;
        temporary.file.set_modified(SystemTime::now())?;
        if options.sync == Sync::Durable {
            steps::sync_file(&temporary.file, &temporary.path)?;
        }
        let version = version(&temporary.file.metadata()?);
        let folder = Folder::of(at)?;
        match &options.mode {
            PutMode::Overwrite => {
                folder.shared(|| steps::rename(&temporary.path, at).map_err(Failure::from))?
            }
            PutMode::Create => folder.shared(|| create(&temporary.path, at))?,
            PutMode::Replace(_) => folder.alone(|| {
                check(at, &options.mode)?;
                Ok::<_, Failure>(steps::rename(&temporary.path, at)?)
            })?,
        }
        temporary.is_placed = true;
        if options.sync == Sync::Durable {
            folders.sync_above(&folder)?;
        }
        Ok(version)
    })
}

/// Gives a file whose bytes are on stable storage its place, durably, and takes it from where it was.
pub(crate) fn place(folders: &Folders, from: &Path, to: &Path) -> Result<(), Failure> {
    let target = persistently(|| {
        if let Some(folder) = to.parent() {
            folders.make(folder)?;
        }
        Ok(Folder::of(to)?)
    });
    let folder = target.map_err(Failure::of_target)?;
    folder.shared(|| steps::rename(from, to).map_err(Failure::from))?;
    folders.sync_above(&folder)?;
    if from.parent() != to.parent() {
        match Folder::of(from).and_then(|folder| folder.sync()) {
            // It went away with whoever deleted it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => result?,
        }
    }
    Ok(())
}

/// Tries again while folders vanish. That there is a file where a folder should be is no reason to, but harmless.
pub(crate) fn persistently<T>(mut attempt: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    let mut result = attempt();
    for _ in 1..ATTEMPTS {
        match result {
            Err(failure) if failure.kind == ErrorKind::NotFound => result = attempt(),
            _ => break,
        }
    }
    result.map_err(Failure::of_target)
}

/// Deletes a file if it still is this version.
pub(crate) fn delete_version(at: &Path, version: Version) -> Result<(), Failure> {
    if !fs::symlink_metadata(at)?.is_file() {
        return Err(Failure::not_found());
    }
    let folder = Folder::of(at)?;
    folder.alone(|| {
        check(at, &PutMode::Replace(version))?;
        Ok::<_, Failure>(steps::remove_file(at)?)
    })?;
    Ok(folder.sync()?)
}

fn check(at: &Path, mode: &PutMode) -> Result<(), Failure> {
    let present = || match fs::metadata(at) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::from(error).of_target()),
    };
    match mode {
        PutMode::Overwrite => Ok(()),
        PutMode::Create if present()?.is_some() => Err(Failure::new(ErrorKind::Exists)),
        PutMode::Create => Ok(()),
        PutMode::Replace(expected) if present()?.as_ref().map(version).as_ref() == Some(expected) => Ok(()),
        PutMode::Replace(_) => Err(Failure::new(ErrorKind::Changed)),
    }
}

fn create(from: &Path, to: &Path) -> Result<(), Failure> {
    match steps::rename_to_new(from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Failure::new(ErrorKind::Exists)),
        result => Ok(result?),
    }
}

/// A file beside its place; it is removed again unless it gets there.
struct Temporary {
    file: File,
    path: PathBuf,
    is_placed: bool,
}

impl Temporary {
    fn create(folders: &Folders, at: &Path) -> io::Result<Self> {
        let path = names::temporary(at);
        let open = || OpenOptions::new().write(true).create_new(true).open(&path);
        let file = match (open(), at.parent()) {
            (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
                folders.make(folder)?;
                open()?
            }
            (result, _) => result?,
        };
        Ok(Self { file, path, is_placed: false })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_placed {
            // What cannot be removed now is recognised by its name and seen by nobody.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::journal;

    fn written(root: &Path) -> Option<String> {
        let left = fs::read_dir(root.join("a")).into_iter().flatten().count();
        assert!(left <= 1, "nothing unfinished is left");
        fs::read_to_string(root.join("a/link")).ok()
    }

    #[test]
    fn bytes_are_durable_before_the_name_and_the_name_before_success() {
        let root = tempfile::tempdir().unwrap();
        let folders = Folders::default();
        let at = root.path().join("a/link");
        put(&folders, &at, b"old", &PutOptions::default()).unwrap();
        let steps = journal::take();
        let (last, first) = steps.split_last().unwrap();
        assert_eq!(first, ["make a", "sync file unfinished", "rename to link", "sync folder a"]);
        assert!(last.starts_with("sync folder "), "the root, in which the folder is new");
        put(&folders, &at, b"new", &PutOptions::default()).unwrap();
        assert_eq!(journal::take(), ["sync file unfinished", "rename to link", "sync folder a"]);
    }

    #[test]
    fn what_can_be_lost_is_not_synced() {
        let root = tempfile::tempdir().unwrap();
        let options = PutOptions { sync: Sync::Relaxed, ..PutOptions::default() };
        put(&Folders::default(), &root.path().join("a/link"), b"x", &options).unwrap();
        assert_eq!(journal::take(), ["make a", "rename to link"]);
    }

    #[test]
    fn whatever_step_fails_the_old_or_the_new_is_there() {
        let old = Some("old".to_owned());
        let new = Some("new".to_owned());
        for mode in [PutMode::Create, PutMode::Overwrite] {
            for steps in 0..6 {
                let root = tempfile::tempdir().unwrap();
                let at = root.path().join("a/link");
                let folders = Folders::default();
                if mode == PutMode::Overwrite {
                    put(&folders, &at, b"old", &PutOptions::default()).unwrap();
                }
                let before = written(root.path());
                journal::fail_after(Some(steps));
                let result =
                    put(&folders, &at, b"new", &PutOptions { mode: mode.clone(), sync: Sync::Durable });
                journal::fail_after(None);
                let after = written(root.path());
                assert!(after == before || after == new, "{after:?} after {steps} steps");
                assert!(result.is_err() || after == new);
                assert!(mode == PutMode::Create || after == old || after == new);
            }
        }
    }

    #[test]
    fn a_moved_file_is_durable_at_its_new_place_before_it_is_gone_from_the_old() {
        let root = tempfile::tempdir().unwrap();
        let folders = Folders::default();
        let from = root.path().join("u/data");
        put(&folders, &from, b"x", &PutOptions::default()).unwrap();
        journal::take();
        place(&folders, &from, &root.path().join("b/data")).unwrap();
        let steps = journal::take();
        assert_eq!(steps[..3], ["make b", "rename to data", "sync folder b"]);
        assert_eq!(steps.last().unwrap(), "sync folder u");
        assert_eq!(steps.len(), 5, "and the root, in which a folder is new");
    }

    #[test]
    fn a_number_that_is_used_again_is_another_version() {
        let root = tempfile::tempdir().unwrap();
        let at = root.path().join("link");
        let folders = Folders::default();
        let mut versions = std::collections::HashSet::new();
        for _ in 0..100 {
            let options = PutOptions { sync: Sync::Relaxed, ..PutOptions::default() };
            assert!(versions.insert(put(&folders, &at, b"same size", &options).unwrap()));
        }
    }
}
