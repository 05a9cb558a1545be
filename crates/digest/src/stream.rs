//! A stream that lets no wrong content end well.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;

use crate::Digest;
use crate::verifier::Verifier;

/// A stream that checks what passes against a digest, and against a size when one is given.
///
/// When the content is not the expected one, the last item is an error of kind [`io::ErrorKind::InvalidData`] with a
/// [`Mismatch`](crate::Mismatch) inside. Without a size it comes after the last piece; with one it comes in its place, and
/// a byte too many fails at once. After any error the stream has ended, and the inner one is dropped.
#[derive(Debug)]
pub struct VerifyingStream<S> {
    inner: Option<S>,
    verifier: Verifier,
}

impl<S> VerifyingStream<S> {
    /// Checks what `inner` gives against `digest`.
    pub fn new(inner: S, digest: Digest) -> Self {
        Self { inner: Some(inner), verifier: Verifier::new(digest, None) }
    }

    /// Checks what `inner` gives against `digest` and a size in bytes.
    pub fn with_size(inner: S, digest: Digest, size: u64) -> Self {
        Self { inner: Some(inner), verifier: Verifier::new(digest, Some(size)) }
    }
}

impl<S: Stream<Item = io::Result<Bytes>> + Unpin> Stream for VerifyingStream<S> {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let Some(inner) = &mut this.inner else { return Poll::Ready(None) };
        let item = match ready!(Pin::new(inner).poll_next(context)) {
            Some(Ok(piece)) => Some(this.verifier.update(&piece).map(|()| piece)),
            Some(Err(error)) => Some(Err(error)),
            None => this.verifier.end().err().map(Err),
        };
        if !matches!(item, Some(Ok(_))) {
            this.inner = None;
        }
        Poll::Ready(item)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt, TryStreamExt, stream};

    use super::*;
    use crate::{Algorithm, Mismatch};

    type Pieces = Vec<io::Result<Bytes>>;

    fn pieces_of(text: &'static str) -> impl Stream<Item = io::Result<Bytes>> + Unpin {
        stream::iter(text.as_bytes().chunks(2).map(|piece| Ok(Bytes::from_static(piece))))
    }

    fn digest() -> Digest {
        Algorithm::Sha256.digest(b"abcde")
    }

    fn last_mismatch(items: &Pieces) -> Mismatch {
        let error = items.last().unwrap().as_ref().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        *error.get_ref().unwrap().downcast_ref().unwrap()
    }

    #[tokio::test]
    async fn right_content_passes_piece_by_piece() {
        let plain: Vec<Bytes> =
            VerifyingStream::new(pieces_of("abcde"), digest()).try_collect().await.unwrap();
        let sized: Vec<Bytes> =
            VerifyingStream::with_size(pieces_of("abcde"), digest(), 5).try_collect().await.unwrap();
        assert_eq!(plain, ["ab", "cd", "e"]);
        assert_eq!(sized, plain);
    }

    #[tokio::test]
    async fn wrong_bytes_fail_after_the_last_piece() {
        let items: Pieces = VerifyingStream::new(pieces_of("abcdX"), digest()).collect().await;
        assert_eq!(items.len(), 4);
        assert!(matches!(last_mismatch(&items), Mismatch::Digest { .. }));
    }

    #[tokio::test]
    async fn wrong_bytes_fail_in_place_of_the_last_piece_when_the_size_is_known() {
        let items: Pieces = VerifyingStream::with_size(pieces_of("abcdX"), digest(), 5).collect().await;
        assert_eq!(items.len(), 3);
        assert!(matches!(last_mismatch(&items), Mismatch::Digest { .. }));
    }

    #[tokio::test]
    async fn a_wrong_size_is_refused() {
        let shorter: Pieces = VerifyingStream::with_size(pieces_of("abcde"), digest(), 6).collect().await;
        assert_eq!(last_mismatch(&shorter), Mismatch::TooShort { expected: 6, seen: 5 });
        let longer: Pieces = VerifyingStream::with_size(pieces_of("abcdefgh"), digest(), 5).collect().await;
        assert_eq!(last_mismatch(&longer), Mismatch::TooLong { expected: 5, seen: 6 });
        assert_eq!(longer.len(), 3);
    }

    #[tokio::test]
    async fn an_error_from_within_passes_and_ends_the_stream() {
        let inner =
            stream::iter([Ok(Bytes::from_static(b"ab")), Err(io::Error::other("gone")), Ok(Bytes::new())]);
        let mut verifying = VerifyingStream::new(inner, digest());
        assert_eq!(verifying.next().await.unwrap().unwrap(), "ab");
        assert_eq!(verifying.next().await.unwrap().unwrap_err().to_string(), "gone");
        assert!(verifying.next().await.is_none());
        assert!(verifying.next().await.is_none());
    }
}
