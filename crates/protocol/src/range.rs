//! Byte ranges: of blobs that are read (RFC 9110, section 14) and of uploads (OCI distribution, "Pushing a blob in chunks").

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// What a `Range` header asks of something of a known size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangeSet {
    /// Everything: there is no range, or none that has to be obeyed.
    Full,
    /// These bytes, each a non-empty half-open range within the size, in the order of the request.
    Parts(Vec<Range<u64>>),
    /// Nothing that exists.
    Unsatisfiable,
}

impl RangeSet {
    /// Reads a `Range` header for content of `size` bytes, of which at most `most` ranges are served.
    ///
    /// A unit other than `bytes` is ignored (RFC 9110, section 14.2). A malformed list of bytes is
    /// [`Unsatisfiable`](Self::Unsatisfiable), as in Distribution. More than `most` ranges, ranges that together ask
    /// for more than everything, and any range of empty content give [`Full`](Self::Full).
    pub fn parse(header: &str, size: u64, most: usize) -> Self {
        let Some((unit, list)) = header.split_once('=') else { return Self::Full };
        if !unit.trim().eq_ignore_ascii_case("bytes") || size == 0 {
            return Self::Full;
        }
        let mut parts = Vec::new();
        let mut asked = 0_u64;
        for (index, text) in list.split(',').map(str::trim).filter(|text| !text.is_empty()).enumerate() {
            if index >= most {
                return Self::Full;
            }
            let Some(range) = ByteRange::parse(text) else { return Self::Unsatisfiable };
            let Some(range) = range.within(size) else { continue };
            asked = asked.saturating_add(range.end - range.start);
            parts.push(range);
        }
        match parts.len() {
            0 => Self::Unsatisfiable,
            1 => Self::Parts(parts),
            _ if asked > size => Self::Full,
            _ => Self::Parts(parts),
        }
    }
}

/// One range as a client writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// `500-999`: both ends are part of it.
    Closed(u64, u64),
    /// `500-`: to the end.
    From(u64),
    /// `-500`: the last ones.
    Suffix(u64),
}

impl ByteRange {
    /// Reads one element of a list; none when it is malformed or ends before it begins.
    fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        match (first, last) {
            ("", last) => number(last).map(Self::Suffix),
            (first, "") => number(first).map(Self::From),
            (first, last) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::Closed(first, last))
            }
        }
    }

    /// The bytes that it means of `size` bytes; none when there are none.
    pub fn within(self, size: u64) -> Option<Range<u64>> {
        let range = match self {
            Self::Closed(first, last) => first..last.saturating_add(1).min(size),
            Self::From(first) => first..size,
            Self::Suffix(count) => size.saturating_sub(count)..size,
        };
        (range.start < range.end).then_some(range)
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(first, last) => write!(formatter, "{first}-{last}"),
            Self::From(first) => write!(formatter, "{first}-"),
            Self::Suffix(count) => write!(formatter, "-{count}"),
        }
    }
}

/// The `Content-Range` header of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentRange {
    /// `bytes 0-499/1234`: this non-empty range of so many bytes.
    Part(Range<u64>, u64),
    /// `bytes */1234`: the range that was asked for does not exist.
    Unsatisfied(u64),
}

impl fmt::Display for ContentRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part(range, size) => {
                write!(formatter, "bytes {}-{}/{size}", range.start, range.end.saturating_sub(1))
            }
            Self::Unsatisfied(size) => write!(formatter, "bytes */{size}"),
        }
    }
}

impl FromStr for ContentRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidRange(text.to_owned());
        let rest = text.strip_prefix("bytes ").ok_or_else(invalid)?;
        let (range, size) = rest.split_once('/').ok_or_else(invalid)?;
        let size = number(size).ok_or_else(invalid)?;
        if range == "*" {
            return Ok(Self::Unsatisfied(size));
        }
        let range: UploadRange = range.parse()?;
        let part = range.first..range.last.saturating_add(1);
        if part.end <= size { Ok(Self::Part(part, size)) } else { Err(invalid()) }
    }
}

/// The bytes of an upload, both ends part of it: `0-499`.
///
/// On a chunk it is `Content-Range`; on an answer it is `Range` and says what has arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadRange {
    /// The first byte.
    pub first: u64,
    /// The last byte.
    pub last: u64,
}

impl UploadRange {
    /// What the `Range` header of an answer says of an upload that holds `size` bytes: `0-0` for none as for one, since
    /// the form has no way to say nothing.
    pub fn received(size: u64) -> Self {
        Self { first: 0, last: size.saturating_sub(1) }
    }

    /// How many bytes it spans.
    pub fn len(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }

    /// Never: a range holds at least one byte.
    pub fn is_empty(&self) -> bool {
        false
    }
}

impl fmt::Display for UploadRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.first, self.last)
    }
}

impl FromStr for UploadRange {
    type Err = InvalidRange;

