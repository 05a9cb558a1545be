#![doc = include_str!("../README.md")]

mod algorithm;
mod digest;
mod hasher;
mod reader;
mod state;
mod stream;
mod verifier;

pub use algorithm::Algorithm;
pub use digest::{Digest, ParseDigestError, ParseDigestErrorKind};
pub use hasher::Hasher;
pub use reader::VerifyingReader;
pub use state::{InvalidState, MAX_RESUMED_BYTES};
pub use stream::VerifyingStream;
pub use verifier::Mismatch;
