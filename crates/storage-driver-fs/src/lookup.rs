//! Opening what the kernel has in memory without leaving the thread.
//!
//! Most files that a registry opens were opened a moment ago. `openat2` with `RESOLVE_CACHED` opens a path only when every
//! name in it is in the kernel's memory and says "try again" otherwise, so a call that cannot wait for a disk is told apart
//! from one that may, and only the latter costs a thread. It also says "try again" on network filesystems, which must ask
//! their server.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// What an opened path is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To read its bytes.
    Read,
    /// To look at it only.
    Look,
}

/// Opens without waiting, as long as this kernel can.
#[derive(Debug)]
pub(crate) struct Lookup {
    works: AtomicBool,
}

impl Lookup {
    pub(crate) fn new() -> Self {
        Self { works: AtomicBool::new(true) }
    }

    /// Opens a path that the kernel has in memory; none when that must be tried where one can wait.
    pub(crate) fn open(&self, path: &Path, purpose: Purpose) -> Result<Option<File>, Errno> {
        if !self.works.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let flags = match purpose {
            // Not to wait for someone to write into a pipe that has no business here.
            Purpose::Read => OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY,
            Purpose::Look => OFlags::PATH,
        };
        match rustix::fs::openat2(CWD, path, flags | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::CACHED) {
            Ok(file) => Ok(Some(file.into())),
            // A sandbox that does not know the call may say that it is not permitted.
            Err(Errno::AGAIN | Errno::INTR | Errno::PERM) => Ok(None),
            Err(Errno::NOSYS | Errno::INVAL | Errno::TOOBIG) => {
                self.works.store(false, Ordering::Relaxed);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_just_written_opens_at_once_where_the_kernel_can() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        std::fs::write(&path, "x").unwrap();
        let lookup = Lookup::new();
        for purpose in [Purpose::Read, Purpose::Look] {
            if let Some(file) = lookup.open(&path, purpose).unwrap() {
                assert_eq!(file.metadata().unwrap().len(), 1);
            }
        }
        let missing = lookup.open(&root.path().join("missing"), Purpose::Read);
        assert!(matches!(missing, Ok(None) | Err(Errno::NOENT)));
    }

    #[test]
    fn a_kernel_that_cannot_is_not_asked_again() {
        let lookup = Lookup { works: AtomicBool::new(false) };
        assert!(lookup.open(Path::new("/"), Purpose::Look).unwrap().is_none());
    }
}
