//! A blob that is read from place to place, for programs that think in files.

use std::io::{self, SeekFrom};

use wharf_content::Content;

use crate::{Blob, Error};

/// Reads a blob from a position that moves on.
pub struct BlobReader {
    blob: Box<dyn Blob>,
    position: u64,
}

impl BlobReader {
    /// Begins with the first byte.
    pub fn new(blob: Box<dyn Blob>) -> Self {
        Self { blob, position: 0 }
    }

    /// The blob.
    pub fn blob(&self) -> &dyn Blob {
        &*self.blob
    }

    /// Where the next byte is read, in bytes from the first.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Reads up to `length` bytes and moves on behind them; fewer come only at the end.
    ///
    /// # Errors
    ///
    /// As [`Blob::read`].
    pub async fn read(&mut self, length: u64) -> Result<Content, Error> {
        let end = self.position.saturating_add(length).min(self.blob.descriptor().size);
        if end <= self.position {
            return Ok(Content::Memory(bytes::Bytes::new()));
        }
        let content = self.blob.read(self.position..end).await?;
        self.position = end;
        Ok(content)
    }

    /// Moves to a position and says which it is, in bytes from the first. It may lie behind the end, where there is nothing.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::InvalidInput`] when it would lie before the first byte.
    pub fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.blob.descriptor().size.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use async_trait::async_trait;
    use bytes::Bytes;
    use wharf_digest::Algorithm;
    use wharf_manifest::Descriptor;

    use super::*;
    use crate::Redirect;

    struct Letters(Descriptor);

    #[async_trait]
    impl Blob for Letters {
        fn descriptor(&self) -> &Descriptor {
            &self.0
        }

        async fn read(&self, range: Range<u64>) -> Result<Content, Error> {
            Ok(Content::Memory(Bytes::from_static(b"abcdef").slice(range.start as usize..range.end as usize)))
        }

        async fn redirect(&self, _: &Redirect) -> Result<Option<String>, Error> {
            Ok(None)
        }
    }

    async fn next(reader: &mut BlobReader, length: u64) -> Bytes {
        reader.read(length).await.unwrap().collect(10).await.unwrap()
    }

    #[tokio::test]
    async fn a_reader_moves_on_and_back() {
        let descriptor = Descriptor::new("a/b", Algorithm::Sha256.digest(b"abcdef"), 6);
        let mut reader = BlobReader::new(Box::new(Letters(descriptor)));
        assert_eq!(next(&mut reader, 2).await, "ab");
        assert_eq!(next(&mut reader, 2).await, "cd");
        assert_eq!(reader.seek(SeekFrom::Current(-3)).unwrap(), 1);
        assert_eq!(next(&mut reader, u64::MAX).await, "bcdef");
        assert_eq!(next(&mut reader, 1).await, "");
        assert_eq!(reader.seek(SeekFrom::End(-1)).unwrap(), 5);
        assert_eq!(next(&mut reader, 1).await, "f");
        assert_eq!(reader.seek(SeekFrom::Start(100)).unwrap(), 100);
        assert_eq!((next(&mut reader, 1).await, reader.position()), (Bytes::new(), 100));
        assert!(reader.seek(SeekFrom::Current(-101)).is_err());
        assert_eq!(reader.blob().created_at().await.unwrap(), None);
    }
}
