//! What is wrong with a configuration, and what is merely without effect.

use std::fmt;

use crate::Place;

/// Says what is wrong, where it was written, what was found and what would be right.
///
/// Prints on one line, such as `config.yml:12:5: http.draintimeout: found 5x, expected a duration such as 30s`. It never
/// prints lines around the place, nor the value of a key that looks like a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    place: Place,
    name: String,
    message: String,
}

/// The question a caller asks of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text is no YAML, or YAML of a shape that no configuration has.
    Syntax,
    /// The text is larger or deeper than [`MAX_TEXT_BYTES`](crate::MAX_TEXT_BYTES),
    /// [`MAX_TREE_BYTES`](crate::MAX_TREE_BYTES) or [`MAX_DEPTH`](crate::MAX_DEPTH).
    Limit,
    /// A value is not of the type, or not in the range, that its reader asked for.
    Value,
    /// A key that its reader cannot do without is absent.
    Missing,
    /// Several keys are given where exactly one may be.
    Ambiguous,
    /// The file is of a version that this dialect does not describe.
    Version,
}

impl Error {
    pub(crate) fn new(
        kind: ErrorKind,
        place: Place,
        name: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { kind, place, name: name.into(), message: message.into() }
    }

    /// What went wrong, to match on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Where it was written.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The full dotted name of the key, such as `notifications.endpoints[0].url`; empty when the text as a whole is meant.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was found and what would be right, without place and name.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_line(formatter, &self.place, &self.name, &self.message)
    }
}

impl std::error::Error for Error {}

/// Names something that was written and has no effect.
///
/// Prints on one line, such as `config.yml:14:3: http.adress: nothing reads this key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    place: Place,
    name: String,
    reason: String,
}

impl Warning {
    pub(crate) fn new(place: Place, name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { place, name: name.into(), reason: reason.into() }
    }

    /// Where it was written.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The full dotted name of the key; empty when no key is meant.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why it has no effect.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_line(formatter, &self.place, &self.name, &self.reason)
    }
}

fn write_line(formatter: &mut fmt::Formatter<'_>, place: &Place, name: &str, message: &str) -> fmt::Result {
    write!(formatter, "{place}: ")?;
    if !name.is_empty() {
        write!(formatter, "{name}: ")?;
    }
    formatter.write_str(message)
}
