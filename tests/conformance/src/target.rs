//! Which registry is tested, and what is known about it before the first request.

use base64::Engine as _;

use crate::exchange::Address;

/// Names the registry that a run talks to, and what its operator chose.
#[derive(Clone, Debug)]
pub struct Target {
    /// Where the registry is. Everything before `/v2/`.
    pub(crate) base: Address,
    /// The first components of every repository that the suite uses; the rest is random. No slash at either end.
    pub repository_prefix: String,
    /// What the registry does with manifests whose parts were never pushed.
    pub sparse: Sparse,
    /// Sent with every request to the registry itself, and to nobody else.
    pub credentials: Option<Credentials>,
}

/// Says what a registry does with a manifest that points to things it does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sparse {
    /// It refuses such manifests, which is Wharf's default.
    Refused,
    /// It was configured to take them.
    Accepted,
}

/// A user and a password, for the Basic scheme.
#[derive(Clone)]
pub struct Credentials {
    /// The name, without a colon.
    pub user: String,
    /// The password.
    pub password: String,
}

/// Says why a text is no address of a registry.
#[derive(Debug, thiserror::Error)]
#[error("{url:?} is no registry that can be tested: {reason}")]
pub struct InvalidTarget {
    url: String,
    reason: String,
}

impl Target {
    /// Reads the address of a registry: `http://host:port`, with a path where the registry is served below one.
    ///
    /// # Errors
    ///
    /// When it is no URL, or not plain HTTP: the suite needs every byte under its control.
    pub fn new(url: &str) -> Result<Target, InvalidTarget> {
        let base = Address::absolute(url.trim_end_matches('/'))
            .map_err(|reason| InvalidTarget { url: url.to_owned(), reason })?;
        Ok(Target {
            base: base.without_query(),
            repository_prefix: "conformance".to_owned(),
            sparse: Sparse::Refused,
            credentials: None,
        })
    }
}

impl Credentials {
    /// Prints the value of an `Authorization` header.
    pub(crate) fn authorization(&self) -> String {
        let pair = format!("{}:{}", self.user, self.password);
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    }
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_before_v2_is_kept_and_a_closing_slash_is_not() {
        let target = Target::new("http://127.0.0.1:5000/registry/").unwrap();
        assert_eq!(target.base.to_string(), "http://127.0.0.1:5000/registry");
    }

    #[test]
    fn what_is_not_plain_http_is_refused() {
        for url in ["https://registry.example", "registry.example", "ftp://x", "http://", ""] {
            assert!(Target::new(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        let credentials = Credentials { user: "ann".to_owned(), password: "secret".to_owned() };
        assert!(!format!("{credentials:?}").contains("secret"));
        assert_eq!(credentials.authorization(), "Basic YW5uOnNlY3JldA==");
    }
}
