//! Reading blobs, on over connections that break.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use tokio::time::timeout;
use wharf_content::{ByteStream, Content};
use wharf_storage_driver::{Error, ErrorKind, Object, Stored, Version};

use crate::container::Container;
use crate::driver::NAME;
use crate::failure::{Failure, FailureKind};
use crate::service::{Condition, Download, Etag, Properties, Span};

impl Container {
    /// Reads a whole blob of at most so many bytes.
    pub(crate) async fn get(self: &Arc<Self>, key: &str, limit_bytes: usize) -> Result<Object, Failure> {
        let download = self.service.get(key, Span::Whole, Condition::None).await?;
        if download.is_incomplete {
            return Err(Failure::missing());
        }
        if download.size > limit_bytes as u64 {
            return Err(Failure::new(FailureKind::TooLarge));
        }
        let version = Version(download.etag.0.clone());
        let whole = 0..download.size;
        let mut bytes = BytesMut::with_capacity(usize::try_from(download.size).unwrap_or_default());
        let mut pieces = self.pieces(key, download, whole);
        while let Some(piece) = pieces.try_next().await.map_err(broken)? {
            bytes.extend_from_slice(&piece);
        }
        Ok(Object { bytes: bytes.freeze(), version })
    }

    /// Opens a range of a blob, cut at its end.
    pub(crate) async fn read(self: &Arc<Self>, key: &str, range: Range<u64>) -> Result<Stored, Failure> {
        if range.start >= range.end {
            return self.empty_part(key).await;
        }
        let span = match (range.start, range.end) {
            (0, u64::MAX) => Span::Whole,
            (start, u64::MAX) => Span::From(start),
            (start, end) => Span::Part(start, end),
        };
        let download = match self.service.get(key, span, Condition::None).await {
            Err(failure) if failure.kind == FailureKind::OutOfRange => return self.empty_part(key).await,
            download => download?,
        };
        if download.is_incomplete {
            return Err(Failure::missing());
        }
        let size = download.size;
        let part = range.start..range.end.min(size);
        let len = part.end.saturating_sub(part.start);
        Ok(Stored { size, content: ByteStream::new(Some(len), self.pieces(key, download, part)).into() })
    }

    /// What is known of a whole file.
    pub(crate) async fn file_properties(&self, key: &str) -> Result<Properties, Failure> {
        let properties = self.service.properties(key).await?;
        if properties.is_incomplete() { Err(Failure::missing()) } else { Ok(properties) }
    }

    async fn empty_part(&self, key: &str) -> Result<Stored, Failure> {
        let size = self.file_properties(key).await?.size;
        Ok(Stored { size, content: Content::Memory(Bytes::new()) })
    }

    /// Exactly the bytes of a part, in pieces.
    fn pieces(
        self: &Arc<Self>,
        key: &str,
        download: Download,
        part: Range<u64>,
    ) -> BoxStream<'static, io::Result<Bytes>> {
        let reading = Reading {
            container: Arc::clone(self),
            key: key.to_owned(),
            etag: download.etag,
            body: Some(download.body),
            left: part,
            retries_left: self.config.read_retries,
        };
        stream::try_unfold(reading, |mut reading| async move {
            Ok(reading.next().await?.map(|piece| (piece, reading)))
        })
        .boxed()
    }
}

/// A part of a blob on its way, and how to go on when it breaks.
struct Reading {
    container: Arc<Container>,
    key: String,
    etag: Etag,
    body: Option<BoxStream<'static, io::Result<Bytes>>>,
    left: Range<u64>,
    retries_left: u32,
}

impl Reading {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        while !self.left.is_empty() {
            let problem = match self.body.as_mut() {
                None => self.open_again().await.err(),
                // The clock runs only while somebody waits here, so a slow reader is not held against the service.
                Some(body) => match timeout(self.container.config.timeouts.stall, body.next()).await {
                    Ok(Some(Ok(piece))) if piece.is_empty() => None,
                    Ok(Some(Ok(piece))) => return Ok(Some(self.take(piece))),
                    Ok(Some(Err(error))) => Some(error),
                    Ok(None) => Some(io::ErrorKind::UnexpectedEof.into()),
                    Err(elapsed) => Some(elapsed.into()),
                },
            };
            if let Some(error) = problem {
                self.body = None;
                self.retries_left = self.retries_left.checked_sub(1).ok_or_else(|| unavailable(error))?;
            }
        }
        Ok(None)
    }

    /// Cuts what is more than was asked for.
    fn take(&mut self, mut piece: Bytes) -> Bytes {
        let left = usize::try_from(self.left.end - self.left.start).unwrap_or(usize::MAX);
        piece.truncate(left);
        self.left.start += piece.len() as u64;
        piece
    }

    /// Goes on where the last body broke off, in the same state of the blob.
    async fn open_again(&mut self) -> io::Result<()> {
        let span = Span::Part(self.left.start, self.left.end);
        let unchanged = Condition::Is(self.etag.clone());
        match self.container.service.get(&self.key, span, unchanged).await {
            Ok(download) => {
                self.body = Some(download.body);
                Ok(())
            }
            Err(failure) => {
                // Asked often enough, or not worth asking again.
                self.retries_left = 0;
                Err(io::Error::other(format!("reading cannot go on: {:?}", failure.kind)))
            }
        }
    }
}

/// What a reader is told that may come again.
fn unavailable(error: io::Error) -> io::Error {
    io::Error::other(Error::new(NAME, ErrorKind::Unavailable).because(error))
}

fn broken(error: io::Error) -> Failure {
    Failure::new(FailureKind::Unavailable).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, container};

    async fn collect(stored: Stored) -> io::Result<Bytes> {
        let mut all = BytesMut::new();
        let mut pieces = stored.content.into_stream();
        while let Some(piece) = pieces.try_next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_breaks_goes_on_where_it_stopped() {
        let fake = Fake::default();
        fake.put_now("a", "0123456789");
        fake.break_bodies(3, 2);
        let stored = container(&fake).read("a", 1..u64::MAX).await.unwrap();
        assert_eq!(stored.size, 10);
        assert_eq!(collect(stored).await.unwrap(), "123456789");
        assert_eq!(fake.calls("get"), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_breaks_too_often_is_an_error() {
        let fake = Fake::default();
        fake.put_now("a", "0123456789");
        fake.break_bodies(4, 1);
        assert!(collect(container(&fake).read("a", 0..u64::MAX).await.unwrap()).await.is_err());
        fake.break_bodies(4, 1);
        let failure = container(&fake).get("a", 100).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable);
    }

    #[tokio::test(start_paused = true)]
    async fn reading_never_goes_on_in_another_state_of_the_blob() {
        let fake = Fake::default();
        fake.put_now("a", "0123456789");
        fake.break_bodies(1, 5);
        let stored = container(&fake).read("a", 0..u64::MAX).await.unwrap();
        fake.put_now("a", "abcdefghij");
        assert!(collect(stored).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_copy_has_not_finished_is_not_there() {
        let fake = Fake::default();
        fake.put_now("a", "0123456789");
        fake.pend_copies(1000);
        crate::service::Service::copy(&fake, "a", "b").await.unwrap();
        let container = container(&fake);
        assert_eq!(container.get("b", 100).await.unwrap_err().kind, FailureKind::Missing);
        assert_eq!(container.read("b", 0..5).await.map(drop).unwrap_err().kind, FailureKind::Missing);
        assert_eq!(container.file_properties("b").await.unwrap_err().kind, FailureKind::Missing);
    }
}
