//! Walks over JSON text without understanding it: how deep it nests, and what stands at an offset.
//!
//! serde's errors know a line and a column but no name. Keeping the path while reading would cost every reader; finding it
//! afterwards costs only the one whose manifest is wrong. Nesting is checked before anything reads the text, because
//! skipping an unknown field has no limit of its own.

use std::fmt::Write;

/// The longest key that a path repeats, in bytes of JSON.
const MAX_KEY_BYTES: usize = 64;

/// Counts how deeply objects and lists are nested in the text; text that is no JSON is counted all the same.
pub(crate) fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for (_, token) in Tokens::new(text) {
        match token {
            Token::OpenObject | Token::OpenList => depth += 1,
            Token::Close => depth = depth.saturating_sub(1),
            Token::Comma | Token::Text(_) => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Names the value that stands at, or ends at, a byte offset: `.config.digest`, `[3].size`, or nothing for the whole.
pub(crate) fn path(text: &str, offset: usize) -> String {
    let mut steps = Vec::new();
    for (_, token) in Tokens::new(text).take_while(|(start, _)| *start < offset) {
        match (token, steps.last_mut()) {
            (Token::OpenObject, _) => steps.push(Step::Key(None)),
            (Token::OpenList, _) => steps.push(Step::Index(0)),
            (Token::Close, _) => drop(steps.pop()),
            (Token::Comma, Some(Step::Key(key))) => *key = None,
            (Token::Comma, Some(Step::Index(index))) => *index += 1,
            (Token::Text(key), Some(Step::Key(slot @ None))) => *slot = Some(key),
            (Token::Comma | Token::Text(_), _) => {}
        }
    }
    steps.iter().fold(String::new(), |path, step| step.append_to(path))
}

/// Turns serde_json's line and column, which count bytes and begin with 1, into an offset.
pub(crate) fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    before + column
}

enum Step<'a> {
    Key(Option<&'a str>),
    Index(usize),
}

impl Step<'_> {
    fn append_to(&self, mut path: String) -> String {
        let is_plain = |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let written = match self {
            Step::Key(None) => Ok(()),
            Step::Key(Some(key)) if is_plain(key) && key.len() <= MAX_KEY_BYTES => write!(path, ".{key}"),
            Step::Key(Some(key)) if key.len() <= MAX_KEY_BYTES => write!(path, "[\"{key}\"]"),
            Step::Key(Some(key)) => write!(path, "[\"{}…\"]", &key[..key.floor_char_boundary(MAX_KEY_BYTES)]),
            Step::Index(index) => write!(path, "[{index}]"),
        };
        debug_assert!(written.is_ok(), "writing to a string cannot fail");
        path
    }
}

enum Token<'a> {
    OpenObject,
    OpenList,
    Close,
    Comma,
    /// A string as it is written, without its quotes.
    Text(&'a str),
}

struct Tokens<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Tokens<'a> {
    fn new(text: &'a str) -> Self {
        Tokens { text, at: 0 }
    }

    /// Takes the rest of a string whose opening quote was read.
    fn string(&mut self) -> &'a str {
        let bytes = self.text.as_bytes();
        let start = self.at;
        while let Some(skip) =
            bytes.get(self.at..).and_then(|rest| rest.iter().position(|b| matches!(b, b'"' | b'\\')))
        {
            let end = self.at + skip;
            if bytes[end] == b'"' {
                self.at = end + 1;
                return &self.text[start..end];
            }
            self.at = end + 2;
        }
        self.at = bytes.len();
        &self.text[start..]
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (usize, Token<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            let start = self.at;
            self.at += 1;
            let token = match byte {
                b'{' => Token::OpenObject,
                b'[' => Token::OpenList,
                b'}' | b']' => Token::Close,
                b',' => Token::Comma,
                b'"' => Token::Text(self.string()),
                _ => continue,
            };
            return Some((start, token));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::any, proptest};

    use super::*;

    #[test]
    fn nesting_is_counted_outside_strings() {
        assert_eq!(depth(r#"{"a":[[],{}],"b":"[[[[\"[["}"#), 3);
        assert_eq!(depth("]]]["), 1);
        assert_eq!(depth(r#"["\"#), 1);
    }

    #[test]
    fn a_value_is_named_from_its_start_to_its_end() {
        let text = r#"{"a": [1, {"x.y": 22}], "b": 3}"#;
        let path_of = |piece: &str| path(text, text.find(piece).unwrap() + piece.len());
        assert_eq!(path_of("[1"), ".a[0]");
        assert_eq!(path_of("22"), r#".a[1]["x.y"]"#);
        assert_eq!(path_of("22}"), ".a[1]");
        assert_eq!(path_of("22}]"), ".a");
        assert_eq!(path_of(": 3"), ".b");
        assert_eq!(path(text, text.len()), "");
    }

    #[test]
    fn long_keys_are_cut_between_characters() {
        let text = format!(r#"{{"a{}":1}}"#, "ä".repeat(100));
        assert_eq!(path(&text, text.len() - 1), format!("[\"a{}…\"]", "ä".repeat(31)));
    }

    #[test]
    fn lines_and_columns_become_offsets() {
        assert_eq!(offset("ab\ncd\nef", 1, 2), 2);
        assert_eq!(offset("ab\ncd\nef", 3, 1), 7);
        assert_eq!(offset("", 0, 0), 0);
    }

    proptest! {
        #[test]
        fn no_text_and_no_offset_makes_it_panic(text in r#"([\[\]{},:"\\ aä1]|\PC)*"#, offset in any::<usize>()) {
            path(&text, offset);
            depth(&text);
        }
    }
}
