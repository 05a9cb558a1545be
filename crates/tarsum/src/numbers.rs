//! The numbers of a header: octal digits, or base 256 when the first bit is set.

/// Reads a number; none when it is none.
pub(crate) fn number(field: &[u8]) -> Option<i64> {
    match field.first() {
        Some(first) if first & 0x80 != 0 => base_256(field),
        _ => octal(field),
    }
}

/// Reads a field up to its first zero.
pub(crate) fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn base_256(field: &[u8]) -> Option<i64> {
    let (first, rest) = field.split_first()?;
    // With its second bit set as well, the number is negative, in two's complement.
    let is_negative = first & 0x40 != 0;
    let start = i128::from(first & 0x7f) - if is_negative { 0x80 } else { 0 };
    rest.iter()
        .try_fold(start, |number, byte| number.checked_mul(256)?.checked_add(i128::from(*byte)))?
        .try_into()
        .ok()
}

fn octal(field: &[u8]) -> Option<i64> {
    let is_padding = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().take_while(|byte| is_padding(byte)).count();
    let field = text(&field[start..]);
    let end = field.iter().rposition(|byte| !is_padding(byte)).map_or(0, |last| last + 1);
    field[..end].iter().try_fold(0_i64, |number, byte| match byte {
        b'0'..=b'7' => number.checked_mul(8)?.checked_add(i64::from(byte - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn octal_numbers_may_be_padded() {
        for (field, expected) in [
            (&b"0000644\0"[..], 0o644),
            (b"    644 ", 0o644),
            (b"\0\0 644\0 ", 0o644),
            (b"644\0999", 0o644),
            (b"\0\0\0", 0),
            (b"", 0),
        ] {
            assert_eq!(number(field), Some(expected), "{field:?}");
        }
        for field in [&b"8"[..], b"6 4", b"-1", b"7777777777777777777777777"] {
            assert_eq!(number(field), None, "{field:?}");
        }
    }

    #[test]
    fn large_and_negative_numbers_are_in_base_256() {
        let mut field = [0_u8; 12];
        field[0] = 0x80;
        field[4..].copy_from_slice(&(1_i64 << 40).to_be_bytes());
        assert_eq!(number(&field), Some(1 << 40));
        assert_eq!(number(&[0xff; 8]), Some(-1));
        field[1..].fill(0xff);
        assert_eq!(number(&field), None, "no file is that large");
    }

    proptest! {
        #[test]
        fn any_field_is_survived(field in prop::collection::vec(any::<u8>(), 0..40)) {
            number(&field);
            text(&field);
        }
    }
}
