//! A reader that lets no wrong content end well.

use std::io::{self, Read};

use crate::Digest;
use crate::verifier::Verifier;

/// A reader that checks what passes against a digest, and against a size when one is given.
///
/// The last read fails with [`io::ErrorKind::InvalidData`] and a [`Mismatch`](crate::Mismatch) inside when the content is
/// not the expected one; so do all reads after it. Without a size the last read is the one that finds the end; with one
/// it is the read that takes the last byte, and a byte too many fails at once.
#[derive(Debug)]
pub struct VerifyingReader<R: Read> {
    inner: R,
    verifier: Verifier,
}

impl<R: Read> VerifyingReader<R> {
    /// Checks what `inner` gives against `digest`.
    pub fn new(inner: R, digest: Digest) -> Self {
        Self { inner, verifier: Verifier::new(digest, None) }
    }

    /// Checks what `inner` gives against `digest` and a size in bytes.
    pub fn with_size(inner: R, digest: Digest, size: u64) -> Self {
        Self { inner, verifier: Verifier::new(digest, Some(size)) }
    }
}

impl<R: Read> Read for VerifyingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.inner.read(buffer)?;
        match count {
            0 => self.verifier.end()?,
            _ => self.verifier.update(&buffer[..count])?,
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithm, Mismatch};

    fn abc() -> Digest {
        Algorithm::Sha512.digest(b"abc")
    }

    fn mismatch_in(error: &io::Error) -> Mismatch {
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        *error.get_ref().unwrap().downcast_ref().unwrap()
    }

    fn failure_of(mut reader: VerifyingReader<&[u8]>) -> Mismatch {
        mismatch_in(&reader.read_to_end(&mut Vec::new()).unwrap_err())
    }

    #[test]
    fn right_content_passes_unchanged() {
        for reader in
            [VerifyingReader::new(&b"abc"[..], abc()), VerifyingReader::with_size(&b"abc"[..], abc(), 3)]
        {
            assert_eq!(io::read_to_string(reader).unwrap(), "abc");
        }
        assert_eq!(
            io::read_to_string(VerifyingReader::with_size(&b""[..], Algorithm::Sha256.digest(b""), 0))
                .unwrap(),
            ""
        );
    }

    #[test]
    fn wrong_bytes_fail_at_the_end() {
        let mut reader = VerifyingReader::new(&b"abd"[..], abc());
        let mut buffer = [0; 3];
        assert_eq!(reader.read(&mut buffer).unwrap(), 3);
        let error = reader.read(&mut buffer).unwrap_err();
        assert_eq!(
            mismatch_in(&error),
            Mismatch::Digest { expected: abc(), computed: Algorithm::Sha512.digest(b"abd") }
        );
        assert_eq!(reader.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn wrong_bytes_fail_with_the_last_byte_when_the_size_is_known() {
        let mut reader = VerifyingReader::with_size(&b"abd"[..], abc(), 3);
        let mut buffer = [0; 2];
        assert_eq!(reader.read(&mut buffer).unwrap(), 2);
        assert!(matches!(mismatch_in(&reader.read(&mut buffer).unwrap_err()), Mismatch::Digest { .. }));
    }

    #[test]
    fn a_wrong_size_is_refused_though_the_digest_is_right() {
        let shorter = VerifyingReader::with_size(&b"abc"[..], abc(), 4);
        assert_eq!(failure_of(shorter), Mismatch::TooShort { expected: 4, seen: 3 });
        let longer = VerifyingReader::with_size(&b"abc"[..], abc(), 2);
        assert_eq!(failure_of(longer), Mismatch::TooLong { expected: 2, seen: 3 });
    }

    #[test]
    fn a_byte_after_the_expected_ones_is_refused() {
        let mut reader = VerifyingReader::with_size(&b"abcd"[..], abc(), 3);
        let mut buffer = [0; 3];
        assert_eq!(reader.read(&mut buffer).unwrap(), 3);
        assert_eq!(
            mismatch_in(&reader.read(&mut buffer).unwrap_err()),
            Mismatch::TooLong { expected: 3, seen: 4 }
        );
    }

    #[test]
    fn reading_nothing_is_not_the_end() {
        let mut reader = VerifyingReader::new(&b"abc"[..], abc());
        assert_eq!(reader.read(&mut []).unwrap(), 0);
        assert_eq!(io::read_to_string(reader).unwrap(), "abc");
    }
}
