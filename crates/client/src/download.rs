//! A blob on its way here: checked while it passes, and taken up again where a connection broke.

use std::io;
use std::ops::Range;

use futures_util::stream;
use http::header::{CONTENT_RANGE, RANGE};
use http::{HeaderValue, Method, StatusCode};
use hyper::body::Body as _;
use tokio::sync::OwnedSemaphorePermit;
use wharf_content::{ByteStream, Content};
use wharf_digest::{Digest, VerifyingStream};
use wharf_http_client::Incoming;
use wharf_protocol::{ByteRange, ContentRange, Route};
use wharf_registry::Error as RegistryError;

use crate::auth::Scopes;
use crate::call::Call;
use crate::registry::RemoteRepository;
use crate::retry::wait;
use crate::transport::{Answer, next_piece};
use crate::{Direction, Error, ErrorKind};

/// Begins to read a range of a blob of `size` bytes.
///
/// The whole of a blob ends in an error unless it has its digest.
pub(crate) async fn begin(
    repository: &RemoteRepository,
    digest: &Digest,
    size: u64,
    range: Range<u64>,
) -> Result<Content, RegistryError> {
    let end = range.end.min(size);
    let start = range.start.min(end);
    let is_whole = start == 0 && end == size;
    if start == end && !is_whole {
        return Ok(Content::Memory(bytes::Bytes::new()));
    }
    let permit = std::sync::Arc::clone(&repository.remote.downloads).acquire_owned().await;
    let mut download = Download {
        repository: repository.clone(),
        digest: *digest,
        size,
        at: start,
        end,
        whole: is_whole,
        skip: 0,
        incoming: None,
        resumes: 0,
        permit: permit.ok(),
    };
    download.ask().await.map_err(|error| unknown(error, digest))?;
    let pieces = stream::try_unfold(download, |mut download| async move {
        let piece = download.next().await?;
        Ok::<_, io::Error>(piece.map(|piece| (piece, download)))
    });
    let len = Some(end - start);
    Ok(Content::Stream(if is_whole {
        ByteStream::new(len, VerifyingStream::with_size(Box::pin(pieces), *digest, size))
    } else {
        ByteStream::new(len, pieces)
    }))
}

/// A blob that is not there, or whatever else went wrong.
pub(crate) fn unknown(error: Error, digest: &Digest) -> RegistryError {
    if error.is_not_found() { RegistryError::BlobUnknown(*digest) } else { error.into() }
}

struct Download {
    repository: RemoteRepository,
    digest: Digest,
    size: u64,
    at: u64,
    end: u64,
    whole: bool,
    /// How many bytes of the answer are before what was asked for.
    skip: u64,
    incoming: Option<Incoming>,
    resumes: u32,
    permit: Option<OwnedSemaphorePermit>,
}

impl Download {
    /// Asks for what is missing.
    async fn ask(&mut self) -> Result<(), Error> {
        let name = &self.repository.name;
        let url = self.repository.url(&Route::Blob(name.clone(), self.digest), "")?;
        let mut call = Call::new(Method::GET, url, Scopes::pull(name));
        if self.at > 0 || self.end < self.size {
            let range = format!("bytes={}", ByteRange::Closed(self.at, self.end - 1));
            let value = HeaderValue::from_str(&range);
            call = call.header(RANGE, value.unwrap_or_else(|_| HeaderValue::from_static("bytes=0-")));
        }
        let answer = self.repository.transport().send(call).await?;
        self.skip = self.skipped(&answer)?;
        self.incoming = Some(answer.response.into_body());
        Ok(())
    }

    /// How much of an answer comes before what was asked for.
    fn skipped(&self, answer: &Answer) -> Result<u64, Error> {
        if answer.response.status() != StatusCode::PARTIAL_CONTENT {
            return Ok(self.at);
        }
        match answer.header(&CONTENT_RANGE).and_then(|text| text.parse().ok()) {
            Some(ContentRange::Part(range, _)) if range.start == self.at => Ok(0),
            _ => Err(Error::new(ErrorKind::Nonsense, &Method::GET, &answer.url, "it is another range")),
        }
    }

    async fn next(&mut self) -> io::Result<Option<bytes::Bytes>> {
        loop {
            if self.at == self.end {
                self.finish().await;
                return Ok(None);
            }
            match self.piece().await {
                Ok(Some(piece)) if piece.is_empty() => {}
                Ok(Some(piece)) => return Ok(Some(piece)),
                Ok(None) => self.resume(io::ErrorKind::UnexpectedEof.into()).await?,
                Err(error) => self.resume(error).await?,
            }
        }
    }

    /// The next bytes that were asked for, or none of them when they only lead there.
    async fn piece(&mut self) -> io::Result<Option<bytes::Bytes>> {
        let options = &self.repository.transport().options;
        let Some(incoming) = &mut self.incoming else { return Ok(None) };
        let Some(mut piece) = next_piece(incoming, options.stall_timeout).await? else { return Ok(None) };
        let skipped = self.skip.min(piece.len() as u64);
        self.skip -= skipped;
        let mut piece = piece.split_off(skipped as usize);
        let wanted = (self.end - self.at).min(piece.len() as u64);
        // The whole of a blob is not cut: what is too much is wrong, and is found out by whoever verifies it.
        if !self.whole {
            piece.truncate(wanted as usize);
        }
        self.at += wanted;
        if let Some(progress) = &options.progress {
            progress.passed(Direction::Received, &self.repository.name, piece.len() as u64);
        }
        Ok(Some(piece))
    }

    /// Asks again for what is missing after a connection broke, unless that was done often enough.
    async fn resume(&mut self, error: io::Error) -> io::Result<()> {
        let options = &self.repository.transport().options;
        self.incoming = None;
        self.resumes += 1;
        let pause = wait(options, self.resumes, None).filter(|_| self.resumes <= options.resumes);
        let Some(pause) = pause else { return Err(error) };
        tracing::debug!(digest = %self.digest, at = self.at, %error, "taking a download up again");
        tokio::time::sleep(pause).await;
        self.ask().await.map_err(io::Error::other)
    }

    /// Lets the connection be used again, which takes the very end of the answer.
    async fn finish(&mut self) {
        let stall = self.repository.transport().options.stall_timeout;
        if let Some(mut incoming) = self.incoming.take()
            && !incoming.is_end_stream()
            && self.end == self.size
        {
            let _end = next_piece(&mut incoming, stall).await;
        }
        self.permit = None;
    }
}
