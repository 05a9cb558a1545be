//! The sum of a tar, computed while it passes.
//!
//! What arrives is cut into blocks of 512 bytes wherever a header, or something that extends one, is expected; the content of
//! files goes to their sums as it comes. So nothing is sought, and nothing of a file is held.

use wharf_digest::{Algorithm, Digest, Hasher};

use crate::entry::EntrySum;
use crate::error::{InvalidSum, NotTar};
use crate::header::{BLOCK, Header};
use crate::numbers::{number, text};
use crate::pax::{self, Records};
use crate::sparse::{self, Map, MapReader, Piece, Sparse};
use crate::sum::{TarSum, Version};

/// The most entries that a tar may have: each is remembered with about a hundred bytes.
pub const MAX_ENTRIES: usize = 1 << 20;
/// The longest extended header, or name in an entry of its own, in bytes: 1 MiB.
pub const MAX_EXTENSION_BYTES: u64 = 1 << 20;
/// How many bytes all holes of a tar may come to: 1 GiB, since each of them is hashed though none was sent.
pub const MAX_HOLE_BYTES: u64 = 1 << 30;

/// Computes a tarsum from bytes that are pushed through it.
#[derive(Debug)]
pub struct Summer {
    version: Version,
    algorithm: Algorithm,
    entries: Vec<Entry>,
    state: State,
    block: Box<[u8; BLOCK]>,
    filled: usize,
    extension: Extension,
    hole_bytes: u64,
    failed: Option<NotTar>,
}

/// What is remembered of an entry.
#[derive(Debug)]
struct Entry {
    path: Digest,
    sum: Digest,
}

/// What is expected next.
#[derive(Debug)]
enum State {
    Header,
    /// The second block of zeros; without it the tar has ended all the same.
    SecondZero,
    Extension {
        kind: u8,
        left: u64,
        bytes: Vec<u8>,
    },
    OldMap {
        header: Header,
        stored: u64,
        pieces: Vec<Piece>,
    },
    MapInBody {
        header: Header,
        stored: u64,
        reader: MapReader,
    },
    Body {
        path: Digest,
        sum: Box<EntrySum>,
        left: u64,
    },
    Padding {
        left: u64,
    },
    Ended,
}

/// What entries of their own said of the next one.
#[derive(Debug, Default)]
struct Extension {
    records: Records,
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

const PAX_HEADER: u8 = b'x';
const GNU_NAME: u8 = b'L';
const GNU_LINK: u8 = b'K';
const GNU_SPARSE: u8 = b'S';

impl Summer {
    /// Begins a sum.
    pub fn new(version: Version, algorithm: Algorithm) -> Self {
        Self {
            version,
            algorithm,
            entries: Vec::new(),
            state: State::Header,
            block: Box::new([0; BLOCK]),
            filled: 0,
            extension: Extension::default(),
            hole_bytes: 0,
            failed: None,
        }
    }

    /// Begins a sum that is to be compared with another.
    ///
    /// # Errors
    ///
    /// [`InvalidSum::Hash`], when the other uses a hash that is not computed here.
    pub fn verifying(sum: &TarSum) -> Result<Self, InvalidSum> {
        Ok(Self::new(sum.version(), sum.algorithm()?))
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// What keeps them from being part of a tar; every later call says the same.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), NotTar> {
        match self.failed {
            Some(failed) => Err(failed),
            None => self.take(bytes).inspect_err(|error| self.failed = Some(*error)),
        }
    }

