#![doc = include_str!("../README.md")]
//!
//! This file exists to say what the suite shows to others: a target, the tests, and a report.

mod case;
mod check;
mod exchange;
mod fixture;
mod raw;
mod report;
mod requirement;
mod suite;
mod target;
mod upload;
mod watch;

pub use report::{Outcome, Report, TestReport};
pub use requirement::{Edition, Level, Requirement, requirements};
pub use suite::{Filter, Test, run, run_each, tests};
pub use target::{Credentials, InvalidTarget, Sparse, Target};
