//! What a client may take of a listener, each limit by its name in `http.limits`.

use std::num::NonZeroUsize;
use std::time::Duration;

/// Bounds for slow and greedy clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `http.limits.header`: a whole request head has to arrive within this time of its first byte, and the first head
    /// within this time of the connection. 20 s.
    pub header: Duration,
    /// `http.limits.headersize`: the largest request head, in bytes. 64 KiB.
    pub header_bytes: usize,
    /// `http.limits.idle`: a connection without a request is closed after this time. 120 s.
    pub idle: Duration,
    /// `http.limits.stall`: a body on its way in or out that moves less than [`min_rate`](Self::min_rate) for this long
    /// is given up. 60 s.
    pub stall: Duration,
    /// `http.limits.minrate`: the slowest a body may be, in bytes per second. 512.
    pub min_rate: u64,
    /// `http.limits.connections`: at most this many connections at once; the rest wait to be accepted. None.
    pub connections: Option<NonZeroUsize>,
    /// `http.limits.streams`: at most this many requests at once on one HTTP/2 connection. 250.
    pub streams: u32,
}

impl Limits {
    /// How many bytes have to move in one [`stall`](Self::stall).
    pub(super) fn stall_bytes(&self) -> u64 {
        self.min_rate.saturating_mul(self.stall.as_secs()).max(1)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(20),
            header_bytes: 64 * 1024,
            idle: Duration::from_secs(120),
            stall: Duration::from_secs(60),
            min_rate: 512,
            connections: None,
            streams: 250,
        }
    }
}
