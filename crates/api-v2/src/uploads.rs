//! `/v2/<name>/blobs/uploads/`: beginning to push a blob, or pushing it in one request, or not having to.

use http::{HeaderValue, StatusCode};
use wharf_notifications::Action;
use wharf_protocol::{ErrorCode, header as names};
use wharf_reference::RepositoryName;
use wharf_registry::{Algorithm, Digest, Error, Mount};

use crate::access::MountSource;
use crate::answer::Outcome;
use crate::blobs;
use crate::drain::RequestBody;
use crate::error::Failure;
use crate::events;
use crate::request::Call;
use crate::session;

/// Answers a POST: mounts what can be mounted, takes a blob that is in the body, and otherwise begins an upload.
pub(crate) async fn start(call: &Call<'_>, name: &RepositoryName, body: RequestBody) -> Outcome {
    let mount = digest_parameter(call, "mount")?;
    let pushed = digest_parameter(call, "digest")?;
    let algorithm = algorithm_parameter(call)?;

    if let Some(digest) = mount
        && let Some(outcome) = try_mount(call, name, &digest).await
    {
        return outcome;
    }
    if let Some(digest) = pushed
        && (!body.is_empty() || is_empty_blob(&digest))
    {
        return push(call, name, &digest, body).await;
    }
    drop(body);
    let hint = algorithm.or(pushed.or(mount).map(|digest| digest.algorithm()));
    let status = call.repository(name).uploads().start(hint).await?;
    let mut response = session::described(call, name, &status, StatusCode::ACCEPTED)?;
    if let Some(bytes) = call.shared.options.chunk_min_bytes {
        response.headers_mut().insert(names::OCI_CHUNK_MIN_LENGTH, HeaderValue::from(bytes));
    }
    Ok(response)
}

/// Stores a blob whose bytes are the body. OCI distribution 1.1, section "Single POST".
async fn push(call: &Call<'_>, name: &RepositoryName, digest: &Digest, body: RequestBody) -> Outcome {
    let descriptor = call.repository(name).uploads().put(digest, body.into_stream()).await?;
    events::blob(call, Action::Push, name, &descriptor);
    blobs::created(call, name, digest)
}

/// Whether the digest is that of no byte at all, so that a request without a body may well carry the whole blob. Any other
/// digest without a body is taken for a client that is about to push.
fn is_empty_blob(digest: &Digest) -> bool {
    digest.algorithm().digest(b"") == *digest
}

/// Mounts a blob that the client believes to be in the registry. None when it has to be pushed after all: there is no such
/// blob, or the client may not have it from there.
async fn try_mount(call: &Call<'_>, name: &RepositoryName, digest: &Digest) -> Option<Outcome> {
    let from = match call.query.first("from").filter(|from| !from.is_empty()) {
        Some(from) => Some(from.parse::<RepositoryName>().ok()?),
        None => None,
    };
    if call.mount_source == MountSource::Closed {
        return None;
    }
    match call.repository(name).blobs().mount(digest, from.as_ref()).await {
        Ok(Mount::Mounted(descriptor, source)) => {
            events::mounted(call, name, &descriptor, from.as_ref().or(source.as_ref()));
            Some(blobs::created(call, name, digest))
        }
        Ok(Mount::NotFound) => None,
        Err(error) if is_refusal(&error) => None,
        Err(error) => Some(Err(error.into())),
    }
}

/// Whether the registry said no, as opposed to not being able to say anything.
fn is_refusal(error: &Error) -> bool {
    error.is_unknown() || matches!(error, Error::Unsupported(_) | Error::Denied(_))
}

fn digest_parameter(call: &Call<'_>, key: &str) -> Result<Option<Digest>, Failure> {
    let Some(text) = call.query.first(key).filter(|text| !text.is_empty()) else { return Ok(None) };
    let digest = text.parse().map_err(|error: wharf_digest::ParseDigestError| {
        Failure::with_detail(ErrorCode::DigestInvalid, error.to_string())
    })?;
    Ok(Some(digest))
}

fn algorithm_parameter(call: &Call<'_>) -> Result<Option<Algorithm>, Failure> {
    let Some(text) = call.query.first("digest-algorithm").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let algorithm = text
        .parse()
        .map_err(|_| Failure::with_detail(ErrorCode::DigestInvalid, "unsupported digest algorithm"))?;
    Ok(Some(algorithm))
}
