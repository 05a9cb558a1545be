//! Why a registry far away did not do what it was asked: what was sent where, and what came of it.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, Uri};
use wharf_protocol::{ErrorBody, ErrorCode, Excerpt};
use wharf_registry::Error as RegistryError;

use crate::retry::retry_after;

/// Why a request came to nothing. It names the request without its query, which may hold secrets.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    request: String,
    detail: String,
    codes: Vec<ErrorCode>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What went wrong with a request, to match on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There was no connection; nothing was sent.
    Connect,
    /// Nothing moved for too long.
    TimedOut,
    /// The connection broke, or what came was no HTTP.
    Broken,
    /// The body of the request could not be read to its end.
    Body,
    /// The registry wants to know who is asking, or does not believe it.
    Unauthorized,
    /// The registry does not allow it.
    Denied,
    /// The registry refused with another status.
    Status(StatusCode),
    /// The registry, or its token server, answered something that makes no sense.
    Nonsense,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, method: &Method, url: &Uri, detail: impl Into<String>) -> Self {
        let (scheme, host) =
            (url.scheme_str().unwrap_or_default(), url.authority().map_or("", |host| host.as_str()));
        Self {
            kind,
            request: format!("{method} {scheme}://{host}{}", url.path()),
            detail: detail.into(),
            codes: Vec::new(),
            retry_after: None,
            source: None,
        }
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What the HTTP client says.
    pub(crate) fn unsent(method: &Method, url: &Uri, error: wharf_http_client::Error) -> Self {
        let kind = match error.kind() {
            wharf_http_client::ErrorKind::Request => ErrorKind::Body,
            _ if error.is_timeout() => ErrorKind::TimedOut,
            _ if error.is_connect() => ErrorKind::Connect,
            _ => ErrorKind::Broken,
        };
        Self::new(kind, method, url, "").because(error)
    }

    /// What a registry says when it refuses.
    pub(crate) fn refusal(
        method: &Method,
        url: &Uri,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Self {
        let kind = match status {
            StatusCode::UNAUTHORIZED => ErrorKind::Unauthorized,
            StatusCode::FORBIDDEN => ErrorKind::Denied,
            status => ErrorKind::Status(status),
        };
        let entries = ErrorBody::parse(body).unwrap_or_default().errors;
        let said: Vec<String> =
            entries.iter().map(|entry| Excerpt::of(&entry.message).as_str().to_owned()).collect();
        let detail = match said.is_empty() {
            true => status.to_string(),
            false => format!("{}, {}", status.as_u16(), said.join(", ")),
        };
        Self {
            codes: entries.iter().map(|entry| entry.code).collect(),
            retry_after: retry_after(headers),
            ..Self::new(kind, method, url, detail)
        }
    }

    /// What went wrong, to match on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The status of the answer, if there was one that refused.
    pub fn status(&self) -> Option<StatusCode> {
        match self.kind {
            ErrorKind::Unauthorized => Some(StatusCode::UNAUTHORIZED),
            ErrorKind::Denied => Some(StatusCode::FORBIDDEN),
            ErrorKind::Status(status) => Some(status),
            _ => None,
        }
    }

    /// How long the registry wants to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether the registry gave this code.
    pub(crate) fn says(&self, code: ErrorCode) -> bool {
        self.codes.contains(&code)
    }

    /// Whether something is not there.
    pub(crate) fn is_not_found(&self) -> bool {
        self.kind == ErrorKind::Status(StatusCode::NOT_FOUND)
    }

    /// Whether the registry says that it does not offer this.
    pub(crate) fn is_unsupported(&self) -> bool {
        self.kind == ErrorKind::Status(StatusCode::METHOD_NOT_ALLOWED) || self.says(ErrorCode::Unsupported)
    }

    /// Whether the same request may work later.
    pub(crate) fn is_passing(&self) -> bool {
        match self.kind {
            ErrorKind::Connect | ErrorKind::TimedOut | ErrorKind::Broken => true,
            ErrorKind::Status(status) => is_passing(status),
            _ => false,
        }
    }

    /// Whether the other end has certainly not done what it was asked.
    pub(crate) fn is_undone(&self) -> bool {
        match self.kind {
            ErrorKind::Connect => true,
            ErrorKind::Status(status) => {
                matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
            }
            _ => false,
        }
    }
}

/// Whether a status says that the same request may work later.
fn is_passing(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.request)?;
        match self.kind {
            ErrorKind::Connect => formatter.write_str("no connection")?,
            ErrorKind::TimedOut => formatter.write_str("nothing moved for too long")?,
            ErrorKind::Broken => formatter.write_str("the connection broke")?,
            ErrorKind::Body => formatter.write_str("the body could not be sent")?,
            ErrorKind::Nonsense => formatter.write_str("the answer makes no sense")?,
            ErrorKind::Unauthorized | ErrorKind::Denied | ErrorKind::Status(_) => {
                return formatter.write_str(&self.detail);
            }
        }
        if self.detail.is_empty() { Ok(()) } else { write!(formatter, ": {}", self.detail) }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl From<Error> for RegistryError {
    fn from(error: Error) -> Self {
        if error.is_unsupported() {
            return Self::Unsupported("the registry does not offer that, or was told not to");
        }
        match error.kind {
            ErrorKind::Unauthorized | ErrorKind::Denied => Self::Denied(error.to_string()),
            ErrorKind::Status(status) if !is_passing(status) && !status.is_server_error() => {
                Self::internal(error)
            }
            ErrorKind::Nonsense | ErrorKind::Body => Self::internal(error),
            _ => Self::Unavailable { retry_after: error.retry_after, source: Box::new(error) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: StatusCode, body: &str) -> Error {
        let url = Uri::from_static("http://registry.test/v2/a/manifests/b?token=secret");
        Error::refusal(&Method::GET, &url, status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn a_refusal_says_what_was_asked_and_what_came_but_no_query() {
        let body = r#"{"errors":[{"code":"DENIED","message":"not for you","detail":null}]}"#;
        let error = refusal(StatusCode::FORBIDDEN, body);
        assert_eq!(error.to_string(), "GET http://registry.test/v2/a/manifests/b: 403, not for you");
        assert!(error.says(ErrorCode::Denied));
        assert!(matches!(RegistryError::from(error), RegistryError::Denied(_)));
    }

    #[test]
    fn garbage_instead_of_an_error_is_passed_over() {
        let error = refusal(StatusCode::BAD_GATEWAY, "<html>");
        assert!(error.to_string().ends_with("b: 502 Bad Gateway"));
        assert!(matches!(RegistryError::from(error), RegistryError::Unavailable { .. }));
    }

    #[test]
    fn only_what_certainly_did_nothing_is_undone() {
        for (status, passing, undone) in
            [(429, true, true), (503, true, true), (502, true, false), (500, false, false)]
        {
            let error = refusal(StatusCode::from_u16(status).unwrap(), "");
            assert_eq!((error.is_passing(), error.is_undone()), (passing, undone), "{status}");
        }
    }
}
