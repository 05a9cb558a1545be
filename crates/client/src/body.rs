//! What goes out with a request: nothing, bytes that can go again, or a stream that cannot; each counted as it leaves.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use wharf_content::ByteStream;
use wharf_http_client::{Body, BoxError};
use wharf_reference::RepositoryName;

use crate::{Direction, Options, Progress};

/// The body of a request, before it is sent.
pub(crate) enum Payload {
    /// Nothing.
    Empty,
    /// Bytes that can be sent again.
    Bytes(Bytes),
    /// Bytes that pass once; none when they have.
    Stream(Option<ByteStream>),
}

impl Payload {
    /// Whether it was sent and is gone.
    pub(crate) fn is_spent(&self) -> bool {
        matches!(self, Self::Stream(None))
    }

    /// The pieces to send now, with their length when it is known; none when they are gone.
    fn take(&mut self) -> Option<ByteStream> {
        match self {
            Self::Empty => Some(ByteStream::empty()),
            Self::Bytes(bytes) => Some(ByteStream::once(bytes.clone())),
            Self::Stream(stream) => stream.take(),
        }
    }
}

/// What is known of a body while it is sent and afterwards. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Meter {
    sent: Arc<AtomicU64>,
    failure: Arc<Mutex<Option<io::Error>>>,
    report: Option<Report>,
}

/// Who hears about the bytes of a body, and whose they are.
#[derive(Clone)]
struct Report {
    progress: Arc<dyn Progress>,
    repository: RepositoryName,
}

impl Meter {
    /// A meter for a blob, which the owner of the options may want to hear about.
    pub(crate) fn of_blob(options: &Options, repository: &RepositoryName) -> Self {
        let report = |progress: &Arc<dyn Progress>| Report {
            progress: Arc::clone(progress),
            repository: repository.clone(),
        };
        Self { report: options.progress.as_ref().map(report), ..Self::default() }
    }

    /// How many bytes have gone out in all attempts together.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Why the body ended before its time, if it did.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn count(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        if let Some(Report { progress, repository }) = &self.report {
            progress.passed(Direction::Sent, repository, bytes as u64);
        }
    }
}

/// A body in the form that is sent, with the length that has to be announced; none when it is gone.
pub(crate) fn body_of(payload: &mut Payload, meter: &Meter) -> Option<Body> {
    if matches!(payload, Payload::Empty) {
        return Some(wharf_http_client::empty());
    }
    let pieces = payload.take()?;
    Some(Counted { left: pieces.len(), pieces, meter: meter.clone() }.boxed_unsync())
}

/// A body that counts what leaves, and keeps the reason when it cannot go on.
struct Counted {
    pieces: ByteStream,
    left: Option<u64>,
    meter: Meter,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let piece = std::task::ready!(Pin::new(&mut self.pieces).poll_next(context));
        Poll::Ready(match piece {
            Some(Ok(piece)) => {
                self.left = self.left.map(|left| left.saturating_sub(piece.len() as u64));
                self.meter.count(piece.len());
                Some(Ok(Frame::data(piece)))
            }
            Some(Err(error)) => {
                let said = error.to_string();
                *self.meter.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Some(Err(said.into()))
            }
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_go_again_and_a_stream_does_not() {
        let meter = Meter::default();
        let mut bytes = Payload::Bytes(Bytes::from_static(b"abc"));
        for _ in 0..2 {
            let body = body_of(&mut bytes, &meter).unwrap();
            assert_eq!(HttpBody::size_hint(&body).exact(), Some(3));
            assert_eq!(body.collect().await.unwrap().to_bytes(), "abc");
        }
        assert_eq!(meter.sent(), 6);
        let mut stream = Payload::Stream(Some(ByteStream::once(Bytes::from_static(b"abc"))));
        assert!(body_of(&mut stream, &meter).is_some());
        assert!(stream.is_spent() && body_of(&mut stream, &meter).is_none());
    }

    #[tokio::test]
    async fn why_a_body_broke_off_is_kept() {
        let meter = Meter::default();
        let broken =
            futures_util::stream::iter([Ok(Bytes::from_static(b"a")), Err(io::Error::other("gone"))]);
        let mut payload = Payload::Stream(Some(ByteStream::new(None, broken)));
        assert!(body_of(&mut payload, &meter).unwrap().collect().await.is_err());
        assert_eq!(meter.failure().unwrap().to_string(), "gone");
    }
}
