//! Why the wrapper cannot be had.

use std::io;
use std::path::PathBuf;

/// What is wrong with a [`Config`](crate::Config).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The base URL is no plain `http` or `https` URL.
    #[error(
        "base URL {0:?} is not a host or an http(s) URL, in visible ASCII without user, query and fragment"
    )]
    BaseUrl(String),
    /// The key pair has no name, or one that a URL cannot carry.
    #[error("key pair id {0:?} is not made of letters and digits")]
    KeyPairId(String),
    /// The private key's file cannot be read.
    #[error("cannot read the private key {}", .0.display())]
    KeyFile(PathBuf, #[source] io::Error),
    /// The private key is no RSA key in PEM.
    #[error(
        "the private key is not an unencrypted RSA key in PEM (BEGIN RSA PRIVATE KEY or BEGIN PRIVATE KEY)"
    )]
    Key(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The list of addresses is at no `http` or `https` URL.
    #[error("the URL of the address ranges, {0:?}, is not an http(s) URL")]
    RangesUrl(String),
    /// Keeping the list of addresses needs a tokio runtime to run in.
    #[error("a filter by address needs a tokio runtime")]
    NoRuntime,
}
