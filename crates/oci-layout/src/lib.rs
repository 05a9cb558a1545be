#![doc = include_str!("../README.md")]

mod blobs;
mod index;
mod layout;
mod manifests;
mod publish;
mod uploads;

pub use layout::{Error, OciLayout};
