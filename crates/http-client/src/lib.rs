#![doc = include_str!("../README.md")]

mod body;
mod client;
mod connect;
mod error;
mod options;
mod proxies;
mod tls;

pub use hyper::body::Incoming;

pub use body::{Body, BoxError, empty, full, segments};
pub use client::HttpClient;
pub use error::{Error, ErrorKind};
pub use options::{
    DEFAULT_CONNECT_TIMEOUT, DEFAULT_IDLE_PER_HOST, DEFAULT_IDLE_TIMEOUT, Identity, Options, Proxy,
    ProxyEnvironment, Roots, Tls, Verification,
};
