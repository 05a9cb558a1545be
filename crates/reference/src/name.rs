//! The name of a repository, which is also a folder in the store and a part of every URL.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::host::scan_host_name;

/// The name of a repository: one or more components, joined by slashes, at most [`MAX_LEN`](Self::MAX_LEN) bytes in all.
///
/// A component is made of runs of `a-z0-9`, joined by one `.`, by one or two `_`, or by any number of `-`. Source: OCI
/// distribution specification 1.1, section "Pulling manifests". When others follow it, the first component may also look
/// like a host, dot-joined runs of `a-zA-Z0-9` with `-` inside them, because Distribution's grammar takes it for one and
/// its stores hold such names: `Foo/bar` is a name and `Foo` is none. A port is never part of a name, as no store can hold
/// the colon.
///
/// A name never holds an empty component, `.` or `..`, and no component begins with `_`. Cloning it copies no text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RepositoryName(Arc<str>);

/// Why a text is no [`RepositoryName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("repository name {kind} at byte {position}")]
pub struct InvalidName {
    kind: InvalidNameKind,
    position: usize,
}

/// What was wrong with a text that is no [`RepositoryName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidNameKind {
    /// It is longer than [`RepositoryName::MAX_LEN`]; the position is the limit.
    TooLong,
    /// A component is empty, or the whole name is; the position is where the component should begin.
    EmptyComponent,
    /// A byte has no place in a name, or not in this component.
    Character,
    /// A separator stands at the beginning or the end of a component, or after another one that it does not go with.
    Separator,
}

impl RepositoryName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 255;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parts between the slashes, of which there is at least one.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }
}

impl FromStr for RepositoryName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |(kind, position)| InvalidName { kind, position };
        if text.len() > Self::MAX_LEN {
            return Err(error((InvalidNameKind::TooLong, Self::MAX_LEN)));
        }
        let mut start = 0;
        for component in text.as_bytes().split(|byte| *byte == b'/') {
            let is_first_of_more = start == 0 && component.len() < text.len();
            if !(is_first_of_more && scan_host_name(component).is_ok()) {
                scan_component(component).map_err(|(kind, at)| error((kind, start + at)))?;
            }
            start += component.len() + 1;
        }
        Ok(Self(text.into()))
    }
}

impl AsRef<str> for RepositoryName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for RepositoryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl InvalidName {
    /// What was wrong, to match on.
    pub const fn kind(&self) -> InvalidNameKind {
        self.kind
    }

    /// Where it was wrong, in bytes from the beginning of the text.
    pub const fn position(&self) -> usize {
        self.position
    }
}

impl fmt::Display for InvalidNameKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TooLong => "is longer than 255 bytes,",
            Self::EmptyComponent => "has an empty component",
            Self::Character => "has a character that cannot stand",
            Self::Separator => "has a misplaced separator",
        })
    }
}

/// Walks a component of the OCI grammar and says what is wrong where.
fn scan_component(component: &[u8]) -> Result<(), (InvalidNameKind, usize)> {
    if component.is_empty() {
        return Err((InvalidNameKind::EmptyComponent, 0));
    }
    // Where the separator that is being read began, while one is; a component begins as if after one.
    let mut separator = Some(0);
    for (at, byte) in component.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' => separator = None,
            b'.' | b'_' | b'-' => match separator {
                None => separator = Some(at),
                Some(began) if began > 0 && may_follow(&component[began..at], *byte) => {}
                Some(_) => return Err((InvalidNameKind::Separator, at)),
            },
            _ => return Err((InvalidNameKind::Character, at)),
        }
    }
    match separator {
        None => Ok(()),
        Some(_) => Err((InvalidNameKind::Separator, component.len() - 1)),
    }
}

