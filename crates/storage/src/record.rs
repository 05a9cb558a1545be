//! The record of an upload: what is known of it between two requests, on any process. LAYOUT.md describes the
//! file.

use std::fmt::Write as _;
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use jiff::Timestamp;
use uuid::Uuid;
use wharf_digest::{Algorithm, Digest, Hasher};

use crate::hashing::Hashers;

/// How large an upload may be to live in its record, in bytes.
pub(crate) const SMALL_BYTES: usize = 256 * 1024;
/// How large a record may be, in bytes: its content and a few lines.
pub(crate) const RECORD_LIMIT_BYTES: usize = SMALL_BYTES + 8 * 1024;

/// What is known of an upload.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// When the upload began, to the second.
    pub(crate) started_at: Timestamp,
    /// How often the record was replaced.
    pub(crate) turn: u64,
    /// Chosen anew each time: no two requests ever write the same record, so whoever finds its own there wrote it.
    mark: u64,
    /// What the upload was found to be when it was about to be moved to its place.
    pub(crate) finishing: Option<Finishing>,
    /// What the client's digest is going to use, as far as it said.
    pub(crate) algorithm: Algorithm,
    pub(crate) content: Recorded,
}

/// All bytes of an upload, verified and named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Finishing {
    /// As the client calls them.
    pub(crate) digest: Digest,
    /// As the store does.
    pub(crate) canonical: Digest,
    /// How many they are, in bytes.
    pub(crate) size: u64,
}

/// Where an upload's bytes are.
#[derive(Debug, Clone)]
pub(crate) enum Recorded {
    /// In the record.
    Small(Bytes),
    /// Where a writer put them.
    Large {
        /// How many there were when the record was written, in bytes.
        offset: u64,
        /// Hashes over exactly those, as long as nobody has begun to write since.
        hashers: Option<Hashers>,
    },
}

impl Record {
    /// An upload that begins now.
    pub(crate) fn new(now: SystemTime, algorithm: Algorithm) -> Self {
        let now = Timestamp::try_from(now).unwrap_or(Timestamp::UNIX_EPOCH);
        let started_at = Timestamp::from_second(now.as_second()).unwrap_or(Timestamp::UNIX_EPOCH);
        Self {
            started_at,
            turn: 0,
            mark: 0,
            finishing: None,
            algorithm,
            content: Recorded::Small(Bytes::new()),
        }
    }

    /// The record that is to replace this one.
    pub(crate) fn next(&self, content: Recorded) -> Self {
        let (mark, _) = Uuid::new_v4().as_u64_pair();
        Self { turn: self.turn + 1, mark, finishing: None, content, ..self.clone() }
    }

    /// The record as a file.
    pub(crate) fn to_bytes(&self) -> Bytes {
        let mut text = self.started_at.to_string();
        let small = match &self.content {
            Recorded::Small(bytes)
                if bytes.is_empty() && self.turn == 0 && self.algorithm == Algorithm::Sha256 =>
            {
                return Bytes::from(text);
            }
            Recorded::Small(bytes) => bytes.as_ref(),
            Recorded::Large { .. } => &[],
        };
        // Writing to a string cannot fail.
        let _ = write!(text, "\nturn {} {:016x}\n", self.turn, self.mark);
        if self.algorithm != Algorithm::Sha256 {
            let _ = writeln!(text, "algorithm {}", self.algorithm);
        }
        if let Some(Finishing { digest, canonical, size }) = &self.finishing {
            let _ = writeln!(text, "finishing {digest} {canonical} {size}");
        }
        match &self.content {
            Recorded::Small(bytes) => _ = writeln!(text, "small {}", bytes.len()),
            Recorded::Large { offset, hashers } => {
                let _ = writeln!(text, "large {offset}");
                for hasher in hashers.iter().flat_map(Hashers::as_slice) {
                    let _ = writeln!(text, "hash {} {}", hasher.algorithm(), to_hex(&hasher.save()));
                }
            }
        }
        text.push('\n');
        let mut file = BytesMut::with_capacity(text.len() + small.len());
        file.extend_from_slice(text.as_bytes());
        file.extend_from_slice(small);
        file.freeze()
    }

    /// Reads a record; none when the file is none. What Distribution left is a record of an upload without a
    /// byte.
    pub(crate) fn parse(file: &Bytes) -> Option<Self> {
        let end = file.windows(2).position(|pair| pair == b"\n\n");
        let (head, small) =
            end.map_or((file.as_ref(), Bytes::new()), |end| (&file[..end], file.slice(end + 2..)));
        let mut lines = str::from_utf8(head).ok()?.lines();
        let started_at = lines.next()?.trim_end().parse().ok()?;
        let mut record = Self {
            started_at,
            turn: 0,
            mark: 0,
            finishing: None,
            algorithm: Algorithm::Sha256,
            content: Recorded::Small(Bytes::new()),
        };
        let mut large = None;
        let mut hashers = Vec::new();
        for line in lines {
            let (key, value) = line.split_once(' ')?;
            match key {
                "turn" => {
                    let (turn, mark) = value.split_once(' ')?;
                    record.turn = turn.parse().ok()?;
                    record.mark = u64::from_str_radix(mark, 16).ok()?;
                }
                "finishing" => record.finishing = Some(parse_finishing(value)?),
                "algorithm" => record.algorithm = value.parse().ok()?,
                "small" if value.parse() == Ok(small.len()) => {
                    record.content = Recorded::Small(small.clone())
                }
                "large" => large = Some(value.parse().ok()?),
                "hash" => hashers.extend(parse_hash(value)),
                _ => return None,
            }
        }
        if let Some(offset) = large {
            record.content = Recorded::Large { offset, hashers: Hashers::resume(hashers, offset) };
        }
        Some(record)
    }

