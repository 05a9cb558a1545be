//! What the program says to whoever typed a command: answers on standard output, remarks on standard error.

use std::io::{self, Write as _};

/// Whoever reads the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Listens.
    Here,
    /// Has read enough, as `head` does: no failure, and no reason to go on.
    Gone,
}

/// Writes a part of the answer, byte for byte.
///
/// # Errors
///
/// When it cannot be written, other than because nobody reads any more.
pub(crate) fn answer(text: &[u8]) -> io::Result<Reader> {
    let mut output = io::stdout().lock();
    match output.write_all(text).and_then(|()| output.flush()) {
        Ok(()) => Ok(Reader::Here),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
        Err(error) => Err(error),
    }
}

/// Writes a line of an answer, as [`answer`].
///
/// # Errors
///
/// As [`answer`].
pub(crate) fn line(text: &str) -> io::Result<Reader> {
    answer(format!("{text}\n").as_bytes())
}

/// Writes a line beside the answer. Where nobody hears it, nothing is lost that could be told elsewhere.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
