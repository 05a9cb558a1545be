//! An upload as a client sees it: an address that changes with every answer.

use bytes::Bytes;
use http::Method;

use crate::case::Case;
use crate::check::{Stop, Verdict, fail};
use crate::exchange::{Address, Answer, Request, encode};

/// An upload that was begun.
#[derive(Clone, Debug)]
pub(crate) struct Upload<'a> {
    case: &'a Case,
    /// What the latest answer said.
    pub(crate) address: Address,
    /// The shortest chunk that the registry takes before the last one, in bytes; 0 when it did not say.
    minimum: usize,
}

impl<'a> Upload<'a> {
    /// Reads the answer that began it.
    pub(crate) fn begun(case: &'a Case, answer: &Answer) -> Result<Upload<'a>, Stop> {
        let minimum = match answer.header("oci-chunk-min-length").map(str::parse) {
            None => 0,
            Some(Ok(minimum)) => minimum,
            Some(Err(_)) => return fail(answer.fault("OCI-Chunk-Min-Length is no number")),
        };
        Ok(Upload { case, address: answer.location()?, minimum })
    }

    /// A length for chunks that the registry must take, at least this one.
    pub(crate) fn chunk_len(&self, wanted: usize) -> usize {
        wanted.max(self.minimum)
    }

    /// A chunk that begins at this byte.
    pub(crate) fn chunk(&self, start: usize, bytes: Bytes) -> Request<'a> {
        let range = format!("{start}-{}", (start + bytes.len()).saturating_sub(1));
        self.patch().header("content-range", range).body(bytes)
    }

    /// A `PATCH` without anything.
    pub(crate) fn patch(&self) -> Request<'a> {
        self.case.follow(Method::PATCH, &self.address).header("content-type", "application/octet-stream")
    }

    /// Sends a chunk that must be accepted, and checks what the answer says of it.
    pub(crate) async fn push_chunk(&mut self, start: usize, bytes: Bytes) -> Verdict {
        let end = start + bytes.len() - 1;
        let answer = self.chunk(start, bytes).send().await?;
        answer.must_be(202)?.header_must_be("range", &format!("0-{end}"))?;
        self.address = answer.location()?;
        Ok(())
    }

    /// The closing request, with the last bytes.
    pub(crate) fn close(&self, digest: &str, bytes: Bytes) -> Request<'a> {
        let request = self.close_bare(digest);
        request.header("content-type", "application/octet-stream").body(bytes)
    }

    /// The closing request, without a body.
    pub(crate) fn close_bare(&self, digest: &str) -> Request<'a> {
        self.case.follow(Method::PUT, &self.address.with_query(&format!("digest={}", encode(digest))))
    }

    /// Asks how far the upload is. The answer must be that of an active one; gives how many bytes it holds, at most.
    pub(crate) async fn position(&mut self) -> Result<usize, Stop> {
        let answer = self.status().send().await?;
        answer.must_be(204)?;
        self.address = answer.location()?;
        let end = answer.must_have("range")?.strip_prefix("0-").and_then(|end| end.parse::<usize>().ok());
        // An empty upload may say `0-0`, like one of a single byte: no range can be empty.
        end.map_or_else(|| fail(answer.fault("Range is not 0-<number>")), |end| Ok(end + 1))
    }

    pub(crate) fn status(&self) -> Request<'a> {
        self.case.follow(Method::GET, &self.address)
    }

    pub(crate) fn cancel(&self) -> Request<'a> {
        self.case.follow(Method::DELETE, &self.address)
    }

    /// Ends the test as failed when the upload is still there.
    pub(crate) async fn must_be_gone(&self) -> Verdict {
        self.status().send().await?.must_be(404)?;
        Ok(())
    }
}
