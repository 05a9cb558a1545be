//! Where a request goes. A `Location` may be a whole URL, a path, or a query; all become one of these.

use std::fmt;

use http::Uri;

/// A plain HTTP address: whom to call, and what to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    authority: String,
    path_and_query: String,
}

impl Address {
    /// Reads a whole URL.
    pub(crate) fn absolute(url: &str) -> Result<Address, String> {
        let uri: Uri = url.parse().map_err(|error| format!("{error}"))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some(scheme) => return Err(format!("the suite speaks http, not {scheme}")),
            None => return Err("no scheme".to_owned()),
        }
        let authority = uri.authority().filter(|authority| !authority.host().is_empty()).ok_or("no host")?;
        let port = authority.port_u16().unwrap_or(80);
        let path_and_query = uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Address {
            authority: format!("{}:{port}", authority.host()),
            path_and_query: path_and_query.to_owned(),
        })
    }

    /// Reads a reference as found in the answer to a request that went here.
    pub(crate) fn resolve(&self, reference: &str) -> Result<Address, String> {
        if reference.contains("://") {
            return Address::absolute(reference);
        }
        let path_and_query = if let Some(rest) = reference.strip_prefix("//") {
            return Address::absolute(&format!("http://{rest}"));
        } else if reference.starts_with('/') {
            reference.to_owned()
        } else if reference.starts_with('?') {
            format!("{}{reference}", self.path())
        } else {
            let folder = self.path().rfind('/').map_or("/", |slash| &self.path()[..=slash]);
            format!("{folder}{reference}")
        };
        path_and_query.parse::<Uri>().map_err(|error| format!("{error}"))?;
        Ok(Address { authority: self.authority.clone(), path_and_query })
    }

    /// Gives the address of a path below this one.
    pub(crate) fn join(&self, path: &str) -> Address {
        let base = self.path_and_query.trim_end_matches('/');
        Address { authority: self.authority.clone(), path_and_query: format!("{base}{path}") }
    }

    /// Adds a parameter behind those that are there.
    pub(crate) fn with_query(&self, parameter: &str) -> Address {
        let mark = if self.path_and_query.contains('?') { '&' } else { '?' };
        let path_and_query = format!("{}{mark}{parameter}", self.path_and_query);
        Address { authority: self.authority.clone(), path_and_query }
    }

    pub(crate) fn without_query(&self) -> Address {
        let path = self.path().trim_end_matches('/').to_owned();
        Address { authority: self.authority.clone(), path_and_query: path }
    }

    /// Host and port, as dialled and as said in `Host`.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }

    pub(crate) fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    pub(crate) fn path(&self) -> &str {
        self.path_and_query.split('?').next().unwrap_or_default()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path_and_query)
    }
}

/// Percent-encodes everything that is not a letter, a digit, or one of `-._~`.
pub(crate) fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_of_any_form_is_resolved() {
        let base = Address::absolute("http://r:5000/v2/a/tags/list?n=1").unwrap();
        for (reference, expected) in [
            ("http://s/x", "http://s:80/x"),
            ("//s:1/x", "http://s:1/x"),
            ("/v2/b?c=d", "http://r:5000/v2/b?c=d"),
            ("?n=2", "http://r:5000/v2/a/tags/list?n=2"),
            ("other", "http://r:5000/v2/a/tags/other"),
        ] {
            assert_eq!(base.resolve(reference).unwrap().to_string(), expected);
        }
        assert!(base.resolve("https://r/x").is_err());
        assert!(base.resolve("/a b").is_err());
    }

    #[test]
    fn a_parameter_goes_behind_those_that_are_there() {
        let base = Address::absolute("http://r/v2").unwrap();
        let once = base.with_query("a=1");
        assert_eq!(once.path_and_query(), "/v2?a=1");
        assert_eq!(once.with_query("b=2").path_and_query(), "/v2?a=1&b=2");
    }

    #[test]
    fn what_a_query_would_read_otherwise_is_encoded() {
        assert_eq!(encode("application/vnd.x+json"), "application%2Fvnd.x%2Bjson");
    }
}
