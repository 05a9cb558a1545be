//! Bytes as they came, on their way to be a body.
//!
//! A part is not put together from its pieces: they are sent one after another, as often as it takes. Only small pieces are,
//! since each would keep alive the much larger buffer that a connection read it into.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::{Bytes, BytesMut};

/// Pieces that are smaller are copied together, in bytes.
const SMALL_PIECE_BYTES: usize = 4 * 1024;

/// How many bytes of small pieces are put together at most.
const JOINED_BYTES: usize = 64 * 1024;

/// Bytes in pieces.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    pieces: Vec<Bytes>,
    /// The last of them, while they are small.
    joined: BytesMut,
    len: u64,
}

/// Bytes in pieces that no longer change; clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Sealed {
    pieces: Arc<[Bytes]>,
    len: u64,
}

impl Segments {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn push(&mut self, piece: Bytes) {
        self.len += piece.len() as u64;
        if piece.len() < SMALL_PIECE_BYTES {
            if self.joined.len() + piece.len() > JOINED_BYTES {
                self.pieces.push(self.joined.split().freeze());
            }
            if self.joined.capacity() == 0 {
                self.joined.reserve(SMALL_PIECE_BYTES);
            }
            self.joined.extend_from_slice(&piece);
            return;
        }
        if !self.joined.is_empty() {
            self.pieces.push(self.joined.split().freeze());
        }
        self.pieces.push(piece);
    }

    /// All of it in one piece after a head; copies, unless it is one already, and lets go of each piece as soon as it
    /// is copied.
    pub(crate) fn joined_to(mut self, head: &[u8]) -> Bytes {
        if head.is_empty() && self.joined.is_empty() && self.pieces.len() == 1 {
            return self.pieces.remove(0);
        }
        let mut all = BytesMut::with_capacity(head.len() + usize::try_from(self.len).unwrap_or_default());
        all.extend_from_slice(head);
        self.pieces.drain(..).for_each(|piece| all.extend_from_slice(&piece));
        all.extend_from_slice(&self.joined);
        all.freeze()
    }

    /// All of it, as a body needs it.
    pub(crate) fn seal(self) -> Sealed {
        let Self { mut pieces, joined, len } = self;
        if !joined.is_empty() {
            pieces.push(joined.freeze());
        }
        Sealed { pieces: pieces.into(), len }
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
    fn large_pieces_stay_where_they_are() {
        let pieces = [Bytes::from(vec![1; 8192]), Bytes::from(vec![2; 8192])];
        let mut segments = Segments::default();
        pieces.iter().for_each(|piece| segments.push(piece.clone()));
        let sealed = segments.seal();
        assert_eq!(sealed.len(), 16384);
        for (kept, piece) in sealed.pieces.iter().zip(&pieces) {
            assert_eq!(kept.as_ptr(), piece.as_ptr());
        }
    }

    #[test]
    fn many_tiny_pieces_take_little_more_than_their_bytes() {
        let mut segments = Segments::default();
        for _ in 0..200_000 {
            segments.push(Bytes::from_static(b"x"));
        }
        let sealed = segments.seal();
        assert_eq!(sealed.len(), 200_000);
        assert!(sealed.pieces.len() <= 200_000 / JOINED_BYTES + 1, "{}", sealed.pieces.len());
    }

    async fn sent(body: SdkBody) -> Vec<u8> {
        let length = body.content_length();
        let bytes = ByteStream::new(body).collect().await.unwrap().to_vec();
        assert_eq!(length, Some(bytes.len() as u64));
        bytes
    }

    proptest! {
        #[test]
        fn any_pieces_are_sent_in_order_and_again(lens in proptest::collection::vec(0_usize..9000, 0..20)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let mut segments = Segments::default();
            let mut expected = Vec::new();
            for (index, len) in lens.into_iter().enumerate() {
                let piece: Vec<u8> = (0..len).map(|at| (at * 7 + index) as u8).collect();
                expected.extend_from_slice(&piece);
                segments.push(Bytes::from(piece));
            }
            let sealed = segments.seal();
            let body = sealed.body().into_inner();
            let again = body.try_clone().unwrap();
            prop_assert_eq!(&runtime.block_on(sent(body)), &expected);
            prop_assert_eq!(&runtime.block_on(sent(again)), &expected);
            let mut segments = Segments::default();
            sealed.pieces.iter().for_each(|piece| segments.push(piece.clone()));
            prop_assert_eq!(segments.joined_to(b"head"), [b"head".as_slice(), &expected].concat());
        }
    }
}
