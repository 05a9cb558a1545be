//! Bytes on their way to be a body.
//!
//! What a connection reads comes in slices of its buffers. To keep those until a part is sent would keep the whole buffers, in
//! as many sizes as the network happens to have, and an allocator that has to find room for them takes nearly twice of what
//! is kept. So a part is copied into blocks of memory that are mapped for it and unmapped with it. A part takes exactly its
//! own size then, for one copy of its bytes.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::{Bytes, BytesMut};
use memmap2::MmapMut;

/// Up to so many bytes no block is mapped.
const FEW_BYTES: usize = 64 * 1024;

/// How large a block is, in bytes. Of the last one only what is used takes memory.
const BLOCK_BYTES: usize = 1024 * 1024;

/// Bytes in pieces.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    pieces: Vec<Bytes>,
    /// What comes behind them, while it is little.
    few: BytesMut,
    /// What comes behind those, once it is more.
    block: Option<Block>,
    len: u64,
}

/// Bytes in pieces that no longer change; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    pieces: Arc<[Bytes]>,
    len: u64,
}

/// Memory that is being filled.
#[derive(Debug)]
struct Block {
    memory: Memory,
    filled: usize,
}

#[derive(Debug)]
enum Memory {
    Mapped(MmapMut),
    /// Where nothing can be mapped.
    Allocated(BytesMut),
}

impl Segments {
    /// Begins with bytes that stay where they are.
    pub(crate) fn of(piece: Bytes) -> Self {
        let len = piece.len() as u64;
        Self { pieces: if piece.is_empty() { Vec::new() } else { vec![piece] }, len, ..Self::default() }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a copy of some bytes.
    pub(crate) fn push(&mut self, mut bytes: &[u8]) {
        self.len += bytes.len() as u64;
        if self.block.is_none() {
            if self.few.len() + bytes.len() <= FEW_BYTES {
                return self.few.extend_from_slice(bytes);
            }
            if !self.few.is_empty() {
                self.pieces.push(std::mem::take(&mut self.few).freeze());
            }
        }
        while !bytes.is_empty() {
            let block = self.block.get_or_insert_with(|| Block::new(BLOCK_BYTES));
            bytes = block.fill(bytes);
            if block.is_full() {
                self.pieces.extend(self.block.take().map(Block::freeze));
            }
        }
    }

    /// All of it in one piece after a head; copies, unless it is one already, and lets go of each piece as soon as it
    /// is copied.
    pub(crate) fn joined_to(self, head: &[u8]) -> Bytes {
        let mut pieces = self.into_pieces();
        if head.is_empty() && pieces.len() == 1 {
            return pieces.remove(0);
        }
        let mut all = Block::new(head.len() + pieces.iter().map(Bytes::len).sum::<usize>());
        all.fill(head);
        pieces.drain(..).for_each(|piece| _ = all.fill(&piece));
        all.freeze()
    }

    /// All of it, as a body needs it.
    pub(crate) fn seal(self) -> Sealed {
        let len = self.len;
        Sealed { pieces: self.into_pieces().into(), len }
    }

    fn into_pieces(self) -> Vec<Bytes> {
        let Self { mut pieces, few, block, .. } = self;
        pieces.extend((!few.is_empty()).then(|| few.freeze()));
        pieces.extend(block.map(Block::freeze));
        pieces
    }
}

impl Block {
    /// Room for so many bytes.
    fn new(size: usize) -> Self {
        let mapped = (size > FEW_BYTES).then(|| MmapMut::map_anon(size).ok()).flatten();
        let memory = mapped.map_or_else(|| Memory::Allocated(BytesMut::zeroed(size)), Memory::Mapped);
        Self { memory, filled: 0 }
    }

    fn room(&mut self) -> &mut [u8] {
        match &mut self.memory {
            Memory::Mapped(memory) => &mut memory[self.filled..],
            Memory::Allocated(memory) => &mut memory[self.filled..],
        }
    }

