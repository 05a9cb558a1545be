//! Why there is no certificate.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::certificate::Flaw;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file is where the folder should be, as with the certificates of registries before 3.0.
    #[error(
        "{} is a file: certificates are kept in a folder; name another path, and the old file is not needed any more",
        .0.display()
    )]
    NotAFolder(PathBuf),
    /// The folder, or a file in it, could not be read or written.
    #[error("cannot use {}", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// The key of the account is none that can be used.
    #[error("{}: the key of the account is no P-256 key in PEM; without the file a new account is made", .0.display())]
    AccountKey(PathBuf),
    /// The ACME server could not be reached, or said no.
    #[error("{doing}")]
    Server {
        /// What it was asked for.
        doing: &'static str,
        /// What it said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The ACME server did not let the host prove itself.
    #[error("the ACME server offers no tls-alpn-01 for the host")]
    NoChallenge,
    /// The ACME server did not find the host where it looked.
    #[error("the host did not prove itself: {0}")]
    Unproven(String),
    /// What the ACME server issued is of no use.
    #[error("the certificate that was issued cannot be used")]
    Issued(#[source] Flaw),
    /// What lies in the folder is of no use.
    #[error("the certificate in the folder cannot be used")]
    Kept(#[source] Flaw),
    /// A key could not be made, or not be used.
    #[error("cryptography failed: {0}")]
    Crypto(String),
    /// It took too long.
    #[error("it was not done within {0:?}")]
    TimedOut(Duration),
}

impl Error {
    /// For `map_err`: what the server was asked for when it failed.
    pub(crate) fn server<E>(doing: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |source| Self::Server { doing, source: source.into() }
    }

    /// For `map_err`: what is wrong with cryptography, which says little about itself.
    pub(crate) fn crypto(error: impl std::fmt::Display) -> Self {
        Self::Crypto(error.to_string())
    }
}
