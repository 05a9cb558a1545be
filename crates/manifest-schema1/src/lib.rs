#![doc = include_str!("../README.md")]

mod convert;
mod error;
mod go_json;
mod go_time;
mod key;
mod limits;
mod signature;
mod signed;
mod signing_key;

pub use convert::{Conversion, Converted, EMPTY_LAYER_BYTES, convert, empty_layer};
pub use error::{ConversionError, Error, KeyError};
pub use key::PublicKey;
pub use limits::{MAX_CONFIG_BYTES, MAX_SIGNATURES};
pub use signature::Signature;
pub use signed::{Signed, is_schema1};
pub use signing_key::SigningKey;