    /// Ends the tar.
    ///
    /// # Errors
    ///
    /// As [`push`](Self::push); [`NotTar::Cut`] when more should have come.
    pub fn finish(mut self) -> Result<TarSum, NotTar> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let is_between =
            matches!(self.state, State::Header | State::SecondZero | State::Padding { .. } | State::Ended);
        let is_extended = !self.extension.records.is_empty()
            || self.extension.name.is_some()
            || self.extension.link.is_some();
        if !is_between || self.filled > 0 || is_extended {
            return Err(NotTar::Cut(self.entry()));
        }
        let mut hasher = Hasher::new(self.algorithm);
        for index in places(&self.entries) {
            hasher.update(self.entries[index].sum.hex().as_bytes());
        }
        self.entries.clear();
        Ok(TarSum::new(self.version, self.algorithm, hasher.finish().hex()))
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<(), NotTar> {
        while !bytes.is_empty() {
            let limit =
                |left: u64, bytes: &[u8]| usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
            match &mut self.state {
                State::Body { sum, left, .. } => {
                    let count = limit(*left, bytes);
                    sum.push(&bytes[..count]);
                    *left -= count as u64;
                    bytes = &bytes[count..];
                }
                State::Padding { left } => {
                    let count = limit(*left, bytes);
                    *left -= count as u64;
                    bytes = &bytes[count..];
                }
                State::Extension { left, bytes: taken, .. } => {
                    let count = limit(*left, bytes);
                    taken.extend_from_slice(&bytes[..count]);
                    *left -= count as u64;
                    bytes = &bytes[count..];
                }
                State::Ended => {
                    let zeros = bytes.iter().all(|byte| *byte == 0);
                    return if zeros { Ok(()) } else { Err(NotTar::Trailing) };
                }
                State::Header | State::SecondZero | State::OldMap { .. } | State::MapInBody { .. } => {
                    let count = (BLOCK - self.filled).min(bytes.len());
                    self.block[self.filled..self.filled + count].copy_from_slice(&bytes[..count]);
                    self.filled += count;
                    bytes = &bytes[count..];
                    if self.filled == BLOCK {
                        self.filled = 0;
                        self.take_block()?;
                    }
                }
            }
            self.settle()?;
        }
        Ok(())
    }

    /// Goes on from what has come to its end.
    fn settle(&mut self) -> Result<(), NotTar> {
        loop {
            let next = match std::mem::replace(&mut self.state, State::Header) {
                State::Body { path, sum, left: 0 } => {
                    if self.entries.len() == MAX_ENTRIES {
                        return Err(NotTar::TooManyEntries(MAX_ENTRIES));
                    }
                    let stored = sum.stored();
                    self.entries.push(Entry { path, sum: sum.finish() });
                    State::Padding { left: padding(stored) }
                }
                State::Padding { left: 0 } => State::Header,
                State::Extension { kind, left: 0, bytes } => {
                    let stored = bytes.len() as u64;
                    self.extend(kind, bytes)?;
                    State::Padding { left: padding(stored) }
                }
                other => {
                    self.state = other;
                    return Ok(());
                }
            };
            let is_settled = matches!(next, State::Header);
            self.state = next;
            if is_settled {
                return Ok(());
            }
        }
    }

    fn extend(&mut self, kind: u8, bytes: Vec<u8>) -> Result<(), NotTar> {
        match kind {
            GNU_NAME => self.extension.name = Some(text(&bytes).to_vec()),
            GNU_LINK => self.extension.link = Some(text(&bytes).to_vec()),
            _ => {
                let records = pax::read(&bytes).ok_or(NotTar::Extension(self.entry()))?;
                self.extension.records = records;
            }
        }
        Ok(())
    }

    fn take_block(&mut self) -> Result<(), NotTar> {
        let is_zero = self.block.iter().all(|byte| *byte == 0);
        match std::mem::replace(&mut self.state, State::Header) {
            State::Header if is_zero => self.state = State::SecondZero,
            State::SecondZero if is_zero => self.state = State::Ended,
            State::SecondZero => return Err(NotTar::Header(self.entry())),
            State::OldMap { header, stored, mut pieces } => {
                let (more, goes_on) = sparse::old_pieces(&self.block[..504], self.block[504])
                    .ok_or(NotTar::Sparse(self.entry()))?;
                pieces.extend(more);
                if pieces.len() > sparse::MAX_PIECES {
                    return Err(NotTar::Sparse(self.entry()));
                }
                if goes_on {
                    self.state = State::OldMap { header, stored, pieces };
                } else {
                    self.begin_sparse(header, stored, pieces)?;
                }
            }
            State::MapInBody { header, stored, mut reader } => {
                let stored = stored.checked_sub(BLOCK as u64).ok_or(NotTar::Sparse(self.entry()))?;
                match reader.push(&self.block).map_err(|()| NotTar::Sparse(self.entry()))? {
                    Some(pieces) => self.begin_sparse(header, stored, pieces)?,
                    None => self.state = State::MapInBody { header, stored, reader },
                }
            }
            _ => self.take_header()?,
        }
        Ok(())
    }

