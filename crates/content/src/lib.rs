#![doc = include_str!("../README.md")]

mod file;
mod stream;

use std::io;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

pub use file::{FileRange, PIECE_BYTES};
pub use stream::ByteStream;

/// Bytes, as what they are.
#[derive(Debug)]
#[non_exhaustive]
pub enum Content {
    /// A buffer that is here already.
    Memory(Bytes),
    /// A range of an open local file. It stays readable when the file is replaced or deleted.
    File(FileRange),
    /// Bytes that arrive bit by bit, from a remote store or from a client.
    Stream(ByteStream),
}

impl Content {
    /// How many bytes there are, in bytes, when that is known beforehand.
    pub fn len(&self) -> Option<u64> {
        match self {
            Self::Memory(bytes) => Some(bytes.len() as u64),
            Self::File(range) => Some(range.len()),
            Self::Stream(stream) => stream.len(),
        }
    }

    /// Whether it is known that there are no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Turns any content into a stream of pieces; a file comes in pieces of [`PIECE_BYTES`].
    pub fn into_stream(self) -> ByteStream {
        match self {
            Self::Memory(bytes) => ByteStream::once(bytes),
            Self::File(range) => range.into_stream(),
            Self::Stream(stream) => stream,
        }
    }

    /// Reads everything into memory.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::FileTooLarge`] when there are more than `limit_bytes`, and whatever reading meets.
    pub async fn collect(self, limit_bytes: usize) -> io::Result<Bytes> {
        let too_large = || {
            io::Error::new(io::ErrorKind::FileTooLarge, format!("content is larger than {limit_bytes} bytes"))
        };
        if self.len().is_some_and(|len| len > limit_bytes as u64) {
            return Err(too_large());
        }
        let mut stream = match self {
            Self::Memory(bytes) => return Ok(bytes),
            other => other.into_stream(),
        };
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(piece) = stream.next().await {
            let piece = piece?;
            if first.len() + all.len() + piece.len() > limit_bytes {
                return Err(too_large());
            }
            if first.is_empty() && all.is_empty() {
                first = piece;
            } else {
                if all.is_empty() {
                    all.extend_from_slice(&std::mem::take(&mut first));
                }
                all.extend_from_slice(&piece);
            }
        }
        Ok(if all.is_empty() { first } else { all.freeze() })
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self::Memory(bytes)
    }
}

impl From<FileRange> for Content {
    fn from(range: FileRange) -> Self {
        Self::File(range)
    }
}

impl From<ByteStream> for Content {
    fn from(stream: ByteStream) -> Self {
        Self::Stream(stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(parts: &[&'static [u8]]) -> ByteStream {
        let parts: Vec<_> = parts.iter().map(|part| Ok(Bytes::from_static(part))).collect();
        ByteStream::new(None, futures_util::stream::iter(parts))
    }

    #[tokio::test]
    async fn a_stream_is_collected_in_order() {
        let content = Content::from(pieces(&[b"ab", b"", b"cd", b"e"]));
        assert_eq!(content.collect(5).await.unwrap(), Bytes::from_static(b"abcde"));
    }

    #[tokio::test]
    async fn collecting_stops_at_the_limit() {
        let error = Content::from(pieces(&[b"ab", b"cd"])).collect(3).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        let error = Content::from(Bytes::from_static(b"abcd")).collect(3).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }
}
