//! What goes out as a request's body: whatever a caller has, in one type, so that one pool serves all callers.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Frame, SizeHint};

/// Why a body could not go on, as its maker says it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a request.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// A body of nothing.
pub fn empty() -> Body {
    Empty::new().map_err(never).boxed_unsync()
}

/// A body of one buffer.
pub fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(never).boxed_unsync()
}

/// A body of many buffers with a known length; none of them is copied on the way to a plain socket.
pub fn segments(segments: impl IntoIterator<Item = Bytes>) -> Body {
    let left: VecDeque<Bytes> = segments.into_iter().filter(|segment| !segment.is_empty()).collect();
    Segments { len: left.iter().map(|segment| segment.len() as u64).sum(), left }
        .map_err(never)
        .boxed_unsync()
}

struct Segments {
    left: VecDeque<Bytes>,
    len: u64,
}

impl hyper::body::Body for Segments {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.left.pop_front();
        self.len -= next.as_ref().map_or(0, Bytes::len) as u64;
        Poll::Ready(next.map(|segment| Ok(Frame::data(segment))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len)
    }
}

fn never(never: Infallible) -> BoxError {
    match never {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn segments_know_their_length_and_come_out_in_order() {
        let body = segments(["one", "", "two"].map(Bytes::from));
        assert_eq!(hyper::body::Body::size_hint(&body).exact(), Some(6));
        assert_eq!(body.collect().await.unwrap().to_bytes(), "onetwo");
    }

    #[test]
    fn no_segments_are_an_empty_body() {
        let body = segments([Bytes::new()]);
        assert!(hyper::body::Body::is_end_stream(&body));
        assert_eq!(hyper::body::Body::size_hint(&body).exact(), Some(0));
    }
}
