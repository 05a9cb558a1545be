//! Tokens from outside: signed as token servers sign them, and as attackers would.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod attacks;
mod challenges;
mod contract;
mod keys;
mod oracle;
mod reload;
mod signer;
