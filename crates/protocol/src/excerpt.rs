//! Showing a client what it sent without sending back a megabyte of it or anything that a terminal would obey.

use std::fmt;

/// The beginning of a text that came from outside, kept to be shown.
///
/// It prints between quotes with everything escaped that is not plainly printable, and ends in `…` where it was cut.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Excerpt(Box<str>);

impl Excerpt {
    /// How much is kept, in characters.
    pub const MAX_CHARS: usize = 96;

    /// Keeps the beginning of a text.
    pub fn of(text: &str) -> Self {
        match text.char_indices().nth(Self::MAX_CHARS) {
            Some((end, _)) => Self(format!("{}…", &text[..end]).into()),
            None => Self(text.into()),
        }
    }

    /// What was kept, as it came: nothing is escaped.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_text_is_shown_whole() {
        assert_eq!(Excerpt::of("Foo").to_string(), r#""Foo""#);
        let longest = "ä".repeat(Excerpt::MAX_CHARS);
        assert_eq!(Excerpt::of(&longest).as_str(), longest);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let excerpt = Excerpt::of(&"ä".repeat(1 << 20));
        assert_eq!(excerpt.as_str(), format!("{}…", "ä".repeat(Excerpt::MAX_CHARS)));
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(Excerpt::of("a\r\n\u{1b}[2J\"\0").to_string(), r#""a\r\n\u{1b}[2J\"\0""#);
    }
}
