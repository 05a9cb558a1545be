//! The API from outside: requests go into the service, answers come out, and no socket is in between.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod blobs;
mod golden;
mod listings;
mod manifests;
mod requests;
mod robustness;
mod support;
mod uploads;
