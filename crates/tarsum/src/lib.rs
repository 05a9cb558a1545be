#![doc = include_str!("../README.md")]

mod entry;
mod error;
mod header;
mod numbers;
mod pax;
mod sparse;
mod sum;
mod summer;

pub use error::{InvalidSum, NotTar};
pub use sparse::MAX_PIECES;
pub use sum::{TarSum, Version};
pub use summer::{MAX_ENTRIES, MAX_EXTENSION_BYTES, MAX_HOLE_BYTES, Summer};
