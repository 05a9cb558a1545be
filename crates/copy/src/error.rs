//! Why a copy did not come about: which side, what, where.

use wharf_registry::{Digest, Error as RegistryError, RepositoryName};

/// Why a copy did not come about. What was moved by then stays, and is skipped the next time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The source did not give something.
    #[error("cannot read {what} from {repository}")]
    Source {
        /// What it was: a manifest, a blob, the list of tags.
        what: String,
        /// Where it was looked for.
        repository: RepositoryName,
        /// What the source said.
        source: RegistryError,
    },
    /// The destination did not take something.
    #[error("cannot write {what} to {repository}")]
    Destination {
        /// What it was.
        what: String,
        /// Where it was to go.
        repository: RepositoryName,
        /// What the destination said.
        source: RegistryError,
    },
    /// Indexes stand in each other more often than allowed.
    #[error("index {0} is nested too deeply")]
    Depth(Digest),
    /// The source sent other bytes than it was asked for.
    #[error("{repository} sends bytes for {digest} that are not its own")]
    Corrupt {
        /// What was asked for.
        digest: Digest,
        /// Who sent it.
        repository: RepositoryName,
        /// How they differ.
        source: std::io::Error,
    },
}
