#![doc = include_str!("../README.md")]

mod bucket;
mod conditions;
mod config;
mod connect;
mod copy;
mod driver;
mod failure;
mod journal;
mod keys;
mod listing;
mod locks;
mod lookup;
mod memory;
mod multipart;
mod presign;
mod probe;
mod read;
mod remove;
mod signature_v2;
mod sweep;
mod transport;
mod unclaimed;
mod writer;

pub use config::{
    Config, Credentials, Encryption, MAX_PART_BYTES, MAX_PARTS, MIN_PART_BYTES, Retries, Signature, Timeouts,
};
pub use driver::S3Driver;
pub use memory::MemoryUse;
