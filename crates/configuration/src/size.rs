//! Sizes in bytes as people write them.

/// Reads `65536`, `64KiB` or `10 MB`: a whole number and an optional unit.
///
/// Units with an `i` count in 1024s, those without in 1000s; `64K` says neither and is refused.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let digits = text.find(|next: char| !next.is_ascii_digit() && next != '_').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return None,
    };
    number.replace('_', "").parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_have_binary_and_decimal_units() {
        let sizes = [
            ("0", 0),
            ("65536", 65536),
            ("1_024", 1024),
            ("12B", 12),
            ("64KiB", 65536),
            ("64kib", 65536),
            ("10 MB", 10_000_000),
            ("5GiB", 5 << 30),
            ("1TiB", 1 << 40),
        ];
        for (text, bytes) in sizes {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
    }

    #[test]
    fn sizes_without_a_clear_meaning_are_refused() {
        for text in ["", "KiB", "64K", "64 Ki", "-1", "1.5GiB", "1e3", "99999999999TiB", "1 KiB "] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[0-9_]{0,25} ?[a-zA-Zµ]{0,4}") {
            let _ = parse(&text);
        }
    }
}
