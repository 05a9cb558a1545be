//! Patterns for names of repositories.

use std::fmt;
use std::str::FromStr;

/// A pattern for names of repositories: `*` stands for any characters within a component, `**` for any characters at all.
///
/// As elsewhere, `**/` also stands for no component: `**/secret` is `secret` and `a/b/secret`. `public/**` is everything
/// below `public`, but not `public` itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Glob {
    text: String,
    /// What every match begins with.
    prefix: String,
    /// What follows it.
    rest: Vec<Piece>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Piece {
    Byte(u8),
    /// `*`
    Within,
    /// `**`
    Across,
    /// `**/`: whole components with their slashes, or none.
    Components,
}

/// A text that is no pattern, or one that no name can match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidGlob {
    /// It has a character that no name has and that is no `*`.
    #[error(
        "{0:?} is in no name: names are lower case letters, digits and . _ - /, patterns also have * and **"
    )]
    Character(char),
    /// It begins or ends with a slash, has two in a row, or is empty.
    #[error("a pattern is components with one slash between them, as in team/*")]
    Component,
    /// It has three or more stars in a row.
    #[error("*** means nothing: * is within a component, ** is across components")]
    Stars,
    /// It is longer than [`Glob::MAX_LEN`].
    #[error("a pattern is at most {max} bytes long", max = Glob::MAX_LEN)]
    Length,
}

impl Glob {
    /// The longest pattern, in bytes: no name is longer.
    pub const MAX_LEN: usize = 255;

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the name, as a whole, is one that the pattern stands for. Costs at most the product of their lengths.
    pub fn matches(&self, name: &str) -> bool {
        let Some(rest) = name.strip_prefix(self.prefix.as_str()) else { return false };
        match self.rest[..] {
            [] => rest.is_empty(),
            [Piece::Across] => true,
            _ => self.matches_rest(rest.as_bytes()),
        }
    }

    /// Fills, from the last piece to the first, a row that says for each end of the name whether the pieces from here on
    /// stand for it.
    fn matches_rest(&self, name: &[u8]) -> bool {
        let mut row = vec![false; name.len() + 1];
        row[name.len()] = true;
        for piece in self.rest.iter().rev() {
            let after = row.clone();
            let mut next_component = None;
            for at in (0..=name.len()).rev() {
                let byte = name.get(at).copied();
                if byte == Some(b'/') {
                    next_component = Some(at + 1);
                }
                row[at] = match piece {
                    Piece::Byte(wanted) => byte == Some(*wanted) && after[at + 1],
                    Piece::Within => after[at] || (byte.is_some_and(|byte| byte != b'/') && row[at + 1]),
                    Piece::Across => after[at] || (byte.is_some() && row[at + 1]),
                    Piece::Components => after[at] || next_component.is_some_and(|at| row[at]),
                };
            }
        }
        row[0]
    }
}

impl FromStr for Glob {
    type Err = InvalidGlob;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let in_a_name = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-' | '/');
        if let Some(character) = text.chars().find(|c| !in_a_name(*c) && *c != '*') {
            return Err(InvalidGlob::Character(character));
        }
        if text.len() > Self::MAX_LEN {
            return Err(InvalidGlob::Length);
        }
        if text.contains("***") {
            return Err(InvalidGlob::Stars);
        }
        if text.split('/').any(str::is_empty) {
            return Err(InvalidGlob::Component);
        }
        let literal = text.find('*').unwrap_or(text.len());
        let (prefix, rest) = text.split_at(literal);
        Ok(Self { text: text.to_owned(), prefix: prefix.to_owned(), rest: pieces(prefix, rest) })
    }
}

fn pieces(prefix: &str, text: &str) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut at_component = prefix.is_empty() || prefix.ends_with('/');
    while let Some(byte) = rest.bytes().next() {
        let (piece, length) = match rest {
            _ if at_component && rest.starts_with("**/") => (Piece::Components, 3),
            _ if rest.starts_with("**") => (Piece::Across, 2),
            _ if byte == b'*' => (Piece::Within, 1),
            _ => (Piece::Byte(byte), 1),
        };
        at_component = matches!(piece, Piece::Components | Piece::Byte(b'/'));
        pieces.push(piece);
        rest = &rest[length..];
    }
    pieces
}

