//! Every wait, count and buffer of the client, by name.

use std::fmt;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use wharf_reference::RepositoryName;

/// How a client behaves.
#[derive(Clone)]
pub struct Options {
    /// What it calls itself.
    pub user_agent: String,
    /// How often a request is sent at most, the first time included.
    pub attempts: NonZeroU32,
    /// The longest wait before the second attempt; each wait after it may be twice as long. The wait itself is any part of that, so
    /// that clients which failed together do not come back together.
    pub first_backoff: Duration,
    /// The longest wait between two attempts.
    pub max_backoff: Duration,
    /// The longest wait that a registry may ask for by `Retry-After`. One that asks for more is not waited for.
    pub max_retry_after: Duration,
    /// How long a request may go without a byte sent and without an answer.
    pub answer_timeout: Duration,
    /// How long the body of an answer may go without a byte.
    pub stall_timeout: Duration,
    /// How many redirects of one request are followed.
    pub redirects: u32,
    /// How often one download goes on after its connection broke.
    pub resumes: u32,
    /// Downloads of blobs at once; others wait.
    pub downloads: NonZeroUsize,
    /// Uploads of blobs at once; others wait.
    pub uploads: NonZeroUsize,
    /// A blob of at most so many bytes is held in memory while it is pushed, so that it can be sent again.
    pub whole_bytes: usize,
    /// Larger blobs are pushed in chunks of so many bytes, each held in memory so that it can be sent again; none to push them in one
    /// request that is not repeated. A registry that asks for larger chunks gets them.
    pub chunk_bytes: Option<NonZeroUsize>,
    /// The largest list that is read, in bytes.
    pub list_bytes: usize,
    /// How much of a refusal is read, in bytes.
    pub error_bytes: usize,
    /// The largest answer of a token server, in bytes.
    pub token_bytes: usize,
    /// How many tokens are kept.
    pub tokens: NonZeroUsize,
    /// How many unfinished uploads, and how many places in lists, are kept in mind.
    pub sessions: NonZeroUsize,
    /// How many referrers of one manifest are read.
    pub referrers: usize,
    /// Who is told about bytes that pass.
    pub progress: Option<Arc<dyn Progress>>,
}

/// Hears about bytes as they pass. It is called for every piece, so it has to be quick.
pub trait Progress: Send + Sync {
    /// So many bytes of a blob have passed.
    fn passed(&self, direction: Direction, repository: &RepositoryName, bytes: u64);
}

/// Which way bytes pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the registry.
    Received,
    /// To the registry. Bytes that have to be sent again count again.
    Sent,
}

impl Default for Options {
    fn default() -> Self {
        let count = |count| NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN);
        Self {
            user_agent: concat!("wharf/", env!("CARGO_PKG_VERSION")).to_owned(),
            attempts: NonZeroU32::new(5).unwrap_or(NonZeroU32::MIN),
            first_backoff: Duration::from_millis(250),
            max_backoff: Duration::from_secs(10),
            max_retry_after: Duration::from_secs(60),
            answer_timeout: Duration::from_secs(120),
            stall_timeout: Duration::from_secs(60),
            redirects: 5,
            resumes: 5,
            downloads: count(16),
            uploads: count(16),
            whole_bytes: 1024 * 1024,
            chunk_bytes: None,
            list_bytes: 32 * 1024 * 1024,
            error_bytes: 64 * 1024,
            token_bytes: 1024 * 1024,
            tokens: count(256),
            sessions: count(1024),
            referrers: 10_000,
            progress: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("attempts", &self.attempts)
            .field("downloads", &self.downloads)
            .field("uploads", &self.uploads)
            .finish_non_exhaustive()
    }
}
