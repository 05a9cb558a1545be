#![doc = include_str!("../README.md")]

mod host;
mod image;
mod name;
mod reference;
mod tag;

pub use host::{Host, InvalidHost, InvalidHostKind};
pub use image::{ImageReference, InvalidImageReference};
pub use name::{InvalidName, InvalidNameKind, RepositoryName};
pub use reference::{InvalidReference, Reference};
pub use tag::{InvalidTag, InvalidTagKind, Tag};
