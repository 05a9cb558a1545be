//! The query string, the only place of a request that parameters are read from.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::Excerpt;

/// What is escaped: everything but what RFC 3986 calls unreserved.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The parameters of a query string in their order, `+` and percent escapes decoded. A key may be there more than once.
///
/// It prints as a query string without the `?`, which parses as the same parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

/// Why a text is no [`Query`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuery {
    /// A `%` is not followed by two hexadecimal digits, or what they mean is no UTF-8, in this parameter.
    #[error("query parameter {0} has a malformed escape")]
    Escape(Excerpt),
    /// There are more than [`Query::MAX_PAIRS`] parameters.
    #[error("query has more than {} parameters", Query::MAX_PAIRS)]
    TooMany,
}

impl Query {
    /// The most parameters that are read.
    pub const MAX_PAIRS: usize = 256;

    /// Reads what follows the `?` of a URL.
    ///
    /// # Errors
    ///
    /// When an escape is malformed or there are too many parameters: nothing is passed over in silence.
    pub fn parse(text: &str) -> Result<Self, InvalidQuery> {
        let mut pairs = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == Self::MAX_PAIRS {
                return Err(InvalidQuery::TooMany);
            }
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = decode(key).and_then(|key| Some((key, decode(value)?)));
            pairs.push(decoded.ok_or_else(|| InvalidQuery::Escape(Excerpt::of(key)))?);
        }
        Ok(Self { pairs })
    }

    /// The first value of a key.
    pub fn first(&self, key: &str) -> Option<&str> {
        self.all(key).next()
    }

    /// Every value of a key, in order.
    pub fn all<'query>(&'query self, key: &str) -> impl Iterator<Item = &'query str> {
        self.pairs().filter(move |(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Every parameter, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Query {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self { pairs: pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect() }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, value)) in self.pairs().enumerate() {
            let separator = if index == 0 { "" } else { "&" };
            write!(formatter, "{separator}{}={}", encode(key), encode(value))?;
        }
        Ok(())
    }
}

/// Undoes the escapes; none when one is malformed.
fn decode(text: &str) -> Option<String> {
    let mut after_percent = text.split('%').skip(1).map(str::as_bytes);
    if !after_percent.all(|rest| rest.len() >= 2 && rest[..2].iter().all(u8::is_ascii_hexdigit)) {
        return None;
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|decoded| decoded.into_owned())
}

/// Escapes as Go does: a space becomes a plus.
fn encode(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string().replace("%20", "+")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        Query::parse(text).unwrap().pairs
    }

    #[test]
    fn first_and_all_values_are_found() {
        let query = Query::parse("tag=a&n=1&tag=b&tag=").unwrap();
        assert_eq!(query.first("tag"), Some("a"));
        assert_eq!(query.all("tag").collect::<Vec<_>>(), ["a", "b", ""]);
        assert_eq!(query.first("last"), None);
        assert_eq!(query.first("TAG"), None);
    }

    #[test]
    fn escapes_are_decoded_in_keys_and_values() {
        let expected = [("artifactType", "a/b+c d"), ("ä", "="), ("only", "")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(pairs("artifact%54ype=a%2Fb%2bc+d&%C3%A4==&only&&"), expected);
        assert_eq!(pairs(""), []);
        assert_eq!(pairs("%2520=%252B"), [("%20".to_owned(), "%2B".to_owned())]);
    }

    #[test]
    fn a_malformed_escape_is_refused_and_names_its_key() {
        for (text, key) in [
            ("a=1&digest=%", "digest"),
            ("digest=%4", "digest"),
            ("digest=%zz&b=%", "digest"),
            ("digest=%ff", "digest"),
            ("digest=%é1", "digest"),
            ("%+1=a", "%+1"),
        ] {
            let error = Query::parse(text).unwrap_err();
            assert_eq!(error, InvalidQuery::Escape(Excerpt::of(key)), "{text}");
            assert_eq!(error.to_string(), format!("query parameter \"{key}\" has a malformed escape"));
        }
    }

    #[test]
    fn too_many_parameters_are_refused() {
        let many = |count: usize| vec!["a"; count].join("&");
        assert_eq!(pairs(&many(Query::MAX_PAIRS)).len(), Query::MAX_PAIRS);
        let error = Query::parse(&many(Query::MAX_PAIRS + 1)).unwrap_err();
        assert_eq!(error.to_string(), "query has more than 256 parameters");
    }

    #[test]
    fn it_prints_as_go_escapes() {
        let query: Query = [("last", "a b/c:~-._"), ("n", "%20+é")].into_iter().collect();
        assert_eq!(query.to_string(), "last=a+b%2Fc%3A~-._&n=%2520%2B%C3%A9");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(pairs in prop::collection::vec((".{0,8}", ".{0,8}"), 0..6)) {
            let query: Query = pairs.into_iter().collect();
            prop_assert_eq!(Query::parse(&query.to_string()).unwrap(), query);
        }

        #[test]
        fn any_text_is_survived(text in "([a&=+]|%[0-9a-f]{0,2}|.){0,30}") {
            let _ = Query::parse(&text);
        }
    }
}
