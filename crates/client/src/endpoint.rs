//! Where a registry is, and where the places lead that it names in its answers.

use std::fmt;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, Scheme};
use wharf_protocol::Route;

/// The base of a registry's URLs: scheme, host and, for the few that have one, a path before `/v2/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    authority: Authority,
    prefix: String,
}

/// A text that is no [`Endpoint`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address of a registry, expected http://HOST[:PORT] or https://HOST[:PORT]")]
pub struct InvalidEndpoint(String);

impl Endpoint {
    /// Whether it is spoken to over TLS.
    pub fn is_secure(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// The host, with its port when one was given.
    pub fn host(&self) -> &str {
        self.authority.as_str()
    }

    /// The URL of a route, with a query string or an empty one.
    pub(crate) fn url(&self, route: &Route, query: &str) -> Option<Uri> {
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{self}{}{mark}{query}", route.path()).parse().ok()
    }

    /// Whether a URL leads to this registry, so that what is meant for it may be sent there.
    pub(crate) fn owns(&self, url: &Uri) -> bool {
        url.scheme() == Some(&self.scheme) && url.authority() == Some(&self.authority)
    }

    /// Corrects what a registry behind a TLS proxy says when it believes that it is spoken to in clear: its own host is never
    /// left for less than was asked for.
    pub(crate) fn secured(&self, url: Uri) -> Uri {
        if !self.is_secure()
            || url.scheme() != Some(&Scheme::HTTP)
            || url.authority() != Some(&self.authority)
        {
            return url;
        }
        let mut parts = url.clone().into_parts();
        parts.scheme = Some(Scheme::HTTPS);
        Uri::from_parts(parts).unwrap_or(url)
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidEndpoint(text.to_owned());
        let parts = text.parse::<Uri>().map_err(|_| invalid())?.into_parts();
        let scheme = parts.scheme.filter(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
        let authority = parts.authority.filter(|authority| !authority.as_str().contains('@'));
        let path = parts.path_and_query.filter(|path| path.query().is_none()).ok_or_else(invalid)?;
        let prefix = path.path().trim_end_matches('/').to_owned();
        Ok(Self { scheme: scheme.ok_or_else(invalid)?, authority: authority.ok_or_else(invalid)?, prefix })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}{}", self.scheme, self.authority, self.prefix)
    }
}

/// Where a `Location` or a `Link` leads that came with the answer of `base`.
pub(crate) fn resolve(base: &Uri, target: &str) -> Option<Uri> {
    if target.contains("://") && !target.starts_with('/') {
        return target.parse::<Uri>().ok().filter(|url| matches!(url.scheme_str(), Some("http" | "https")));
    }
    let scheme = base.scheme()?;
    if let Some(rest) = target.strip_prefix("//") {
        return format!("{scheme}://{rest}").parse().ok();
    }
    let authority = base.authority()?;
    let path = base.path();
    let whole = match target.as_bytes().first() {
        Some(b'/') => target.to_owned(),
        Some(b'?') => format!("{path}{target}"),
        _ => format!("{}/{target}", path.rsplit_once('/').map_or("", |(folder, _)| folder)),
    };
    format!("{scheme}://{authority}{whole}").parse().ok()
}

/// A URL with another parameter behind those that it has.
pub(crate) fn with_parameter(url: &Uri, key: &str, value: &str) -> Option<Uri> {
    let query: wharf_protocol::Query = [(key, value)].into_iter().collect();
    let mark = if url.query().is_some() { '&' } else { '?' };
    format!("{url}{mark}{query}").parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert, proptest};

    use super::*;

    proptest! {
        #[test]
        fn wherever_a_registry_leads_there_is_a_scheme_and_a_host(target in "[ -~]{0,40}") {
            let base = Uri::from_static("https://registry.test/v2/a/blobs/uploads/1");
            if let Some(url) = resolve(&base, &target) {
                prop_assert!(matches!(url.scheme_str(), Some("http" | "https")), "{url}");
                prop_assert!(url.host().is_some_and(|host| !host.is_empty()), "{url}");
            }
        }

        #[test]
        fn an_endpoint_prints_as_it_was(host in "[a-z]{1,9}(\\.[a-z]{1,9}){0,2}(:[1-9][0-9]{0,3})?", path in "(/[a-z]{1,5}){0,2}") {
            let text = format!("https://{host}{path}");
            prop_assert!(text.parse::<Endpoint>().is_ok_and(|endpoint| endpoint.to_string() == text));
        }
    }

    fn resolved(target: &str) -> String {
        let base = Uri::from_static("https://registry.test/v2/a/blobs/uploads/?n=1");
        resolve(&base, target).map(|url| url.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_location_is_resolved_as_browsers_do() {
        assert_eq!(resolved("/v2/x?_state=1"), "https://registry.test/v2/x?_state=1");
        assert_eq!(resolved("http://store.test/y"), "http://store.test/y");
        assert_eq!(resolved("//store.test/y"), "https://store.test/y");
        assert_eq!(resolved("abc?d"), "https://registry.test/v2/a/blobs/uploads/abc?d");
        assert_eq!(resolved("?n=2"), "https://registry.test/v2/a/blobs/uploads/?n=2");
        assert_eq!(resolved("ftp://store.test/y"), "");
        assert_eq!(resolved("/a b"), "");
    }

    #[test]
    fn an_endpoint_owns_its_scheme_and_host_only() {
        let endpoint: Endpoint = "https://registry.test:5000/".parse().unwrap();
        assert_eq!(endpoint.to_string(), "https://registry.test:5000");
        assert!(endpoint.owns(&Uri::from_static("https://registry.test:5000/v2/")));
        for other in ["http://registry.test:5000/", "https://registry.test/", "https://x.registry.test:5000/"]
        {
            assert!(!endpoint.owns(&other.parse().unwrap()), "{other}");
        }
        let plain = Uri::from_static("http://registry.test:5000/v2/x?_state=1");
        assert_eq!(endpoint.secured(plain), "https://registry.test:5000/v2/x?_state=1");
        assert_eq!(endpoint.secured(Uri::from_static("http://other.test/")), "http://other.test/");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["", "registry.test", "ftp://registry.test", "https://me:secret@registry.test", "http://a/?b"]
        {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_parameter_goes_behind_those_that_are_there() {
        let with = |url: &'static str| with_parameter(&Uri::from_static(url), "digest", "sha256:00").unwrap();
        assert_eq!(with("http://a/b"), "http://a/b?digest=sha256%3A00");
        assert_eq!(with("http://a/b?c=d"), "http://a/b?c=d&digest=sha256%3A00");
    }
}
