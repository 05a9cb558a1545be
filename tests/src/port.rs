//! Ports for servers that cannot be told to take any, or that come back to the one they had.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Gives a port that nobody uses now, below those that the system gives to whoever asks for any: while the server that has it
/// is dead nobody else may get it.
///
/// # Panics
///
/// Never: a port above all is none.
#[must_use]
pub fn free_port() -> u16 {
    static ASKED: AtomicU16 = AtomicU16::new(0);
    loop {
        let asked = u32::from(ASKED.fetch_add(1, Ordering::Relaxed));
        let start = std::process::id().wrapping_mul(2_654_435_761) >> 8;
        let port = u16::try_from(10_000 + start.wrapping_add(asked) % 9_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
