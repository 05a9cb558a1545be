#![doc = include_str!("../README.md")]

mod descriptor;
mod document;
mod error;
mod kind;
mod manifest;
pub mod media_type;
mod object;
mod position;
mod schema1;

pub use descriptor::{Descriptor, MAX_REFERENCES, Platform};
pub use error::{Error, ErrorKind};
pub use kind::Kind;
pub use manifest::{Manifest, Role};
