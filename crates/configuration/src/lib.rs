#![doc = include_str!("../README.md")]

mod document;
mod duration;
mod effective;
mod error;
mod item;
mod node;
mod overrides;
mod place;
mod reader;
mod scalar;
mod secrets;
mod section;
mod size;

pub use document::Document;
pub use duration::{GoDuration, ParseDurationError};
pub use error::{Error, ErrorKind, Warning};
pub use place::Place;
pub use reader::{MAX_DEPTH, MAX_TEXT_BYTES, MAX_TREE_BYTES, NODE_BYTES};
pub use secrets::is_secret;
pub use section::{Choice, Headers, Section};