    /// Takes as many bytes as there is room for; gives those that are left.
    fn fill<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let room = self.room();
        let (taken, left) = bytes.split_at(room.len().min(bytes.len()));
        room[..taken.len()].copy_from_slice(taken);
        self.filled += taken.len();
        left
    }

    fn is_full(&mut self) -> bool {
        self.room().is_empty()
    }

    fn freeze(self) -> Bytes {
        let all = match self.memory {
            Memory::Mapped(memory) => Bytes::from_owner(memory),
            Memory::Allocated(memory) => memory.freeze(),
        };
        all.slice(..self.filled)
    }
}

impl Sealed {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// A body that can be sent again from its beginning.
    pub(crate) fn body(&self) -> ByteStream {
        match &*self.pieces {
            [] => return ByteStream::from_static(b""),
            [piece] => return ByteStream::from(piece.clone()),
            _ => {}
        }
        let sealed = self.clone();
        ByteStream::new(SdkBody::retryable(move || {
            let body = SegmentBody { pieces: Arc::clone(&sealed.pieces), next: 0, left: sealed.len };
            SdkBody::from_body_1_x(body)
        }))
    }
}

/// Sends pieces, one frame for each.
struct SegmentBody {
    pieces: Arc<[Bytes]>,
    next: usize,
    left: u64,
}

impl http_body::Body for SegmentBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        let Some(piece) = self.pieces.get(self.next).cloned() else { return Poll::Ready(None) };
        self.next += 1;
        self.left -= piece.len() as u64;
        Poll::Ready(Some(Ok(http_body::Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_are_copied_into_few_pieces_and_never_again() {
        let piece = vec![7; 5000];
        let mut segments = Segments::of(Bytes::from(vec![1; 100_000]));
        let first = segments.pieces[0].as_ptr();
        for _ in 0..1000 {
            segments.push(&piece);
        }
        let sealed = segments.seal();
        assert_eq!(sealed.len(), 5_100_000);
        assert_eq!(sealed.pieces[0].as_ptr(), first);
        assert!(sealed.pieces.len() <= 2 + 5_000_000_usize.div_ceil(BLOCK_BYTES), "{}", sealed.pieces.len());
    }

    #[test]
    fn what_is_one_piece_is_not_copied() {
        for size in [1, FEW_BYTES, BLOCK_BYTES] {
            let mut segments = Segments::default();
            segments.push(&vec![3; size]);
            let there = segments.few.as_ptr();
            let joined = segments.joined_to(b"");
            assert_eq!(joined, vec![3; size]);
            assert!(size > FEW_BYTES || joined.as_ptr() == there);
        }
    }

    async fn sent(body: SdkBody) -> Vec<u8> {
        let length = body.content_length();
        let bytes = ByteStream::new(body).collect().await.unwrap().to_vec();
        assert_eq!(length, Some(bytes.len() as u64));
        bytes
    }

    proptest! {
        #[test]
        fn any_pieces_are_sent_in_order_and_again(lens in proptest::collection::vec(0_usize..90_000, 0..40)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut segments = Segments::default();
            let mut expected = Vec::new();
            for (index, len) in lens.into_iter().enumerate() {
                let piece: Vec<u8> = (0..len).map(|at| (at * 7 + index) as u8).collect();
                expected.extend_from_slice(&piece);
                segments.push(&piece);
            }
            let sealed = segments.seal();
            let body = sealed.body().into_inner();
            let again = body.try_clone().unwrap();
            prop_assert_eq!(&runtime.block_on(sent(body)), &expected);
            prop_assert_eq!(&runtime.block_on(sent(again)), &expected);
            let mut segments = Segments::default();
            sealed.pieces.iter().for_each(|piece| segments.push(piece));
            prop_assert_eq!(segments.joined_to(b"head"), [b"head".as_slice(), &expected].concat());
        }
    }
}
