//! Bytes out of the bucket.
//!
//! One request opens a file, of any size. A connection may break before a large file has come through it, so a reader
//! remembers where it was and which version it reads, and goes on from there with another request. The version is compared
//! by us and not by a condition of the request, since not every store understands one. What a reader waits for is the next
//! bytes while someone wants them: a client that takes its time is no reason to give up.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream as Arriving;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use wharf_storage_driver::{ByteStream, Content, ErrorKind, Object, Stored};

use crate::bucket::Bucket;
use crate::failure::Failure;
use crate::lookup::{self, unexpected};

/// Reads a whole object that holds at most so many bytes.
pub(crate) async fn get(bucket: &Bucket, key: &str, limit_bytes: usize) -> Result<Object, Failure> {
    let mut breaks_left = bucket.config.retries.reads;
    loop {
        let answer = bucket.get_object(key).send().await?;
        if len(&answer).is_some_and(|len| len > limit_bytes as u64) {
            return Err(Failure::new(ErrorKind::TooLarge));
        }
        let version =
            lookup::version(answer.e_tag()).ok_or_else(|| unexpected("the answer has no entity tag"))?;
        match collect(Body::of(bucket, answer), limit_bytes).await {
            Ok(bytes) if bytes.len() > limit_bytes => return Err(Failure::new(ErrorKind::TooLarge)),
            Ok(bytes) => return Ok(Object { bytes, version }),
            Err(broken) if breaks_left == 0 => {
                return Err(Failure::new(ErrorKind::Unavailable).because(broken));
            }
            Err(broken) => {
                tracing::debug!(%broken, key, "a small file is read once more");
                breaks_left -= 1;
            }
        }
    }
}

/// Opens an object, from `range.start` to just before `range.end` or its end.
pub(crate) async fn read(bucket: &Arc<Bucket>, key: String, range: Range<u64>) -> Result<Stored, Failure> {
    if range.is_empty() || range.start > MAX_OFFSET {
        return nothing_of(bucket, &key).await;
    }
    let request = bucket.get_object(&key).set_range(range_header(&range));
    let answer = match request.send().await.map_err(Failure::from) {
        Err(failure) if failure.status() == Some(RANGE_NOT_SATISFIABLE) => {
            return nothing_of(bucket, &key).await;
        }
        answer => answer?,
    };
    let size = size_behind(&answer, range.start)?;
    let end = range.end.min(size);
    let rest = Rest {
        bucket: Arc::clone(bucket),
        key,
        tag: answer.e_tag().map(str::to_owned),
        next: range.start,
        end,
        breaks_left: bucket.config.retries.reads,
        body: Body::of(bucket, answer),
    };
    let len = end.saturating_sub(range.start);
    let content = ByteStream::new(Some(len), stream::try_unfold(rest, Rest::piece));
    Ok(Stored { size, content: Content::Stream(content) })
}

/// The largest offset that a store can be asked for, in bytes: more does not fit their numbers.
const MAX_OFFSET: u64 = i64::MAX as u64;

/// What a store answers when a range begins at the end of the object or beyond it.
const RANGE_NOT_SATISFIABLE: u16 = 416;

/// The whole size of an object of which no byte is wanted.
async fn nothing_of(bucket: &Bucket, key: &str) -> Result<Stored, Failure> {
    let head = lookup::head(bucket, key).await?.ok_or_else(Failure::not_found)?;
    Ok(Stored { size: head.size, content: Content::Memory(Bytes::new()) })
}

/// How a range is asked for; the whole object without one, for an empty object has no range at all.
fn range_header(range: &Range<u64>) -> Option<String> {
    match (range.start, range.end) {
        (0, end) if end > MAX_OFFSET => None,
        (start, end) if end > MAX_OFFSET => Some(format!("bytes={start}-")),
        (start, end) => Some(format!("bytes={start}-{}", end - 1)),
    }
}

/// The size of the whole object of which the answer holds a part that begins at `start`.
fn size_behind(answer: &GetObjectOutput, start: u64) -> Result<u64, Failure> {
    match (answer.content_range(), len(answer)) {
        (Some(range), _) => match parse_content_range(range) {
            Some((first, size)) if first == start => Ok(size),
            _ => Err(unexpected(format!("the store answered another range than was asked for: {range}"))),
        },
        (None, Some(len)) if start == 0 => Ok(len),
        (None, Some(_)) => Err(unexpected("the store ignored the range that was asked for")),
        (None, None) => Err(unexpected("the answer has no length")),
    }
}

/// Where the range begins and how large the whole is.
fn parse_content_range(text: &str) -> Option<(u64, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.trim().parse().ok()?, size.trim().parse().ok()?))
}

