//! The tree printed as YAML again, for an operator who wants to see what file and environment add up to.
//!
//! Secrets are left out. Apart from them the text reads back as the same tree. What nobody has given can be filled in from
//! another tree of defaults, and is marked.

use std::sync::Arc;

use crate::node::{Entry, Mapping, Node, ReadMark, Scalar, Style, Value};
use crate::secrets::{HIDDEN, holds_secrets, is_secret, without_user_info};

/// Prints a mapping as a YAML document, with those keys of `defaults` that it does not give, each marked as such.
pub(crate) fn print(root: &Mapping, defaults: &Mapping) -> String {
    let mut printer = Printer { text: String::new(), mark: "" };
    printer.mapping(root, defaults, 0, Show::Everything);
    if printer.text.is_empty() {
        printer.text.push_str("{}\n");
    }
    printer.text
}

struct Printer {
    text: String,
    /// What ends each line with a value.
    mark: &'static str,
}

/// What stands behind a value that nobody has given.
const DEFAULT: &str = " # default";

/// How much of a value may be seen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Everything,
    /// Nothing that is a single value, nor in a list.
    Sections,
    Nothing,
}

impl Printer {
    fn mapping(&mut self, mapping: &Mapping, defaults: &Mapping, depth: usize, show: Show) {
        for entry in &mapping.entries {
            let default = defaults.entry(&entry.key).map(|entry| &entry.value);
            match default {
                Some(default) if entry.value.is_null() && !default.is_null() => {
                    self.default(&entry.key, default, depth, show);
                }
                default => self.entry(&entry.key, (&entry.value, default), depth, show),
            }
        }
        for entry in defaults.entries.iter().filter(|entry| mapping.entry(&entry.key).is_none()) {
            self.default(&entry.key, &entry.value, depth, show);
        }
    }

    /// Prints a key that nobody has given.
    fn default(&mut self, key: &Arc<str>, value: &Node, depth: usize, show: Show) {
        let mark = std::mem::replace(&mut self.mark, DEFAULT);
        self.entry(key, (value, None), depth, show);
        self.mark = mark;
    }

    fn entry(&mut self, key: &Arc<str>, (value, default): (&Node, Option<&Node>), depth: usize, show: Show) {
        self.indent(depth);
        self.scalar(&Scalar { text: key.clone(), style: key_style(key) }, Show::Everything);
        self.text.push(':');
        let show = match show {
            // What kind of credentials they are is no secret.
            Show::Nothing if &**key == "type" && value.scalar().is_some() => Show::Everything,
            Show::Nothing => Show::Nothing,
            _ if holds_secrets(key) => Show::Nothing,
            _ if is_secret(key) => Show::Sections,
            _ => Show::Everything,
        };
        match (&value.value, default.map(|default| &default.value)) {
            (Value::Mapping(mapping), Some(Value::Mapping(defaults))) => {
                self.end_line();
                self.mapping(mapping, defaults, depth + 1, show);
            }
            // `storage: inmemory` is short for a section with that one key.
            (Value::Scalar(scalar), Some(Value::Mapping(defaults))) if show == Show::Everything => {
                let read = ReadMark::default();
                let value = Node::null(value.place.clone());
                let key = scalar.text.clone();
                let one = Entry { key, key_place: value.place.clone(), value, read };
                self.end_line();
                self.mapping(&Mapping { entries: vec![one] }, defaults, depth + 1, show);
            }
            _ => self.value(value, depth + 1, show),
        }
    }

    /// Ends a line that has no value.
    fn end_line(&mut self) {
        self.text.push('\n');
    }

    /// Prints what stands behind `key:` or `-`, on the same line if it fits there.
    fn value(&mut self, node: &Node, depth: usize, show: Show) {
        match &node.value {
            Value::Scalar(scalar) if scalar.is_null() => {}
            Value::Scalar(scalar) => {
                self.text.push(' ');
                self.scalar(scalar, show);
            }
            Value::Sequence(items) if items.is_empty() => self.text.push_str(" []"),
            Value::Mapping(mapping) if mapping.entries.is_empty() => self.text.push_str(" {}"),
            Value::Sequence(items) => {
                self.text.push('\n');
                for item in items {
                    self.indent(depth);
                    self.text.push('-');
                    self.value(item, depth + 1, if show == Show::Sections { Show::Nothing } else { show });
                }
                return;
            }
            Value::Mapping(mapping) => {
                self.text.push('\n');
                return self.mapping(mapping, &Mapping::default(), depth, show);
            }
            Value::Unusable(error) => {
                self.text.push_str(" # not usable: ");
                self.text.extend(
                    error.place().to_string().chars().map(|next| if next.is_control() { ' ' } else { next }),
                );
            }
        }
        self.text.push_str(self.mark);
        self.text.push('\n');
    }

    fn scalar(&mut self, scalar: &Scalar, show: Show) {
        if show != Show::Everything {
            return self.quoted(if scalar.text.is_empty() { "" } else { HIDDEN });
        }
        let text = without_user_info(&scalar.text);
        if scalar.style == Style::Plain && is_plain(&text) {
            self.text.push_str(&text)
        } else {
            self.quoted(&text)
        }
    }

