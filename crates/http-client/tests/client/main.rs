//! The client against servers on loopback: what it trusts, whom it goes through, what it does when things break.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod pool;
mod proxies;
mod server;
mod tls;
