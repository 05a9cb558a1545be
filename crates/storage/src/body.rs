//! The bytes of a request, counted as they come.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use wharf_content::ByteStream;
use wharf_registry::Error;

/// A body that must be as long as it was announced to be.
#[derive(Debug)]
pub(crate) struct Body {
    stream: ByteStream,
    announced: Option<u64>,
    arrived: u64,
    put_back: Option<Bytes>,
}

/// What [`Body::gather`] found.
pub(crate) enum Gathered {
    /// The whole body; it fits.
    All(Bytes),
    /// The body goes on beyond the limit.
    More(Bytes),
    /// The body broke off after these bytes.
    Broken(Bytes, Error),
}

impl Body {
    /// Nothing was taken yet.
    pub(crate) fn new(stream: ByteStream) -> Self {
        Self { announced: stream.len(), stream, arrived: 0, put_back: None }
    }

    /// The next piece, never empty; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        if let Some(piece) = self.put_back.take() {
            return Ok(Some(piece));
        }
        loop {
            let Some(piece) = self.stream.next().await else { return self.end() };
            let piece = piece.map_err(Error::Body)?;
            let arrived = self.arrived + piece.len() as u64;
            if let Some(expected) = self.announced.filter(|announced| arrived > *announced) {
                return Err(Error::SizeMismatch { expected, actual: arrived });
            }
            self.arrived = arrived;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
    }

    /// Whether there are no bytes left; waits for the first of them.
    pub(crate) async fn is_at_end(&mut self) -> Result<bool, Error> {
        if self.put_back.is_none() {
            self.put_back = self.next().await?;
        }
        Ok(self.put_back.is_none())
    }

    /// Appends to `start` as long as the whole stays within `limit_bytes`; one piece may be gathered beyond.
    pub(crate) async fn gather(&mut self, start: Bytes, limit_bytes: usize) -> Gathered {
        let mut first = start;
        let mut rest = BytesMut::new();
        let join = |first: &mut Bytes, rest: &mut BytesMut, piece: Bytes| {
            if first.is_empty() && rest.is_empty() {
                *first = piece;
            } else {
                if rest.is_empty() {
                    rest.extend_from_slice(first);
                }
                rest.extend_from_slice(&piece);
            }
        };
        loop {
            let piece = self.next().await;
            let gathered = first.len().max(rest.len());
            match piece {
                Ok(Some(piece)) if gathered + piece.len() > limit_bytes => {
                    self.put_back = Some(piece);
                    return Gathered::More(whole(first, rest));
                }
                Ok(Some(piece)) => join(&mut first, &mut rest, piece),
                Ok(None) => return Gathered::All(whole(first, rest)),
                Err(error) => return Gathered::Broken(whole(first, rest), error),
            }
        }
    }

    fn end(&self) -> Result<Option<Bytes>, Error> {
        match self.announced {
            Some(expected) if expected != self.arrived => {
                Err(Error::SizeMismatch { expected, actual: self.arrived })
            }
            _ => Ok(None),
        }
    }
}

fn whole(first: Bytes, rest: BytesMut) -> Bytes {
    if rest.is_empty() { first } else { rest.freeze() }
}

#[cfg(test)]
mod tests {
    use std::io;

    use futures_util::stream;

    use super::*;

    fn body(len: Option<u64>, pieces: Vec<io::Result<Bytes>>) -> Body {
        Body::new(ByteStream::new(len, stream::iter(pieces)))
    }

    fn pieces(texts: &[&'static str]) -> Vec<io::Result<Bytes>> {
        texts.iter().map(|text| Ok(Bytes::from_static(text.as_bytes()))).collect()
    }

    #[tokio::test]
    async fn what_fits_is_gathered() {
        let gathered = body(None, pieces(&["b", "", "cd"])).gather(Bytes::from_static(b"a"), 4).await;
        assert!(matches!(gathered, Gathered::All(bytes) if bytes == "abcd"));
    }

    #[tokio::test]
    async fn what_does_not_fit_is_left() {
        let mut body = body(None, pieces(&["b", "cde"]));
        assert!(
            matches!(body.gather(Bytes::from_static(b"a"), 4).await, Gathered::More(bytes) if bytes == "ab")
        );
        assert_eq!(body.next().await.unwrap().unwrap(), "cde");
        assert!(body.is_at_end().await.unwrap());
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_keeps_what_came() {
        let mut texts = pieces(&["ab"]);
        texts.push(Err(io::ErrorKind::ConnectionReset.into()));
        let gathered = body(None, texts).gather(Bytes::new(), 4).await;
        assert!(matches!(gathered, Gathered::Broken(bytes, Error::Body(_)) if bytes == "ab"));
    }

    #[tokio::test]
    async fn a_body_of_another_length_is_refused() {
        let mut short = body(Some(3), pieces(&["ab"]));
        assert_eq!(short.next().await.unwrap().unwrap(), "ab");
        assert!(matches!(short.next().await, Err(Error::SizeMismatch { expected: 3, actual: 2 })));
        assert!(matches!(
            body(Some(1), pieces(&["ab"])).next().await,
            Err(Error::SizeMismatch { expected: 1, actual: 2 })
        ));
    }
}
