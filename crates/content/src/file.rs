//! A range of a local file, read without leaving the thread while its pages are in memory.
//!
//! Most reads of a registry are of files that the kernel has cached. Handing each to another thread costs more than the
//! read itself, so a piece is first asked for with `RWF_NOWAIT`: what is cached comes back at once, anything else says
//! "would block" and only then goes to a blocking thread. Some kernels answer a short count or zero before the end of the
//! file, so both are taken as "not cached" and never as the end.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use rustix::io::{Errno, ReadWriteFlags};

use crate::ByteStream;

/// How much of a file one read takes, in bytes.
pub const PIECE_BYTES: usize = 256 * 1024;

/// A range of an open file.
#[derive(Debug, Clone)]
pub struct FileRange {
    file: Arc<File>,
    start: u64,
    end: u64,
}

impl FileRange {
    /// The bytes of `file` from `range.start` to just before `range.end`.
    ///
    /// # Panics
    ///
    /// When the range ends before it begins.
    pub fn new(file: Arc<File>, range: Range<u64>) -> Self {
        assert!(range.start <= range.end, "a file range ends before it begins");
        Self { file, start: range.start, end: range.end }
    }

    /// The open file.
    pub fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// Where the range begins, in bytes from the start of the file.
    pub fn offset(&self) -> u64 {
        self.start
    }

    /// How many bytes the range holds.
    pub fn len(&self) -> u64 {
        self.end - self.start
    }

    /// Whether the range holds no byte.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// The part of this range that `part` names, counted from the beginning of this range and cut at its end.
    pub fn slice(&self, part: Range<u64>) -> Self {
        let start = self.start.saturating_add(part.start).min(self.end);
        let end = self.start.saturating_add(part.end).min(self.end).max(start);
        Self { file: Arc::clone(&self.file), start, end }
    }

    /// Reads the first `limit_bytes` of the range, or all of it when it is shorter.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::UnexpectedEof`] when the file became shorter than the range, and whatever reading meets.
    pub async fn read(&self, limit_bytes: usize) -> io::Result<Bytes> {
        let want = usize::try_from(self.len()).map_or(limit_bytes, |len| len.min(limit_bytes));
        let mut buffer = vec![0; want];
        let cached = read_cached(&self.file, &mut buffer, self.start)?;
        if cached == want {
            return Ok(Bytes::from(buffer));
        }
        let file = Arc::clone(&self.file);
        let start = self.start;
        let read = tokio::task::spawn_blocking(move || {
            file.read_exact_at(&mut buffer[cached..], start + cached as u64)?;
            Ok(Bytes::from(buffer))
        });
        read.await.map_err(io::Error::other)?
    }

    /// Reads the range in pieces of [`PIECE_BYTES`].
    pub fn into_stream(self) -> ByteStream {
        let len = self.len();
        let pieces = stream::try_unfold(self, |rest| async move {
            if rest.is_empty() {
                return Ok(None);
            }
            let piece = rest.read(PIECE_BYTES).await?;
            let rest = rest.slice(piece.len() as u64..u64::MAX);
            Ok(Some((piece, rest)))
        });
        ByteStream::new(Some(len), pieces)
    }
}

/// Reads what the kernel has in memory and says how much that was; never waits for a disk.
fn read_cached(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    if buffer.is_empty() {
        return Ok(0);
    }
    let mut slices = [io::IoSliceMut::new(buffer)];
    match rustix::io::preadv2(file, &mut slices, offset, ReadWriteFlags::NOWAIT) {
        Ok(count) => Ok(count),
        Err(Errno::AGAIN | Errno::INTR | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::Content;

    fn file_of(bytes: &[u8]) -> Arc<File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        Arc::new(file)
    }

    #[tokio::test]
    async fn a_range_gives_exactly_its_bytes() {
        let file = file_of(b"0123456789");
        let range = FileRange::new(file, 2..7);
        assert_eq!(range.len(), 5);
        assert_eq!(Content::from(range.clone()).collect(100).await.unwrap(), Bytes::from_static(b"23456"));
        assert_eq!(Content::from(range.slice(1..3)).collect(100).await.unwrap(), Bytes::from_static(b"34"));
        assert!(range.slice(9..12).is_empty());
    }

    #[tokio::test]
    async fn a_large_range_comes_in_pieces() {
        let bytes: Vec<u8> = (0..PIECE_BYTES * 2 + 17).map(|index| index as u8).collect();
        let range = FileRange::new(file_of(&bytes), 1..bytes.len() as u64);
        assert_eq!(Content::from(range).collect(bytes.len()).await.unwrap(), bytes[1..]);
    }

    #[tokio::test]
    async fn a_file_that_became_shorter_is_an_error() {
        let range = FileRange::new(file_of(b"0123"), 0..10);
        assert_eq!(range.read(10).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
