//! Durations as Go writes and reads them, to the nanosecond and with its limits.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A length of time as Go's `time.Duration` holds it: nanoseconds, at most about 292 years either way.
///
/// It prints as Go does (`1h30m0s`, `1.5s`, `0s`) and parses what Go's `time.ParseDuration` takes: one or more decimal numbers,
/// each with a unit of `ns`, `us` (or `µs`), `ms`, `s`, `m`, `h`, after an optional sign; `0` needs no unit.
/// Parsing is the inverse of printing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoDuration {
    nanoseconds: i64,
}

/// Says that a text is not a duration as Go writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseDurationError;

impl GoDuration {
    /// A duration of so many nanoseconds.
    pub const fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self { nanoseconds }
    }

    /// The nanoseconds, negative for a negative duration.
    pub const fn nanoseconds(self) -> i64 {
        self.nanoseconds
    }

    /// The duration as the standard library has it, or nothing at all for a negative one.
    pub const fn to_std(self) -> Option<Duration> {
        if self.nanoseconds < 0 { None } else { Some(Duration::from_nanos(self.nanoseconds.unsigned_abs())) }
    }
}

impl From<Duration> for GoDuration {
    /// Converts; what is longer than Go can hold becomes the longest that it can.
    fn from(duration: Duration) -> Self {
        Self { nanoseconds: i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX) }
    }
}

impl fmt::Display for GoDuration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = self.nanoseconds.unsigned_abs();
        if self.nanoseconds < 0 {
            formatter.write_str("-")?;
        }
        match nanoseconds {
            0 => return formatter.write_str("0s"),
            1..MICROSECOND => return write!(formatter, "{nanoseconds}ns"),
            MICROSECOND..MILLISECOND => return write_fraction(formatter, nanoseconds, MICROSECOND, "µs"),
            MILLISECOND..SECOND => return write_fraction(formatter, nanoseconds, MILLISECOND, "ms"),
            _ => {}
        }
        let (hours, below_hour) = (nanoseconds / HOUR, nanoseconds % HOUR);
        let (minutes, below_minute) = (below_hour / MINUTE, below_hour % MINUTE);
        if hours > 0 {
            write!(formatter, "{hours}h")?;
        }
        if hours > 0 || minutes > 0 {
            write!(formatter, "{minutes}m")?;
        }
        write_fraction(formatter, below_minute, SECOND, "s")
    }
}

impl FromStr for GoDuration {
    type Err = ParseDurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        match rest {
            "" => return Err(ParseDurationError),
            "0" => return Ok(Self::default()),
            _ => {}
        }
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let (part, after) = leading_part(rest).ok_or(ParseDurationError)?;
            total = total.checked_add(part).filter(|total| *total <= LIMIT).ok_or(ParseDurationError)?;
            rest = after;
        }
        let nanoseconds =
            if negative { 0_i64.checked_sub_unsigned(total) } else { i64::try_from(total).ok() };
        nanoseconds.map(Self::from_nanoseconds).ok_or(ParseDurationError)
    }
}

impl fmt::Display for ParseDurationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not a duration such as 300ms, 1.5h or 2h45m")
    }
}

impl std::error::Error for ParseDurationError {}

/// Writes `nanoseconds` in the given unit, without zeros at the end of the fraction.
fn write_fraction(
    formatter: &mut fmt::Formatter<'_>,
    nanoseconds: u64,
    unit: u64,
    suffix: &str,
) -> fmt::Result {
    write!(formatter, "{}", nanoseconds / unit)?;
    let (mut fraction, mut width) = (nanoseconds % unit, unit.ilog10() as usize);
    if fraction > 0 {
        while fraction.is_multiple_of(10) {
            fraction /= 10;
            width -= 1;
        }
        write!(formatter, ".{fraction:0width$}")?;
    }
    formatter.write_str(suffix)
}