/// Whether `byte` goes on with a separator: `-` with any number of its own, `_` with one of its own.
fn may_follow(separator: &[u8], byte: u8) -> bool {
    match byte {
        b'-' => separator[0] == b'-',
        b'_' => separator == b"_",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    const COMPONENT: &str = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*";
    const HOST: &str = r"[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*(?:\.[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*)*";

    static ORACLE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(&format!(r"\A(?:{HOST}/)?{COMPONENT}(?:/{COMPONENT})*\z")).unwrap());

    fn fault(text: &str) -> (InvalidNameKind, usize) {
        let error = text.parse::<RepositoryName>().expect_err(text);
        (error.kind(), error.position())
    }

    #[test]
    fn names_print_as_they_were_written() {
        for text in [
            "a",
            "0",
            "library/busybox",
            "a.b",
            "a_b",
            "a__b",
            "a-b",
            "a---------b",
            "a.b_c__d-e/f0/g",
            "a/b/c/d/e/f/g/h",
            "Foo/bar",
            "FOO.Bar-baz/x",
            "127.0.0.1/x",
            "a--b.c/x",
            "a__b/x",
            "tags/list",
            "blobs/uploads",
        ] {
            let name: RepositoryName = text.parse().unwrap();
            assert_eq!(name.to_string(), text);
            assert_eq!(name.as_str(), text);
            assert_eq!(format!("{name:?}"), format!("{text:?}"));
            assert_eq!(name.components().collect::<Vec<_>>().join("/"), text);
        }
    }

    #[test]
    fn an_empty_component_is_refused_wherever_it_stands() {
        assert_eq!(fault(""), (InvalidNameKind::EmptyComponent, 0));
        assert_eq!(fault("/"), (InvalidNameKind::EmptyComponent, 0));
        assert_eq!(fault("/a"), (InvalidNameKind::EmptyComponent, 0));
        assert_eq!(fault("a/"), (InvalidNameKind::EmptyComponent, 2));
        assert_eq!(fault("a//b"), (InvalidNameKind::EmptyComponent, 2));
        assert_eq!(fault("Foo//b"), (InvalidNameKind::EmptyComponent, 4));
        assert_eq!(fault("Foo/"), (InvalidNameKind::EmptyComponent, 4));
    }

    #[test]
    fn a_character_that_has_no_place_is_named_by_its_position() {
        for (text, position) in [
            ("A", 0),
            ("aB", 1),
            ("a/Bc", 2),
            ("Foo/Bar", 4),
            ("a:b", 1),
            ("h:5000/x", 1),
            ("a b", 1),
            ("a\0", 1),
            ("aß", 1),
            ("a@b", 1),
            ("a\n", 1),
            ("Foo_bar/x", 0),
        ] {
            assert_eq!(fault(text), (InvalidNameKind::Character, position), "{text:?}");
        }
    }

    #[test]
    fn separators_stand_between_and_go_only_with_their_own() {
        for (text, position) in [
            (".", 0),
            ("..", 0),
            ("-", 0),
            ("_a", 0),
            (".a", 0),
            ("-a/b", 0),
            ("a.", 1),
            ("a-", 1),
            ("a__", 2),
            ("a..b", 2),
            ("a___b", 3),
            ("a._b", 2),
            ("a_.b", 2),
            ("a-_b", 2),
            ("a_-b", 2),
            ("a.-b", 2),
            ("a-.b", 2),
            ("a/../b", 2),
            ("a/./b", 2),
            ("a/_layers", 2),
            ("a-/b", 1),
            ("a-.b/c", 2),
        ] {
            assert_eq!(fault(text), (InvalidNameKind::Separator, position), "{text:?}");
        }
    }

    #[test]
    fn a_name_has_at_most_255_bytes_slashes_included() {
        for len in [1, 2, 254, 255] {
            assert!("a".repeat(len).parse::<RepositoryName>().is_ok(), "{len}");
        }
        assert_eq!(fault(&"a".repeat(256)), (InvalidNameKind::TooLong, 255));
        assert!(format!("{}/b", "a".repeat(253)).parse::<RepositoryName>().is_ok());
        assert_eq!(fault(&format!("{}/b", "a".repeat(254))), (InvalidNameKind::TooLong, 255));
        assert_eq!(fault(&format!("{}/b", "A".repeat(254))), (InvalidNameKind::TooLong, 255));
        assert_eq!(fault(&"/".repeat(1 << 20)), (InvalidNameKind::TooLong, 255));
    }

    #[test]
    fn an_error_says_what_and_where() {
        let message = |text: &str| text.parse::<RepositoryName>().unwrap_err().to_string();
        assert_eq!(message("a/B"), "repository name has a character that cannot stand at byte 2");
        assert_eq!(message("a//b"), "repository name has an empty component at byte 2");
        assert_eq!(message("a..b"), "repository name has a misplaced separator at byte 2");
        assert_eq!(message(&"a".repeat(300)), "repository name is longer than 255 bytes, at byte 255");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_parser_agrees_with_the_grammar(text in "[aZ0._/-]{0,12}|[a-zA-Z0-9._/:@-]{0,20}|([a-z0-9]{1,3}(\\.|_|__|-{1,3}|/)){0,5}[a-z]") {
            prop_assert_eq!(text.parse::<RepositoryName>().is_ok(), ORACLE.is_match(&text), "{:?}", text);
        }

        #[test]
        fn the_parser_takes_any_text_and_prints_what_it_took(text in "\\PC{0,300}") {
            if let Ok(name) = text.parse::<RepositoryName>() {
                prop_assert_eq!(name.as_str(), text);
            }
        }

        #[test]
        fn a_fault_lies_within_the_text(text in "[aZ0._/:-]{0,300}") {
            if let Err(error) = text.parse::<RepositoryName>() {
                prop_assert!(error.position() <= text.len());
            }
        }
    }
}
