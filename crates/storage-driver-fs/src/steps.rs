//! The few steps that decide what a crash leaves behind, each in one place.
//!
//! In tests every step is noted, and one can be made to fail, so that the order of steps and what each prefix of them
//! leaves can be asserted.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

/// Puts the bytes of a file on stable storage.
pub(crate) fn sync_file(file: &File, _path: &Path) -> io::Result<()> {
    #[cfg(test)]
    journal::note("sync file", _path)?;
    file.sync_data()
}

/// Puts the names in a folder on stable storage.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    sync_open_folder(&File::open(path)?, path)
}

/// Puts the names in a folder that is already open on stable storage.
pub(crate) fn sync_open_folder(folder: &File, _path: &Path) -> io::Result<()> {
    #[cfg(test)]
    journal::note("sync folder", _path)?;
    folder.sync_all()
}

/// Gives a file another name, replacing what has it.
pub(crate) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(test)]
    journal::note("rename to", to)?;
    fs::rename(from, to)
}

/// Gives a file another name, unless something has it: then this is [`io::ErrorKind::AlreadyExists`].
pub(crate) fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(test)]
    journal::note("rename to new", to)?;
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Old kernels and network filesystems: a second name, then without the first.
        Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        result => Ok(result?),
    }
}

/// Makes a folder in one that is there.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    journal::note("make", path)?;
    fs::create_dir(path)
}

/// Removes a file.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    #[cfg(test)]
    journal::note("remove", path)?;
    fs::remove_file(path)
}

#[cfg(test)]
pub(crate) mod journal {
    //! What this thread has done so far, and what it shall fail at.

    use std::cell::{Cell, RefCell};

    use super::*;

    thread_local! {
        static NOTES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
        static FAIL_AFTER: Cell<Option<usize>> = const { Cell::new(None) };
    }

    pub(super) fn note(step: &str, path: &Path) -> io::Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = if crate::names::is_unfinished(&name) { "unfinished".into() } else { name };
        NOTES.with_borrow_mut(|notes| notes.push(format!("{step} {name}")));
        match FAIL_AFTER.get() {
            Some(0) => Err(io::Error::other("this step was to fail")),
            left => {
                FAIL_AFTER.set(left.map(|left| left - 1));
                Ok(())
            }
        }
    }

    /// The steps since the last time.
    pub(crate) fn take() -> Vec<String> {
        NOTES.take()
    }

    /// Lets so many steps go well and every later one fail.
    pub(crate) fn fail_after(steps: Option<usize>) {
        FAIL_AFTER.set(steps);
    }
}
