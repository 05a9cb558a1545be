//! The one place where what went wrong becomes a status, a code and a text.
//!
//! There are two audiences. The client is told what it can act on and nothing of the inside: no paths, no addresses of
//! stores. The log is told the whole chain of causes.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde_json::{Value, json};
use wharf_auth::{Access, Refusal};
use wharf_protocol::{ErrorBody, ErrorCode, ErrorEntry, RouteError};
use wharf_reference::Reference;
use wharf_registry::{Error, MissingReference, ReferenceFault, TarSum};

use crate::answer::{JSON, with_body};
use crate::body::Body;

/// Any error of anyone.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// When a client should come back to a store that cannot say when it will be there.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// When a client should come back to an upload that another request is writing.
const RETRY_AFTER_BUSY: Duration = Duration::from_secs(1);

/// An answer that says what went wrong.
#[derive(Debug)]
pub(crate) struct Failure(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: StatusCode,
    entries: Vec<ErrorEntry>,
    headers: HeaderMap,
    cause: Option<BoxError>,
}

impl Failure {
    /// A failure with the code's own status and message.
    pub(crate) fn new(code: ErrorCode) -> Self {
        Self::from(ErrorEntry::new(code))
    }

    /// A failure with a code and what there is to say about it.
    pub(crate) fn with_detail(code: ErrorCode, detail: impl Into<Value>) -> Self {
        let detail: Value = detail.into();
        Self::from(ErrorEntry::new(code).with_detail(detail))
    }

    /// Whether it is about a range that does not exist.
    pub(crate) fn is_range(&self) -> bool {
        self.0.status == StatusCode::RANGE_NOT_SATISFIABLE
    }

    fn listing(status: StatusCode, entries: Vec<ErrorEntry>) -> Self {
        Self(Box::new(Inner { status, entries, headers: HeaderMap::new(), cause: None }))
    }

    /// The same with another status than that of its code.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.0.status = status;
        self
    }

    /// The same with one more header.
    pub(crate) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.append(name, value);
        self
    }

    /// The same with more headers.
    pub(crate) fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.0.headers.extend(headers);
        self
    }

    /// The same with what the log should say.
    pub(crate) fn caused_by(mut self, cause: impl Into<BoxError>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    fn retry_after(self, delay: Duration) -> Self {
        let seconds = delay.as_secs().max(1);
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The first code: it names the failure in logs.
    pub(crate) fn code(&self) -> &'static str {
        self.0.entries.first().map_or("UNKNOWN", |entry| entry.code.as_str())
    }

    /// Logs the failure: loudly when it is ours, quietly when it is the client's.
    pub(crate) fn log(&self) {
        let (code, status) = (self.code(), self.0.status.as_u16());
        let cause = self.0.cause.as_deref().map(|cause| Chain(cause).to_string());
        let cause = cause.as_deref().unwrap_or_default();
        if self.0.status.is_server_error() {
            tracing::error!(code, status, cause, "request failed");
        } else {
            tracing::debug!(code, status, cause, "request refused");
        }
    }

    /// The answer.
    pub(crate) fn into_response(self) -> Response<Body> {
        let Inner { status, entries, headers, .. } = *self.0;
        let json = ErrorBody { errors: entries }.to_json();
        let mut response = with_body(status, Body::from(Bytes::from(json)));
        *response.headers_mut() = headers;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        response
    }
}

