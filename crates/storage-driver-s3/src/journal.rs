//! What a closed writer leaves of a file: where its bytes are, for whoever goes on with it.
//!
//! Bytes that make full parts are in the store already. Those of the first session that had any are parts of a multipart
//! upload at the file's own key. No later session adds to that: of two that go on from the same journal one would replace
//! what the other had acknowledged, and some stores (Ceph) finish nothing while there are parts that nobody
//! names, as a session leaves that failed. So the full parts of later sessions are objects of their own, `<key>~part-<name>`,
//! put together at the end by the store itself. What makes no full part is in the journal. All full parts are of one size,
//! since some stores insist on that.
//!
//! Whatever the session does before it closes, the journal and what it names stay as they were. The journal is replaced as a
//! whole, and only by a session that has read it.
//!
//! The file:
//!
//! ```text
//! wharf upload 1
//! part-bytes 10485760
//! multipart <id>
//! etag "…"
//! piece <name>
//! tail 3
//!
//! abc
//! ```
//!
//! There is an `etag` for each part of the multipart upload and a `piece` for each object, in the order of their bytes.

use std::fmt::Write as _;

use bytes::Bytes;
use wharf_storage_driver::ErrorKind;

use crate::bucket::Bucket;
use crate::config::{MAX_PART_BYTES, MAX_PARTS};
use crate::failure::Failure;
use crate::{keys, multipart};

/// The first line; another version has another number.
const FIRST_LINE: &str = "wharf upload 1";

/// How long a journal may be without its tail, in bytes: as many parts as there can be, with room to spare for each.
pub(crate) const HEAD_LIMIT_BYTES: u64 = 2 * 1024 * 1024;

/// How much of a journal says whether there is a multipart upload, in bytes.
const MULTIPART_HEAD_BYTES: u64 = 8 * 1024;

/// What closed writers stored of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Journal {
    /// How many bytes each part holds.
    pub(crate) part_bytes: u64,
    /// The parts at the file's own key, which come first.
    pub(crate) multipart: Option<Parts>,
    /// The names of parts that are objects of their own.
    pub(crate) pieces: Vec<String>,
    /// The last bytes.
    pub(crate) tail: Bytes,
}

/// Parts of a multipart upload, all there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts {
    /// Its name in the store.
    pub(crate) id: String,
    /// What the store said of each part; their numbers begin with 1.
    pub(crate) etags: Vec<String>,
}

/// What is no journal that we can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a journal of an upload that this version can read")]
pub(crate) struct Unreadable;

impl Journal {
    /// How many full parts there are.
    pub(crate) fn parts(&self) -> u64 {
        let etags = self.multipart.as_ref().map_or(0, |parts| parts.etags.len());
        (etags + self.pieces.len()) as u64
    }

    /// How many bytes the file has, so far.
    pub(crate) fn offset(&self) -> u64 {
        self.parts() * self.part_bytes + self.tail.len() as u64
    }

    /// Everything but the tail, as the file has it before the tail.
    pub(crate) fn head(&self, tail_bytes: u64) -> Bytes {
        let mut text = format!("{FIRST_LINE}\npart-bytes {}\n", self.part_bytes);
        // Writing to a string cannot fail.
        if let Some(parts) = &self.multipart {
            let _ = writeln!(text, "multipart {}", parts.id);
            for etag in &parts.etags {
                let _ = writeln!(text, "etag {etag}");
            }
        }
        for name in &self.pieces {
            let _ = writeln!(text, "piece {name}");
        }
        let _ = write!(text, "tail {tail_bytes}\n\n");
        Bytes::from(text)
    }

