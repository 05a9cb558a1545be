#![doc = include_str!("../README.md")]

mod descriptors;
mod openapi;
mod schemas;
mod template;

pub use openapi::openapi;
pub use template::{Error, markdown, render};