impl fmt::Display for Glob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        pattern.parse::<Glob>().unwrap().matches(name)
    }

    #[test]
    fn one_star_stays_within_a_component_and_two_go_across() {
        let cases: [(&str, &[&str], &[&str]); 11] = [
            ("a/b", &["a/b"], &["a", "a/b/c", "a/bc", "xa/b"]),
            ("*", &["a", "abc"], &["a/b"]),
            ("**", &["a", "a/b/c"], &[]),
            ("a/*", &["a/b", "a/bc"], &["a", "a/b/c", "ab/c"]),
            ("a/**", &["a/b", "a/b/c"], &["a", "ab/c", "b/a/c"]),
            ("**/a", &["a", "b/a", "b/c/a"], &["ba", "b/ca", "a/b"]),
            ("a/**/b", &["a/b", "a/c/b", "a/c/d/b"], &["ab", "a/cb", "a/b/c", "a/c/db"]),
            ("a-*", &["a-b", "a-b-c"], &["a", "a-b/c"]),
            ("a**", &["a", "ab", "a/b", "ab/c"], &["ba"]),
            ("*/b/*c*", &["a/b/c", "x/b/acd"], &["b/c", "a/b/d", "a/a/b/c"]),
            ("**/a/**/b", &["a/b", "x/a/y/b", "a/a/b/b"], &["a/x", "xa/b", "a/xb"]),
        ];
        for (pattern, yes, no) in cases {
            for name in yes {
                assert!(matches(pattern, name), "{pattern} {name}");
            }
            for name in no {
                assert!(!matches(pattern, name), "{pattern} {name}");
            }
        }
    }

    #[test]
    fn a_pattern_that_no_name_can_match_is_refused() {
        let parse = |text: &str| text.parse::<Glob>().unwrap_err();
        assert_eq!(parse("Team/*"), InvalidGlob::Character('T'));
        assert_eq!(parse("a?"), InvalidGlob::Character('?'));
        for text in ["", "/a", "a/", "a//b", "/"] {
            assert_eq!(parse(text), InvalidGlob::Component, "{text:?}");
        }
        assert_eq!(parse("a/***"), InvalidGlob::Stars);
        assert_eq!(parse(&"a".repeat(256)), InvalidGlob::Length);
    }

    #[test]
    fn no_pattern_takes_long() {
        let glob: Glob = "*a".repeat(120).parse().unwrap();
        assert!(!glob.matches(&("a".repeat(254) + "b")));
        let glob: Glob = "**/a/".repeat(50).trim_end_matches('/').parse().unwrap();
        assert!(!glob.matches(&["a"; 49].join("/")));
    }

    proptest! {
        #[test]
        fn a_name_matches_itself_and_any_of_its_prefixes_with_two_stars(name in "[a-z]{1,4}(/[a-z]{1,4}){0,3}", cut in any::<prop::sample::Index>()) {
            prop_assert!(matches(&name, &name));
            let at = cut.index(name.len());
            let pattern = format!("{}**", &name[..at]);
            prop_assert!(matches(&pattern, &name), "{pattern}");
        }

        #[test]
        fn any_text_is_survived(pattern in ".{0,40}", name in ".{0,40}") {
            if let Ok(glob) = pattern.parse::<Glob>() {
                let _ = glob.matches(&name);
            }
        }

        #[test]
        fn a_pattern_means_what_the_slow_reading_of_it_means(pattern in "([ab/]|\\*\\*|\\*){1,6}", name in "[ab](/?[ab]){0,5}") {
            if let Ok(glob) = pattern.parse::<Glob>() {
                prop_assert_eq!(glob.matches(&name), slow(pattern.as_bytes(), name.as_bytes(), true), "{} {}", pattern, name);
            }
        }
    }

    /// The same, said so that one sees it is right, at any cost.
    fn slow(pattern: &[u8], name: &[u8], at_component: bool) -> bool {
        let ends = || 0..=name.len();
        match pattern {
            [] => name.is_empty(),
            [b'*', b'*', b'/', rest @ ..] if at_component => {
                let after_slash = |at: &usize| *at == 0 || name[at - 1] == b'/';
                ends().filter(after_slash).any(|at| slow(rest, &name[at..], true))
            }
            [b'*', b'*', rest @ ..] => ends().any(|at| slow(rest, &name[at..], false)),
            [b'*', rest @ ..] => {
                ends().take_while(|at| !name[..*at].contains(&b'/')).any(|at| slow(rest, &name[at..], false))
            }
            [byte, rest @ ..] => name.first() == Some(byte) && slow(rest, &name[1..], *byte == b'/'),
        }
    }
}
