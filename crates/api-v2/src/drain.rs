//! The body of a request, and what becomes of it when nobody reads it to its end.
//!
//! A client that is sending a large body looks for the answer only now and then. When the answer is there before the body is
//! through (no permission, wrong offset) and the connection were closed, the client would often see a reset instead of
//! the answer. So what a handler leaves unread is read and thrown away in the background, up to a limit of bytes and of time.
//! One exception: a client that waits for "100 Continue" has sent nothing, and reading would invite it to begin.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, header};
use http_body_util::BodyDataStream;
use wharf_content::{ByteStream, Content};

use crate::error::BoxError;

type Pieces = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>;

/// How much of an unread body is read and thrown away.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DrainLimits {
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
}

/// The body of a request, not yet read.
pub(crate) struct RequestBody {
    announced_bytes: Option<u64>,
    incoming: Option<Incoming>,
}

impl RequestBody {
    /// Wraps what the server hands over. A length that the client announced is enforced, whatever the server does.
    pub(crate) fn new<B>(body: B, headers: &HeaderMap, limits: DrainLimits) -> Self
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let announced_bytes = content_length(headers).or_else(|| body.size_hint().exact());
        let incoming = (!body.is_end_stream()).then(|| Incoming {
            pieces: Box::pin(BodyDataStream::new(body).map_err(io::Error::other)),
            announced_bytes,
            received_bytes: 0,
            state: if headers.contains_key(header::EXPECT) { State::Awaited } else { State::Flowing },
            limits,
        });
        Self { announced_bytes, incoming }
    }

    /// How long the client said the body is, in bytes.
    pub(crate) fn len(&self) -> Option<u64> {
        self.announced_bytes
    }

    /// Whether it is known that there is no byte in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.incoming.is_none() || self.announced_bytes == Some(0)
    }

    /// The body as a stream that fails when it is not as long as the client said.
    pub(crate) fn into_stream(self) -> ByteStream {
        match self.incoming {
            Some(incoming) => ByteStream::new(self.announced_bytes, incoming),
            None if self.announced_bytes.is_some_and(|bytes| bytes > 0) => {
                ByteStream::new(self.announced_bytes, stream::iter([Err(shorter())]))
            }
            None => ByteStream::empty(),
        }
    }

    /// Reads the body into memory.
    pub(crate) async fn collect(self, limit_bytes: usize) -> io::Result<Bytes> {
        Content::Stream(self.into_stream()).collect(limit_bytes).await
    }
}

/// The length that the headers announce; a transfer coding makes it meaningless.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn shorter() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the body is shorter than its announced length")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The client waits for permission to send.
    Awaited,
    /// Bytes are on their way.
    Flowing,
    /// The end was seen, or an error.
    Over,
}

struct Incoming {
    pieces: Pieces,
    announced_bytes: Option<u64>,
    received_bytes: u64,
    state: State,
    limits: DrainLimits,
}

impl Incoming {
    fn end(&mut self) -> Option<io::Result<Bytes>> {
        self.state = State::Over;
        self.announced_bytes.filter(|announced| self.received_bytes < *announced).map(|_| Err(shorter()))
    }

    fn counted(&mut self, piece: Bytes) -> io::Result<Bytes> {
        self.received_bytes += piece.len() as u64;
        if self.announced_bytes.is_some_and(|announced| self.received_bytes > announced) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the body is longer than its announced length",
            ));
        }
        Ok(piece)
    }
}

impl Stream for Incoming {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.state == State::Over {
            return Poll::Ready(None);
        }
        self.state = State::Flowing;
        let piece = match ready!(self.pieces.as_mut().poll_next(context)) {
            None => return Poll::Ready(self.end()),
            Some(piece) => piece.and_then(|piece| self.counted(piece)),
        };
        if piece.is_err() {
            self.state = State::Over;
        }
        Poll::Ready(Some(piece))
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        if self.state != State::Flowing {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let pieces = std::mem::replace(&mut self.pieces, Box::pin(stream::empty()));
        runtime.spawn(drain(pieces, self.limits));
    }
}

async fn drain(mut pieces: Pieces, limits: DrainLimits) {
    let rest = async {
        let mut left = limits.bytes;
        while let Some(Ok(piece)) = pieces.next().await {
            left = left.saturating_sub(piece.len() as u64);
            if left == 0 {
                break;
            }
        }
    };
    // Whether the end was reached or the patience: the body is dropped, and the server closes what it cannot reuse.
    let _ = tokio::time::timeout(limits.time, rest).await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http::HeaderValue;
    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;

    const LIMITS: DrainLimits = DrainLimits { bytes: 5, time: Duration::from_secs(1) };

    /// A body of so many one-byte pieces that counts how many were read.
    fn counted(
        pieces: usize,
    ) -> (Arc<AtomicUsize>, StreamBody<impl Stream<Item = io::Result<Frame<Bytes>>> + Send + 'static>) {
        let count = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&count);
        let frames = stream::iter(0..pieces).map(move |_| {
            seen.fetch_add(1, Ordering::SeqCst);
            Ok(Frame::data(Bytes::from_static(b"x")))
        });
        (count, StreamBody::new(frames))
    }

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    async fn settle() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_body_shorter_than_announced_is_no_complete_body() {
        let (_, body) = counted(3);
        let body = RequestBody::new(body, &headers(header::CONTENT_LENGTH, "4"), LIMITS);
        assert_eq!(body.collect(100).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_body_that_never_came_is_no_complete_body() {
        let body =
            RequestBody::new(http_body_util::Empty::new(), &headers(header::CONTENT_LENGTH, "4"), LIMITS);
        assert_eq!(body.collect(100).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_body_longer_than_announced_is_refused() {
        let (_, body) = counted(3);
        let body = RequestBody::new(body, &headers(header::CONTENT_LENGTH, "2"), LIMITS);
        let mut stream = body.into_stream();
        let mut last = stream.next().await;
        while let Some(Ok(_)) = last {
            last = stream.next().await;
        }
        assert_eq!(last.unwrap().unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn an_unread_body_is_drained_up_to_the_limit() {
        let (count, body) = counted(100);
        drop(RequestBody::new(body, &HeaderMap::new(), LIMITS));
        settle().await;
        assert_eq!(count.load(Ordering::SeqCst), 5);
    }

    #[tokio::test]
    async fn a_client_that_waits_for_permission_is_not_invited() {
        let (count, body) = counted(100);
        drop(RequestBody::new(body, &headers(header::EXPECT, "100-continue"), LIMITS));
        settle().await;
        assert_eq!(count.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_body_that_was_read_is_left_alone() {
        let (count, body) = counted(3);
        let body = RequestBody::new(body, &HeaderMap::new(), LIMITS);
        assert_eq!(body.collect(100).await.unwrap(), Bytes::from_static(b"xxx"));
        settle().await;
        assert_eq!(count.load(Ordering::SeqCst), 3);
    }
}
