//! What a filesystem driver must be told.

use std::num::NonZeroUsize;
use std::path::PathBuf;

/// How many threads the driver uses at once when nothing else is said, as in Distribution.
pub const DEFAULT_MAX_THREADS: NonZeroUsize = NonZeroUsize::new(100).expect("100 is not zero");

/// Where the files are, and how hard the driver may work the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The folder that holds the store. It is made when the first file is written.
    pub root: PathBuf,
    /// How many threads may wait for the disk at once. What the kernel has in memory is read without one and is not
    /// counted, nor is reading a large file after it was opened.
    pub max_threads: NonZeroUsize,
}

impl Config {
    /// A store in `root`, with [`DEFAULT_MAX_THREADS`].
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), max_threads: DEFAULT_MAX_THREADS }
    }
}