    fn quoted(&mut self, text: &str) {
        self.text.push('"');
        for next in text.chars() {
            match next {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\t' => self.text.push_str("\\t"),
                ' '..='~' => self.text.push(next),
                _ if next.is_alphanumeric() => self.text.push(next),
                _ => self.text.push_str(&format!("\\U{:08x}", u32::from(next))),
            }
        }
        self.text.push('"');
    }

    fn indent(&mut self, depth: usize) {
        self.text.extend(std::iter::repeat_n("  ", depth));
    }
}

/// A key that could be taken for a merge or for nothing needs quotes, however it came here.
fn key_style(key: &str) -> Style {
    if matches!(key, "<<" | "" | "~") { Style::Quoted } else { Style::Plain }
}

/// Whether a text can stand without quotes. Some that could are quoted too, which only matters to what is no text: a plain
/// number, boolean or date consists of these characters.
fn is_plain(text: &str) -> bool {
    let inner = |next: char| next.is_ascii_alphanumeric() || "_./+-:~<".contains(next);
    let first = |next: char| next.is_ascii_alphanumeric() || "_./+~<".contains(next);
    let colon_start = text.starts_with(':') && text.len() > 1;
    let sign_start = text.starts_with('-')
        && text[1..].starts_with(|next: char| next.is_ascii_alphanumeric() || next == '.');
    (text.starts_with(first) || colon_start || sign_start)
        && text.chars().all(inner)
        && !text.ends_with(':')
        && !text.starts_with("...")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Document, Place};

    fn effective(text: &str) -> String {
        Document::parse("config.yml", text).unwrap().effective()
    }

    #[test]
    fn a_configuration_prints_as_yaml_with_its_order() {
        let text = "version: 0.1\nlog:\n  level: debug\n  hooks:\n    -\n      type: mail\n      levels:\n        - panic\nhttp:\n  addr: :5000\n  headers:\n    X-A:\n      - \"no sniff\"\nstorage:\n  inmemory:\n  empty: {}\n  none: []\n";
        assert_eq!(effective(text), text);
    }

    #[test]
    fn secrets_are_hidden() {
        let text = "http:\n  secret: hush\nstorage:\n  azure:\n    accountkey: hush\n    credentials: {type: seen, deep: [hush]}\nauth:\n  token:\n    realm: seen\nproxy:\n  remoteurl: https://me:hush@seen\n  password: ''\nheaders:\n  Authorization: [hush]\n";
        let shown = effective(text);
        assert!(!shown.contains("hush"), "{shown}");
        assert!(shown.contains("realm: seen") && shown.contains("@seen"), "{shown}");
        assert!(shown.contains("secret: \"(hidden)\"") && shown.contains("password: \"\""), "{shown}");
    }

    #[test]
    fn what_a_variable_broke_is_named() {
        let document = Document::empty().with_overrides([("REGISTRY_HTTP_ADDR", "[")]);
        assert_eq!(document.effective(), "http:\n  addr: # not usable: REGISTRY_HTTP_ADDR\n");
    }

    #[test]
    fn what_nobody_has_given_is_marked() {
        let defaults = "a:\n  b: 1\n  c: {d: 2, e: []}\n  f:\nstorage:\n  delete: {enabled: false}\n";
        let defaults = Document::parse("defaults", defaults).unwrap();
        let over = |text: &str| Document::parse("config.yml", text).unwrap().effective_over(&defaults);
        let shown = over("x: 1\na:\n  b:\n  c:\n    d: 3\nstorage: inmemory\n");
        let expected = "x: 1\na:\n  b: 1 # default\n  c:\n    d: 3\n    e: [] # default\n  f: # default\nstorage:\n  inmemory:\n  delete:\n    enabled: false # default\n";
        assert_eq!(shown, expected);
        assert_eq!(
            Document::parse("config.yml", &shown).unwrap().effective_over(&defaults),
            shown.replace(" # default", "")
        );
    }

    #[test]
    fn nothing_prints_as_an_empty_mapping() {
        assert_eq!(effective(""), "{}\n");
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_as_the_same(text in "([a-c]{1,2}: |- |[-x5~:.\"'#<?|]{1,3}|\n|\n  |\n    |[\\[\\]{}, ]){0,30}") {
            if let Ok(document) = Document::parse("config.yml", &text) {
                let shown = document.effective();
                prop_assert_eq!(effective(&shown), shown);
            }
        }

        #[test]
        fn any_text_survives_printing(text in "\\PC{0,20}|[\u{0}-\u{ffff}]{0,5}", key in "\\PC{0,5}") {
            let place = Place::Whole("test".into());
            let value = Node { place: place.clone(), value: Value::Scalar(Scalar { text: text.as_str().into(), style: Style::Quoted }) };
            let entry = Entry { key: format!("{key}.").into(), key_place: place, value, read: ReadMark::default() };
            let shown = print(&Mapping { entries: vec![entry] }, &Mapping::default());
            let document = Document::parse("config.yml", &shown).unwrap();
            prop_assert_eq!(document.root().string(&format!("{key}.")).unwrap(), Some(text), "{}", shown);
        }
    }
}
