//! Folders that appear when a file needs them, and that are as durable as the file.
//!
//! A file is on stable storage only when the name of every folder above it is. To sync them all for each file would cost a
//! dozen syncs, so the driver remembers in which folders it has made others without syncing them yet, and a durable write
//! syncs those among its own ancestors. A folder is remembered from before the new one is made until a sync that began
//! after that has ended; so a call that finds a folder which another has just made also waits for its name to be durable.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;

use crate::steps;

/// How many folders are remembered at most, before all of them are synced.
const MAX_REMEMBERED: usize = 4096;

/// Makes folders and remembers where a sync is due.
#[derive(Debug, Default)]
pub(crate) struct Folders {
    due: Mutex<BTreeMap<PathBuf, Due>>,
}

#[derive(Debug, Default)]
struct Due {
    /// How many calls are making a folder in it at this moment.
    making: usize,
    /// How many folders were made in it since it is remembered.
    made: u64,
}

impl Folders {
    /// Makes a folder and those above it that are missing.
    pub(crate) fn make(&self, folder: &Path) -> io::Result<()> {
        match self.make_one(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let Some(above) = folder.parent() else { return Err(error) };
                self.make(above)?;
                self.make_one(folder)
            }
            result => result,
        }
    }

    /// Makes the names in a folder durable, and the names of all folders above it that are not yet known to be.
    pub(crate) fn sync_above(&self, folder: &Folder) -> io::Result<()> {
        let above: Vec<PathBuf> = {
            let due = self.due();
            folder
                .path
                .ancestors()
                .skip(1)
                .filter(|above| due.contains_key(*above))
                .map(Path::to_owned)
                .collect()
        };
        self.sync(&folder.path, || folder.sync())?;
        above.iter().try_for_each(|above| self.sync(above, || steps::sync_folder(above)))
    }

    /// Forgets a folder that was deleted, and all below it.
    pub(crate) fn forget(&self, folder: &Path) {
        let mut due = self.due();
        let from = (Bound::Included(folder), Bound::Unbounded);
        let gone = due.range::<Path, _>(from).take_while(|(path, _)| path.starts_with(folder));
        let gone: Vec<_> =
            gone.filter(|(_, entry)| entry.making == 0).map(|(path, _)| path.clone()).collect();
        for path in gone {
            due.remove(&path);
        }
    }

    fn make_one(&self, folder: &Path) -> io::Result<()> {
        let Some(above) = folder.parent() else { return Ok(()) };
        self.due().entry(above.to_owned()).or_default().making += 1;
        let result = match steps::make_folder(folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(0),
            result => result.map(|()| 1),
        };
        let mut due = self.due();
        if let Some(entry) = due.get_mut(above) {
            entry.making -= 1;
            entry.made += result.as_ref().copied().unwrap_or(0);
            if entry.making == 0 && entry.made == 0 {
                due.remove(above);
            }
        }
        let all: Vec<_> = if due.len() > MAX_REMEMBERED { due.keys().cloned().collect() } else { Vec::new() };
        drop(due);
        result?;
        all.iter().try_for_each(|folder| self.sync(folder, || steps::sync_folder(folder)))
    }

    /// Syncs a folder; it is forgotten unless something was made in it meanwhile.
    fn sync(&self, folder: &Path, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let before = self.due().get(folder).map(|entry| entry.made);
        match sync() {
            // Someone has deleted it, and with it what was to be durable.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => result?,
        }
        let mut due = self.due();
        if due.get(folder).is_some_and(|entry| entry.making == 0 && Some(entry.made) == before) {
            due.remove(folder);
        }
        Ok(())
    }

    fn due(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Due>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open folder, whose names can be locked and synced.
///
/// Whoever replaces a file on condition holds its folder alone from the look to the deed; everyone else who changes a name
/// in it holds it together with others. The lock is the system's, so it holds between processes on one machine, and it is
/// gone with a process that dies.
#[derive(Debug)]
pub(crate) struct Folder {
    file: File,
    path: PathBuf,
}

impl Folder {
    /// Opens the folder that `at` is in.
    pub(crate) fn of(at: &Path) -> io::Result<Self> {
        let path = at.parent().unwrap_or(at).to_owned();
        Ok(Self { file: File::open(&path)?, path })
    }

    /// Runs `change` while others may change names here, too.
    pub(crate) fn shared<T, E: From<io::Error>>(
        &self,
        change: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        tolerating(self.file.lock_shared())?;
        let result = change();
        tolerating(self.file.unlock())?;
        result
    }

    /// Runs `change` while nobody else changes names here.
    pub(crate) fn alone<T, E: From<io::Error>>(&self, change: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        tolerating(self.file.lock())?;
        let result = change();
        tolerating(self.file.unlock())?;
        result
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        steps::sync_open_folder(&self.file, &self.path)
    }
}

/// A filesystem that knows no locks is used without them, as Distribution uses all.
pub(crate) fn tolerating(locked: io::Result<()>) -> io::Result<()> {
    match locked {
        Err(error) => match Errno::from_io_error(&error) {
            Some(Errno::NOLCK | Errno::NOSYS | Errno::OPNOTSUPP | Errno::BADF) => Ok(()),
            _ => Err(error),
        },
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::journal;

    #[test]
    fn a_durable_name_makes_new_folders_above_it_durable() {
        let root = tempfile::tempdir().unwrap();
        let folders = Folders::default();
        let at = root.path().join("a/b/c/file");
        folders.make(at.parent().unwrap()).unwrap();
        journal::take();
        folders.sync_above(&Folder::of(&at).unwrap()).unwrap();
        let synced = journal::take();
        assert_eq!(synced[..3], ["sync folder c", "sync folder b", "sync folder a"]);
        assert_eq!(synced.len(), 4, "and the root");
        folders.sync_above(&Folder::of(&at).unwrap()).unwrap();
        assert_eq!(journal::take(), ["sync folder c"], "what is known to be durable is left alone");
        assert!(folders.due().is_empty());
    }

    #[test]
    fn a_folder_that_another_call_made_is_made_durable_too() {
        let root = tempfile::tempdir().unwrap();
        let folders = Folders::default();
        folders.make(&root.path().join("a/b")).unwrap();
        let at = root.path().join("a/b/c/file");
        folders.make(at.parent().unwrap()).unwrap();
        journal::take();
        folders.sync_above(&Folder::of(&at).unwrap()).unwrap();
        assert_eq!(journal::take().len(), 4);
    }

    #[test]
    fn a_sync_that_fails_stays_due() {
        let root = tempfile::tempdir().unwrap();
        let folders = Folders::default();
        let at = root.path().join("a/file");
        folders.make(at.parent().unwrap()).unwrap();
        journal::fail_after(Some(1));
        assert!(folders.sync_above(&Folder::of(&at).unwrap()).is_err());
        journal::fail_after(None);
        journal::take();
        folders.sync_above(&Folder::of(&at).unwrap()).unwrap();
        assert_eq!(journal::take().len(), 2);
    }

    #[test]
    fn a_deleted_folder_is_forgotten_with_all_below() {
        let root = tempfile::tempdir().unwrap();
        let folders = Folders::default();
        for folder in ["a/b/c", "a-b/c", "a.b/c"] {
            folders.make(&root.path().join(folder)).unwrap();
        }
        folders.forget(&root.path().join("a"));
        let due: Vec<_> = folders.due().keys().cloned().collect();
        assert_eq!(due, [root.path().to_owned(), root.path().join("a-b"), root.path().join("a.b")]);
    }

    #[test]
    fn what_is_remembered_has_a_limit() {
        let root = tempfile::tempdir().unwrap();
        let folders = Folders::default();
        for index in 0..MAX_REMEMBERED {
            folders.due().entry(root.path().join(format!("gone{index}"))).or_default().made = 1;
        }
        folders.make(&root.path().join("a")).unwrap();
        assert!(folders.due().is_empty());
        assert!(journal::take().last().unwrap().starts_with("sync folder"));
    }

    #[test]
    fn making_what_is_there_leaves_nothing_due() {
        let root = tempfile::tempdir().unwrap();
        let folders = Folders::default();
        folders.make(root.path()).unwrap();
        assert!(folders.due().is_empty());
        std::fs::write(root.path().join("file"), "x").unwrap();
        assert!(folders.make(&root.path().join("file")).is_err());
        assert!(folders.make(&root.path().join("file/below")).is_err());
        assert!(folders.due().is_empty());
    }
}
