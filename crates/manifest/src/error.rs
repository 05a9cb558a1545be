//! Why a manifest was refused: what kind of fault, where in the document, and a sentence for whoever pushed it.

use std::fmt;

/// The longest piece of somebody's input that an error repeats, in characters.
const MAX_DETAIL_CHARS: usize = 256;

/// Says what is wrong with a manifest and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    path: String,
    detail: String,
}

/// Groups errors by what an answer to them would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The document is longer than [`Manifest::MAX_BYTES`](crate::Manifest::MAX_BYTES).
    TooLarge,
    /// The document is not JSON: bad syntax, bad UTF-8, a byte order mark, nesting beyond the limit, something after its end.
    Json,
    /// Neither the request nor the document names a media type that this crate reads, or both do and disagree.
    MediaType,
    /// The document is a schema 1 manifest and was not announced as one, or the other way round.
    Schema1,
    /// The name in a schema 1 manifest cannot be that of a repository.
    Name,
    /// The document could be taken for another kind of manifest (CVE-2021-41190).
    Ambiguous,
    /// A field is missing, of the wrong type or out of its range.
    Field,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, path: impl Into<String>, detail: impl AsRef<str>) -> Error {
        Error { kind, path: path.into(), detail: shorten(detail.as_ref()) }
    }

    /// Returns what kind of fault it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Returns where the fault is, such as `layers[3].digest`; nothing when it is the document as a whole.
    pub fn path(&self) -> Option<&str> {
        (!self.path.is_empty()).then_some(self.path.as_str())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            return f.write_str(&self.detail);
        }
        write!(f, "{}: {}", self.path, self.detail)
    }
}

impl std::error::Error for Error {}

/// Cuts and escapes what may stem from a stranger, so that an error is one line of bounded length.
fn shorten(detail: &str) -> String {
    let mut short = String::with_capacity(detail.len().min(MAX_DETAIL_CHARS));
    for (position, character) in detail.chars().enumerate() {
        if position == MAX_DETAIL_CHARS {
            short.push('…');
            break;
        }
        if character.is_control() {
            short.extend(character.escape_default());
        } else {
            short.push(character);
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_comes_before_the_fault() {
        let error = Error::new(ErrorKind::Field, "layers[3].digest", "is missing");
        assert_eq!(error.to_string(), "layers[3].digest: is missing");
        assert_eq!(Error::new(ErrorKind::Json, "", "is empty").to_string(), "is empty");
    }

    #[test]
    fn what_strangers_wrote_is_cut_and_escaped() {
        let error = Error::new(ErrorKind::MediaType, "", format!("a\nb{}", "x".repeat(1 << 20)));
        assert!(error.to_string().starts_with("a\\nbxxx"));
        assert!(error.to_string().chars().count() <= MAX_DETAIL_CHARS + 2);
    }
}
