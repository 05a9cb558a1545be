//! The registry over a store, as whoever serves it sees it: every operation, on every driver that needs no
//! service.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that goes wrong")]

#[macro_use]
mod fixture;

mod blobs;
mod budget;
mod catalog;
mod crash;
mod failures;
mod golden;
mod heritage;
mod images;
mod immutable;
mod manifests;
mod purge;
mod races;
mod referrers;
mod tags;
mod uploads;
