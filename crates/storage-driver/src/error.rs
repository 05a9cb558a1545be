//! What can go wrong between a driver and its store.

use std::fmt;

use crate::StoragePath;

/// Why a driver could not do what it was asked; see [`ErrorKind`] for what a caller can do about it.
#[derive(Debug)]
pub struct Error {
    driver: &'static str,
    kind: ErrorKind,
    path: Option<StoragePath>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The question a caller asks of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nothing is there.
    NotFound,
    /// Something is there already, and the call was to create only.
    Exists,
    /// What is there is not the version that the call was to replace.
    Changed,
    /// Another writer holds the path at this moment.
    Busy,
    /// The object is larger than the caller's limit.
    TooLarge,
    /// The store cannot do this at the moment: it throttles, it is down, it is full. The same call may work later.
    Unavailable,
    /// The store refused: permission, credentials, quota.
    Denied,
    /// Anything else. Trying again will not help.
    Other,
}

impl Error {
    /// An error of `driver` (its [`name`](crate::StorageDriver::name)).
    pub fn new(driver: &'static str, kind: ErrorKind) -> Self {
        Self { driver, kind, path: None, source: None }
    }

    /// Names the path that the call was about.
    pub fn at(mut self, path: &StoragePath) -> Self {
        self.path = Some(path.clone());
        self
    }

    /// Keeps the cause.
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong, to match on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The path that the call was about, when it was about one.
    pub fn path(&self) -> Option<&StoragePath> {
        self.path.as_ref()
    }

    /// The driver that says so.
    pub fn driver(&self) -> &'static str {
        self.driver
    }

    /// Whether nothing was there.
    pub fn is_not_found(&self) -> bool {
        self.kind == ErrorKind::NotFound
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            ErrorKind::NotFound => "path not found",
            ErrorKind::Exists => "path exists already",
            ErrorKind::Changed => "path was changed meanwhile",
            ErrorKind::Busy => "path is being written by someone else",
            ErrorKind::TooLarge => "content is larger than the limit",
            ErrorKind::Unavailable => "the store is not available",
            ErrorKind::Denied => "the store denied access",
            ErrorKind::Other => "the store failed",
        };
        write!(formatter, "{}: {what}", self.driver)?;
        match &self.path {
            Some(path) => write!(formatter, ": {path}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
