//! From what the store says, or does not say, to what a caller can do about it.
//!
//! By the time a failure arrives here, everything that was worth another attempt has had it.

use std::error::Error as StdError;
use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use wharf_storage_driver::{Error, ErrorKind, PutMode, StoragePath};

/// The driver's registered name: both names of a configuration file, `s3` and `s3aws`, mean it.
pub(crate) const NAME: &str = "s3aws";

/// How much of a store's own words is kept, in bytes.
const MAX_MESSAGE_BYTES: usize = 500;

type Source = Box<dyn StdError + Send + Sync>;

/// An [`Error`] that does not yet know its path, with what the store answered.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    answer: Option<Answer>,
    source: Option<Source>,
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self { kind, answer: None, source: None }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(ErrorKind::NotFound)
    }

    /// Keeps the cause.
    pub(crate) fn because(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The status of the store's answer, when there was one.
    pub(crate) fn status(&self) -> Option<u16> {
        self.answer.as_ref().map(|answer| answer.status)
    }

    /// The store's own code, such as `NoSuchUpload`; empty when it gave none.
    pub(crate) fn code(&self) -> &str {
        self.answer.as_ref().map_or("", |answer| &answer.code)
    }

    /// Whether nothing is there.
    pub(crate) fn is_not_found(&self) -> bool {
        self.kind == ErrorKind::NotFound
    }

    /// Whether the store may have done what it was asked all the same: it was busy with it, or its answer was lost.
    pub(crate) fn may_have_happened(&self) -> bool {
        self.kind == ErrorKind::Unavailable
    }

    /// For a conditional write: says which condition was not met.
    pub(crate) fn under(mut self, mode: &PutMode) -> Self {
        let refused = matches!(self.status(), Some(409 | 412));
        match mode {
            PutMode::Overwrite => {}
            PutMode::Create if refused => self.kind = ErrorKind::Exists,
            // Of an object that is gone a store says either that it is or that the condition is not met.
            PutMode::Replace(_) if refused || self.is_not_found() => self.kind = ErrorKind::Changed,
            PutMode::Create | PutMode::Replace(_) => {}
        }
        self
    }

    pub(crate) fn at(self, path: &StoragePath) -> Error {
        self.into_error().at(path)
    }

    /// For what is about no path.
    pub(crate) fn into_error(self) -> Error {
        let error = Error::new(NAME, self.kind);
        match (self.answer, self.source) {
            (_, Some(source)) => error.because(source),
            (Some(answer), None) => error.because(answer),
            (None, None) => error,
        }
    }
}

impl<E> From<SdkError<E, HttpResponse>> for Failure
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        match error {
            SdkError::ServiceError(refusal) => {
                let answer = Answer::new(refusal.err(), refusal.raw());
                Self { kind: answer.kind(), answer: Some(answer), source: None }
            }
            SdkError::ConstructionFailure(_) => Self::new(ErrorKind::Other).because(error),
            SdkError::DispatchFailure(_) => Self::new(dispatch_kind(&error)).because(error),
            // Time ran out, or what came could not be read to its end.
            _ => Self::new(ErrorKind::Unavailable).because(error),
        }
    }
}

/// What a store answered instead of doing as asked.
#[derive(Debug)]
pub(crate) struct Answer {
    status: u16,
    code: String,
    message: String,
    request: String,
}

impl Answer {
    fn new(error: &impl ProvideErrorMetadata, response: &HttpResponse) -> Self {
        let request = ["x-amz-request-id", "x-amzn-requestid"]
            .into_iter()
            .find_map(|name| response.headers().get(name));
        Self {
            status: response.status().as_u16(),
            code: shortened(error.code().unwrap_or_default()),
            message: shortened(error.message().unwrap_or_default()),
            request: shortened(request.unwrap_or_default()),
        }
    }

    fn kind(&self) -> ErrorKind {
        kind_of_code(&self.code).unwrap_or_else(|| kind_of_status(self.status))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "status {}", self.status)?;
        let said = [("", &self.code), ("", &self.message), ("request ", &self.request)];
        for (label, text) in said.into_iter().filter(|(_, text)| !text.is_empty()) {
            write!(formatter, ", {label}{text}")?;
        }
        Ok(())
    }
}

impl StdError for Answer {}

/// Codes that say more than their status does.
fn kind_of_code(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "NoSuchKey" | "NotFound" | "NoSuchUpload" | "NoSuchVersion" => ErrorKind::NotFound,
        "PreconditionFailed" => ErrorKind::Changed,
        "EntityTooLarge" => ErrorKind::TooLarge,
        "SlowDown"
        | "SlowDownRead"
        | "SlowDownWrite"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "BandwidthLimitExceeded"
        | "InternalError"
        | "ServiceUnavailable"
        | "Busy"
        | "RequestTimeout"
        | "IncompleteBody"
        | "OperationAborted"
        | "ConditionalRequestConflict" => ErrorKind::Unavailable,
        "NoSuchBucket"
        | "AccessDenied"
        | "AllAccessDisabled"
        | "AccountProblem"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "InvalidToken"
        | "RequestTimeTooSkewed"
        | "AuthorizationHeaderMalformed"
        | "PermanentRedirect"
        | "IllegalLocationConstraintException"
        | "QuotaExceeded" => ErrorKind::Denied,
        _ => return None,
    })
}

fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        404 => ErrorKind::NotFound,
        412 => ErrorKind::Changed,
        401 | 403 => ErrorKind::Denied,
        408 | 425 | 429 | 500 | 502 | 503 | 504 | 507 | 509 => ErrorKind::Unavailable,
        // An error behind a status of success: the store began to answer before it had finished.
        200..=299 => ErrorKind::Unavailable,
        _ => ErrorKind::Other,
    }
}

/// No answer: mostly the network, but it may be that we could not even say who we are.
fn dispatch_kind(error: &(dyn StdError + 'static)) -> ErrorKind {
    let mut cause = Some(error);
    while let Some(error) = cause {
        match error.downcast_ref::<CredentialsError>() {
            Some(CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_)) => {
                return ErrorKind::Denied;
            }
            Some(_) => return ErrorKind::Unavailable,
            None => cause = error.source(),
        }
    }
    ErrorKind::Unavailable
}

fn shortened(text: &str) -> String {
    let mut end = text.len().min(MAX_MESSAGE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::operation::get_object::GetObjectError;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    fn refused(status: u16, code: &str) -> Failure {
        let mut response = HttpResponse::new(status.try_into().unwrap(), SdkBody::empty());
        response.headers_mut().insert("x-amz-request-id", "17A");
        let meta = ErrorMetadata::builder().code(code).message("in its own words").build();
        SdkError::service_error(GetObjectError::generic(meta), response).into()
    }

    #[test]
    fn answers_become_what_a_caller_can_do() {
        for (status, code, kind) in [
            (404, "NoSuchKey", ErrorKind::NotFound),
            (404, "", ErrorKind::NotFound),
            (404, "NoSuchBucket", ErrorKind::Denied),
            (403, "", ErrorKind::Denied),
            (403, "SignatureDoesNotMatch", ErrorKind::Denied),
            (400, "ExpiredToken", ErrorKind::Denied),
            (400, "RequestTimeout", ErrorKind::Unavailable),
            (503, "SlowDown", ErrorKind::Unavailable),
            (429, "", ErrorKind::Unavailable),
            (500, "", ErrorKind::Unavailable),
            (507, "XMinioStorageFull", ErrorKind::Unavailable),
            (200, "InternalError", ErrorKind::Unavailable),
            (409, "OperationAborted", ErrorKind::Unavailable),
            (501, "NotImplemented", ErrorKind::Other),
            (400, "InvalidPart", ErrorKind::Other),
        ] {
            assert_eq!(refused(status, code).kind, kind, "{status} {code}");
        }
    }

    #[test]
    fn a_condition_that_is_not_met_is_named_by_the_mode() {
        let version = wharf_storage_driver::Version("v".into());
        assert_eq!(refused(412, "PreconditionFailed").under(&PutMode::Create).kind, ErrorKind::Exists);
        assert_eq!(refused(409, "").under(&PutMode::Create).kind, ErrorKind::Exists);
        assert_eq!(refused(412, "").under(&PutMode::Replace(version.clone())).kind, ErrorKind::Changed);
        assert_eq!(refused(404, "NoSuchKey").under(&PutMode::Replace(version)).kind, ErrorKind::Changed);
        assert_eq!(refused(503, "SlowDown").under(&PutMode::Create).kind, ErrorKind::Unavailable);
    }

    #[test]
    fn the_cause_is_what_the_store_said() {
        let error = refused(403, "AccessDenied").into_error();
        assert_eq!(error.to_string(), "s3aws: the store denied access");
        let cause = error.source().unwrap().to_string();
        assert_eq!(cause, "status 403, AccessDenied, in its own words, request 17A");
    }

    #[test]
    fn no_answer_is_a_store_that_is_not_available() {
        let io = ConnectorError::io("reset".into());
        let error: SdkError<GetObjectError, HttpResponse> = SdkError::dispatch_failure(io);
        assert_eq!(Failure::from(error).kind, ErrorKind::Unavailable);
    }

    #[test]
    fn nobody_to_sign_as_is_denied() {
        let nobody = CredentialsError::not_loaded("no keys anywhere");
        let error: SdkError<GetObjectError, HttpResponse> =
            SdkError::dispatch_failure(ConnectorError::other(nobody.into(), None));
        assert_eq!(Failure::from(error).kind, ErrorKind::Denied);
    }
}
