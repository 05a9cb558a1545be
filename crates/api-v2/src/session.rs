//! `/v2/<name>/blobs/uploads/<id>`: an upload that is under way.
//!
//! Each request stands alone, maybe on another machine than the last. What ties them together is the offset: a chunk says
//! where it begins, by its `Content-Range` or else by the `_state` of the URL it is sent to, and is taken only if the upload
//! ends there. Whoever is wrong is told 416 with a fresh URL and the true offset, and the upload lives on.

use http::{HeaderMap, Response, StatusCode, header};
use wharf_content::ByteStream;
use wharf_notifications::Action;
use wharf_protocol::{ErrorCode, Route, UploadRange, header as names};
use wharf_reference::RepositoryName;
use wharf_registry::{Digest, Error, TarSum, UploadId, UploadStatus, Uploads};

use crate::answer::{Outcome, empty, set};
use crate::blobs;
use crate::body::Body;
use crate::drain::RequestBody;
use crate::error::Failure;
use crate::events;
use crate::request::{Call, text};

/// The query parameter that holds the signed state of an upload.
const STATE: &str = "_state";

/// Says how far an upload is: GET and HEAD. A client that lost an answer learns here where to go on, so no state is asked
/// for.
pub(crate) async fn status(call: &Call<'_>, name: &RepositoryName, id: &str) -> Outcome {
    let id = parse(id)?;
    let status = call.repository(name).uploads().status(&id).await?;
    described(call, name, &status, StatusCode::NO_CONTENT)
}

/// Adds a chunk.
pub(crate) async fn append(call: &Call<'_>, name: &RepositoryName, id: &str, body: RequestBody) -> Outcome {
    let id = parse(id)?;
    let signed_offset = state(call, name, &id)?;
    let repository = call.repository(name);
    let uploads = repository.uploads();
    let appended = async {
        let chunk = chunk(call.headers(), body, signed_offset)?;
        Ok(uploads.append(&id, Some(chunk.begins_at), chunk.bytes).await?)
    };
    match appended.await {
        Ok(status) => described(call, name, &status, StatusCode::ACCEPTED),
        Err(failure) => Err(with_position(call, name, &id, uploads, failure).await),
    }
}

/// Adds the last chunk, which may be empty, and makes the upload a blob.
pub(crate) async fn finish(call: &Call<'_>, name: &RepositoryName, id: &str, body: RequestBody) -> Outcome {
    let id = parse(id)?;
    let signed_offset = state(call, name, &id)?;
    let name_of_blob = closing_name(call)?;
    let repository = call.repository(name);
    let uploads = repository.uploads();
    let finished = async {
        let chunk = chunk(call.headers(), body, signed_offset)?;
        let (at, bytes) = (Some(chunk.begins_at), chunk.bytes);
        match &name_of_blob {
            Closing::Digest(digest) => Ok(uploads.finish(&id, at, bytes, digest).await?),
            Closing::Tarsum(sum) => {
                Ok(uploads.finish_by_tarsum(&id, at, bytes, sum).await.map_err(refused)?)
            }
        }
    };
    match finished.await {
        Ok(descriptor) => {
            events::blob(call, Action::Push, name, &descriptor);
            blobs::created(call, name, &descriptor.digest)
        }
        Err(failure) => Err(with_position(call, name, &id, uploads, failure).await),
    }
}

/// Throws the upload away.
pub(crate) async fn cancel(call: &Call<'_>, name: &RepositoryName, id: &str) -> Outcome {
    let id = parse(id)?;
    state(call, name, &id)?;
    call.repository(name).uploads().cancel(&id).await?;
    let mut response = empty(StatusCode::NO_CONTENT);
    set(response.headers_mut(), names::DOCKER_UPLOAD_UUID, id.to_string())?;
    Ok(response)
}

/// An answer that says how far an upload is and where to go on.
pub(crate) fn described(
    call: &Call<'_>,
    name: &RepositoryName,
    status: &UploadStatus,
    code: StatusCode,
) -> Outcome {
    let mut response: Response<Body> = empty(code);
    *response.headers_mut() = position(call, name, status)?;
    Ok(response)
}

