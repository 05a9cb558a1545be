#![doc = include_str!("../README.md")]

mod cache;
mod config;

mod keys;
mod voucher;

mod door;
mod forgotten;
mod line;

pub use cache::RedisCache;
pub use config::{Address, Backoff, Config, DEADLINE, Identity, InvalidAddress, Protocol, Servers, Tls};
