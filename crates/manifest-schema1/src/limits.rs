//! How much this crate takes from strangers.

/// The most signatures that one document may carry: each is hashed with the whole payload.
pub const MAX_SIGNATURES: usize = 64;

/// The longest configuration of an image that is converted, in bytes: 4 MiB, as a manifest.
pub const MAX_CONFIG_BYTES: usize = 4 * 1024 * 1024;
