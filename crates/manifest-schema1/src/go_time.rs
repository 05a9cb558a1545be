//! Times as Go's encoder writes them: RFC 3339 with as many digits of a second as matter, in the zone that they came in.

/// What Go writes for a time that was never set.
pub(crate) const ZERO: &str = "0001-01-01T00:00:00Z";

/// The longest fraction of a second that Go keeps, in digits.
const NANOSECOND_DIGITS: usize = 9;

/// Reads a time and writes it as Go does; none when it is no time.
pub(crate) fn rewrite(text: &str) -> Option<String> {
    let (clock, rest) = text.split_at_checked("0001-01-01T00:00:00".len())?;
    if !is_clock(clock) {
        return None;
    }
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return None;
            }
            rest.split_at(digits)
        }
        None => ("", rest),
    };
    let zone = zone_of(zone)?;
    let fraction = fraction[..fraction.len().min(NANOSECOND_DIGITS)].trim_end_matches('0');
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{clock}{point}{fraction}{zone}"))
}

fn is_clock(clock: &str) -> bool {
    let shape = clock.bytes().zip("0000-00-00T00:00:00".bytes());
    let fits = |(byte, shape): (u8, u8)| if shape == b'0' { byte.is_ascii_digit() } else { byte == shape };
    if !shape.into_iter().all(fits) {
        return false;
    }
    let number = |at: usize, len: usize| clock[at..at + len].parse::<u32>().unwrap_or(u32::MAX);
    let (year, month, day) = (number(0, 4), number(5, 2), number(8, 2));
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u32::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day) && number(11, 2) < 24 && number(14, 2) < 60 && number(17, 2) < 60
}

fn zone_of(zone: &str) -> Option<&str> {
    if zone == "Z" {
        return Some("Z");
    }
    let [b'+' | b'-', h1, h2, b':', m1, m2] = zone.as_bytes() else { return None };
    let two = |tens: &u8, ones: &u8| {
        (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens - b'0') * 10 + ones - b'0')
    };
    let (hours, minutes) = (two(h1, h2)?, two(m1, m2)?);
    match (hours, minutes) {
        (0, 0) => Some("Z"),
        (0..24, 0..60) => Some(zone),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_written_as_go_writes_them() {
        for (text, written) in [
            ("2020-02-29T23:59:59Z", "2020-02-29T23:59:59Z"),
            ("2020-01-02T03:04:05.100200000Z", "2020-01-02T03:04:05.1002Z"),
            ("2020-01-02T03:04:05.000Z", "2020-01-02T03:04:05Z"),
            ("2020-01-02T03:04:05.1234567891+02:30", "2020-01-02T03:04:05.123456789+02:30"),
            ("2020-01-02T03:04:05-00:00", "2020-01-02T03:04:05Z"),
            (ZERO, ZERO),
        ] {
            assert_eq!(rewrite(text).as_deref(), Some(written), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "2020",
            "2020-01-02 03:04:05Z",
            "2020-02-30T00:00:00Z",
            "2019-02-29T00:00:00Z",
            "2020-13-01T00:00:00Z",
            "2020-00-01T00:00:00Z",
            "2020-01-00T00:00:00Z",
            "2020-01-02T24:00:00Z",
            "2020-01-02T03:60:00Z",
            "2020-01-02T03:04:60Z",
            "2020-01-02T03:04:05",
            "2020-01-02T03:04:05.Z",
            "2020-01-02T03:04:05+2:00",
            "2020-01-02T03:04:05+24:00",
            "2020-01-02T03:04:05+00:60",
            "２020-01-02T03:04:05Z",
            "2020-01-02T03:04:05ZZ",
        ] {
            assert_eq!(rewrite(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived_and_written_once(text in "\\PC*|[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-9:]{8}(\\.[0-9]{0,12})?(Z|[+-][0-9]{2}:[0-9]{2})") {
            if let Some(written) = rewrite(&text) {
                prop_assert_eq!(rewrite(&written), Some(written));
            }
        }
    }
}
