//! Lets libFuzzer look for bytes that break what `laws.rs` promises about every manifest.

#![no_main]

#[path = "../laws.rs"]
mod laws;

libfuzzer_sys::fuzz_target!(|data: &[u8]| laws::hold(data));