impl From<ErrorEntry> for Failure {
    fn from(entry: ErrorEntry) -> Self {
        Self::listing(entry.code.status(), vec![entry])
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let failure = match &error {
            Error::RepositoryUnknown(name) => {
                Self::with_detail(ErrorCode::NameUnknown, json!({ "name": name.as_str() }))
            }
            Error::BlobUnknown(digest) => Self::with_detail(ErrorCode::BlobUnknown, digest.to_string()),
            Error::ManifestUnknown { repository, reference } => {
                let detail = match reference {
                    Reference::Tag(tag) => format!("unknown tag={tag}"),
                    Reference::Digest(digest) => {
                        format!("unknown manifest name={repository} revision={digest}")
                    }
                };
                Self::with_detail(ErrorCode::ManifestUnknown, detail)
            }
            Error::UploadUnknown(_) => Self::new(ErrorCode::BlobUploadUnknown),
            Error::UploadBusy(_) => {
                Self::told(ErrorCode::TooManyRequests, &error).retry_after(RETRY_AFTER_BUSY)
            }
            Error::UploadOffset { .. } => Self::told(ErrorCode::RangeInvalid, &error),
            Error::DigestMismatch { .. } => Self::told(ErrorCode::DigestInvalid, &error),
            Error::SizeMismatch { .. } | Error::Body(_) => Self::told(ErrorCode::SizeInvalid, &error),
            Error::ManifestInvalid(source) if source.kind() == wharf_manifest::ErrorKind::TooLarge => {
                Self::with_detail(ErrorCode::ManifestInvalid, source.to_string())
                    .with_status(StatusCode::PAYLOAD_TOO_LARGE)
            }
            Error::ManifestInvalid(source) if source.kind() == wharf_manifest::ErrorKind::Name => {
                Self::with_detail(ErrorCode::NameInvalid, source.to_string())
            }
            Error::ManifestInvalid(source) => {
                Self::with_detail(ErrorCode::ManifestInvalid, Chain(source).to_string())
            }
            Error::ManifestReferences(missing) if !missing.is_empty() => {
                Self::listing(StatusCode::BAD_REQUEST, missing.iter().map(reference_entry).collect())
            }
            Error::ManifestReferences(_) => Self::new(ErrorCode::ManifestInvalid),
            Error::TooLarge { .. } => {
                Self::told(ErrorCode::SizeInvalid, &error).with_status(StatusCode::PAYLOAD_TOO_LARGE)
            }
            Error::Unsupported(_) => Self::told(ErrorCode::Unsupported, &error),
            Error::Denied(_) => Self::told(ErrorCode::Denied, &error),
            Error::TagImmutable { .. } => {
                Self::told(ErrorCode::Denied, &error).with_status(StatusCode::CONFLICT)
            }
            Error::Unavailable { retry_after, .. } => {
                Self::new(ErrorCode::Unavailable).retry_after(retry_after.unwrap_or(RETRY_AFTER))
            }
            _ => Self::of_heritage(&error).unwrap_or_else(|| Self::new(ErrorCode::Unknown)),
        };
        failure.caused_by(error)
    }
}

impl Failure {
    /// What is answered to clients of 2014 to 2016; none when it is no error of theirs.
    fn of_heritage(error: &Error) -> Option<Self> {
        Some(match error {
            Error::LayerUnknown(sum) => Self::with_detail(ErrorCode::BlobUnknown, sum.to_string()),
            Error::TarsumMismatch { .. } => Self::of_chain(ErrorCode::DigestInvalid, error),
            Error::SignedManifestInvalid(source) => Self::of_chain(ErrorCode::ManifestInvalid, &**source),
            Error::ManifestUnverified(reasons) if !reasons.is_empty() => {
                let text = |reason: &BoxError| Chain(&**reason).to_string();
                Self::entries(ErrorCode::ManifestUnverified, reasons.iter().map(text))
            }
            Error::ManifestUnverified(_) => Self::new(ErrorCode::ManifestUnverified),
            Error::ManifestLayers(missing) => {
                Self::entries(ErrorCode::ManifestBlobUnknown, missing.iter().map(TarSum::to_string))
            }
            _ => return None,
        })
    }

    /// An entry of one code for each text.
    fn entries(code: ErrorCode, texts: impl Iterator<Item = String>) -> Self {
        Self::listing(code.status(), texts.map(|text| entry(code, text)).collect())
    }