/// Takes one number with its unit off the front: its nanoseconds, and what is left.
fn leading_part(text: &str) -> Option<(u64, &str)> {
    let (whole, rest) = split_digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(after) => split_digits(after),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let unit_bytes = rest.find(|next: char| next == '.' || next.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_bytes);
    let unit = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => MICROSECOND,
        "ms" => MILLISECOND,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        _ => return None,
    };
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    Some((whole.checked_mul(unit)?.checked_add(fraction_of(fraction, unit))?, rest))
}

/// The nanoseconds of a fraction of a unit. Go computes this with floating point, so a third of an hour is 20 minutes sharp.
fn fraction_of(digits: &str, unit: u64) -> u64 {
    let (mut number, mut scale) = (0_u64, 1.0_f64);
    for digit in digits.bytes() {
        let next = number.checked_mul(10).and_then(|number| number.checked_add(u64::from(digit - b'0')));
        let Some(next) = next.filter(|next| *next <= LIMIT) else { break };
        number = next;
        scale *= 10.0;
    }
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "as Go rounds"
    )]
    let nanoseconds = (number as f64 * (unit as f64 / scale)) as u64;
    nanoseconds
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|next: char| !next.is_ascii_digit()).unwrap_or(text.len()))
}

const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000 * MICROSECOND;
const SECOND: u64 = 1_000 * MILLISECOND;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// The most nanoseconds that a duration can have, counted without its sign.
const LIMIT: u64 = 1 << 63;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Option<i64> {
        text.parse::<GoDuration>().ok().map(GoDuration::nanoseconds)
    }

    fn print(nanoseconds: i64) -> String {
        GoDuration::from_nanoseconds(nanoseconds).to_string()
    }

    #[test]
    fn durations_parse_as_in_go() {
        let second = 1_000_000_000;
        let cases = [
            ("0", 0),
            ("-0", 0),
            ("+0s", 0),
            ("300ms", 300_000_000),
            ("1.5h", 5400 * second),
            ("2h45m", 9900 * second),
            ("-1.5s", -1_500_000_000),
            (".5s", 500_000_000),
            ("5.s", 5 * second),
            ("10us", 10_000),
            ("10µs", 10_000),
            ("10μs", 10_000),
            ("12ns", 12),
            ("3m2.5s", 182_500_000_000),
            ("168h", 604_800 * second),
            ("0.3333333333333333333h", 1200 * second),
            ("0.100000000000000000000h", 360 * second),
            ("9223372036854775807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
            ("1h0m0s0s", 3600 * second),
        ];
        for (text, nanoseconds) in cases {
            assert_eq!(parse(text), Some(nanoseconds), "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in
            ["", "-", "3", "s", ".s", "1", "1x", "1 s", "1h 2m", "--1s", "1s0", "00", "9223372036854775808ns"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("3000000h"), None, "longer than 292 years");
    }

    #[test]
    fn durations_print_as_in_go() {
        let cases = [
            (0, "0s"),
            (1, "1ns"),
            (1100, "1.1µs"),
            (2_200_000, "2.2ms"),
            (3_300_000_000, "3.3s"),
            (245_000_000_000, "4m5s"),
            (245_001_000_000, "4m5.001s"),
            (5_400_000_000_000, "1h30m0s"),
            (-1_500_000_000, "-1.5s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ];
        for (nanoseconds, text) in cases {
            assert_eq!(print(nanoseconds), text);
        }
    }

    #[test]
    fn the_standard_library_has_no_negative_durations() {
        assert_eq!(GoDuration::from_nanoseconds(-1).to_std(), None);
        assert_eq!(GoDuration::from_nanoseconds(5).to_std(), Some(Duration::from_nanos(5)));
        assert_eq!(GoDuration::from(Duration::MAX).nanoseconds(), i64::MAX);
    }

    proptest! {
        #[test]
        fn parsing_is_the_inverse_of_printing(nanoseconds: i64) {
            prop_assert_eq!(parse(&print(nanoseconds)), Some(nanoseconds));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[-+]?[0-9.nuµmsh]*") {
            let _ = parse(&text);
        }

        #[test]
        fn no_other_text_does_either(text in ".*") {
            let _ = parse(&text);
        }
    }
}
