//! A tag, the name by which people know a manifest.

use std::fmt;
use std::str::FromStr;

/// A tag: a letter, a digit or `_`, then any of those, `.` and `-`, at most [`MAX_LEN`](Self::MAX_LEN) bytes in all.
///
/// Source: OCI distribution specification 1.1, section "Pulling manifests".
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Box<str>);

/// Why a text is no [`Tag`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("tag {kind} at byte {position}")]
pub struct InvalidTag {
    kind: InvalidTagKind,
    position: usize,
}

/// What was wrong with a text that is no [`Tag`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidTagKind {
    /// There is no text.
    Empty,
    /// It is longer than [`Tag::MAX_LEN`]; the position is the limit.
    TooLong,
    /// A byte has no place in a tag, or not at its beginning.
    Character,
}

impl Tag {
    /// The longest tag, in bytes.
    pub const MAX_LEN: usize = 128;

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = InvalidTag;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(InvalidTag { kind: InvalidTagKind::Empty, position: 0 });
        }
        if text.len() > Self::MAX_LEN {
            return Err(InvalidTag { kind: InvalidTagKind::TooLong, position: Self::MAX_LEN });
        }
        let is_wrong = |(at, byte): (usize, u8)| match byte {
            b'.' | b'-' => at == 0,
            _ => !byte.is_ascii_alphanumeric() && byte != b'_',
        };
        match text.bytes().enumerate().position(is_wrong) {
            Some(position) => Err(InvalidTag { kind: InvalidTagKind::Character, position }),
            None => Ok(Self(text.into())),
        }
    }
}

impl AsRef<str> for Tag {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl InvalidTag {
    /// What was wrong, to match on.
    pub const fn kind(&self) -> InvalidTagKind {
        self.kind
    }

    /// Where it was wrong, in bytes from the beginning of the text.
    pub const fn position(&self) -> usize {
        self.position
    }
}

impl fmt::Display for InvalidTagKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "is empty",
            Self::TooLong => "is longer than 128 bytes,",
            Self::Character => "has a character that cannot stand",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    static ORACLE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\z").unwrap());

    fn fault(text: &str) -> (InvalidTagKind, usize) {
        let error = text.parse::<Tag>().expect_err(text);
        (error.kind(), error.position())
    }

    #[test]
    fn tags_print_as_they_were_written() {
        for text in
            ["latest", "1.36", "_", "A", "0", "a.", "a-", "a..b", "_.-", "v1.2.3-rc.1", "sha256-ba7816bf"]
        {
            let tag: Tag = text.parse().unwrap();
            assert_eq!(tag.to_string(), text);
            assert_eq!(tag.as_str(), text);
            assert_eq!(format!("{tag:?}"), format!("{text:?}"));
        }
    }

    #[test]
    fn a_tag_begins_with_a_word_character() {
        for text in [".", "-", ".a", "-a", ".."] {
            assert_eq!(fault(text), (InvalidTagKind::Character, 0), "{text:?}");
        }
    }

    #[test]
    fn a_character_that_has_no_place_is_named_by_its_position() {
        for text in ["a:b", "a/b", "a b", "a+b", "aß", "a\n", "a\0", "a@b", "a%"] {
            assert_eq!(fault(text), (InvalidTagKind::Character, 1), "{text:?}");
        }
    }

    #[test]
    fn a_tag_has_1_to_128_bytes() {
        assert_eq!(fault(""), (InvalidTagKind::Empty, 0));
        for len in [1, 127, 128] {
            assert!("a".repeat(len).parse::<Tag>().is_ok(), "{len}");
        }
        for len in [129, 1 << 20] {
            assert_eq!(fault(&"a".repeat(len)), (InvalidTagKind::TooLong, 128));
        }
    }

    #[test]
    fn an_error_says_what_and_where() {
        let message = |text: &str| text.parse::<Tag>().unwrap_err().to_string();
        assert_eq!(message("a/b"), "tag has a character that cannot stand at byte 1");
        assert_eq!(message(""), "tag is empty at byte 0");
    }

    proptest! {
        #[test]
        fn the_parser_agrees_with_the_grammar(text in "[aZ0_.:/-]{0,6}|\\PC{0,140}|[a-z._-]{120,135}") {
            prop_assert_eq!(text.parse::<Tag>().is_ok(), ORACLE.is_match(&text), "{:?}", text);
        }
    }
}