fn position(call: &Call<'_>, name: &RepositoryName, status: &UploadStatus) -> Result<HeaderMap, Failure> {
    let state = call.shared.signer.sign(name, status);
    let route = Route::Upload(name.clone(), status.id.to_string());
    let mut headers = HeaderMap::with_capacity(4);
    set(&mut headers, header::LOCATION, call.urls().with_parameter(&route, STATE, &state))?;
    set(&mut headers, header::RANGE, UploadRange::received(status.offset).to_string())?;
    set(&mut headers, names::DOCKER_UPLOAD_UUID, status.id.to_string())?;
    Ok(headers)
}

/// Tells a client whose chunk is not the next one which the next one is. Every other failure goes out as it is.
async fn with_position(
    call: &Call<'_>,
    name: &RepositoryName,
    id: &UploadId,
    uploads: &dyn Uploads,
    failure: Failure,
) -> Failure {
    if !failure.is_range() {
        return failure;
    }
    match uploads.status(id).await {
        Ok(status) => match position(call, name, &status) {
            Ok(headers) => failure.with_headers(headers),
            Err(_) => failure,
        },
        Err(error) => error.into(),
    }
}

fn parse(id: &str) -> Result<UploadId, Failure> {
    id.parse().map_err(|error: wharf_registry::InvalidUploadId| {
        Failure::new(ErrorCode::BlobUploadUnknown).caused_by(error)
    })
}

/// Checks the state of the URL, and says how far the upload was when the URL was given out, in bytes.
fn state(call: &Call<'_>, name: &RepositoryName, id: &UploadId) -> Result<u64, Failure> {
    let state = call.query.first(STATE);
    call.shared
        .signer
        .verify(state, name, id)
        .map_err(|error| Failure::with_detail(ErrorCode::BlobUploadInvalid, error.to_string()))
}

/// What a client says that the bytes of an upload are.
enum Closing {
    Digest(Digest),
    /// As clients of 2014 and 2015 said it.
    Tarsum(TarSum),
}

fn closing_name(call: &Call<'_>) -> Result<Closing, Failure> {
    let Some(text) = call.query.first("digest") else {
        return Err(Failure::with_detail(ErrorCode::DigestInvalid, "digest missing"));
    };
    if TarSum::is_meant(text) {
        return Ok(Closing::Tarsum(blobs::old_name(text)?));
    }
    let digest = text.parse().map_err(|error: wharf_digest::ParseDigestError| {
        Failure::with_detail(ErrorCode::DigestInvalid, "digest parsing failed").caused_by(error)
    })?;
    Ok(Closing::Digest(digest))
}

/// A registry that takes no old names says so as of any digest that it does not know.
fn refused(error: Error) -> Failure {
    match error {
        Error::Unsupported(detail) => Failure::with_detail(ErrorCode::DigestInvalid, detail),
        error => error.into(),
    }
}

/// A piece of an upload, and where the client says it begins.
struct Chunk {
    begins_at: u64,
    bytes: ByteStream,
}

/// Reads what a request says of its chunk. Without a `Content-Range`, it begins where the upload was when its URL was given
/// out.
fn chunk(headers: &HeaderMap, body: RequestBody, signed_offset: u64) -> Result<Chunk, Failure> {
    if !headers.contains_key(header::CONTENT_RANGE) {
        return Ok(Chunk { begins_at: signed_offset, bytes: body.into_stream() });
    }
    let range: UploadRange = text(headers, header::CONTENT_RANGE)
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Failure::with_detail(ErrorCode::RangeInvalid, "malformed Content-Range"))?;
    let announced = range.len();
    match body.len() {
        Some(length) if length != announced => {
            let detail = format!("Content-Range announces {announced} bytes, Content-Length {length}");
            Err(Failure::with_detail(ErrorCode::SizeInvalid, detail))
        }
        Some(_) => Ok(Chunk { begins_at: range.first, bytes: body.into_stream() }),
        None => {
            Ok(Chunk { begins_at: range.first, bytes: ByteStream::new(Some(announced), body.into_stream()) })
        }
    }
}