    /// How many bytes the upload held when this was written, in bytes.
    pub(crate) fn offset(&self) -> u64 {
        self.content.offset()
    }
}

impl Recorded {
    /// How many bytes there were when the record was written, in bytes.
    pub(crate) fn offset(&self) -> u64 {
        match self {
            Self::Small(bytes) => bytes.len() as u64,
            Self::Large { offset, .. } => *offset,
        }
    }
}

fn parse_finishing(value: &str) -> Option<Finishing> {
    let (digest, rest) = value.split_once(' ')?;
    let (canonical, size) = rest.split_once(' ')?;
    Some(Finishing {
        digest: digest.parse().ok()?,
        canonical: canonical.parse().ok()?,
        size: size.parse().ok()?,
    })
}

/// A hash that cannot be read is one that was not there: the bytes are hashed again.
fn parse_hash(value: &str) -> Option<Hasher> {
    let (algorithm, state) = value.split_once(' ')?;
    Hasher::resume(algorithm.parse().ok()?, &from_hex(state)?).ok()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| (*byte as char).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn record(content: Recorded) -> Record {
        Record {
            turn: 3,
            content,
            ..Record::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_714_564_800), Algorithm::Sha512)
        }
    }

    #[test]
    fn a_new_upload_is_the_file_that_distribution_writes() {
        let started_at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_714_564_800_999);
        let file = Record::new(started_at, Algorithm::Sha256).to_bytes();
        assert_eq!(file, "2024-05-01T12:00:00Z");
        let read = Record::parse(&file).unwrap();
        assert_eq!((read.offset(), read.turn, read.algorithm), (0, 0, Algorithm::Sha256));
    }

    #[test]
    fn a_small_upload_is_read_as_it_was_written() {
        for content in [b"".as_slice(), b"\n\n", b"abc\n\ndef", b"\n", &[0; 1000]] {
            let file = record(Recorded::Small(Bytes::copy_from_slice(content))).to_bytes();
            let read = Record::parse(&file).unwrap();
            assert_eq!((read.turn, read.algorithm), (3, Algorithm::Sha512));
            assert!(matches!(read.content, Recorded::Small(bytes) if bytes == content));
        }
    }

    #[test]
    fn what_an_upload_was_found_to_be_is_read_as_it_was_written() {
        let [digest, canonical] =
            [Algorithm::Sha512, Algorithm::Sha256].map(|algorithm| algorithm.digest(b"abc"));
        let finishing = Some(Finishing { digest, canonical, size: 7 });
        let file = Record { finishing, ..record(Recorded::Large { offset: 3, hashers: None }) }.to_bytes();
        let read = Record::parse(&file).unwrap();
        assert_eq!((read.finishing, read.offset()), (finishing, 3));
    }

    #[tokio::test]
    async fn a_large_upload_goes_on_with_its_hashes() {
        let mut hashers = Hashers::new(Algorithm::Sha512);
        hashers.update(b"abc").await;
        let file = record(Recorded::Large { offset: 3, hashers: Some(hashers) }).to_bytes();
        let Recorded::Large { offset: 3, hashers: Some(mut hashers) } = Record::parse(&file).unwrap().content
        else {
            panic!("the hashes are there");
        };
        hashers.update(b"def").await;
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            assert_eq!(hashers.digest(algorithm), Some(algorithm.digest(b"abcdef")));
        }
    }

    #[test]
    fn what_is_no_record_is_none() {
        for file in [
            "",
            "\n",
            "yesterday",
            "2024-05-01T12:00:00Z\nnonsense",
            "2024-05-01T12:00:00Z\nlarge x",
            "\u{0}\u{0}",
        ] {
            assert!(Record::parse(&Bytes::from_static(file.as_bytes())).is_none(), "{file:?}");
        }
    }

    #[test]
    fn a_record_that_was_cut_off_is_none_or_holds_nothing() {
        let file = record(Recorded::Small(Bytes::from_static(b"abcdef"))).to_bytes();
        for end in 0..file.len() {
            let offset = Record::parse(&file.slice(..end)).map_or(0, |record| record.offset());
            assert_eq!(offset, 0, "cut at {end}");
        }
    }

    proptest! {
        #[test]
        fn no_file_is_too_strange_to_be_read(file in "(2024-05-01T12:00:00Z)?\\PC{0,40}(\nturn 1)?(\n(large|small|hash sha256) [0-9a-f]{0,3})?\n?\n?") {
            let _ = Record::parse(&Bytes::from(file));
        }

        #[test]
        fn any_small_upload_is_read_as_it_was_written(content in proptest::collection::vec(any::<u8>(), 0..200), turn in 1_u64..) {
            let written = Record { turn, ..record(Recorded::Small(Bytes::from(content.clone()))) };
            let read = Record::parse(&written.to_bytes()).unwrap();
            prop_assert_eq!((read.turn, read.started_at), (turn, written.started_at));
            prop_assert!(matches!(read.content, Recorded::Small(bytes) if bytes == content));
        }
    }
}
