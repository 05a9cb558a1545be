//! How a test ends before its last line: something was wrong, or the registry may say no here and did.

use std::fmt::Display;

/// What a test returns.
pub(crate) type Verdict = Result<(), Stop>;

/// Why a test did not reach its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The registry did something that it must not.
    Fail(String),
    /// The registry said, in a way the specification allows, that it does not offer this.
    Skip(String),
}

/// Ends a test as failed unless the condition holds.
pub(crate) fn ensure<R: Display>(condition: bool, reason: impl FnOnce() -> R) -> Verdict {
    if condition { Ok(()) } else { Err(Stop::Fail(reason().to_string())) }
}

/// Ends a test as failed.
pub(crate) fn fail<T>(reason: impl Display) -> Result<T, Stop> {
    Err(Stop::Fail(reason.to_string()))
}

/// Ends a test as skipped.
pub(crate) fn skip<T>(reason: impl Display) -> Result<T, Stop> {
    Err(Stop::Skip(reason.to_string()))
}
