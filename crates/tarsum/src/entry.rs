//! The sum of one entry: its header in a fixed order, then its content.

use wharf_digest::{Algorithm, Digest, Hasher};

use crate::header::Header;
use crate::sparse::Piece;
use crate::sum::Version;

/// How many zeros are hashed at once for a hole, in bytes.
const ZEROS: [u8; 4096] = [0; 4096];

/// The sum of an entry while its content passes.
#[derive(Debug)]
pub(crate) struct EntrySum {
    hasher: Hasher,
    /// The pieces of a sparse file that are still to come, and its size; none for other files.
    pieces: Option<(std::vec::IntoIter<Piece>, u64)>,
    /// Where in the file the next byte belongs.
    at: u64,
    /// How much of the piece is still to come.
    left: u64,
    /// How many bytes of the archive it takes, in bytes.
    stored: u64,
}

impl EntrySum {
    /// Begins with the header.
    pub(crate) fn new(version: Version, algorithm: Algorithm, header: &Header, stored: u64) -> Self {
        let mut hasher = Hasher::new(algorithm);
        let mut field = |key: &str, value: &[u8]| {
            hasher.update(key.as_bytes());
            hasher.update(value);
        };
        let decimal = |number: i64| number.to_string().into_bytes();
        field("name", &header.name);
        field("mode", &decimal(header.mode));
        field("uid", &decimal(header.uid));
        field("gid", &decimal(header.gid));
        field("size", &decimal(header.size));
        if version == Version::V0 {
            field("mtime", &decimal(header.modified));
        }
        field("typeflag", &[header.kind]);
        field("linkname", &header.link);
        field("uname", &header.owner);
        field("gname", &header.group);
        field("devmajor", &decimal(header.device_major));
        field("devminor", &decimal(header.device_minor));
        if version != Version::V0 {
            for (key, value) in &header.attributes {
                hasher.update(key);
                hasher.update(value);
            }
        }
        Self { hasher, pieces: None, at: 0, left: 0, stored }
    }

    /// Says where the stored bytes belong in a file with holes.
    pub(crate) fn with_pieces(mut self, pieces: Vec<Piece>, size: u64) -> Self {
        self.pieces = Some((pieces.into_iter(), size));
        self
    }

    /// Takes stored bytes.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) {
        if self.pieces.is_none() {
            self.hasher.update(bytes);
            return;
        }
        while !bytes.is_empty() {
            if self.left == 0 {
                let next = self.pieces.as_mut().and_then(|(pieces, _)| pieces.next());
                // A map that fits its file has a piece for every stored byte.
                let Some(piece) = next else { return };
                self.fill(piece.offset);
                self.left = piece.length;
                continue;
            }
            let take = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            self.hasher.update(&bytes[..take]);
            self.at += take as u64;
            self.left -= take as u64;
            bytes = &bytes[take..];
        }
    }

    /// How many bytes of the archive it takes, in bytes.
    pub(crate) fn stored(&self) -> u64 {
        self.stored
    }

    /// Ends the entry.
    pub(crate) fn finish(mut self) -> Digest {
        if let Some((_, size)) = self.pieces.take() {
            self.fill(size);
        }
        self.hasher.finish()
    }

    fn fill(&mut self, to: u64) {
        while self.at < to {
            let zeros = usize::try_from(to - self.at).unwrap_or(usize::MAX).min(ZEROS.len());
            self.hasher.update(&ZEROS[..zeros]);
            self.at += zeros as u64;
        }
    }
}