    /// A failure whose detail is what an error says, with its causes.
    pub(crate) fn of_chain(code: ErrorCode, error: &(dyn StdError + 'static)) -> Self {
        Self::with_detail(code, Chain(error).to_string())
    }

    /// A failure whose detail is what the error says of itself, its causes left out.
    fn told(code: ErrorCode, error: &Error) -> Self {
        Self::with_detail(code, error.to_string())
    }

    /// What a path that is no route is answered with. What nothing can be called is not there: only whoever wants to
    /// store something under such a tag is told that the tag is malformed.
    pub(crate) fn from_route(error: &RouteError, method: &Method) -> Self {
        let status = match error {
            RouteError::NotFound | RouteError::Moved(_) => StatusCode::NOT_FOUND,
            RouteError::Reference(..) if *method != Method::PUT => {
                let detail = error.entry().detail.unwrap_or_default();
                return Self::with_detail(ErrorCode::ManifestUnknown, detail);
            }
            RouteError::Name(..) | RouteError::Reference(..) | RouteError::Digest(..) => {
                StatusCode::BAD_REQUEST
            }
        };
        Self::from(error.entry()).with_status(status)
    }

    /// What a refusal by the access controller is answered with.
    pub(crate) fn from_refusal(refusal: Refusal, access: &[Access]) -> Self {
        match refusal {
            Refusal::Challenge { challenge, reason } => {
                let failure =
                    Self::with_detail(ErrorCode::Unauthorized, access_detail(access)).caused_by(reason);
                match HeaderValue::try_from(challenge.to_string()) {
                    Ok(value) => failure.with_header(header::WWW_AUTHENTICATE, value),
                    Err(error) => Self::new(ErrorCode::Unavailable).caused_by(error),
                }
            }
            Refusal::Denied(reason) => Self::new(ErrorCode::Denied).caused_by(reason),
            Refusal::Failed(source) => {
                Self::new(ErrorCode::Unavailable).retry_after(RETRY_AFTER).caused_by(source)
            }
            other => Self::new(ErrorCode::Denied).caused_by(other),
        }
    }
}

/// What was wanted and not granted, with Distribution's names; null when nothing in particular was.
fn access_detail(access: &[Access]) -> Value {
    if access.is_empty() {
        return Value::Null;
    }
    let entry = |access: &Access| {
        json!({
            "Type": access.resource.kind(),
            "Class": "",
            "Name": access.resource.name(),
            "Action": access.action.as_str(),
        })
    };
    access.iter().map(entry).collect()
}

fn reference_entry(missing: &MissingReference) -> ErrorEntry {
    let digest = missing.digest;
    let (code, detail) = match &missing.fault {
        ReferenceFault::Missing => (ErrorCode::ManifestBlobUnknown, digest.to_string()),
        ReferenceFault::Size { declared, stored } => (
            ErrorCode::ManifestInvalid,
            format!("{digest} has {stored} bytes, its descriptor says {declared}"),
        ),
        ReferenceFault::UrlMissing => (ErrorCode::ManifestInvalid, format!("missing URL on layer {digest}")),
        ReferenceFault::UrlRefused(url) => {
            (ErrorCode::ManifestInvalid, format!("invalid URL on layer {digest}: {url}"))
        }
        _ => (ErrorCode::ManifestInvalid, digest.to_string()),
    };
    entry(code, detail)
}

fn entry(code: ErrorCode, detail: String) -> ErrorEntry {
    ErrorEntry::new(code).with_detail(Value::from(detail))
}

/// An error and all its causes in one line.
struct Chain<'a>(&'a (dyn StdError + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(cause) = source {
            write!(formatter, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use http_body_util::BodyExt;
    use wharf_registry::{Algorithm, Digest, UploadId};

    use super::*;

    fn digest() -> Digest {
        Algorithm::Sha256.digest(b"")
    }

    fn upload() -> UploadId {
        "upload".parse().unwrap()
    }

    fn old_name() -> TarSum {
        "tarsum.v1+sha256:ab".parse().unwrap()
    }

    fn store_failure() -> BoxError {
        "/secret/path is on fire".into()
    }

    async fn answer(failure: impl Into<Failure>) -> (u16, HeaderMap, Value) {
        let (head, body) = failure.into().into_response().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), head.headers, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn every_error_of_a_registry_has_its_status_and_code() {
        let mismatch = Error::DigestMismatch { expected: digest(), actual: digest() };
        let unavailable = Error::Unavailable { retry_after: None, source: store_failure() };
        let unknown = wharf_manifest::Manifest::parse(None, Bytes::from_static(b"{")).unwrap_err();
        let cases = [
            (Error::RepositoryUnknown("a".parse().unwrap()), 404, "NAME_UNKNOWN"),
            (Error::BlobUnknown(digest()), 404, "BLOB_UNKNOWN"),
            (Error::UploadUnknown(upload()), 404, "BLOB_UPLOAD_UNKNOWN"),
            (Error::UploadBusy(upload()), 429, "TOOMANYREQUESTS"),
            (Error::UploadOffset { given: 1, actual: 2 }, 416, "RANGE_INVALID"),
            (mismatch, 400, "DIGEST_INVALID"),
            (Error::SizeMismatch { expected: 1, actual: 2 }, 400, "SIZE_INVALID"),
            (Error::ManifestInvalid(unknown), 400, "MANIFEST_INVALID"),
            (Error::ManifestReferences(Vec::new()), 400, "MANIFEST_INVALID"),
            (Error::LayerUnknown(old_name()), 404, "BLOB_UNKNOWN"),
            (Error::ManifestLayers(vec![old_name()]), 400, "MANIFEST_BLOB_UNKNOWN"),
            (Error::SignedManifestInvalid("no signatures".into()), 400, "MANIFEST_INVALID"),
            (Error::ManifestUnverified(vec!["invalid signature".into()]), 400, "MANIFEST_UNVERIFIED"),
            (Error::ManifestUnverified(Vec::new()), 400, "MANIFEST_UNVERIFIED"),
            (Error::TarsumMismatch { expected: old_name(), source: "no tar".into() }, 400, "DIGEST_INVALID"),
            (Error::TooLarge { limit: 1 }, 413, "SIZE_INVALID"),
            (Error::Unsupported("not here"), 405, "UNSUPPORTED"),
            (Error::Denied("policy".into()), 403, "DENIED"),
            (Error::Body(io::ErrorKind::ConnectionReset.into()), 400, "SIZE_INVALID"),
            (unavailable, 503, "UNAVAILABLE"),
            (Error::internal(store_failure()), 500, "UNKNOWN"),
        ];
        for (error, status, code) in cases {
            let shown = error.to_string();
            let (answered, _, body) = answer(error).await;
            assert_eq!((answered, body["errors"][0]["code"].as_str()), (status, Some(code)), "{shown}");
        }
    }

    #[tokio::test]
    async fn each_fault_of_a_reference_is_an_entry() {
        let fault = |fault| MissingReference { digest: digest(), fault };
        let faults = vec![
            fault(ReferenceFault::Missing),
            fault(ReferenceFault::Size { declared: 5, stored: 7 }),
            fault(ReferenceFault::UrlMissing),
            fault(ReferenceFault::UrlRefused("ftp://x".into())),
        ];
        let (status, _, body) = answer(Error::ManifestReferences(faults)).await;
        let codes: Vec<_> =
            body["errors"].as_array().unwrap().iter().map(|entry| entry["code"].clone()).collect();
        assert_eq!(status, 400);
        assert_eq!(
            codes,
            ["MANIFEST_BLOB_UNKNOWN", "MANIFEST_INVALID", "MANIFEST_INVALID", "MANIFEST_INVALID"]
        );
    }

    #[tokio::test]
    async fn what_may_work_later_says_when() {
        let later = |seconds| Error::Unavailable {
            retry_after: Some(Duration::from_millis(seconds)),
            source: store_failure(),
        };
        for (error, seconds) in [(later(90_000), "90"), (later(10), "1"), (Error::UploadBusy(upload()), "1")]
        {
            let (_, headers, _) = answer(error).await;
            assert_eq!(headers[header::RETRY_AFTER], seconds);
        }
    }

    #[tokio::test]
    async fn the_client_learns_nothing_of_the_inside() {
        for error in [
            Error::internal(store_failure()),
            Error::Unavailable { retry_after: None, source: store_failure() },
            Error::Body(io::Error::other("/secret/path")),
        ] {
            let (_, _, body) = answer(error).await;
            assert!(!body.to_string().contains("secret"), "{body}");
        }
    }

    #[test]
    fn a_chain_of_causes_is_one_line() {
        let error = Error::internal(store_failure());
        assert_eq!(Chain(&error).to_string(), "the registry failed: /secret/path is on fire");
    }
}
