//! Bytes that wait in the pieces in which they came.

use bytes::{Bytes, BytesMut};

/// Pieces below this size, in bytes, are copied together: a piece costs about as much to keep as its own account.
const SMALL_BYTES: usize = 4 * 1024;

/// How much is copied into one buffer, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;

/// Pieces of bytes in a row. A clone shares them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Segments {
    pieces: Vec<Bytes>,
    small: BytesMut,
    len: usize,
}

impl Segments {
    /// How many bytes, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a piece at the end.
    pub(crate) fn push(&mut self, piece: Bytes) {
        self.len += piece.len();
        if piece.len() < SMALL_BYTES {
            self.small.extend_from_slice(&piece);
            if self.small.len() >= BUFFER_BYTES {
                self.seal();
            }
            return;
        }
        self.seal();
        self.pieces.push(piece);
    }

    /// All pieces in their order.
    pub(crate) fn into_pieces(mut self) -> Vec<Bytes> {
        self.seal();
        self.pieces
    }

    fn seal(&mut self) {
        if !self.small.is_empty() {
            self.pieces.push(self.small.split().freeze());
        }
    }
}

impl From<Bytes> for Segments {
    fn from(bytes: Bytes) -> Self {
        let mut segments = Self::default();
        if !bytes.is_empty() {
            segments.len = bytes.len();
            segments.pieces.push(bytes);
        }
        segments
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_of_any_size_come_out_in_their_order(lens in prop::collection::vec(0usize..10_000, 0..60)) {
            let (mut segments, mut expected) = (Segments::default(), Vec::new());
            for (index, len) in lens.iter().enumerate() {
                let piece = vec![index as u8; *len];
                expected.extend_from_slice(&piece);
                segments.push(piece.into());
                prop_assert_eq!(segments.len(), expected.len());
            }
            let pieces = segments.clone().into_pieces();
            prop_assert!(pieces.len() <= expected.len() / SMALL_BYTES * 2 + 1);
            prop_assert_eq!(pieces.concat(), expected);
        }
    }
}
