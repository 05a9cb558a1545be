//! Under which URL a client reached us, and who it is, when proxies stand in between.
//!
//! A registry answers with URLs of itself, so it has to know what it is called from outside: from its configuration, from
//! what a proxy says in `Forwarded` (RFC 7239) or in the older `X-Forwarded-*`, or from the request alone. What comes from
//! a request is only believed when it could stand in a URL.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::{FORWARDED, HOST, HeaderName};

/// How URLs of ourselves are made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UrlSettings {
    /// The configured base (`http.host`), which overrides everything else.
    pub host: Option<ExternalHost>,
    /// Whether URLs are to be paths only (`http.relativeurls`); a configured host overrides it.
    pub relative: bool,
}

/// A configured base of URLs: a scheme, a host, and a path if it ends with `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExternalHost(String);

impl ExternalHost {
    /// Reads a URL such as `https://registry.example:5000/images/`. A path that does not end with `/` is dropped, as it is
    /// when one URL is resolved against another; none when scheme or host are missing.
    pub fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (host, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let path = path.strip_suffix('/').unwrap_or_default();
        (is_scheme(scheme) && is_authority(host)).then(|| Self(format!("{scheme}://{host}{path}")))
    }
}

/// What is known of the request that an answer's URLs are for.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// The authority of its request line, which HTTP/2 has instead of a `Host` header.
    pub authority: Option<&'a str>,
    /// Its path as it came.
    pub path: &'a str,
    /// Whether it came over TLS.
    pub tls: bool,
}

/// What URLs of an answer begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base(String);

impl Base {
    /// Works out the base by http.host, then `Forwarded`, then `X-Forwarded-*`, then the request itself.
    pub fn of(settings: &UrlSettings, origin: &Origin<'_>) -> Self {
        if let Some(ExternalHost(base)) = &settings.host {
            return Self(base.clone());
        }
        let prefix = origin.path.find("/v2/").map_or("", |start| &origin.path[..start]);
        let outside = Outside::of(origin);
        match outside.host {
            Some(host) if !settings.relative => Self(format!("{}://{host}{prefix}", outside.scheme)),
            _ => Self(prefix.to_owned()),
        }
    }

    /// The URL of a path that begins with `/v2/`; a query goes in already encoded, without its `?`.
    pub fn url(&self, path: &str, query: &str) -> String {
        let separator = if query.is_empty() { "" } else { "?" };
        [self.0.as_str(), path, separator, query].concat()
    }
}

/// Scheme and host as the client sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outside<'a> {
    /// The scheme, `http` or `https` as a rule.
    pub scheme: &'a str,
    /// The host, with its port if it has one; none when the request names none that could stand in a URL.
    pub host: Option<&'a str>,
}

impl<'a> Outside<'a> {
    /// Works them out for a request.
    pub fn of(origin: &Origin<'a>) -> Self {
        let own_scheme = if origin.tls { "https" } else { "http" };
        let own_host =
            origin.authority.or_else(|| text(origin.headers, &HOST)).filter(|host| is_authority(host));
        let (scheme, host) = match forwarded(origin.headers) {
            Some(element) => (element.proto, element.host),
            None => (text(origin.headers, &X_FORWARDED_PROTO), first(origin.headers, &X_FORWARDED_HOST)),
        };
        Self {
            scheme: scheme.filter(|scheme| is_scheme(scheme)).unwrap_or(own_scheme),
            host: host.filter(|host| is_authority(host)).or(own_host),
        }
    }
}

/// The scheme that a proxy says the client used, if one does.
pub fn forwarded_scheme(headers: &HeaderMap) -> Option<&str> {
    text(headers, &X_FORWARDED_PROTO).filter(|scheme| is_scheme(scheme))
}

/// The address of the client: the first of `X-Forwarded-For`, else `X-Real-Ip`, else the peer.
pub fn client_address(headers: &HeaderMap, peer: Option<IpAddr>) -> Option<IpAddr> {
    let named = [first(headers, &X_FORWARDED_FOR), text(headers, &X_REAL_IP)];
    named.into_iter().flatten().find_map(|text| text.trim().parse().ok()).or(peer)
}

#[derive(Default)]
struct Element<'a> {
    proto: Option<&'a str>,
    host: Option<&'a str>,
}

/// Reads the first element of a `Forwarded` header; none when there is no header, and an empty one, which leaves the
/// request to speak for itself, when a name appears twice or the syntax is broken.
fn forwarded(headers: &HeaderMap) -> Option<Element<'_>> {
    let header = text(headers, &FORWARDED)?;
    Some(forwarded_element(header).unwrap_or_default())
}

fn forwarded_element(header: &str) -> Option<Element<'_>> {
    let mut element = Element::default();
    let mut names: Vec<&str> = Vec::new();
    let mut rest = header;
    loop {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim();
        if name.is_empty()
            || name.contains([',', ';', '"', ' '])
            || names.iter().any(|seen| seen.eq_ignore_ascii_case(name))
        {
            return None;
        }
        names.push(name);
        let (value, after) = forwarded_value(after)?;
        if name.eq_ignore_ascii_case("proto") {
            element.proto = Some(value);
        } else if name.eq_ignore_ascii_case("host") {
            element.host = Some(value);
        }
        match after.trim_start() {
            "" => return Some(element),
            after if after.starts_with(',') => return Some(element),
            after => rest = after.strip_prefix(';')?,
        }
    }
}

