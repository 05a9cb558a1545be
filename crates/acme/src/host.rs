//! The names that certificates are for. A name is also that of a file, so its grammar is part of what keeps the folder safe.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use rustls::pki_types::DnsName;

/// The name of a host: in lower case, without a closing dot, no address and no wildcard.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(String);

/// Why a text is no name of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a host is a DNS name in ASCII, such as registry.example.org")]
pub struct InvalidHost;

impl Host {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Host {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_name = DnsName::try_from(name.as_str()).is_ok() && name.parse::<IpAddr>().is_err();
        if is_name { Ok(Self(name)) } else { Err(InvalidHost) }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_the_same_in_any_case_and_with_a_dot() {
        let host: Host = "registry.example.org".parse().unwrap();
        assert_eq!("Registry.Example.ORG.".parse(), Ok(host.clone()));
        assert_eq!(host.to_string(), "registry.example.org");
        assert!("xn--bcher-kva.example".parse::<Host>().is_ok());
    }

    #[test]
    fn what_no_certificate_is_for_is_refused() {
        for text in [
            "",
            ".",
            "..",
            "../a",
            "a/b",
            "*.example.org",
            "127.0.0.1",
            "::1",
            "bücher.example",
            "a b",
            "a+b",
        ] {
            assert_eq!(text.parse::<Host>(), Err(InvalidHost), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_host_is_a_plain_name_of_a_file(text in "\\PC{0,40}") {
            if let Ok(host) = text.parse::<Host>() {
                let safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
                prop_assert!(host.as_str().bytes().all(safe));
                prop_assert!(!host.as_str().starts_with('.'));
                prop_assert_eq!(host.as_str().parse::<Host>(), Ok(host.clone()));
            }
        }
    }
}
