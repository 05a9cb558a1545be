//! What no decent client sends: each is answered with the right 4xx and a body that says what was wrong, memory stays
//! flat, and nothing half-written stays in the store.

mod bodies;
mod leftovers;
mod names;
mod slow;
mod traversal;
mod wire;

use wharf_tests::{Answer, Server};

/// How much resident memory bad input may add at any moment, in bytes: a few of the largest manifests that are taken.
const MEMORY_GROWTH: u64 = 16 << 20;

/// Fails the test unless an answer is a client error that explains itself.
#[track_caller]
fn assert_refused(what: &str, answer: &Answer, statuses: &[u16]) {
    assert!(statuses.contains(&answer.status), "{what}: {answer:?}");
    let errors = answer.json()["errors"].as_array().cloned().unwrap_or_default();
    assert!(!errors.is_empty(), "{what}: {answer:?}");
    for error in errors {
        assert!(error["code"].as_str().is_some_and(|code| !code.is_empty()), "{what}: {answer:?}");
        assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{what}: {answer:?}");
    }
}

/// Fails the test if what it did made the server's memory grow.
#[track_caller]
fn assert_memory_flat(server: &Server, bad: impl FnOnce()) {
    let before = server.memory();
    server.forget_peak_memory();
    bad();
    let peak = server.peak_memory();
    assert!(peak < before + MEMORY_GROWTH, "memory grew from {before} to {peak} bytes");
    println!("memory grew by {} KiB at most", peak.saturating_sub(before) >> 10);
}
