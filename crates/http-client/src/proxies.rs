//! Which proxy a request goes through, if any.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use http::uri::Scheme;
use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use crate::{Error, ErrorKind, Proxy};

/// The proxies of a client.
#[derive(Clone)]
pub(crate) struct Proxies(Option<Arc<Matcher>>);

impl Proxies {
    pub(crate) fn new(proxy: &Proxy) -> Result<Self, Error> {
        let Proxy::Environment(environment) = proxy else {
            return Ok(Self(None));
        };
        for url in [&environment.http, &environment.https] {
            check(url)?;
        }
        if environment.no_proxy.split(',').any(|entry| entry.trim() == "*") {
            return Ok(Self(None));
        }
        let matcher = Matcher::builder()
            .http(&environment.http)
            .https(&environment.https)
            .no(&environment.no_proxy)
            .build();
        Ok(Self(Some(Arc::new(matcher))))
    }

    /// The proxy between us and a destination.
    pub(crate) fn before(&self, destination: &Uri) -> Option<Intercept> {
        let matcher = self.0.as_ref()?;
        if is_this_machine(destination.host()?) {
            return None;
        }
        matcher.intercept(destination)
    }

    /// What the proxy of a plain request wants to see in it. With a tunnel it is the tunnel that carries it.
    pub(crate) fn authorization(&self, destination: &Uri) -> Option<HeaderValue> {
        if destination.scheme() != Some(&Scheme::HTTP) {
            return None;
        }
        self.before(destination)?.basic_auth().cloned()
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Proxies").field(&self.0.is_some()).finish()
    }
}

/// A proxy that cannot be used would silently be none; better to say so, without its password.
fn check(url: &str) -> Result<(), Error> {
    if url.is_empty() {
        return Ok(());
    }
    let parsed = url.parse::<Uri>().map_err(|error| Error::new(ErrorKind::Options, error))?;
    if parsed.authority().is_none() {
        return Err(Error::new(ErrorKind::Options, "the URL of a proxy has no host"));
    }
    match parsed.scheme_str() {
        None | Some("http" | "https") => Ok(()),
        Some(other) => Err(Error::new(ErrorKind::Options, format!("no such kind of proxy here: {other}"))),
    }
}

/// This machine, or what a cloud answers machines with on their own link: who they are, with which credentials. A proxy
/// elsewhere would be given the credentials of its own machine.
fn is_this_machine(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback() || is_of_this_link(address))
}

fn is_of_this_link(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local() || address == AWS_METADATA,
    }
}

/// Where EC2 tells its machines who they are, over IPv6.
const AWS_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProxyEnvironment;

    fn proxies(no_proxy: &str) -> Proxies {
        Proxies::new(&Proxy::Environment(ProxyEnvironment {
            http: "http://user:pa%20ss@proxy.test:3128".into(),
            https: "secure-proxy.test:3129".into(),
            no_proxy: no_proxy.into(),
        }))
        .unwrap()
    }

    fn before(proxies: &Proxies, uri: &'static str) -> Option<String> {
        proxies.before(&Uri::from_static(uri)).map(|intercept| intercept.uri().to_string())
    }

    #[test]
    fn each_scheme_has_its_proxy() {
        let proxies = proxies("");
        assert_eq!(before(&proxies, "http://store.test/").unwrap(), "http://proxy.test:3128/");
        assert_eq!(before(&proxies, "https://store.test/").unwrap(), "http://secure-proxy.test:3129/");
    }

    #[test]
    fn excepted_names_and_this_machine_are_reached_straight() {
        let proxies = proxies("store.test,10.0.0.0/8");
        for straight in [
            "http://169.254.169.254/latest/meta-data",
            "http://[fd00:ec2::254]/latest/meta-data",
            "http://store.test/",
            "http://eu.store.test/",
            "http://10.1.2.3/",
            "http://localhost:9000/",
            "http://127.0.0.1:9000/",
            "http://[::1]:9000/",
        ] {
            assert_eq!(before(&proxies, straight), None, "{straight}");
        }
        assert!(before(&proxies, "http://mystore.test/").is_some());
        assert!(before(&self::proxies("*"), "http://10.1.2.3/").is_none());
    }

    #[test]
    fn a_password_goes_with_plain_requests_only() {
        let proxies = proxies("");
        let header = proxies.authorization(&Uri::from_static("http://store.test/")).unwrap();
        assert_eq!(header, "Basic dXNlcjpwYSBzcw==");
        assert!(header.is_sensitive());
        assert_eq!(proxies.authorization(&Uri::from_static("https://store.test/")), None);
    }

    #[test]
    fn an_impossible_proxy_is_refused() {
        for url in ["socks5://proxy.test:1080", "http://", "a b"] {
            let environment = ProxyEnvironment { http: url.into(), ..ProxyEnvironment::default() };
            let error = Proxies::new(&Proxy::Environment(environment)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Options, "{url}");
        }
    }

    #[test]
    fn debug_output_holds_no_password() {
        let environment =
            ProxyEnvironment { http: "http://u:secret@p:1".into(), ..ProxyEnvironment::default() };
        assert!(!format!("{environment:?}").contains("secret"));
    }
}
