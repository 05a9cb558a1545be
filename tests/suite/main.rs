//! The tests of the whole: one program, a module for each subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests fail by panics, tell what they skip, and are steered by environment variables"
)]

/// Stamps each test once for every driver that exists. A test is a function that takes the settings of a server.
macro_rules! over_every_driver {
    ($($test:ident),+ $(,)?) => {
        over_every_driver!(filesystem: $($test),+);
        over_every_driver!(inmemory: $($test),+);
    };
    ($driver:ident: $($test:ident),+) => {
        mod $driver {
            $(
                #[test]
                fn $test() {
                    super::$test(&wharf_tests::Settings::$driver());
                }
            )+
        }
    };
}

mod bad_input;
mod clients;
mod concurrent;
mod conformance;
mod crash;
mod drain;
mod end_to_end;
mod golden;
mod house;
mod http2;
mod interop;
mod memory;
mod program;

use std::collections::BTreeSet;
use std::fs;

use wharf_tests::root;

#[test]
fn every_file_of_the_suite_is_a_module_of_it() {
    let files: BTreeSet<String> = fs::read_dir(root().join("tests/suite"))
        .unwrap()
        .filter_map(|entry| Some(entry.unwrap().file_name().to_str()?.strip_suffix(".rs")?.to_owned()))
        .filter(|name| name != "main")
        .collect();
    let modules: BTreeSet<String> = include_str!("main.rs")
        .lines()
        .filter_map(|line| Some(line.strip_prefix("mod ")?.strip_suffix(';')?.to_owned()))
        .collect();
    assert_eq!(files, modules);
}
