//! What can go wrong before an answer begins.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use crate::body::BoxError;

/// Why there was no answer.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    source: BoxError,
}

/// The question a caller asks of an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The options cannot be used: unreadable roots, an impossible proxy.
    Options,
    /// No connection came about. Nothing was sent.
    Connect,
    /// No connection came about in time. Nothing was sent.
    Timeout,
    /// Both ends could not agree on TLS, mostly because the certificate is not trusted. Nothing was sent.
    Tls,
    /// The connection broke, or what came was no HTTP, after the request may have been sent.
    Broken,
    /// The request itself is at fault: its URI has no host, its body failed.
    Request,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, source: impl Into<BoxError>) -> Self {
        Self { kind, source: source.into() }
    }

    /// What went wrong, to match on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether there was no connection, so that the other end cannot have seen anything of the request.
    pub fn is_connect(&self) -> bool {
        matches!(self.kind, ErrorKind::Connect | ErrorKind::Timeout | ErrorKind::Tls)
    }

    /// Whether time ran out.
    pub fn is_timeout(&self) -> bool {
        self.kind == ErrorKind::Timeout
    }
}

impl From<hyper_util::client::legacy::Error> for Error {
    fn from(source: hyper_util::client::legacy::Error) -> Self {
        let kind = if source.is_connect() {
            connect_kind(&source)
        } else if is_the_request(&source) {
            ErrorKind::Request
        } else {
            ErrorKind::Broken
        };
        Self::new(kind, source)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.kind {
            ErrorKind::Options => "the HTTP client cannot be set up",
            ErrorKind::Connect => "no connection",
            ErrorKind::Timeout => "no connection in time",
            ErrorKind::Tls => "no agreement on TLS",
            ErrorKind::Broken => "the connection broke before the answer",
            ErrorKind::Request => "the request cannot be sent",
        })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.source.as_ref())
    }
}

/// Says that connecting took longer than allowed.
#[derive(Debug)]
pub(crate) struct ConnectTimeout;

impl fmt::Display for ConnectTimeout {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("connecting took longer than allowed")
    }
}

impl StdError for ConnectTimeout {}

fn connect_kind(error: &(dyn StdError + 'static)) -> ErrorKind {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<ConnectTimeout>() {
            return ErrorKind::Timeout;
        }
        if error.is::<rustls::Error>() {
            return ErrorKind::Tls;
        }
        let Some(io) = error.downcast_ref::<io::Error>() else {
            cause = error.source();
            continue;
        };
        if io.kind() == io::ErrorKind::TimedOut {
            return ErrorKind::Timeout;
        }
        // What an I/O error wraps is not its source but its inside.
        cause = io.get_ref().map(|inner| inner as &(dyn StdError + 'static));
    }
    ErrorKind::Connect
}

fn is_the_request(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(hyper) = error.downcast_ref::<hyper::Error>() {
            return hyper.is_user();
        }
        cause = error.source();
    }
    false
}
