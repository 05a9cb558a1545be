//! `/v2/<name>/blobs/<digest>`: configurations, layers and whatever else manifests point to.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use wharf_content::Content;
use wharf_manifest::media_type;
use wharf_notifications::Action;
use wharf_protocol::condition::{Condition, entity_tag, evaluate, range_counts};
use wharf_protocol::{ContentRange, ErrorCode, RangeSet, Route, header as names};
use wharf_reference::RepositoryName;
use wharf_registry::{Blob, Digest, Redirect, RedirectMethod, TarSum};

use crate::answer::{Outcome, empty, set};
use crate::body::Body;
use crate::error::Failure;
use crate::events;
use crate::request::{Call, text};

/// A blob never changes, so whoever has it may keep it for a year.
const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Reads a blob: GET and HEAD.
///
/// A HEAD is always answered here, never by a redirect: OCI demands the digest and the size, and a store knows no digest.
/// It knows no ranges either (RFC 9110, section 14.2).
pub(crate) async fn get(call: &Call<'_>, name: &RepositoryName, digest: &Digest) -> Outcome {
    let repository = call.repository(name);
    let blob = repository.blobs().open(digest).await?;
    let outcome = answer(call, digest, blob.as_ref()).await;
    if outcome.as_ref().map_or_else(Failure::is_range, |_| true) {
        events::blob(call, Action::Pull, name, blob.descriptor());
    }
    outcome
}

async fn answer(call: &Call<'_>, digest: &Digest, blob: &dyn Blob) -> Outcome {
    let size = blob.descriptor().size;
    match evaluate(call.headers(), digest) {
        Condition::Proceed => {}
        Condition::NotModified => return described(StatusCode::NOT_MODIFIED, digest),
        Condition::Failed => return Ok(empty(StatusCode::PRECONDITION_FAILED)),
    }
    if call.is_head() {
        return whole(digest, size, Body::empty());
    }
    let wanted = wanted(call, digest, size);
    if a_store_can_answer(call.headers(), &wanted) {
        let redirect = Redirect { method: RedirectMethod::Get, client: call.client() };
        if let Some(url) = blob.redirect(&redirect).await? {
            return elsewhere(digest, url);
        }
    }
    match wanted {
        RangeSet::Full => whole(digest, size, read(blob, 0..size).await?.into()),
        RangeSet::Parts(ranges) => partial(blob, digest, &ranges).await,
        RangeSet::Unsatisfiable => {
            let mut headers = HeaderMap::with_capacity(1);
            set(&mut headers, header::CONTENT_RANGE, ContentRange::Unsatisfied(size).to_string())?;
            Err(Failure::new(ErrorCode::RangeInvalid).with_headers(headers))
        }
    }
}

/// Which bytes the client wants.
fn wanted(call: &Call<'_>, digest: &Digest, size: u64) -> RangeSet {
    let Some(range) = text(call.headers(), header::RANGE) else { return RangeSet::Full };
    if !range_counts(call.headers(), digest) {
        return RangeSet::Full;
    }
    RangeSet::parse(range, size, call.shared.options.limits.ranges)
}

/// Whether any object store answers a request for these bytes as we would: several ranges are more than most can give, the
/// last so many bytes more than Azure can, and what is past the end we know ourselves.
fn a_store_can_answer(headers: &HeaderMap, wanted: &RangeSet) -> bool {
    let counts_from_the_end = || text(headers, header::RANGE).is_some_and(|range| range.contains("=-"));
    match wanted {
        RangeSet::Full => true,
        RangeSet::Parts(ranges) => ranges.len() == 1 && !counts_from_the_end(),
        RangeSet::Unsatisfiable => false,
    }
}

async fn read(blob: &dyn Blob, range: Range<u64>) -> Result<Content, Failure> {
    if range.is_empty() {
        return Ok(Content::Memory(Bytes::new()));
    }
    Ok(blob.read(range).await?)
}

/// An answer with the headers that every answer about a blob has.
fn described(status: StatusCode, digest: &Digest) -> Outcome {
    let mut response = empty(status);
    let headers = response.headers_mut();
    set(headers, names::DOCKER_CONTENT_DIGEST, digest.to_string())?;
    set(headers, header::ETAG, entity_tag(digest))?;
    headers.insert(header::CACHE_CONTROL, CACHE_CONTROL);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    Ok(response)
}

