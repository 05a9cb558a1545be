//! One request of ours before it is sent: what, where, in whose name, and whether it may be sent again.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use crate::auth::Scopes;
use crate::body::{Meter, Payload};

/// A request.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Payload,
    pub(crate) meter: Meter,
    pub(crate) login: Login,
    pub(crate) repeat: Repeat,
}

/// In whose name a request is sent. Neither is ever sent to a host other than that of the request.
pub(crate) enum Login {
    /// As the registry asks, for these scopes.
    Registry(Scopes),
    /// With this header or none: for token servers.
    Fixed(Option<HeaderValue>),
}

/// When a request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Whenever it failed in passing: doing it twice is doing it once.
    Always,
    /// Only when the other end has certainly done nothing.
    Undone,
    /// Never.
    Never,
}

impl Call {
    /// A request without a body that may be sent again.
    pub(crate) fn new(method: Method, url: Uri, scopes: Scopes) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            payload: Payload::Empty,
            meter: Meter::default(),
            login: Login::Registry(scopes),
            repeat: Repeat::Always,
        }
    }

    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    pub(crate) fn accept(self, value: &'static str) -> Self {
        self.header(ACCEPT, HeaderValue::from_static(value))
    }

    pub(crate) fn payload(mut self, payload: Payload, media_type: HeaderValue) -> Self {
        self.payload = payload;
        self.header(CONTENT_TYPE, media_type)
    }

    pub(crate) fn meter(mut self, meter: Meter) -> Self {
        self.meter = meter;
        self
    }

    pub(crate) fn repeat(mut self, repeat: Repeat) -> Self {
        self.repeat = repeat;
        self
    }
}