/// Reads a token or a quoted string without escapes, which no scheme and no host needs.
fn forwarded_value(text: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (value, after) = quoted.split_once('"')?;
        return (!value.contains('\\')).then_some((value, after));
    }
    let end = text.find([';', ',', ' ']).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn first<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    text(headers, name)?.split(',').next().map(str::trim)
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// What can stand between `//` and the path: a host, perhaps an address in brackets, perhaps a port; no user.
fn is_authority(text: &str) -> bool {
    let allowed = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~' | b':' | b'[' | b']')
    };
    !text.is_empty() && text.bytes().all(allowed)
}

static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
static X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn base(settings: &UrlSettings, path: &str, tls: bool, pairs: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        Base::of(settings, &Origin { headers: &headers, authority: None, path, tls }).url("/v2/x", "")
    }

    #[test]
    fn the_request_speaks_for_itself() {
        let plain = UrlSettings::default();
        assert_eq!(base(&plain, "/v2/x", false, &[("host", "a:5000")]), "http://a:5000/v2/x");
        assert_eq!(base(&plain, "/pre/fix/v2/x", true, &[("host", "a")]), "https://a/pre/fix/v2/x");
        assert_eq!(base(&plain, "/v2/x", false, &[]), "/v2/x");
        assert_eq!(base(&plain, "/v2/x", false, &[("host", "a\"><b")]), "/v2/x");
    }

    #[test]
    fn proxies_are_believed() {
        let plain = UrlSettings::default();
        let host = ("host", "inner");
        assert_eq!(
            base(
                &plain,
                "/v2/",
                false,
                &[host, ("x-forwarded-proto", "https"), ("x-forwarded-host", "outer, b")]
            ),
            "https://outer/v2/x"
        );
        assert_eq!(
            base(
                &plain,
                "/v2/",
                false,
                &[host, ("forwarded", "for=1;Proto=https;HOST=\"[::1]:5000\", for=2")]
            ),
            "https://[::1]:5000/v2/x"
        );
        assert_eq!(
            base(&plain, "/v2/", false, &[host, ("forwarded", "for=1"), ("x-forwarded-host", "outer")]),
            "http://inner/v2/x"
        );
    }

    #[test]
    fn a_broken_forwarded_header_is_ignored_whole() {
        let plain = UrlSettings::default();
        for header in ["host=a;host=b", "host", "host=\"a", "=a;host=b", "host=a b=c", ""] {
            assert_eq!(
                base(&plain, "/v2/", false, &[("host", "inner"), ("forwarded", header)]),
                "http://inner/v2/x",
                "{header:?}"
            );
        }
    }

    #[test]
    fn what_cannot_stand_in_a_url_is_not_believed() {
        let pairs =
            [("host", "inner"), ("x-forwarded-proto", "java script:"), ("x-forwarded-host", "evil/path?")];
        assert_eq!(base(&UrlSettings::default(), "/v2/", false, &pairs), "http://inner/v2/x");
    }

    #[test]
    fn the_configured_host_wins() {
        let with = |url: &str| UrlSettings { host: ExternalHost::parse(url), relative: true };
        assert_eq!(base(&with("https://h/reg/"), "/pre/v2/x", false, &[("host", "a")]), "https://h/reg/v2/x");
        assert_eq!(
            base(&with("https://h:1/reg"), "/v2/x", false, &[("forwarded", "host=b")]),
            "https://h:1/v2/x"
        );
        assert_eq!(ExternalHost::parse("h.example"), None);
        assert_eq!(ExternalHost::parse("https://"), None);
    }

    #[test]
    fn relative_urls_are_paths_with_the_prefix_of_the_request() {
        let relative = UrlSettings { host: None, relative: true };
        assert_eq!(base(&relative, "/pre/v2/x", true, &[("host", "a")]), "/pre/v2/x");
        let headers = HeaderMap::new();
        let origin = Origin { headers: &headers, authority: Some("a"), path: "/v2/", tls: false };
        assert_eq!(Base::of(&relative, &origin).url("/v2/x", "n=1"), "/v2/x?n=1");
    }

    #[test]
    fn the_client_is_who_the_proxies_say() {
        let mut headers = HeaderMap::new();
        let peer: Option<IpAddr> = "10.0.0.1".parse().ok();
        assert_eq!(client_address(&headers, peer), peer);
        headers.insert("x-real-ip", "10.0.0.2".parse().unwrap());
        assert_eq!(client_address(&headers, peer), "10.0.0.2".parse().ok());
        headers.insert("x-forwarded-for", "10.0.0.3, 10.0.0.4".parse().unwrap());
        assert_eq!(client_address(&headers, peer), "10.0.0.3".parse().ok());
    }

    proptest! {
        #[test]
        fn no_header_breaks_out_of_a_url(header in "[ -~]{0,60}") {
            let url = base(&UrlSettings::default(), "/v2/", false, &[("host", "a"), ("forwarded", &header), ("x-forwarded-host", &header)]);
            prop_assert!(!url.contains([' ', '"', '<', '\r', '\n', '?', '#', '@']), "{}", url);
        }
    }
}
