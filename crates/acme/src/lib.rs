#![doc = include_str!("../README.md")]

mod account;
mod certificate;
mod certificates;
mod challenges;
mod client;
mod error;
mod folder;
mod host;
mod key;
mod options;
mod order;
mod slot;

pub use certificate::Flaw;
pub use certificates::Certificates;
pub use challenges::ALPN;
pub use error::Error;
pub use host::{Host, InvalidHost};
pub use options::{LETS_ENCRYPT, Options};
