#![doc = include_str!("../README.md")]

mod auth;
mod blobs;
mod body;
mod call;
mod chunks;
mod document;
mod download;
mod endpoint;
mod error;
mod listing;
mod manifests;
mod options;
mod recent;
mod referrers;
mod registry;
mod retry;
mod session;
mod transport;
mod uploads;

pub use auth::Credentials;
pub use endpoint::{Endpoint, InvalidEndpoint};
pub use error::{Error, ErrorKind};
pub use options::{Direction, Options, Progress};
pub use registry::RemoteRegistry;
