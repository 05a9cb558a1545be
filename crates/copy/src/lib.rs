#![doc = include_str!("../README.md")]

mod blob;
mod error;
mod once;
mod options;
mod schema1;
mod walk;
mod watch;

pub use error::Error;
pub use options::Options;
pub use walk::Copy;
pub use watch::{Event, Outcome, Unwatched, Watcher};
