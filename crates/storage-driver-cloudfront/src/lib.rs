#![doc = include_str!("../README.md")]

mod config;
mod driver;
mod error;
mod ranges;
mod recent;
mod refresh;
mod signer;

pub use config::{
    Config, DEFAULT_DURATION, DEFAULT_RANGES_URL, DEFAULT_UPDATE_FREQUENCY, IpFilter, PrivateKey,
    RangesSource,
};
pub use driver::CloudFront;
pub use error::Error;
pub use recent::MAX_REMEMBERED;
pub use refresh::{FETCH_TIMEOUT, FILE_CHECK, MAX_RANGES_BYTES, MIN_UPDATE_FREQUENCY};
