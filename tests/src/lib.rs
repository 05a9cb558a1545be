#![doc = include_str!("../README.md")]
//!
//! This file exists to say what the harness offers to the suite. All of it panics when something goes wrong: that is how
//! a test fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a harness fails its test by a panic, tells what it skips, and is steered by environment variables"
)]

mod client;
mod digest;
mod http;
mod image;
mod mounted;
mod old_store;
mod part;
mod port;
mod program;
mod proxy;
mod push;
mod redis;
mod room;
mod server;
mod settings;
mod signature;
mod signed;
mod skip;
mod store;
mod token;
mod tree;

pub use client::Client;
pub use digest::{sha256, sha384, sha512};
pub use http::{Answer, Body, Connection, Request, path_of};
pub use image::{Blob, Image, Layer, Layout, archive, noise};
pub use mounted::Mounted;
pub use old_store::OldStore;
pub use part::{Part, Place};
pub use port::free_port;
pub use program::{installed, root, scratch, wharf};
pub use proxy::{Chance, Counts, Fault, Proxy, Rule};
pub use push::{DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, OCTET_STREAM, with_query};
pub use redis::{Redis, Trouble};
pub use room::Room;
pub use server::Server;
pub use settings::Settings;
pub use signed::{ReadManifest, SignedManifest};
pub use skip::{skip, skip_given_from_outside};
pub use store::Store;
pub use token::{KeyName, TokenKey, TokenServer, base64url, basic, claims};
pub use tree::tree;
