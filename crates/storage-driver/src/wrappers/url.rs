//! The few parts of a URL that wrappers exchange; everything else of it is kept to the letter, since a signature may
//! cover it.

/// Why a text is no URL with a scheme and a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no {part} in URL")]
pub struct InvalidUrl {
    part: &'static str,
}

/// `scheme://authority/path?query#fragment`, of which the last two are kept as one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Url<'a> {
    pub(super) scheme: &'a str,
    pub(super) authority: &'a str,
    pub(super) path: &'a str,
    pub(super) rest: &'a str,
}

impl<'a> Url<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, InvalidUrl> {
        let (scheme, after) = text.split_once("://").ok_or(InvalidUrl { part: "scheme" })?;
        let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        if !scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !scheme.bytes().all(is_scheme) {
            return Err(InvalidUrl { part: "scheme" });
        }
        let (authority, after) = after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()));
        let (path, rest) = after.split_at(after.find(['?', '#']).unwrap_or(after.len()));
        let url = Self { scheme, authority, path, rest };
        if url.host().is_empty() { Err(InvalidUrl { part: "host" }) } else { Ok(url) }
    }

    /// The host, with the port if there is one, without a user.
    pub(super) fn host(&self) -> &'a str {
        self.authority.rsplit('@').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_falls_into_its_parts() {
        let url = Url::parse("https://user@cdn.example:8443/a/b?signature=x/y#z").unwrap();
        assert_eq!(
            (url.scheme, url.host(), url.path, url.rest),
            ("https", "cdn.example:8443", "/a/b", "?signature=x/y#z")
        );
        let url = Url::parse("http://host?q").unwrap();
        assert_eq!((url.host(), url.path, url.rest), ("host", "", "?q"));
    }

    #[test]
    fn a_url_needs_a_scheme_and_a_host() {
        for text in ["", "host/path", "://host", "1http://host", "/path://host"] {
            assert_eq!(Url::parse(text).unwrap_err().to_string(), "no scheme in URL", "{text:?}");
        }
        for text in ["https://", "https:///path", "https://user@/path"] {
            assert_eq!(Url::parse(text).unwrap_err().to_string(), "no host in URL", "{text:?}");
        }
    }
}
