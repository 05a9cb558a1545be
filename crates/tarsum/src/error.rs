//! What can be wrong with a sum, and with a tar.

/// Why a text is no tarsum, or none that can be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSum {
    /// The text is not `tarsum`, a version, a hash and a sum.
    #[error("invalid tarsum format")]
    Format,
    /// There are no rules of that version.
    #[error("unsupported tarsum version")]
    Version,
    /// The hash is none that is computed here.
    #[error("unsupported tarsum hash")]
    Hash,
}

/// Why bytes are no tar that could be summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotTar {
    /// A header is not one: its checksum or one of its numbers is wrong.
    #[error("tar entry {0} has an invalid header")]
    Header(u64),
    /// The bytes end in the middle of a header or a file.
    #[error("tar ends in the middle of entry {0}")]
    Cut(u64),
    /// Something other than zeros follows the end.
    #[error("something follows the end of the tar")]
    Trailing,
    /// A header that extends another is wrong.
    #[error("tar entry {0} has an invalid extended header")]
    Extension(u64),
    /// A map of a sparse file is wrong, or larger than is read.
    #[error("tar entry {0} has an invalid sparse map")]
    Sparse(u64),
    /// There are more entries than are counted.
    #[error("tar has more than {0} entries")]
    TooManyEntries(usize),
    /// A long name or an extended header is longer than is read.
    #[error("tar entry {0} has an extended header beyond the limit")]
    TooLarge(u64),
}
