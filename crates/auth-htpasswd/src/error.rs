//! What can be wrong with the file.

use std::io;
use std::path::PathBuf;

/// Why the users of a file are not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It could not be read.
    #[error("cannot read {}", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// There was none, and none could be made.
    #[error("cannot make {}", .0.display())]
    Make(PathBuf, #[source] io::Error),
    /// It is larger than a list of users.
    #[error("{} is larger than {limit} bytes", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that it may have, in bytes.
        limit: u64,
    },
    /// One of its lines names no hash.
    #[error("{}:{line}: {}", .path.display(), crate::BadLine::NoColon)]
    Line {
        /// The file.
        path: PathBuf,
        /// The line; the first one is 1.
        line: usize,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    Random(#[source] io::Error),
}
