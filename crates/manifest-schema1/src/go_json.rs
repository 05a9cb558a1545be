//! JSON as Go's encoder writes it, since digests are made of its very bytes: short, with `<`, `>` and `&` escaped, and
//! indented the way `MarshalIndent` does it.

use std::fmt::Write as _;

/// Writes a string with its quotes.
pub(crate) fn string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other if other < ' ' || is_escaped(other) => escape(out, other),
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Writes what is JSON already, without white space outside of strings; numbers and strings stay as they were written.
pub(crate) fn compact(out: &mut String, json: &str) {
    let mut characters = json.chars();
    let mut in_string = false;
    while let Some(character) = characters.next() {
        match character {
            '"' => in_string = !in_string,
            '\\' if in_string => {
                out.push('\\');
                out.extend(characters.next());
                continue;
            }
            ' ' | '\t' | '\r' | '\n' if !in_string => continue,
            other if is_escaped(other) => {
                escape(out, other);
                continue;
            }
            _ => {}
        }
        out.push(character);
    }
}

/// Writes short JSON on lines of its own: every line but the first begins with `prefix`, and deeper ones with as many
/// `indent` as they are deep.
pub(crate) fn indent(compact: &str, prefix: &str, indent: &str) -> String {
    let mut out = String::with_capacity(compact.len() * 2);
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut is_new = false;
    let mut characters = compact.chars();
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(prefix);
        (0..depth).for_each(|_| out.push_str(indent));
    };
    while let Some(character) = characters.next() {
        if in_string {
            out.push(character);
            match character {
                '\\' => out.extend(characters.next()),
                '"' => in_string = false,
                _ => {}
            }
            continue;
        }
        let closes = matches!(character, '}' | ']');
        if is_new && !closes {
            depth += 1;
            line(&mut out, depth);
        }
        if closes && !is_new {
            depth = depth.saturating_sub(1);
            line(&mut out, depth);
        }
        is_new = matches!(character, '{' | '[');
        in_string = character == '"';
        out.push(character);
        match character {
            ',' => line(&mut out, depth),
            ':' => out.push(' '),
            _ => {}
        }
    }
    out
}

/// What Go escapes though JSON does not ask for it: so that JSON can stand in a page, and in a script.
fn is_escaped(character: char) -> bool {
    matches!(character, '<' | '>' | '&' | '\u{2028}' | '\u{2029}')
}

fn escape(out: &mut String, character: char) {
    let written = write!(out, "\\u{:04x}", u32::from(character));
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn quoted(text: &str) -> String {
        let mut out = String::new();
        string(&mut out, text);
        out
    }

    fn short(json: &str) -> String {
        let mut out = String::new();
        compact(&mut out, json);
        out
    }

    #[test]
    fn strings_are_escaped_as_in_go() {
        assert_eq!(
            quoted("a\"\\/\n\r\t\u{8}\u{c}\u{1f}\u{7f}"),
            r#""a\"\\/\n\r\t\u0008\u000c\u001f"#.to_owned() + "\u{7f}\""
        );
        assert_eq!(quoted("<a>&\u{2028}\u{2029}ä"), r#""\u003ca\u003e\u0026\u2028\u2029ä""#);
    }

    #[test]
    fn what_was_written_stays_but_for_white_space() {
        let json =
            "{ \"a\" : [ 1000.0 , 1e5 , 12345678901234567890 ] ,\n\t\"b c\" : \"\\u003c \\\" <\u{2028}\" }";
        assert_eq!(short(json), r#"{"a":[1000.0,1e5,12345678901234567890],"b c":"\u003c \" \u003c\u2028"}"#);
    }

    #[test]
    fn indented_as_by_marshal_indent() {
        let json = r#"{"a":1,"b":[],"c":{},"d":[1,{"e":"x: [y]\""}]}"#;
        let expected = "{\n   \"a\": 1,\n   \"b\": [],\n   \"c\": {},\n   \"d\": [\n      1,\n      {\n         \"e\": \"x: [y]\\\"\"\n      }\n   ]\n}";
        assert_eq!(indent(json, "", "   "), expected);
        assert_eq!(indent("[{\"a\":1}]", "..", "-"), "[\n..-{\n..--\"a\": 1\n..-}\n..]");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(|n| json!(n)),
            "\\PC*".prop_map(Value::from),
            Just(Value::Null)
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z<\"\\\\ ]{0,4}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_form_changes_what_is_said(value in any_json()) {
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let compacted = short(&pretty);
            prop_assert_eq!(&serde_json::from_str::<Value>(&compacted).unwrap(), &value);
            let indented = indent(&compacted, "\t", "  ");
            prop_assert_eq!(&serde_json::from_str::<Value>(&indented).unwrap(), &value);
            prop_assert_eq!(short(&indented), compacted);
        }

        #[test]
        fn any_text_can_be_a_string(text in any::<String>()) {
            prop_assert_eq!(serde_json::from_str::<String>(&quoted(&text)).unwrap(), text);
        }
    }
}
