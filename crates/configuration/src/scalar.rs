//! What a scalar's text means in YAML 1.1, as Go's yaml.v2 reads it, once a reader says which type it wants.

use crate::node::{Scalar, Style};

impl Scalar {
    /// Whether nothing was given. Only a plain scalar can say so: `""` is an empty text.
    pub(crate) fn is_null(&self) -> bool {
        self.style == Style::Plain && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }

    /// Whether this is the key `<<` that merges another mapping into its own.
    pub(crate) fn is_merge(&self) -> bool {
        self.style == Style::Plain && &*self.text == "<<"
    }

    /// A boolean in one of YAML 1.1's spellings; quoted, it is a text and no boolean.
    pub(crate) fn to_bool(&self) -> Option<bool> {
        if self.style == Style::Quoted {
            return None;
        }
        match &*self.text {
            "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
            "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
                Some(false)
            }
            _ => None,
        }
    }

    /// A boolean as above, or as Go's `strconv.ParseBool` takes it from a text.
    pub(crate) fn to_bool_or_text(&self) -> Option<bool> {
        match &*self.text {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
            _ => self.to_bool(),
        }
    }

    /// A whole number; quotes do not matter, since several readers of the Go server look through them.
    pub(crate) fn to_integer(&self) -> Option<i128> {
        integer(&self.text)
    }
}

/// Reads a whole number in YAML 1.1's forms: `1_000`, `0123` (octal), `0o17`, `0x1F`, `0b101`, with a sign, and the
/// decimal forms that have no fraction, such as `1e6` or `100.0`.
fn integer(text: &str) -> Option<i128> {
    let text = text.replace('_', "");
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, &text[..]),
    };
    if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    let magnitude = prefixed(digits).or_else(|| whole_decimal(digits))?;
    Some(if negative { -magnitude } else { magnitude })
}

/// Reads a number whose first characters say its base. A leading zero means octal, unless that cannot be (`089`).
fn prefixed(digits: &str) -> Option<i128> {
    let lower = digits.to_ascii_lowercase();
    let (digits, radix) = match lower.get(..2) {
        Some("0x") => (&lower[2..], 16),
        Some("0b") => (&lower[2..], 2),
        Some("0o") => (&lower[2..], 8),
        Some(zero) if zero.starts_with('0') => (&lower[1..], 8),
        _ => (&lower[..], 10),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    i128::from_str_radix(digits, radix).ok()
}

/// Reads a decimal number that may have a point and an exponent, if it is whole and exact in 53 bits.
fn whole_decimal(digits: &str) -> Option<i128> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-')) {
        return None;
    }
    let number: f64 = digits.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53, so nothing is cut off")]
    (number.fract() == 0.0 && number <= EXACT).then_some(number as i128)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(text: &str) -> Scalar {
        Scalar { text: text.into(), style: Style::Plain }
    }

    fn quoted(text: &str) -> Scalar {
        Scalar { text: text.into(), style: Style::Quoted }
    }

    #[test]
    fn yaml_1_1_spells_booleans_in_eleven_ways_each() {
        for text in ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"] {
            assert_eq!(plain(text).to_bool(), Some(true), "{text}");
        }
        for text in ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"] {
            assert_eq!(plain(text).to_bool(), Some(false), "{text}");
        }
        for text in ["yES", "tRue", "1", "0", "t", "", "~"] {
            assert_eq!(plain(text).to_bool(), None, "{text}");
        }
    }

    #[test]
    fn a_quoted_boolean_is_a_text_until_the_reader_is_lenient() {
        assert_eq!(quoted("true").to_bool(), None);
        assert_eq!(quoted("true").to_bool_or_text(), Some(true));
        assert_eq!(quoted("1").to_bool_or_text(), Some(true));
        assert_eq!(plain("F").to_bool_or_text(), Some(false));
        assert_eq!(plain("off").to_bool_or_text(), Some(false));
        assert_eq!(quoted("off").to_bool_or_text(), None);
        assert_eq!(quoted("maybe").to_bool_or_text(), None);
    }

    #[test]
    fn integers_come_in_the_forms_of_yaml_1_1() {
        let forms = [
            ("0", 0),
            ("-0", 0),
            ("17", 17),
            ("+17", 17),
            ("-17", -17),
            ("1_000", 1000),
            ("0123", 0o123),
            ("-0123", -0o123),
            ("0o17", 15),
            ("0x1F", 31),
            ("0XfF", 255),
            ("0b101", 5),
            ("-0b101", -5),
            ("089", 89),
            ("1e6", 1_000_000),
            ("100.0", 100),
            ("9223372036854775807", i128::from(i64::MAX)),
            ("18446744073709551615", i128::from(u64::MAX)),
        ];
        for (text, number) in forms {
            assert_eq!(plain(text).to_integer(), Some(number), "{text}");
            assert_eq!(quoted(text).to_integer(), Some(number), "{text}");
        }
    }

    #[test]
    fn what_is_no_whole_number_is_refused() {
        for text in [
            "", "-", "1.5", "10MB", "0x", "0x-1", "--1", "one", ".", "1e", ".inf", ".nan", "inf", "1e400",
            "٣",
        ] {
            assert_eq!(plain(text).to_integer(), None, "{text}");
        }
    }

    #[test]
    fn only_a_plain_scalar_can_be_null_or_a_merge() {
        assert!(["", "~", "null", "Null", "NULL"].iter().all(|text| plain(text).is_null()));
        assert!(!quoted("").is_null() && !quoted("null").is_null() && !plain("nULL").is_null());
        assert!(plain("<<").is_merge() && !quoted("<<").is_merge());
    }

    proptest! {
        #[test]
        fn no_text_makes_a_number_reader_panic(text in ".*") {
            let _ = integer(&text);
        }

        #[test]
        fn every_decimal_reads_back(number: i64) {
            prop_assert_eq!(integer(&number.to_string()), Some(i128::from(number)));
        }
    }
}
