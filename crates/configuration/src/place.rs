//! Where something was written: the answer that every complaint about a configuration owes its reader.

use std::fmt;
use std::sync::Arc;

/// Says where a value was written.
///
/// Prints as `config.yml:12:5`, or as the name of the environment variable that set the value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A character in the file.
    File {
        /// The file's name, as it was given to [`Document::parse`](crate::Document::parse).
        name: Arc<str>,
        /// The line; the first one is 1.
        line: usize,
        /// The column in characters; the first one is 1.
        column: usize,
    },
    /// The environment variable of this name.
    Variable(Arc<str>),
    /// The configuration as a whole, for what is missing from it.
    Whole(Arc<str>),
}

impl Place {
    /// Whether an environment variable is the origin.
    pub fn is_variable(&self) -> bool {
        matches!(self, Self::Variable(_))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line, column } => write!(formatter, "{name}:{line}:{column}"),
            Self::Variable(name) | Self::Whole(name) => formatter.write_str(name),
        }
    }
}
