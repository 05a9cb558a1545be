//! How a copy is made.

use std::num::NonZeroUsize;
use std::time::Duration;

use wharf_registry::RepositoryName;

/// How a copy is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// Blobs and manifests that are moved at once.
    pub jobs: NonZeroUsize,
    /// Whether manifests that name what is copied as their subject are copied too, and those that name them.
    pub referrers: bool,
    /// The source's name, when both sides are the same registry: blobs are mounted then, and no byte moves.
    pub mount_from: Option<RepositoryName>,
    /// How often moving one blob may fail in a row, without a byte more being there, until that is the end.
    pub attempts: u32,
    /// How long to wait after such a failure; twice as long after each other.
    pub backoff: Duration,
    /// The longest wait that the destination may ask for after such a failure. One that asks for more is not waited for.
    pub patience: Duration,
    /// A blob of more than so many bytes is pushed through an upload that goes on where it broke off.
    pub resumable_bytes: u64,
    /// How many tags are asked for at once.
    pub page: NonZeroUsize,
    /// How many indexes may stand in each other.
    pub depth: usize,
}

impl Default for Options {
    fn default() -> Self {
        let count = |count| NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN);
        Self {
            jobs: count(8),
            referrers: false,
            mount_from: None,
            attempts: 4,
            backoff: Duration::from_millis(250),
            patience: Duration::from_secs(60),
            resumable_bytes: 8 * 1024 * 1024,
            page: count(1000),
            depth: 16,
        }
    }
}