    /// Reads a journal.
    ///
    /// # Errors
    ///
    /// When it is none, or one of another version.
    pub(crate) fn parse(file: &Bytes) -> Result<Self, Unreadable> {
        let head_len = file.len().min(HEAD_LIMIT_BYTES as usize);
        let end = file[..head_len].windows(2).position(|pair| pair == b"\n\n").ok_or(Unreadable)?;
        let head = str::from_utf8(&file[..end]).map_err(|_| Unreadable)?;
        let mut journal =
            Self { part_bytes: 0, multipart: None, pieces: Vec::new(), tail: file.slice(end + 2..) };
        let mut lines = head.lines();
        if lines.next() != Some(FIRST_LINE) {
            return Err(Unreadable);
        }
        let mut is_whole = false;
        for line in lines {
            let (key, value) = line.split_once(' ').ok_or(Unreadable)?;
            match key {
                "part-bytes" => journal.part_bytes = value.parse().map_err(|_| Unreadable)?,
                "multipart" => journal.multipart = Some(Parts { id: value.to_owned(), etags: Vec::new() }),
                "etag" => journal.multipart.as_mut().ok_or(Unreadable)?.etags.push(value.to_owned()),
                "piece" => journal.pieces.push(value.to_owned()),
                "tail" => is_whole = value.parse() == Ok(journal.tail.len()),
                _ => return Err(Unreadable),
            }
        }
        if is_whole && journal.can_be() { Ok(journal) } else { Err(Unreadable) }
    }

    fn can_be(&self) -> bool {
        let has_parts =
            self.multipart.as_ref().map_or(self.pieces.is_empty(), |parts| !parts.etags.is_empty());
        let sizes = 1..=MAX_PART_BYTES;
        has_parts
            && sizes.contains(&self.part_bytes)
            && self.parts() <= MAX_PARTS
            && self.tail.len() as u64 <= self.part_bytes
    }
}

/// The multipart upload of which the first [`MULTIPART_HEAD_BYTES`] of a journal speak.
pub(crate) fn multipart_in(head: &[u8]) -> Option<&str> {
    let text = head.strip_prefix(FIRST_LINE.as_bytes())?.strip_prefix(b"\npart-bytes ")?;
    let lines = text.iter().position(|byte| *byte == b'\n')?;
    let id = text[lines + 1..].strip_prefix(b"multipart ")?;
    let end = id.iter().position(|byte| *byte == b'\n')?;
    str::from_utf8(&id[..end]).ok()
}

/// Throws away the multipart upload of which the journal at a key knows. The journal and what else it names are for the
/// caller to delete: they lie beside it.
pub(crate) async fn forget(bucket: &Bucket, journal_key: &str) -> Result<(), Failure> {
    let Some(key) = journal_key.strip_suffix(&keys::journal("")) else { return Ok(()) };
    let head =
        bucket.get_object(journal_key).range(format!("bytes=0-{}", MULTIPART_HEAD_BYTES - 1)).send().await;
    let head = match head.map_err(Failure::from) {
        Err(failure) if failure.is_not_found() => return Ok(()),
        head => head?.body.collect().await,
    };
    let head = head.map_err(|error| Failure::new(ErrorKind::Unavailable).because(error))?.into_bytes();
    match multipart_in(&head) {
        Some(id) => multipart::abort(bucket, key, id).await,
        None => Ok(()),
    }
}