    fn take_header(&mut self) -> Result<(), NotTar> {
        let mut header = Header::read(&self.block).ok_or(NotTar::Header(self.entry()))?;
        if matches!(header.kind, PAX_HEADER | GNU_NAME | GNU_LINK) {
            let left = u64::try_from(header.size).unwrap_or(u64::MAX);
            if left > MAX_EXTENSION_BYTES {
                return Err(NotTar::TooLarge(self.entry()));
            }
            self.state = State::Extension { kind: header.kind, left, bytes: Vec::new() };
            return Ok(());
        }
        let extension = std::mem::take(&mut self.extension);
        pax::merge(&mut header, &extension.records).ok_or(NotTar::Extension(self.entry()))?;
        let stored = u64::try_from(header.size).unwrap_or(u64::MAX);
        let sparse = sparse::of_records(&extension.records).map_err(|()| NotTar::Sparse(self.entry()))?;
        header.name = extension.name.unwrap_or(header.name);
        header.link = extension.link.unwrap_or(header.link);
        if let Some(Sparse { name, size, map }) = sparse {
            header.name = name.unwrap_or(header.name);
            header.size = i64::try_from(size).map_err(|_| NotTar::Sparse(self.entry()))?;
            return match map {
                Map::Known(pieces) => self.begin_sparse(header, stored, pieces),
                Map::InBody => {
                    self.state = State::MapInBody { header, stored, reader: MapReader::default() };
                    Ok(())
                }
            };
        }
        if header.kind == GNU_SPARSE {
            return self.begin_old_sparse(header, stored);
        }
        let sum = EntrySum::new(self.version, self.algorithm, &header, stored);
        self.begin(&header, sum, stored);
        Ok(())
    }

    fn begin_old_sparse(&mut self, mut header: Header, stored: u64) -> Result<(), NotTar> {
        let size = number(&self.block[483..495]).filter(|size| *size >= 0);
        header.size = size.ok_or(NotTar::Sparse(self.entry()))?;
        let (pieces, goes_on) =
            sparse::old_pieces(&self.block[386..482], self.block[482]).ok_or(NotTar::Sparse(self.entry()))?;
        if goes_on {
            self.state = State::OldMap { header, stored, pieces };
            return Ok(());
        }
        self.begin_sparse(header, stored, pieces)
    }

    fn begin_sparse(&mut self, header: Header, stored: u64, pieces: Vec<Piece>) -> Result<(), NotTar> {
        let size = u64::try_from(header.size).unwrap_or(u64::MAX);
        if !sparse::fit(&pieces, size, stored) {
            return Err(NotTar::Sparse(self.entry()));
        }
        self.hole_bytes = self.hole_bytes.saturating_add(size - stored);
        if self.hole_bytes > MAX_HOLE_BYTES {
            return Err(NotTar::Sparse(self.entry()));
        }
        let sum = EntrySum::new(self.version, self.algorithm, &header, stored).with_pieces(pieces, size);
        self.begin(&header, sum, stored);
        Ok(())
    }

    fn begin(&mut self, header: &Header, sum: EntrySum, stored: u64) {
        let path = Algorithm::Sha256.digest(header.path());
        self.state = State::Body { path, sum: Box::new(sum), left: stored };
    }

    /// The number of the entry that is being read, from 1.
    fn entry(&self) -> u64 {
        self.entries.len() as u64 + 1
    }
}

/// How many bytes follow content so that the next header begins with a block.
fn padding(stored: u64) -> u64 {
    stored.next_multiple_of(BLOCK as u64) - stored
}

/// In which order the sums of entries are joined: by sum; but entries of one path, which replace each other when they are
/// unpacked, take the places that are theirs in the order of the archive.
fn places(entries: &[Entry]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|index| entries[*index].sum);
    let mut by_path: Vec<usize> = (0..order.len()).collect();
    by_path.sort_by_key(|place| entries[order[*place]].path);
    let path = |place: usize| entries[order[place]].path;
    let mut placed = order.clone();
    for same in by_path.chunk_by(|left, right| path(*left) == path(*right)) {
        let mut sorted: Vec<usize> = same.iter().map(|place| order[*place]).collect();
        sorted.sort_unstable();
        // The sort above was stable, so the places of one path are in order too.
        same.iter().zip(sorted).for_each(|(place, index)| placed[*place] = index);
    }
    placed
}
