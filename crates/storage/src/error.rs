//! Says in the registry's words what a driver said, and what is wrong with something that is stored.
//!
//! Only "not found" is ever turned into "unknown": a permission fault must not make an image disappear.

use std::io;

use wharf_digest::Digest;
use wharf_registry::Error;
use wharf_storage_driver::{Error as DriverError, ErrorKind, InvalidPath, StoragePath};

/// Turns what a driver said into what a registry says.
pub(crate) fn failed(error: DriverError) -> Error {
    match error.kind() {
        ErrorKind::Unavailable | ErrorKind::Busy => {
            Error::Unavailable { retry_after: None, source: error.into() }
        }
        _ => Error::internal(error),
    }
}

/// Says why stored bytes broke off: what a driver said is in there when it said something.
pub(crate) fn broken(error: io::Error) -> Error {
    match error.downcast::<DriverError>() {
        Ok(error) => failed(error),
        Err(error) => Error::internal(error),
    }
}

/// Takes "nothing is there" for an answer and everything else for a failure.
pub(crate) fn found<T>(result: Result<T, DriverError>) -> Result<Option<T>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Something in the store that cannot be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Damage {
    #[error("link {path} is broken")]
    Link { path: StoragePath, source: LinkFault },
    #[error("manifest {path} is larger than {limit_bytes} bytes")]
    ManifestSize { path: StoragePath, limit_bytes: usize },
    #[error("manifest {path} has other bytes than its digest says")]
    ManifestBytes { path: StoragePath },
    #[error("manifest {path} cannot be read")]
    Manifest { path: StoragePath, source: wharf_manifest::Error },
    #[error("{path} has {actual} bytes where {expected} were known")]
    Size { path: StoragePath, expected: u64, actual: u64 },
    #[error("{path} is a folder where a file should be")]
    Folder { path: StoragePath },
    #[error(transparent)]
    Path(#[from] InvalidPath),
}

/// What is wrong with a link.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkFault {
    #[error("it is larger than a digest")]
    Large,
    #[error("it holds no digest")]
    Digest(#[source] wharf_digest::ParseDigestError),
    #[error("it holds bytes that are no text")]
    Text,
    #[error("it points to {0}")]
    Target(Digest),
}

impl From<Damage> for Error {
    fn from(damage: Damage) -> Self {
        Self::internal(damage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_found_is_not_found() {
        let said = |kind| found::<()>(Err(DriverError::new("test", kind)));
        assert!(matches!(said(ErrorKind::NotFound), Ok(None)));
        assert!(matches!(said(ErrorKind::Denied), Err(Error::Internal(_))));
        assert!(matches!(said(ErrorKind::Other), Err(Error::Internal(_))));
        assert!(matches!(said(ErrorKind::Unavailable), Err(Error::Unavailable { .. })));
        assert!(matches!(said(ErrorKind::Busy), Err(Error::Unavailable { .. })));
    }

    #[test]
    fn bytes_that_break_off_say_what_the_driver_said() {
        let down = DriverError::new("test", ErrorKind::Unavailable);
        assert!(matches!(broken(io::Error::other(down)), Error::Unavailable { .. }));
        assert!(matches!(broken(io::Error::other("bug")), Error::Internal(_)));
    }
}
