//! The tests of the whole: one program, a module for each subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests fail by panics, tell what they skip, and are steered by environment variables"
)]

/// Stamps each test once for every driver that exists, for two servers that take turns over one bucket, without a cache and
/// with a Redis that they share, and for a server whose Redis is killed again and again. A test is a function that takes the
/// settings of a server.
macro_rules! over_every_driver {
    ($($test:ident),+ $(,)?) => {
        over!(filesystem: $($test),+);
        over!(inmemory: $($test),+);
        over!(minio: $($test),+);
        over!(versitygw: $($test),+);
        over!(ceph: $($test),+);
        over!(azurite: $($test),+);
        over!(pair: $($test),+);
        over!(shared: $($test),+);
        over!(restless: $($test),+);
    };
}

/// Stamps each test for the drivers that need nothing but this machine: where it is about connections and requests, and
/// what lies behind changes nothing.
macro_rules! over_local_drivers {
    ($($test:ident),+ $(,)?) => {
        over!(filesystem: $($test),+);
        over!(inmemory: $($test),+);
    };
}

/// Stamps each test for one driver.
macro_rules! over {
    ($driver:ident: $($test:ident),+ $(,)?) => {
        mod $driver {
            $(
                #[test]
                fn $test() {
                    if let Some(settings) = wharf_tests::Settings::named(stringify!($driver)) {
                        super::$test(&settings);
                    }
                }
            )+
        }
    };
}

mod access;
mod acme;
mod bad_input;
mod beside;
mod caches;
mod clients;
mod cloud;
mod concurrent;
mod configuration;
mod conformance;
mod crash;
mod document;
mod drain;
mod end_to_end;
mod golden;
mod heritage;
mod house;
mod http2;
mod images;
mod interop;
mod listener;
mod logs;
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
