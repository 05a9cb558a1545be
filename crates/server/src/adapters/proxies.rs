//! The proxies that everything goes through that goes out.

use wharf_http_client::{Proxy, ProxyEnvironment};

use crate::environment::Environment;

/// The proxies that the environment names.
pub(super) fn proxies(environment: &Environment) -> Proxy {
    let value = |name: &str| environment.in_any_case(name).unwrap_or_default().to_owned();
    Proxy::Environment(ProxyEnvironment {
        http: value("HTTP_PROXY"),
        https: value("HTTPS_PROXY"),
        no_proxy: value("NO_PROXY"),
    })
}
