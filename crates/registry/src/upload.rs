//! Pushing a blob: in one piece, or through an upload that lives across requests and machines.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use async_trait::async_trait;
use wharf_content::ByteStream;
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::Descriptor;
use wharf_tarsum::TarSum;

use crate::Error;

/// Names an upload: one to 128 of `A-Z a-z 0-9 - _ .`, not `.` or `..`. What this registry gives out are
/// random UUIDs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId(String);

/// A text that names no upload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid upload id {0:?}")]
pub struct InvalidUploadId(String);

impl UploadId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UploadId {
    type Err = InvalidUploadId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let fits = (1..=128).contains(&text.len()) && text != "." && text != "..";
        if fits && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidUploadId(text.to_owned()))
        }
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// How far an upload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadStatus {
    /// Which upload.
    pub id: UploadId,
    /// How many bytes it holds, in bytes. They are stored: the next chunk begins here, whatever happens to
    /// this process.
    pub offset: u64,
    /// When it began.
    pub started_at: SystemTime,
}

/// The uploads of one repository. Every call stands alone, so that each may reach another process over the
/// same store.
#[async_trait]
pub trait Uploads: Send + Sync {
    /// Begins an upload. `algorithm` is a hint of what the closing digest will use, so that nothing is read
    /// twice.
    ///
    /// # Errors
    ///
    /// What the store says.
    async fn start(&self, algorithm: Option<Algorithm>) -> Result<UploadStatus, Error>;

    /// Says how far an upload is.
    ///
    /// # Errors
    ///
    /// [`Error::UploadUnknown`].
    async fn status(&self, id: &UploadId) -> Result<UploadStatus, Error>;

    /// Adds bytes. `at` is where the client believes the upload to be; none when it did not say. When the
    /// body breaks off, what arrived is kept and the error is [`Error::Body`].
    ///
    /// # Errors
    ///
    /// [`Error::UploadUnknown`], [`Error::UploadOffset`] (nothing is taken), [`Error::UploadBusy`],
    /// [`Error::SizeMismatch`].
    async fn append(&self, id: &UploadId, at: Option<u64>, body: ByteStream) -> Result<UploadStatus, Error>;

    /// Adds the last bytes (an empty stream for none), checks the digest, and turns the upload into a blob of
    /// the repository.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append); [`Error::DigestMismatch`]. After either the upload is still there, and
    /// how much of this call's body it kept, all or nothing, [`status`](Self::status) says.
    async fn finish(
        &self,
        id: &UploadId,
        at: Option<u64>,
        body: ByteStream,
        digest: &Digest,
    ) -> Result<Descriptor, Error>;

    /// As [`finish`](Self::finish), when it is known how large the whole blob has to be, in bytes.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish); [`Error::SizeMismatch`] for another size, about what was still missing. The upload is
    /// there then.
    async fn finish_sized(
        &self,
        id: &UploadId,
        body: ByteStream,
        digest: &Digest,
        size: u64,
    ) -> Result<Descriptor, Error> {
        let offset = self.status(id).await?.offset;
        let Some(left) = size.checked_sub(offset) else {
            return Err(Error::SizeMismatch { expected: size, actual: offset });
        };
        match body.len() {
            Some(actual) if actual != left => Err(Error::SizeMismatch { expected: left, actual }),
            _ => self.finish(id, Some(offset), ByteStream::new(Some(left), body), digest).await,
        }
    }

    /// As [`finish`](Self::finish) by the name that an old client knows a layer by, which from then on names it here.
    ///
    /// # Errors
    ///
    /// As [`finish`](Self::finish); [`Error::TarsumMismatch`]; [`Error::Unsupported`] where such names are not taken.
    async fn finish_by_tarsum(
        &self,
        id: &UploadId,
        at: Option<u64>,
        body: ByteStream,
        sum: &TarSum,
    ) -> Result<Descriptor, Error> {
        let _ = (id, at, body, sum);
        Err(Error::Unsupported("tarsums are not taken here"))
    }

    /// Throws an upload away.
    ///
    /// # Errors
    ///
    /// [`Error::UploadUnknown`].
    async fn cancel(&self, id: &UploadId) -> Result<(), Error>;

    /// Stores a blob whose bytes are all here, without an upload that others could see.
    ///
    /// # Errors
    ///
    /// [`Error::DigestMismatch`], [`Error::Body`]; nothing is kept then.
    async fn put(&self, digest: &Digest, body: ByteStream) -> Result<Descriptor, Error>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_as_it_was() {
        let longest = "x".repeat(128);
        for text in ["0", "0190163d-8694-739b-aea5-966c26f8ad90", "a.b_c-D", "...", "_", &longest] {
            let id: UploadId = text.parse().unwrap();
            assert_eq!((id.as_str(), id.to_string().as_str()), (text, text));
        }
    }

    #[test]
    fn what_could_leave_its_folder_is_no_id() {
        let too_long = "x".repeat(129);
        for text in ["", ".", "..", "a/b", "/", "a b", "a\0", "ä", "%2e", &too_long] {
            assert_eq!(text.parse::<UploadId>(), Err(InvalidUploadId(text.to_owned())), "{text:?}");
        }
    }
}