fn len(answer: &GetObjectOutput) -> Option<u64> {
    answer.content_length().and_then(|len| u64::try_from(len).ok())
}

/// What is still to be read of an object.
struct Rest {
    bucket: Arc<Bucket>,
    key: String,
    /// Which version it is.
    tag: Option<String>,
    next: u64,
    end: u64,
    breaks_left: u32,
    body: Body,
}

impl Rest {
    /// The next piece, if there is one.
    async fn piece(mut self) -> io::Result<Option<(Bytes, Self)>> {
        while self.next < self.end {
            match self.body.next().await {
                Ok(Some(mut piece)) if !piece.is_empty() => {
                    // A store that does not know ranges sends more than was asked for.
                    piece.truncate(usize::try_from(self.end - self.next).unwrap_or(usize::MAX));
                    self.next += piece.len() as u64;
                    return Ok(Some((piece, self)));
                }
                Ok(Some(_)) => {}
                Ok(None) => self.go_on(Broken::Short).await?,
                Err(broken) => self.go_on(broken).await?,
            }
        }
        Ok(None)
    }

    /// Asks for what is missing, as long as it is still the same object.
    async fn go_on(&mut self, broken: Broken) -> io::Result<()> {
        if self.breaks_left == 0 {
            return Err(unavailable(broken));
        }
        self.breaks_left -= 1;
        tracing::debug!(%broken, key = self.key, at = self.next, "a read is continued");
        let range = range_header(&(self.next..self.end));
        let answer = self.bucket.get_object(&self.key).set_range(range).send().await.map_err(Failure::from);
        let answer = match answer {
            Err(failure) if failure.is_not_found() => return Err(unavailable(Replaced)),
            answer => answer.map_err(|failure| io::Error::other(failure.into_error()))?,
        };
        if answer.e_tag() != self.tag.as_deref() {
            return Err(unavailable(Replaced));
        }
        size_behind(&answer, self.next).map_err(|failure| io::Error::other(failure.into_error()))?;
        self.body = Body::of(&self.bucket, answer);
        Ok(())
    }
}

/// What a reader is told that may come again.
fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::other(Failure::new(ErrorKind::Unavailable).because(cause).into_error())
}

/// The body of an answer, watched while someone waits for it.
struct Body {
    arriving: Arriving,
    stall: Duration,
}

impl Body {
    fn of(bucket: &Bucket, answer: GetObjectOutput) -> Self {
        Self { arriving: answer.body, stall: bucket.config.timeouts.stall }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        match tokio::time::timeout(self.stall, self.arriving.next()).await {
            Ok(piece) => piece.transpose().map_err(Broken::Off),
            Err(_) => Err(Broken::Stalled(self.stall)),
        }
    }
}

/// All of a body, or a little more than the limit.
async fn collect(mut body: Body, limit_bytes: usize) -> Result<Bytes, Broken> {
    let Some(first) = body.next().await? else { return Ok(Bytes::new()) };
    let Some(second) = body.next().await? else { return Ok(first) };
    let mut all = BytesMut::with_capacity(first.len() + second.len());
    all.extend_from_slice(&first);
    all.extend_from_slice(&second);
    while all.len() <= limit_bytes {
        match body.next().await? {
            Some(piece) => all.extend_from_slice(&piece),
            None => break,
        }
    }
    Ok(all.freeze())
}

/// Why a body did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the store sent nothing for {0:?}")]
    Stalled(Duration),
    #[error("the store broke off")]
    Off(#[source] aws_sdk_s3::primitives::ByteStreamError),
    #[error("the store sent less than it said")]
    Short,
}

/// Why a broken read cannot be continued.
#[derive(Debug, thiserror::Error)]
#[error("the file was replaced or deleted while it was read, and the connection broke")]
struct Replaced;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_is_asked_for_without_a_range() {
        for (range, header) in [
            (0..u64::MAX, None),
            (7..u64::MAX, Some("bytes=7-")),
            (0..1, Some("bytes=0-0")),
            (3..9, Some("bytes=3-8")),
            (3..MAX_OFFSET + 1, Some("bytes=3-")),
        ] {
            assert_eq!(range_header(&range).as_deref(), header, "{range:?}");
        }
    }

    #[test]
    fn a_content_range_tells_begin_and_size() {
        assert_eq!(parse_content_range("bytes 3-9/100"), Some((3, 100)));
        for text in ["bytes */100", "bytes 3-9/*", "3-9/100", "bytes 3/100", ""] {
            assert_eq!(parse_content_range(text), None, "{text}");
        }
    }
}