    /// Reads `0-499`, and leniently `bytes 0-499/1000` and `bytes=0-499`, which some clients send.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidRange(text.to_owned());
        let rest = text.strip_prefix("bytes").map_or(text, |rest| rest.trim_start_matches([' ', '=']));
        let range = rest.split('/').next().unwrap_or(rest);
        let (first, last) = range.trim().split_once('-').ok_or_else(invalid)?;
        let (first, last) = (number(first).ok_or_else(invalid)?, number(last).ok_or_else(invalid)?);
        if first <= last { Ok(Self { first, last }) } else { Err(invalid()) }
    }
}

/// A text that is no range of an upload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed range {0:?}, expected first-last with both bytes counted from 0")]
pub struct InvalidRange(pub String);

/// A plain decimal number, without a sign.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
#[expect(clippy::single_range_in_vec_init, reason = "a request may ask for a single range")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: usize = 32;

    fn parts(header: &str, size: u64) -> RangeSet {
        RangeSet::parse(header, size, MOST)
    }

    #[test]
    fn each_form_of_a_single_range_is_understood() {
        assert_eq!(parts("bytes=500-1499", 5000), RangeSet::Parts(vec![500..1500]));
        assert_eq!(parts("bytes=500-", 5000), RangeSet::Parts(vec![500..5000]));
        assert_eq!(parts("bytes=-500", 5000), RangeSet::Parts(vec![4500..5000]));
        assert_eq!(parts("bytes=-9000", 5000), RangeSet::Parts(vec![0..5000]));
        assert_eq!(parts("bytes=4000-9999", 5000), RangeSet::Parts(vec![4000..5000]));
        assert_eq!(parts("Bytes = 0-0", 5000), RangeSet::Parts(vec![0..1]));
    }

    #[test]
    fn several_ranges_keep_their_order() {
        assert_eq!(parts("bytes=10-19, 0-4", 100), RangeSet::Parts(vec![10..20, 0..5]));
        assert_eq!(parts("bytes=10-19,900-", 100), RangeSet::Parts(vec![10..20]));
    }

    #[test]
    fn what_is_past_the_end_or_malformed_cannot_be_satisfied() {
        for header in [
            "bytes=5000-",
            "bytes=6000-7000",
            "bytes=20-10",
            "bytes=a-b",
            "bytes=",
            "bytes=-0",
            "bytes=1",
            "bytes=+1-2",
        ] {
            assert_eq!(parts(header, 5000), RangeSet::Unsatisfiable, "{header}");
        }
    }

    #[test]
    fn what_need_not_be_obeyed_gives_everything() {
        assert_eq!(parts("lines=1-2", 5000), RangeSet::Full);
        assert_eq!(parts("nonsense", 5000), RangeSet::Full);
        assert_eq!(parts("bytes=0-10", 0), RangeSet::Full);
        assert_eq!(parts("bytes=0-99,0-99", 100), RangeSet::Full);
        let flood = format!("bytes={}", vec!["0-0"; MOST + 1].join(","));
        assert_eq!(parts(&flood, 5000), RangeSet::Full);
        assert!(
            matches!(RangeSet::parse(&flood, 5000, MOST + 1), RangeSet::Parts(_)),
            "the limit is the caller's"
        );
    }

    #[test]
    fn upload_ranges_are_read_in_every_spelling() {
        let range = UploadRange { first: 5, last: 9 };
        for text in ["5-9", "bytes 5-9/100", "bytes=5-9", "bytes 5-9/*"] {
            assert_eq!(text.parse(), Ok(range), "{text}");
        }
        assert_eq!(range.len(), 5);
        for text in ["", "5", "9-5", "-5", "5-", "a-b", "5-9-10", "+5-9"] {
            assert!(text.parse::<UploadRange>().is_err(), "{text}");
        }
        assert_eq!(UploadRange::received(0).to_string(), "0-0");
        assert_eq!(UploadRange::received(500).to_string(), "0-499");
    }

    proptest! {
        #[test]
        fn a_range_never_exceeds_the_size(header in "bytes=[0-9,-]{0,40}", size in 0_u64..2000) {
            if let RangeSet::Parts(parts) = RangeSet::parse(&header, size, MOST) {
                prop_assert!(!parts.is_empty());
                for part in parts {
                    prop_assert!(part.start < part.end && part.end <= size);
                }
            }
        }

        #[test]
        fn any_text_is_survived(text in ".{0,60}", size in any::<u64>()) {
            let _ = RangeSet::parse(&text, size, MOST);
            let _ = text.parse::<UploadRange>();
            let _ = text.parse::<ContentRange>();
        }

        #[test]
        fn a_content_range_is_read_as_it_was_printed(first in 0_u64..1000, len in 1_u64..1000, rest in 0_u64..1000) {
            let printed = ContentRange::Part(first..first + len, first + len + rest);
            prop_assert_eq!(printed.to_string().parse(), Ok(printed));
        }
    }
}
