//! A request as the handlers see it, and what the listener knows of it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, header};
use wharf_auth::{Scopes, View};
use wharf_protocol::{Query, Route, RouteTemplate, client_address};
use wharf_reference::RepositoryName;
use wharf_registry::Repository;

use crate::access::MountSource;
use crate::api::Shared;
use crate::urls::Urls;

/// Where a request came from. The listener puts it into the extensions of the request; without it, links are made for
/// plain HTTP and the client's address is what a proxy in front says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Peer {
    /// The other end of the connection; none for a Unix socket.
    pub address: Option<SocketAddr>,
    /// Whether the connection is encrypted.
    pub tls: bool,
}

/// Names a request in logs, events and in the `X-Request-Id` of its answer. The listener puts one into the extensions of
/// the request; otherwise a random one is made. One to 128 visible ASCII characters. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

/// A text that names no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a request id is one to {} visible ASCII characters", RequestId::MAX_LEN)]
pub struct InvalidRequestId;

/// What a request turned out to be, in the extensions of its answer: for whoever counts and logs requests.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The request.
    pub id: RequestId,
    /// The route that it was for; none when its path leads nowhere.
    pub route: Option<&'static RouteTemplate>,
    /// The user that the access controller recognised.
    pub user: Option<String>,
    /// The first error code of the answer, when it is one of failure.
    pub error: Option<&'static str>,
}

impl RequestId {
    /// The longest id, in bytes.
    pub const MAX_LEN: usize = 128;

    /// A random id.
    pub fn random() -> Self {
        let mut buffer = uuid::Uuid::encode_buffer();
        let text = uuid::Uuid::new_v4().hyphenated().encode_lower(&mut buffer);
        Self(HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static("-")))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub(crate) fn header_value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl FromStr for RequestId {
    type Err = InvalidRequestId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits =
            (1..=Self::MAX_LEN).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        let value = HeaderValue::from_str(text).ok().filter(|_| fits);
        value.map(Self).ok_or(InvalidRequestId)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A request on its way through a handler.
pub(crate) struct Call<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) head: &'a Parts,
    pub(crate) route: &'a Route,
    pub(crate) query: &'a Query,
    pub(crate) id: &'a RequestId,
    pub(crate) user: Option<&'a str>,
    pub(crate) view: &'a View,
    /// All that the client's credentials allow, where they say so.
    pub(crate) scopes: Option<&'a Scopes>,
    pub(crate) mount_source: MountSource,
}

impl Call<'_> {
    /// The repository of that name, which need not exist.
    pub(crate) fn repository(&self, name: &RepositoryName) -> Arc<dyn Repository> {
        self.shared.namespace.repository(name)
    }

    /// The path of the request as it is written, for links that stay on this server.
    pub(crate) fn path(&self) -> String {
        format!("{}{}", self.shared.prefix, self.route.path())
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    pub(crate) fn is_head(&self) -> bool {
        self.head.method == Method::HEAD
    }

    /// Makes URLs that this client can reach.
    pub(crate) fn urls(&self) -> Urls {
        Urls::of(self.shared, self.head)
    }

    /// The address of the client, as far as proxies in front tell the truth.
    pub(crate) fn client(&self) -> Option<IpAddr> {
        client_address(self.headers(), peer(self.head).address.map(|address| address.ip()))
    }
}

pub(crate) fn peer(head: &Parts) -> Peer {
    head.extensions.get::<Peer>().copied().unwrap_or_default()
}

/// The host that the client spoke to.
pub(crate) fn host(head: &Parts) -> Option<&str> {
    let authority = || head.uri.authority().map(http::uri::Authority::as_str);
    head.headers.get(header::HOST).and_then(|host| host.to_str().ok()).or_else(authority)
}

/// A header as text; none when it is absent or no text.
pub(crate) fn text(headers: &HeaderMap, name: impl header::AsHeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_request_id_is_a_request_id() {
        let id = RequestId::random();
        assert_eq!(id.as_str().len(), 36);
        assert_eq!(id.as_str().parse(), Ok(id));
    }

    #[test]
    fn a_request_id_never_holds_what_a_header_may_not() {
        for text in ["", "a b", "a\r\nb", "ä", &"x".repeat(129)] {
            assert_eq!(text.parse::<RequestId>(), Err(InvalidRequestId), "{text:?}");
        }
    }
}