/// Whether a text of the store's own can stand in a line of a journal.
pub(crate) fn fits_a_line(text: &str) -> bool {
    !text.is_empty() && !text.contains(['\n', '\r'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Journal {
        fn to_bytes(&self) -> Bytes {
            Bytes::from([&self.head(self.tail.len() as u64)[..], &self.tail].concat())
        }
    }

    fn journal() -> Journal {
        Journal {
            part_bytes: 10,
            multipart: Some(Parts { id: "2~ab".into(), etags: vec!["\"1\"".into(), "\"2\"".into()] }),
            pieces: vec!["p1".into()],
            tail: Bytes::from_static(b"a\n\nb"),
        }
    }

    #[test]
    fn a_journal_is_a_text_and_the_last_bytes() {
        assert_eq!(
            journal().to_bytes(),
            "wharf upload 1\npart-bytes 10\nmultipart 2~ab\netag \"1\"\netag \"2\"\npiece p1\ntail 4\n\na\n\nb"
        );
        assert_eq!((journal().parts(), journal().offset()), (3, 34));
    }

    #[test]
    fn the_beginning_names_the_multipart_upload() {
        let file = journal().to_bytes();
        assert_eq!(multipart_in(&file), Some("2~ab"));
        assert_eq!(multipart_in(&file[..50]), Some("2~ab"));
        assert_eq!(multipart_in(&file[..40]), None);
        let without = Journal { multipart: None, ..journal() }.to_bytes();
        assert_eq!(multipart_in(&without), None);
        assert_eq!(multipart_in(b"something else"), None);
    }

    #[test]
    fn what_is_no_journal_is_unreadable() {
        for file in [
            "",
            "\n\n",
            "wharf upload 1\n\n",
            "wharf upload 2\npart-bytes 10\ntail 0\n\n",
            "wharf upload 1\npart-bytes 10\ntail 1\n\n",
            "wharf upload 1\npart-bytes 10\n\n",
            "wharf upload 1\npart-bytes 0\ntail 0\n\n",
            "wharf upload 1\npart-bytes 2\ntail 3\n\nabc",
            "wharf upload 1\npart-bytes 10\netag x\ntail 0\n\n",
            "wharf upload 1\npart-bytes 10\nnonsense 1\ntail 0\n\n",
            "wharf upload 1\npart-bytes 10\nmultipart x\ntail 0\n\n",
            "wharf upload 1\npart-bytes 10\npiece x\ntail 0\n\n",
            "wharf upload 1\npart-bytes 6000000000\ntail 0\n\n",
        ] {
            assert_eq!(Journal::parse(&Bytes::from_static(file.as_bytes())), Err(Unreadable), "{file:?}");
        }
    }

    #[test]
    fn a_journal_that_was_cut_off_is_unreadable() {
        let file = journal().to_bytes();
        for end in 0..file.len() {
            assert_eq!(Journal::parse(&file.slice(..end)), Err(Unreadable), "cut at {end}");
        }
    }

    #[test]
    fn a_journal_of_as_many_parts_as_there_can_be_is_readable() {
        let etags = vec![format!("\"{}\"", "e".repeat(128)); MAX_PARTS as usize];
        let journal =
            Journal { multipart: Some(Parts { id: "x".repeat(1024), etags }), pieces: vec![], ..journal() };
        assert!(journal.head(0).len() as u64 <= HEAD_LIMIT_BYTES);
        assert_eq!(Journal::parse(&journal.to_bytes()), Ok(journal));
    }

    #[test]
    fn what_could_break_a_line_is_noticed() {
        assert!(fits_a_line("\"abc\""));
        assert!(!fits_a_line("a\nb") && !fits_a_line("a\r") && !fits_a_line(""));
    }

    proptest! {
        #[test]
        fn any_journal_is_read_as_it_was_written(
            part_bytes in 200_u64..=MAX_PART_BYTES,
            parts in proptest::option::of(("[!-~]{1,40}", proptest::collection::vec("[ -~]{1,20}", 1..20))),
            mut pieces in proptest::collection::vec("[a-z0-9-]{1,36}", 0..20),
            tail in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let multipart = parts.map(|(id, etags)| Parts { id, etags });
            if multipart.is_none() {
                pieces.clear();
            }
            let journal = Journal { part_bytes, multipart, pieces, tail: Bytes::from(tail) };
            let file = journal.to_bytes();
            prop_assert_eq!(multipart_in(&file), journal.multipart.as_ref().map(|parts| parts.id.as_str()));
            prop_assert_eq!(Journal::parse(&file), Ok(journal));
        }

        #[test]
        fn no_file_is_too_strange_to_be_read(file in "(wharf upload 1\n)?(part-bytes [0-9]{0,3}\n)?\\PC{0,40}(\n(etag|piece|tail|multipart) [0-9a-f]{0,3})?\n?\n?") {
            let file = Bytes::from(file);
            let _ = (Journal::parse(&file), multipart_in(&file));
        }
    }
}
