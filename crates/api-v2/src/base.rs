//! `/v2/`: whether this is a registry, and whether the client's credentials are any good.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use crate::answer::{JSON, empty, with_body};
use crate::body::Body;

/// Says that this is a registry, in exactly two bytes.
pub(crate) fn answer() -> Response<Body> {
    let mut response = with_body(StatusCode::OK, Body::from(Bytes::from_static(b"{}")));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}

/// `/`: says that something is here. Load balancers ask it.
pub(crate) fn alive() -> Response<Body> {
    let mut response = empty(StatusCode::OK);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
