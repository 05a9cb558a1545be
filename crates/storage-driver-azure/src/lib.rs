#![doc = include_str!("../README.md")]

mod config;
mod container;
mod copying;
mod driver;
mod failure;
mod journal;
mod keys;
mod listing;
mod memory;
mod objects;
mod reading;
mod redirect;
mod removing;
mod retrying;
mod sdk;
mod segments;
mod service;
mod sweep;
mod token;
mod writer;

#[cfg(test)]
mod fake;

pub use config::{
    Config, Credentials, DEFAULT_CHUNK_BYTES, DEFAULT_COPY_POLLS, DEFAULT_MAX_ATTEMPTS, DEFAULT_READ_RETRIES,
    DEFAULT_REALM, DEFAULT_REDIRECT_LIFETIME, DEFAULT_REDIRECT_SKEW, DEFAULT_RETRY_DELAY,
    DEFAULT_UPLOAD_CONCURRENCY, DEFAULT_UPLOAD_MEMORY_BYTES, Environment, InvalidConfig, MAX_CHUNK_BYTES,
    MIN_CHUNK_BYTES, Timeouts,
};
pub use driver::AzureDriver;
