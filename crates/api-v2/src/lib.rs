#![doc = include_str!("../README.md")]

mod access;
mod answer;
mod api;
mod base;
mod blobs;
mod body;
mod catalog;
mod dispatch;
mod drain;
mod error;
mod events;
mod manifests;
mod options;
mod pages;
mod referrers;
mod request;
mod schema1;
mod session;
mod state;
mod tags;
mod uploads;
mod urls;

pub use api::Api;
pub use body::{Body, Payload};
pub use options::{Limits, Options};
pub use request::{Answered, InvalidRequestId, Peer, RequestId};
pub use schema1::{Audience, Schema1};
