#![doc = include_str!("../README.md")]

mod config;
mod driver;
mod failure;
mod fetch;
mod folders;
mod listing;
mod lookup;
mod names;
mod publish;
mod steps;
mod threads;
mod writer;

pub use config::{Config, DEFAULT_MAX_THREADS};
pub use driver::FsDriver;
