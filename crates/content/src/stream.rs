//! A boxed stream of bytes that may know its length.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

/// Pieces of bytes that arrive one after another; an error ends them.
pub struct ByteStream {
    len: Option<u64>,
    pieces: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
}

impl ByteStream {
    /// Wraps a stream; `len` is the number of bytes that it will give, when that is known.
    pub fn new(len: Option<u64>, pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self { len, pieces: Box::pin(pieces) }
    }

    /// A stream of one piece, or of none when it is empty.
    pub fn once(bytes: Bytes) -> Self {
        let len = bytes.len() as u64;
        let piece = (len > 0).then_some(Ok(bytes));
        Self::new(Some(len), futures_util::stream::iter(piece))
    }

    /// A stream without a byte.
    pub fn empty() -> Self {
        Self::once(Bytes::new())
    }

    /// How many bytes the whole stream gives, in bytes, when that was known when it was made.
    pub fn len(&self) -> Option<u64> {
        self.len
    }

    /// Whether it is known that the whole stream gives no byte.
    pub fn is_empty(&self) -> bool {
        self.len == Some(0)
    }
}

impl Stream for ByteStream {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pieces.as_mut().poll_next(context)
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ByteStream").field("len", &self.len).finish_non_exhaustive()
    }
}
