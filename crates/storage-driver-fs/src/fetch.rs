//! Bytes out of files: small ones read at once, large ones handed out as files.

use std::fs::{File, Metadata};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use wharf_storage_driver::{Content, ErrorKind, FileRange, Object, Stored};

use crate::failure::Failure;
use crate::publish;

/// Up to how many bytes are read when a file is opened; more are handed out as an open file. A small blob is one read, and
/// its file is closed before its first byte is sent.
pub(crate) const SMALL_BYTES: usize = 64 * 1024;

/// A file of the store that is open.
#[derive(Debug)]
pub(crate) struct Open {
    file: Arc<File>,
    metadata: Metadata,
}

impl Open {
    /// Opens a file, and waits for the disk if need be.
    pub(crate) fn at(path: &Path) -> Result<Self, Failure> {
        Self::new(File::open(path)?)
    }

    /// Takes an open file, unless it is a folder or something stranger.
    pub(crate) fn new(file: File) -> Result<Self, Failure> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(Failure::not_found());
        }
        Ok(Self { file: Arc::new(file), metadata })
    }

    /// The whole file, when the kernel has it in memory or by another thread.
    pub(crate) async fn object(self, limit_bytes: usize) -> Result<Object, Failure> {
        let range = self.whole(limit_bytes)?;
        Ok(Object { bytes: range.read(limit_bytes).await?, version: publish::version(&self.metadata) })
    }

    /// The whole file, read by this thread.
    pub(crate) fn object_here(self, limit_bytes: usize) -> Result<Object, Failure> {
        let range = self.whole(limit_bytes)?;
        Ok(Object { bytes: read_here(&range)?, version: publish::version(&self.metadata) })
    }

    /// A part of the file, when the kernel has it in memory or by another thread.
    pub(crate) async fn part(self, range: &Range<u64>) -> Result<Stored, Failure> {
        let part = self.within(range);
        let content =
            if is_small(&part) { Content::Memory(part.read(SMALL_BYTES).await?) } else { part.into() };
        Ok(Stored { size: self.metadata.len(), content })
    }

    /// A part of the file, read by this thread if it is small.
    pub(crate) fn part_here(self, range: &Range<u64>) -> Result<Stored, Failure> {
        let part = self.within(range);
        let content = if is_small(&part) { Content::Memory(read_here(&part)?) } else { part.into() };
        Ok(Stored { size: self.metadata.len(), content })
    }

    fn whole(&self, limit_bytes: usize) -> Result<FileRange, Failure> {
        if self.metadata.len() > limit_bytes as u64 {
            return Err(Failure::new(ErrorKind::TooLarge));
        }
        Ok(self.within(&(0..u64::MAX)))
    }

    fn within(&self, range: &Range<u64>) -> FileRange {
        let size = self.metadata.len();
        let start = range.start.min(size);
        FileRange::new(Arc::clone(&self.file), start..range.end.min(size).max(start))
    }
}

fn is_small(part: &FileRange) -> bool {
    part.len() <= SMALL_BYTES as u64
}

fn read_here(part: &FileRange) -> Result<Bytes, Failure> {
    let len = usize::try_from(part.len()).map_err(|_| Failure::new(ErrorKind::TooLarge))?;
    let mut buffer = vec![0; len];
    part.file().read_exact_at(&mut buffer, part.offset())?;
    Ok(buffer.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_parts_are_read_and_large_ones_handed_out() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("file");
        std::fs::write(&path, vec![7; SMALL_BYTES + 1]).unwrap();
        let part = |range| Open::at(&path).unwrap().part_here(&range).unwrap().content;
        assert!(matches!(part(0..u64::MAX), Content::File(range) if range.len() == SMALL_BYTES as u64 + 1));
        assert!(matches!(part(1..u64::MAX), Content::Memory(bytes) if bytes.len() == SMALL_BYTES));
    }

    #[test]
    fn a_folder_is_no_file() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Open::at(root.path()).unwrap_err().kind, ErrorKind::NotFound);
    }
}
