//! URLs of ourselves, as the client of a request would write them.

use http::request::Parts;
use wharf_protocol::{Base, Origin, Query, Route, UrlSettings};

use crate::api::Shared;
use crate::request::peer;

/// Makes URLs for the client of one request.
pub(crate) struct Urls(Base);

impl Urls {
    /// For the `Location` of an answer.
    pub(crate) fn of(shared: &Shared, head: &Parts) -> Self {
        Self::with(shared, head, shared.options.relative_urls)
    }

    /// For those who read them elsewhere: never a path only when a host is known.
    pub(crate) fn absolute(shared: &Shared, head: &Parts) -> Self {
        Self::with(shared, head, false)
    }

    fn with(shared: &Shared, head: &Parts, relative: bool) -> Self {
        let settings = UrlSettings { host: shared.options.host.clone(), relative };
        let origin = Origin {
            headers: &head.headers,
            authority: head.uri.authority().map(http::uri::Authority::as_str),
            path: &shared.base_path,
            tls: peer(head).tls,
        };
        Self(Base::of(&settings, &origin))
    }

    /// The URL of a route.
    pub(crate) fn to(&self, route: &Route) -> String {
        self.0.url(&route.path(), "")
    }

    /// The URL of a route with one query parameter.
    pub(crate) fn with_parameter(&self, route: &Route, key: &str, value: &str) -> String {
        self.0.url(&route.path(), &Query::from_iter([(key, value)]).to_string())
    }
}
