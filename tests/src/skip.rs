//! Tests that cannot run here say so loudly.

/// Says that the running test needs something that this machine does not have. The test returns after it.
///
/// # Panics
///
/// When `WHARF_TESTS_STRICT` is set: where everything was installed, nothing may be skipped.
pub fn skip(reason: &str) {
    assert!(std::env::var_os("WHARF_TESTS_STRICT").is_none(), "nothing may be skipped here, but: {reason}");
    skip_given_from_outside(reason);
}

/// Says that the running test needs something that only a person can provide, so that it may always be skipped.
pub fn skip_given_from_outside(reason: &str) {
    let thread = std::thread::current();
    // On a line of its own, also behind the dots of a quiet run.
    println!("\nSKIPPED {}: {reason}", thread.name().unwrap_or("a test"));
}
