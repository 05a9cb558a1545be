//! Files with holes: where their pieces belong. GNU tar's old form, and the three that it writes with PAX.

use crate::header::BLOCK;
use crate::numbers::number;
use crate::pax::{Records, decimal};

/// The most pieces that one sparse file may have.
pub const MAX_PIECES: usize = 65_536;

/// A piece of a file that is stored; what lies between pieces are zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    /// Where it begins in the file, in bytes.
    pub(crate) offset: u64,
    /// How long it is, in bytes.
    pub(crate) length: u64,
}

/// What PAX records say of a sparse file.
pub(crate) struct Sparse {
    /// Its name, when it is another than the header's.
    pub(crate) name: Option<Vec<u8>>,
    /// Its size with its holes, in bytes.
    pub(crate) size: u64,
    /// Where its pieces are.
    pub(crate) map: Map,
}

/// Where the pieces of a sparse file are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Map {
    /// Where the pieces are.
    Known(Vec<Piece>),
    /// The stored bytes begin with the map, in whole blocks.
    InBody,
}

/// Reads the piece that 24 bytes of a header describe; `None` inside when there is none.
pub(crate) fn old_piece(field: &[u8]) -> Option<Option<Piece>> {
    let (offset, length) = (number(&field[..12])?, number(&field[12..24])?);
    if offset == 0 && length == 0 {
        return Some(None);
    }
    Some(Some(Piece { offset: offset.try_into().ok()?, length: length.try_into().ok()? }))
}

/// The pieces of a block that goes on with the map of an old header, and whether another follows.
pub(crate) fn old_pieces(fields: &[u8], more: u8) -> Option<(Vec<Piece>, bool)> {
    let mut pieces = Vec::new();
    for field in fields.chunks_exact(24) {
        match old_piece(field)? {
            Some(piece) => pieces.push(piece),
            None => break,
        }
    }
    Some((pieces, more != 0))
}

/// Reads what PAX records say of a sparse file: its name, its size and its map; nothing when it is none.
pub(crate) fn of_records(records: &Records) -> Result<Option<Sparse>, ()> {
    let last = |key: &[u8]| records.iter().rev().find(|(known, _)| known == key).map(|(_, value)| value);
    let whole = |key: &[u8]| match last(key) {
        Some(value) => decimal(value).and_then(|number| u64::try_from(number).ok()).map(Some).ok_or(()),
        None => Ok(None),
    };
    let name = last(b"GNU.sparse.name").cloned();
    let version =
        (last(b"GNU.sparse.major").map(Vec::as_slice), last(b"GNU.sparse.minor").map(Vec::as_slice));
    if version == (Some(b"1"), Some(b"0")) {
        let size = whole(b"GNU.sparse.realsize")?.ok_or(())?;
        return Ok(Some(Sparse { name, size, map: Map::InBody }));
    }
    let Some(size) = whole(b"GNU.sparse.size")? else { return Ok(None) };
    let numbers: Vec<&[u8]> = match last(b"GNU.sparse.map") {
        Some(map) if map.is_empty() => Vec::new(),
        Some(map) => map.split(|byte| *byte == b',').collect(),
        None => {
            let is_part = |key: &[u8]| key == b"GNU.sparse.offset" || key == b"GNU.sparse.numbytes";
            let parts = records.iter().filter(|(key, _)| is_part(key));
            parts.map(|(_, value)| value.as_slice()).collect()
        }
    };
    let map = Map::Known(pieces_of(&numbers).ok_or(())?);
    Ok(Some(Sparse { name, size, map }))
}

/// The pieces of a map whose numbers were cut apart; none when they come to none.
pub(crate) fn pieces_of(numbers: &[&[u8]]) -> Option<Vec<Piece>> {
    if !numbers.len().is_multiple_of(2) || numbers.len() / 2 > MAX_PIECES {
        return None;
    }
    let number = |text: &[u8]| decimal(text).and_then(|number| u64::try_from(number).ok());
    numbers
        .chunks_exact(2)
        .map(|pair| Some(Piece { offset: number(pair[0])?, length: number(pair[1])? }))
        .collect()
}

/// Whether pieces follow one another within a file of that size, and come to as many stored bytes.
pub(crate) fn fit(pieces: &[Piece], size: u64, stored: u64) -> bool {
    let mut end = 0_u64;
    let mut sum = 0_u64;
    for piece in pieces {
        let Some(next) = piece.offset.checked_add(piece.length) else { return false };
        if piece.offset < end || next > size {
            return false;
        }
        end = next;
        sum += piece.length;
    }
    sum == stored && pieces.len() <= MAX_PIECES
}

/// A map that lies before the stored bytes: the count of pieces, then offset and length of each, a number a line, filled
/// up to whole blocks.
#[derive(Debug, Default)]
pub(crate) struct MapReader {
    bytes: Vec<u8>,
    /// How many lines are complete.
    lines: usize,
    /// How many lines there have to be, once the first is there.
    wanted: Option<usize>,
}

impl MapReader {
    /// Takes a block; gives the pieces once the map is complete.
    pub(crate) fn push(&mut self, block: &[u8; BLOCK]) -> Result<Option<Vec<Piece>>, ()> {
        // Longer lines than a number and its end would be none.
        const MAX_LINE_BYTES: usize = 21;
        self.bytes.extend_from_slice(block);
        self.lines += block.iter().filter(|byte| **byte == b'\n').count();
        let wanted = match self.wanted {
            Some(wanted) => wanted,
            None => {
                let end = self.bytes.iter().position(|byte| *byte == b'\n').ok_or(())?;
                let count = decimal(&self.bytes[..end]).and_then(|count| usize::try_from(count).ok());
                2 * count.filter(|count| *count <= MAX_PIECES).ok_or(())? + 1
            }
        };
        self.wanted = Some(wanted);
        if self.bytes.len() > wanted * MAX_LINE_BYTES + BLOCK {
            return Err(());
        }
        if self.lines < wanted {
            return Ok(None);
        }
        let numbers: Vec<&[u8]> = self.bytes.split(|byte| *byte == b'\n').skip(1).take(wanted - 1).collect();
        pieces_of(&numbers).map(Some).ok_or(())
    }
}
