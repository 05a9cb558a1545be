//! An upload at a registry: where it goes on, and how much of it is there.

use std::time::SystemTime;

use http::header::{LOCATION, RANGE};
use http::{HeaderMap, Method, Uri};
use uuid::Uuid;
use wharf_protocol::UploadRange;
use wharf_protocol::header::{DOCKER_UPLOAD_UUID, OCI_CHUNK_MIN_LENGTH};
use wharf_registry::{UploadId, UploadStatus};

use crate::endpoint::{Endpoint, resolve};
use crate::transport::{Answer, text};
use crate::{Error, ErrorKind};

/// An upload that goes on.
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) id: UploadId,
    /// Where the next request goes: registries put what they have to know into it, so it changes with every answer.
    pub(crate) url: Uri,
    pub(crate) offset: u64,
    pub(crate) started_at: SystemTime,
    /// The smallest chunk that the registry wants, in bytes.
    pub(crate) chunk_min: u64,
}

impl Session {
    /// Reads the answer that begins an upload.
    pub(crate) fn begun(endpoint: &Endpoint, answer: &Answer) -> Result<Self, Error> {
        let url = location(endpoint, answer).ok_or_else(|| {
            Error::new(ErrorKind::Nonsense, &Method::POST, &answer.url, "it says not where to push")
        })?;
        let chunk_min = answer.header(&OCI_CHUNK_MIN_LENGTH).and_then(|text| text.parse().ok());
        Ok(Self {
            id: id_of(answer.response.headers(), &url),
            url,
            offset: 0,
            started_at: SystemTime::now(),
            chunk_min: chunk_min.unwrap_or_default(),
        })
    }

    /// Takes in what an answer says of the upload.
    pub(crate) fn update(&mut self, endpoint: &Endpoint, answer: &Answer) {
        if let Some(url) = location(endpoint, answer) {
            self.url = url;
        }
        if let Some(offset) = received(answer.response.headers(), self.offset) {
            self.offset = offset;
        }
    }

    pub(crate) fn status(&self) -> UploadStatus {
        UploadStatus { id: self.id.clone(), offset: self.offset, started_at: self.started_at }
    }
}

/// How many bytes an upload has, as an answer says it. `0-0` stands for one byte as for none; it is none unless we know
/// better.
fn received(headers: &HeaderMap, known: u64) -> Option<u64> {
    let range = text(headers, &RANGE)?;
    match range.parse::<UploadRange>() {
        Ok(UploadRange { first: 0, last: 0 }) => Some(known.min(1)),
        Ok(range) => Some(range.len()),
        // Some write nothing, or less than nothing, behind the dash of an empty one.
        Err(_) => range.starts_with("0-").then_some(0),
    }
}

fn location(endpoint: &Endpoint, answer: &Answer) -> Option<Uri> {
    resolve(&answer.url, answer.header(&LOCATION)?).map(|url| endpoint.secured(url))
}

/// The id that the registry gave, or the end of the path, or one of our own: it is only for us.
fn id_of(headers: &HeaderMap, url: &Uri) -> UploadId {
    let named = text(headers, &DOCKER_UPLOAD_UUID).and_then(|text| text.parse().ok());
    let ours = || Uuid::new_v4().to_string().parse().ok();
    let last = || url.path().rsplit('/').next().and_then(|part| part.parse().ok());
    #[expect(clippy::expect_used, reason = "every UUID is an id")]
    named.or_else(last).or_else(ours).expect("a UUID is an id")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received_of(range: &'static str, known: u64) -> Option<u64> {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, range.parse().unwrap());
        received(&headers, known)
    }

    #[test]
    fn what_arrived_is_read_in_every_spelling() {
        assert_eq!(received_of("0-499", 0), Some(500));
        assert_eq!(received_of("bytes=0-499", 0), Some(500));
        assert_eq!(
            (received_of("0-0", 0), received_of("0-0", 1), received_of("0-0", 9)),
            (Some(0), Some(1), Some(1))
        );
        assert_eq!((received_of("0-", 5), received_of("0--1", 5)), (Some(0), Some(0)));
        assert_eq!(received_of("nonsense", 5), None);
    }

    #[test]
    fn an_upload_has_an_id_whatever_the_registry_says() {
        let url = Uri::from_static("http://a/v2/b/blobs/uploads/abc?_state=x");
        let mut headers = HeaderMap::new();
        assert_eq!(id_of(&headers, &url).as_str(), "abc");
        headers.insert(DOCKER_UPLOAD_UUID, "one".parse().unwrap());
        assert_eq!(id_of(&headers, &url).as_str(), "one");
        headers.clear();
        assert_eq!(id_of(&headers, &Uri::from_static("http://a/b/")).as_str().len(), 36);
    }
}
