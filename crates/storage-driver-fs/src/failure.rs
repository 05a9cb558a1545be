//! From what the system says to what a caller can do about it.

use std::io;

use rustix::io::Errno;
use wharf_storage_driver::{Error, ErrorKind, StoragePath};

use crate::driver::NAME;

/// An [`Error`] that does not yet know its path.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self { kind, source: None }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(ErrorKind::NotFound)
    }

    /// For names that no file may have, because the driver gives them to what is unfinished.
    pub(crate) fn reserved() -> Self {
        Self { kind: ErrorKind::Other, source: Some("no file can have this path".into()) }
    }

    /// For a place that was to be written: that its folder could not be made is not that nothing is there.
    pub(crate) fn of_target(self) -> Self {
        match self.kind {
            ErrorKind::NotFound => Self { kind: ErrorKind::Other, ..self },
            _ => self,
        }
    }

    pub(crate) fn at(self, path: &StoragePath) -> Error {
        let error = Error::new(NAME, self.kind).at(path);
        match self.source {
            Some(source) => error.because(source),
            None => error,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { kind: kind_of(&error), source: Some(error.into()) }
    }
}

impl From<Errno> for Failure {
    fn from(error: Errno) -> Self {
        io::Error::from(error).into()
    }
}

fn kind_of(error: &io::Error) -> ErrorKind {
    use io::ErrorKind as Io;
    match (error.kind(), Errno::from_io_error(error)) {
        // A name that is too long for the system can be nobody's.
        (Io::NotFound | Io::NotADirectory | Io::InvalidFilename, _) => ErrorKind::NotFound,
        (Io::PermissionDenied | Io::ReadOnlyFilesystem | Io::QuotaExceeded, _) => ErrorKind::Denied,
        (Io::StorageFull | Io::OutOfMemory | Io::TimedOut | Io::WouldBlock | Io::ResourceBusy, _) => {
            ErrorKind::Unavailable
        }
        // Someone writes this file in place, as Distribution 2.x does.
        (Io::StaleNetworkFileHandle | Io::UnexpectedEof, _) => ErrorKind::Unavailable,
        (_, Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS)) => ErrorKind::Unavailable,
        _ => ErrorKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_may_have_room_later_and_a_refusal_stays_one() {
        for (errno, kind) in [
            (Errno::NOSPC, ErrorKind::Unavailable),
            (Errno::MFILE, ErrorKind::Unavailable),
            (Errno::NFILE, ErrorKind::Unavailable),
            (Errno::STALE, ErrorKind::Unavailable),
            (Errno::DQUOT, ErrorKind::Denied),
            (Errno::ROFS, ErrorKind::Denied),
            (Errno::ACCESS, ErrorKind::Denied),
            (Errno::PERM, ErrorKind::Denied),
            (Errno::NOENT, ErrorKind::NotFound),
            (Errno::NOTDIR, ErrorKind::NotFound),
            (Errno::NAMETOOLONG, ErrorKind::NotFound),
            (Errno::XDEV, ErrorKind::Other),
            (Errno::IO, ErrorKind::Other),
        ] {
            assert_eq!(Failure::from(errno).kind, kind, "{errno}");
        }
    }

    #[test]
    fn the_cause_is_kept() {
        let error = Failure::from(Errno::NOSPC).at(&StoragePath::root());
        assert!(std::error::Error::source(&error).is_some());
        assert_eq!(error.to_string(), "filesystem: the store is not available: /");
    }
}
