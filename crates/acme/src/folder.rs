//! The folder: small files with one key or certificate each, by the names of `autocert`.
//!
//! A file is written whole under another name, synced, renamed, and the folder synced: whoever reads sees the old one or the
//! new one, and what was written outlives a crash. Files are for their owner alone.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::{Error, Host};

/// The key of the account.
pub(crate) const ACCOUNT_KEY: &str = "acme_account+key";
/// The same, as the first versions of `autocert` named it.
pub(crate) const OLD_ACCOUNT_KEY: &str = "acme_account.key";

/// How large a file may be, in bytes: a chain of ten certificates with its key is a third of it.
const FILE_BYTES: u64 = 64 * 1024;

/// What lies under a host's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// A certificate with a key on a curve.
    Ecdsa,
    /// One with an RSA key.
    Rsa,
    /// One that answers a challenge.
    Token,
    /// Nothing; it is locked by whoever orders for the host.
    Lock,
}

impl Entry {
    /// The name of its file.
    pub(crate) fn of(self, host: &Host) -> String {
        let suffix = match self {
            Self::Ecdsa => "",
            Self::Rsa => "+rsa",
            Self::Token => "+token",
            Self::Lock => "+lock",
        };
        format!("{host}{suffix}")
    }
}

/// The folder.
#[derive(Debug, Clone)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes it if it is not there, and tries whether it can be written to: a certificate that is fetched and cannot be kept
    /// would be fetched again at each start, until the ACME server has had enough.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        if std::fs::metadata(path).is_ok_and(|found| !found.is_dir()) {
            return Err(Error::NotAFolder(path.to_owned()));
        }
        let failed = |error| Error::Folder(path.to_owned(), error);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        NamedTempFile::new_in(path).and_then(NamedTempFile::close).map_err(failed)?;
        Ok(Self(path.to_owned()))
    }

    /// Where a file is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What is in a file; none when there is no file.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let read = || {
            let mut bytes = Vec::new();
            File::open(self.path(name))?.take(FILE_BYTES).read_to_end(&mut bytes)?;
            Ok::<_, io::Error>(bytes)
        };
        match read() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(name, error)),
        }
    }

    /// Writes a file, in place of one that is there.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let written = self.written(bytes).and_then(|file| {
            file.persist(self.path(name))?;
            self.sync()
        });
        written.map_err(|error| self.failed(name, error))
    }

    /// Writes a file unless there is one.
    pub(crate) fn write_new(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let written = self.written(bytes).and_then(|file| match file.persist_noclobber(self.path(name)) {
            Err(error) if error.error.kind() != io::ErrorKind::AlreadyExists => Err(error.error),
            _ => self.sync(),
        });
        written.map_err(|error| self.failed(name, error))
    }

    /// Deletes a file, if it is there.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Error> {
        match std::fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(self.failed(name, error)),
            _ => Ok(()),
        }
    }

    /// Locks a file until what is returned is dropped, or the process ends; none when another has it.
    pub(crate) fn lock(&self, name: &str) -> Result<Option<File>, Error> {
        let open =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(self.path(name));
        let file = open.map_err(|error| self.failed(name, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(self.failed(name, error)),
        }
    }

    fn written(&self, bytes: &[u8]) -> io::Result<NamedTempFile> {
        let mut file = NamedTempFile::new_in(&self.0)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(file)
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()
    }

    fn failed(&self, name: &str, error: io::Error) -> Error {
        Error::Folder(self.path(name), error)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_and_folder_are_for_their_owner_alone() {
        let above = tempfile::tempdir().unwrap();
        let path = above.path().join("a/b");
        let folder = Folder::open(&path).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        folder.write("file", b"one").unwrap();
        let _lock = folder.lock("lock").unwrap().unwrap();
        assert_eq!((mode(&path), mode(&path.join("file")), mode(&path.join("lock"))), (0o700, 0o600, 0o600));
    }

    #[test]
    fn a_file_is_replaced_or_left_as_asked_and_nothing_else_stays() {
        let above = tempfile::tempdir().unwrap();
        let folder = Folder::open(above.path()).unwrap();
        assert_eq!(folder.read("file").unwrap(), None);
        folder.write_new("file", b"one").unwrap();
        folder.write_new("file", b"two").unwrap();
        assert_eq!(folder.read("file").unwrap().unwrap(), b"one");
        folder.write("file", b"three").unwrap();
        assert_eq!(folder.read("file").unwrap().unwrap(), b"three");
        assert_eq!(std::fs::read_dir(above.path()).unwrap().count(), 1);
        folder.remove("file").unwrap();
        folder.remove("file").unwrap();
        assert_eq!(std::fs::read_dir(above.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_at_a_time_holds_a_lock() {
        let above = tempfile::tempdir().unwrap();
        let folder = Folder::open(above.path()).unwrap();
        let first = folder.lock("lock").unwrap();
        assert!(
            first.is_some()
                && folder.lock("lock").unwrap().is_none()
                && folder.lock("other").unwrap().is_some()
        );
        drop(first);
        assert!(folder.lock("lock").unwrap().is_some());
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_refused_with_a_cure() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Folder::open(file.path()).unwrap_err().to_string();
        assert!(error.contains("is a file") && error.contains("name another path"), "{error}");
    }
}
