//! The environment beside the configuration: the few variables that stores and proxies go by everywhere.
//!
//! Libraries read no environment, except that Amazon's SDK looks for credentials by rules of its own. Whoever needs one of
//! these values is handed it.

use std::collections::BTreeMap;
use std::fmt;

/// The variables that count, with their values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// Keeps what counts of a list of variables: the names of proxies, and what begins with `AWS_` or `AZURE_` or belongs
    /// to the identity endpoints of Azure.
    pub fn new<N: AsRef<str>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let counting = variables.into_iter().filter(|(name, _)| counts(name.as_ref()));
        Self(counting.map(|(name, value)| (name.as_ref().to_owned(), value.into())).collect())
    }

    /// The value of a variable; none when it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The value of a variable whose name may be in capitals or not; capitals count first, as in Go.
    pub fn in_any_case(&self, name: &str) -> Option<&str> {
        self.get(name).or_else(|| self.get(&name.to_ascii_lowercase()))
    }
}

/// Whether a variable is one of those that are kept.
pub(crate) fn counts(name: &str) -> bool {
    PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || NAMES.contains(&name)
        || PROXIES.iter().any(|proxy| proxy.eq_ignore_ascii_case(name))
}

impl fmt::Debug for Environment {
    /// Shows names only: half of the values are secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

const PREFIXES: [&str; 2] = ["AWS_", "AZURE_"];
const NAMES: [&str; 5] =
    ["IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET"];
const PROXIES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_kept_and_never_shown() {
        let environment = Environment::new([
            ("AWS_REGION", "eu-west-1"),
            ("AZURE_CLIENT_SECRET", "hush"),
            ("https_proxy", "http://me:hush@proxy"),
            ("NO_PROXY", ""),
            ("HOME", "/root"),
        ]);
        assert_eq!(environment.get("AWS_REGION"), Some("eu-west-1"));
        assert_eq!(environment.in_any_case("HTTPS_PROXY"), Some("http://me:hush@proxy"));
        assert_eq!((environment.get("NO_PROXY"), environment.get("HOME")), (None, None));
        assert!(!format!("{environment:?}").contains("hush"));
    }

    #[test]
    fn capitals_count_first() {
        let environment = Environment::new([("http_proxy", "a"), ("HTTP_PROXY", "b")]);
        assert_eq!(environment.in_any_case("HTTP_PROXY"), Some("b"));
    }
}
