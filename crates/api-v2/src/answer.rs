//! Building answers: the few shapes that all handlers share.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use wharf_protocol::ErrorCode;

use crate::body::Body;
use crate::error::Failure;

/// The content type of every JSON that is no manifest.
pub(crate) const JSON: &str = "application/json";

/// What a handler comes to.
pub(crate) type Outcome = Result<Response<Body>, Failure>;

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Response<Body> {
    with_body(status, Body::empty())
}

/// An answer with a body.
pub(crate) fn with_body(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// A value as JSON, ended by a newline as Distribution ends it.
pub(crate) fn json(content_type: &'static str, value: &impl Serialize) -> Outcome {
    let mut bytes =
        serde_json::to_vec(value).map_err(|error| Failure::new(ErrorCode::Unknown).caused_by(error))?;
    bytes.push(b'\n');
    let mut response = with_body(StatusCode::OK, Body::from(Bytes::from(bytes)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Ok(response)
}

/// Sets a header to a text that was put together from values. Text that no header can hold is refused: nothing that a client
/// or a store says ever begins a second header.
pub(crate) fn set(headers: &mut HeaderMap, name: HeaderName, text: String) -> Result<(), Failure> {
    headers.insert(name, value(text)?);
    Ok(())
}

/// As [`set`], keeping what is there under the same name.
pub(crate) fn add(headers: &mut HeaderMap, name: HeaderName, text: String) -> Result<(), Failure> {
    headers.append(name, value(text)?);
    Ok(())
}

fn value(text: String) -> Result<HeaderValue, Failure> {
    HeaderValue::try_from(text).map_err(|error| Failure::new(ErrorCode::Unknown).caused_by(error))
}