fn whole(digest: &Digest, size: u64, body: Body) -> Outcome {
    let mut response = described(StatusCode::OK, digest)?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type::OCTET_STREAM));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(size));
    *response.body_mut() = body;
    Ok(response)
}

fn elsewhere(digest: &Digest, url: String) -> Outcome {
    let mut response = empty(StatusCode::TEMPORARY_REDIRECT);
    let headers = response.headers_mut();
    set(headers, header::LOCATION, url)?;
    set(headers, names::DOCKER_CONTENT_DIGEST, digest.to_string())?;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type::OCTET_STREAM));
    Ok(response)
}

async fn partial(blob: &dyn Blob, digest: &Digest, ranges: &[Range<u64>]) -> Outcome {
    let size = blob.descriptor().size;
    let mut response = described(StatusCode::PARTIAL_CONTENT, digest)?;
    if let [range] = ranges {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type::OCTET_STREAM));
        set(headers, header::CONTENT_RANGE, ContentRange::Part(range.clone(), size).to_string())?;
        *response.body_mut() = read(blob, range.clone()).await?.into();
        return Ok(response);
    }
    let boundary = uuid::Uuid::new_v4().simple().to_string();
    let content_type = format!("multipart/byteranges; boundary={boundary}");
    set(response.headers_mut(), header::CONTENT_TYPE, content_type)?;
    *response.body_mut() = multipart(blob, ranges, size, &boundary).await?;
    Ok(response)
}

/// Several ranges in one body. RFC 9110, section 14.6.
async fn multipart(
    blob: &dyn Blob,
    ranges: &[Range<u64>],
    size: u64,
    boundary: &str,
) -> Result<Body, Failure> {
    let mut parts = VecDeque::with_capacity(2 * ranges.len() + 1);
    for (index, range) in ranges.iter().enumerate() {
        let separator = if index == 0 { "" } else { "\r\n" };
        let head = format!(
            "{separator}--{boundary}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n",
            media_type::OCTET_STREAM,
            ContentRange::Part(range.clone(), size),
        );
        parts.push_back(Content::Memory(head.into()));
        parts.push_back(read(blob, range.clone()).await?);
    }
    parts.push_back(Content::Memory(format!("\r\n--{boundary}--\r\n").into()));
    Ok(Body::parts(parts))
}

/// Reads the name that a client of 2014 or 2015 gives a layer.
pub(crate) fn old_name(text: &str) -> Result<TarSum, Failure> {
    text.parse().map_err(|error: wharf_tarsum::InvalidSum| {
        Failure::with_detail(ErrorCode::DigestInvalid, error.to_string())
    })
}

/// The digest of a layer by its old name.
pub(crate) async fn digest_of(call: &Call<'_>, name: &RepositoryName, text: &str) -> Result<Digest, Failure> {
    Ok(call.repository(name).blobs().by_tarsum(&old_name(text)?).await?)
}

/// Takes a blob out of the repository.
pub(crate) async fn delete(call: &Call<'_>, name: &RepositoryName, digest: &Digest) -> Outcome {
    call.repository(name).blobs().delete(digest).await?;
    events::deleted(call, name, digest);
    Ok(empty(StatusCode::ACCEPTED))
}

/// Says that the repository holds the blob now, however it came there.
pub(crate) fn created(call: &Call<'_>, name: &RepositoryName, digest: &Digest) -> Outcome {
    let mut response: Response<Body> = empty(StatusCode::CREATED);
    let headers: &mut HeaderMap = response.headers_mut();
    set(headers, header::LOCATION, call.urls().to(&Route::Blob(name.clone(), *digest)))?;
    set(headers, names::DOCKER_CONTENT_DIGEST, digest.to_string())?;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_asked_only_for_what_any_store_can_answer() {
        for (range, can) in [
            (None, true),
            (Some("bytes=0-9"), true),
            (Some("bytes=90-"), true),
            (Some("bytes=-10"), false),
            (Some("bytes=0-1,5-6"), false),
            (Some("bytes=100-"), false),
            (Some("pages=1"), true),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(range.map(|range| (header::RANGE, HeaderValue::from_static(range))));
            let wanted = range.map_or(RangeSet::Full, |range| RangeSet::parse(range, 100, 16));
            assert_eq!(a_store_can_answer(&headers, &wanted), can, "{range:?}");
        }
    }
}
