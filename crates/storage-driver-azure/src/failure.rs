//! What can go wrong with a request, and what the port calls it.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use wharf_storage_driver::{Error, ErrorKind, StoragePath};

use crate::driver::NAME;

/// Why a request did not do what it was to do.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: FailureKind,
    /// How long the service asks to be left alone.
    pub(crate) retry_after: Option<Duration>,
    /// Whether the service cannot have seen the request.
    pub(crate) is_unsent: bool,
    pub(crate) cause: Option<Box<dyn StdError + Send + Sync>>,
}

/// What went wrong, as far as the driver acts on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// There is no such blob.
    Missing,
    /// There is a blob, and there should be none.
    Exists,
    /// The blob is not in the state that was asked for.
    Changed,
    /// There is a blob of another type, which cannot become one of ours.
    OtherType,
    /// The range begins at the end of the blob or beyond it.
    OutOfRange,
    /// A list names a block that the service does not have.
    UnknownBlock,
    /// Another copy onto the blob is pending.
    CopyPending,
    /// There is no copy to give up.
    NoCopy,
    /// The blob is larger than the caller allows.
    TooLarge,
    /// Not now.
    Unavailable,
    /// Not for us.
    Denied,
    /// Anything else.
    Other,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind) -> Self {
        Self { kind, retry_after: None, is_unsent: false, cause: None }
    }

    /// Keeps the cause.
    pub(crate) fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    pub(crate) fn missing() -> Self {
        Self::new(FailureKind::Missing)
    }

    /// As the port says it of a path.
    pub(crate) fn at(self, path: &StoragePath) -> Error {
        let kind = match self.kind {
            FailureKind::Missing => ErrorKind::NotFound,
            FailureKind::Exists => ErrorKind::Exists,
            FailureKind::Changed => ErrorKind::Changed,
            FailureKind::TooLarge => ErrorKind::TooLarge,
            FailureKind::CopyPending | FailureKind::Unavailable => ErrorKind::Unavailable,
            FailureKind::Denied => ErrorKind::Denied,
            FailureKind::OtherType
            | FailureKind::OutOfRange
            | FailureKind::UnknownBlock
            | FailureKind::NoCopy
            | FailureKind::Other => ErrorKind::Other,
        };
        let error = Error::new(NAME, kind).at(path);
        match self.cause {
            Some(cause) => error.because(cause),
            None => error,
        }
    }
}

/// The service's own words for a refusal: never more than its status, its code and the number of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    /// Such as `BlobNotFound`; empty when there is none.
    pub(crate) code: String,
    pub(crate) request: String,
    pub(crate) retry_after: Option<Duration>,
}

impl Refusal {
    /// What the driver makes of it.
    pub(crate) fn kind(&self) -> FailureKind {
        match (self.status, self.code.as_str()) {
            (_, "ContainerNotFound" | "ContainerDisabled") => FailureKind::Denied,
            (_, "ContainerBeingDeleted" | "OperationTimedOut" | "ServerBusy") => FailureKind::Unavailable,
            (_, "BlobAlreadyExists") => FailureKind::Exists,
            (_, "InvalidBlobType") => FailureKind::OtherType,
            (_, "PendingCopyOperation") => FailureKind::CopyPending,
            (_, "NoPendingCopyOperation") => FailureKind::NoCopy,
            (_, "InvalidBlockList" | "InvalidBlockId" | "InvalidBlobOrBlock") => FailureKind::UnknownBlock,
            (_, "BlobImmutableDueToPolicy" | "LeaseIdMissing") => FailureKind::Denied,
            (404, _) => FailureKind::Missing,
            (412, _) => FailureKind::Changed,
            (416, _) => FailureKind::OutOfRange,
            (401 | 403, _) => FailureKind::Denied,
            (408 | 429 | 500..=599, _) => FailureKind::Unavailable,
            _ => FailureKind::Other,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let failure = Self::new(refusal.kind());
        Self { retry_after: refusal.retry_after, ..failure }.because(refusal)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the service answered {}", self.status)?;
        if !self.code.is_empty() {
            write!(formatter, " {}", self.code)?;
        }
        if !self.request.is_empty() {
            write!(formatter, " to request {}", self.request)?;
        }
        Ok(())
    }
}

impl StdError for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_says_is_understood() {
        for (status, code, kind) in [
            (404, "BlobNotFound", FailureKind::Missing),
            (404, "", FailureKind::Missing),
            (404, "CannotVerifyCopySource", FailureKind::Missing),
            (404, "ContainerNotFound", FailureKind::Denied),
            (409, "BlobAlreadyExists", FailureKind::Exists),
            (409, "InvalidBlobType", FailureKind::OtherType),
            (409, "PendingCopyOperation", FailureKind::CopyPending),
            (412, "ConditionNotMet", FailureKind::Changed),
            (412, "LeaseIdMissing", FailureKind::Denied),
            (416, "InvalidRange", FailureKind::OutOfRange),
            (400, "InvalidBlockList", FailureKind::UnknownBlock),
            (403, "AuthenticationFailed", FailureKind::Denied),
            (401, "NoAuthenticationInformation", FailureKind::Denied),
            (500, "OperationTimedOut", FailureKind::Unavailable),
            (503, "ServerBusy", FailureKind::Unavailable),
            (429, "", FailureKind::Unavailable),
            (400, "InvalidHeaderValue", FailureKind::Other),
        ] {
            let refusal =
                Refusal { status, code: code.to_owned(), request: String::new(), retry_after: None };
            assert_eq!(refusal.kind(), kind, "{status} {code}");
        }
    }

    #[test]
    fn an_error_carries_the_words_of_the_service() {
        let refusal =
            Refusal { status: 403, code: "Nope".to_owned(), request: "7".to_owned(), retry_after: None };
        let error = Failure::from(refusal).at(&"/a".parse().unwrap());
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert_eq!(error.source().unwrap().to_string(), "the service answered 403 Nope to request 7");
    }
}
