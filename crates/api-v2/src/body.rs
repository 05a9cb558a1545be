//! The body of an answer, kept as what it is until the last moment.
//!
//! A blob on a local disk should be able to travel from the file to the socket without passing through this program. So an
//! answer does not hold bytes but content, and whoever writes it to a connection may take the content out and send it in
//! its own way. Any other server polls the body and gets pieces of bytes.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Frame, SizeHint};
use wharf_content::{ByteStream, Content};

/// The body of an answer.
///
/// Its length is known whenever that of its content is, and it holds to it: content that ends early or goes on for too long
/// is an error and not an answer that looks complete.
#[derive(Debug, Default)]
pub struct Body {
    payload: Payload,
    current: Option<ByteStream>,
    left_bytes: Option<u64>,
}

/// What a body consists of.
#[derive(Debug, Default)]
pub enum Payload {
    /// Nothing at all.
    #[default]
    Empty,
    /// One piece of content.
    Content(Content),
    /// Several, one after another: the ranges of a blob and what stands between them.
    Parts(VecDeque<Content>),
}

impl Body {
    /// A body without a byte.
    pub fn empty() -> Self {
        Self { left_bytes: Some(0), ..Self::default() }
    }

    /// A body of several parts, one after another.
    pub fn parts(parts: impl Into<VecDeque<Content>>) -> Self {
        let parts = parts.into();
        let left_bytes = parts.iter().map(Content::len).sum();
        Self { payload: Payload::Parts(parts), current: None, left_bytes }
    }

    /// How many bytes are still to come, in bytes, when that is known.
    pub fn len(&self) -> Option<u64> {
        self.left_bytes
    }

    /// Whether it is known that no byte is to come.
    pub fn is_empty(&self) -> bool {
        self.left_bytes == Some(0)
    }

    /// Takes the content out, to send it in another way than by polling. To be called before the first poll: of content
    /// that was polled already only the rest is left.
    pub fn into_payload(self) -> Payload {
        match (self.current, self.payload) {
            (None, payload) => payload,
            (Some(current), Payload::Parts(mut parts)) => {
                parts.push_front(Content::Stream(current));
                Payload::Parts(parts)
            }
            (Some(current), _) => Payload::Content(Content::Stream(current)),
        }
    }

    fn next_content(&mut self) -> Option<Content> {
        match &mut self.payload {
            Payload::Empty => None,
            Payload::Parts(parts) => parts.pop_front(),
            Payload::Content(_) => match std::mem::take(&mut self.payload) {
                Payload::Content(content) => Some(content),
                Payload::Empty | Payload::Parts(_) => None,
            },
        }
    }

    /// Counts a piece; one that is more than was announced is an error.
    fn count(&mut self, piece: &Bytes) -> io::Result<()> {
        let Some(left) = self.left_bytes else { return Ok(()) };
        match left.checked_sub(piece.len() as u64) {
            Some(left) => self.left_bytes = Some(left),
            None => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "content is longer than was announced",
                ));
            }
        }
        Ok(())
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            if let Some(stream) = &mut self.current {
                match ready!(Pin::new(stream).poll_next(context)) {
                    Some(Ok(piece)) if piece.is_empty() => continue,
                    Some(piece) => return Poll::Ready(Some(piece)),
                    None => self.current = None,
                }
            }
            match self.next_content() {
                Some(Content::Memory(bytes)) if bytes.is_empty() => {}
                Some(Content::Memory(bytes)) => return Poll::Ready(Some(Ok(bytes))),
                Some(other) => self.current = Some(other.into_stream()),
                None if self.left_bytes.unwrap_or(0) > 0 => {
                    let early =
                        io::Error::new(io::ErrorKind::UnexpectedEof, "content is shorter than was announced");
                    return Poll::Ready(Some(Err(early)));
                }
                None => return Poll::Ready(None),
            }
        }
    }
}

impl From<Content> for Body {
    fn from(content: Content) -> Self {
        let left_bytes = content.len();
        Self { payload: Payload::Content(content), current: None, left_bytes }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::from(Content::Memory(bytes))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let piece = ready!(self.poll_piece(context));
        let Some(piece) = piece else { return Poll::Ready(None) };
        match piece.and_then(|piece| self.count(&piece).map(|()| piece)) {
            Ok(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            Err(error) => {
                *self = Self::empty();
                Poll::Ready(Some(Err(error)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.left_bytes.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use http_body::Body as _;
    use http_body_util::BodyExt;

    use super::*;

    fn stream(len: Option<u64>, pieces: &[&'static str]) -> Content {
        let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        Content::Stream(ByteStream::new(len, futures_util::stream::iter(pieces)))
    }

    async fn text(body: Body) -> io::Result<String> {
        let bytes = body.collect().await?.to_bytes();
        Ok(String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn parts_follow_each_other_and_their_lengths_add_up() {
        let parts = vec![
            Content::Memory("ab".into()),
            stream(Some(3), &["c", "", "de"]),
            Content::Memory("f".into()),
        ];
        let body = Body::parts(parts);
        assert_eq!(body.size_hint().exact(), Some(6));
        assert_eq!(text(body).await.unwrap(), "abcdef");
    }

    #[tokio::test]
    async fn content_that_ends_early_is_an_error() {
        let error = text(Body::from(stream(Some(5), &["abc"]))).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn content_that_goes_on_is_an_error() {
        let error = text(Body::from(stream(Some(3), &["ab", "cd"]))).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn content_of_unknown_length_is_sent_as_it_comes() {
        let body = Body::from(stream(None, &["ab", "cd"]));
        assert_eq!(body.size_hint().exact(), None);
        assert_eq!(text(body).await.unwrap(), "abcd");
    }

    #[test]
    fn an_empty_body_is_over_before_it_begins() {
        assert!(Body::empty().is_end_stream());
        assert!(Body::from(Bytes::new()).is_end_stream());
        assert!(matches!(Body::empty().into_payload(), Payload::Empty));
    }
}
