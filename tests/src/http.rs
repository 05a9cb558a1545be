//! An HTTP/1.1 client that says exactly what it is told to say, and checks what it hears.
//!
//! It is our own because half of the suite sends what a decent client refuses to send.

mod answer;
mod connection;
mod request;

pub use answer::Answer;
pub use connection::Connection;
pub use request::{Body, Request};

/// Cuts scheme and host off a URL, so that it can be asked for on another connection.
#[must_use]
pub fn path_of(url: &str) -> String {
    match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or_else(|| "/".to_owned(), |slash| rest[slash..].to_owned()),
        None => url.to_owned(),
    }
}
