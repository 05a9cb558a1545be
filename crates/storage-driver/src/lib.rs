#![doc = include_str!("../README.md")]

#[cfg(feature = "contract")]
pub mod contract;
mod driver;
mod error;
mod memory;
mod path;
mod shared;
mod wrappers;

pub use driver::{
    Entry, Kind, ListOptions, ListPage, Object, PutMode, PutOptions, RedirectMethod, RedirectRequest, Stat,
    StorageDriver, Stored, Sync, Version, Writer, WriterStart,
};
pub use error::{Error, ErrorKind};
pub use memory::MemoryDriver;
pub use path::{InvalidPath, StoragePath};
pub use wharf_content::{ByteStream, Content, FileRange};
pub use wrappers::{Call, InvalidUrl, Limited, Method, Recording, Redirected, Rewrite, Rewritten};
