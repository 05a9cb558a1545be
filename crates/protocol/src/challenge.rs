//! Asking for credentials, and reading those that come: `WWW-Authenticate` and `Authorization` (RFC 9110, section 11).

use std::fmt;
use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What a server answers with when it wants to know who is asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenge {
    /// A user name and a password.
    Basic {
        /// What they are for.
        realm: String,
    },
    /// A token, to be had from a token server.
    Bearer {
        /// The URL of the token server.
        realm: String,
        /// The service that the token has to be for.
        service: String,
        /// What the token has to allow, each as `type:name:actions`; empty when it only has to be one.
        scopes: Vec<String>,
        /// What was wrong with the token that came, as RFC 6750 names it.
        error: Option<String>,
    },
}

impl fmt::Display for Challenge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { realm } => write!(formatter, "Basic realm={}", Quoted(realm)),
            Self::Bearer { realm, service, scopes, error } => {
                write!(formatter, "Bearer realm={},service={}", Quoted(realm), Quoted(service))?;
                if !scopes.is_empty() {
                    write!(formatter, ",scope={}", Quoted(&scopes.join(" ")))?;
                }
                match error {
                    Some(error) => write!(formatter, ",error={}", Quoted(error)),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Challenge {
    /// Reads a `WWW-Authenticate` header of one challenge, in any spelling that RFC 9110 allows; none when it is neither
    /// Basic nor Bearer.
    pub fn parse(header: &str) -> Option<Self> {
        let (scheme, rest) = header.trim().split_once(' ')?;
        let parameters = parameters(rest);
        let of = |name: &str| {
            let found = parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.clone())
        };
        let realm = of("realm")?;
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic { realm });
        }
        let scopes = of("scope")
            .map(|scope| scope.split_whitespace().map(str::to_owned).collect())
            .unwrap_or_default();
        let bearer =
            Self::Bearer { realm, service: of("service").unwrap_or_default(), scopes, error: of("error") };
        scheme.eq_ignore_ascii_case("bearer").then_some(bearer)
    }
}

/// A text as a quoted string of a header. What a header cannot carry becomes a `?`.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(formatter, "\\{character}")?,
                ' '..='~' => formatter.write_char(character)?,
                _ => formatter.write_char('?')?,
            }
        }
        formatter.write_char('"')
    }
}

/// Reads `name=value` and `name="quoted value"`, separated by commas.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.trim_matches([' ', '\t', ',']).to_owned();
        let (value, after) = value(after.trim_start());
        parameters.push((name, value));
        rest = after;
    }
    parameters
}

/// Reads one value and says what comes after it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[index + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

/// What a client sends to say who it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A user name and a password.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A token.
    Bearer(String),
    /// Something of another scheme, or malformed.
    Other,
}

impl Credentials {
    /// Reads an `Authorization` header.
    pub fn parse(header: &str) -> Self {
        let Some((scheme, rest)) = header.split_once(' ') else { return Self::Other };
        if scheme.eq_ignore_ascii_case("bearer") {
            let well_formed = !rest.is_empty() && !rest.contains(char::is_whitespace);
            return if well_formed { Self::Bearer(rest.to_owned()) } else { Self::Other };
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return Self::Other;
        }
        let decoded = STANDARD.decode(rest.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        match decoded.as_deref().and_then(|text| text.split_once(':')) {
            Some((user, password)) => Self::Basic { user: user.to_owned(), password: password.to_owned() },
            None => Self::Other,
        }
    }

    /// Prints an `Authorization` header; none for credentials that could not be read.
    pub fn header(&self) -> Option<String> {
        match self {
            Self::Basic { user, password } => {
                Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
            }
            Self::Bearer(token) => Some(format!("Bearer {token}")),
            Self::Other => None,
        }
    }
}

/// Never shows a secret.
impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { user, .. } => {
                formatter.debug_struct("Basic").field("user", user).finish_non_exhaustive()
            }
            Self::Bearer(_) => formatter.write_str("Bearer(..)"),
            Self::Other => formatter.write_str("Other"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn challenges_read_as_distribution_writes_them() {
        let basic = Challenge::Basic { realm: "say \"please\"".into() };
        assert_eq!(basic.to_string(), r#"Basic realm="say \"please\"""#);
        let bearer = Challenge::Bearer {
            realm: "https://auth.example/token".into(),
            service: "registry".into(),
            scopes: vec!["repository:x:pull".into(), "repository:x:push".into()],
            error: Some("invalid_token".into()),
        };
        let text = r#"Bearer realm="https://auth.example/token",service="registry",scope="repository:x:pull repository:x:push",error="invalid_token""#;
        assert_eq!(bearer.to_string(), text);
        assert_eq!(Challenge::parse(text), Some(bearer));
        assert_eq!(
            Challenge::parse("Bearer realm=a , service=\"b\""),
            Some(Challenge::Bearer { realm: "a".into(), service: "b".into(), scopes: vec![], error: None })
        );
    }

    #[test]
    fn nothing_can_be_smuggled_into_a_header() {
        let text = Challenge::Basic { realm: "a\r\nSet-Cookie: b".into() }.to_string();
        assert_eq!(text, r#"Basic realm="a??Set-Cookie: b""#);
    }

    #[test]
    fn credentials_are_read_and_malformed_ones_are_not_guessed_at() {
        assert_eq!(
            Credentials::parse("basic YTpiOmM="),
            Credentials::Basic { user: "a".into(), password: "b:c".into() }
        );
        assert_eq!(Credentials::parse("BEARER abc"), Credentials::Bearer("abc".into()));
        for header in
            ["", "Basic", "Basic !!!", "Basic YWI=", "Bearer ", "Bearer a b", "Bearer  a", "Digest x"]
        {
            assert_eq!(Credentials::parse(header), Credentials::Other, "{header:?}");
        }
        assert!(!format!("{:?}", Credentials::parse("basic YTpiOmM=")).contains("b:c"));
    }

    proptest! {
        #[test]
        fn challenges_and_credentials_are_read_as_printed(realm in "[ -~]{0,30}", user in "[^:]{0,10}", password in ".{0,10}") {
            let challenge = Challenge::Basic { realm };
            prop_assert_eq!(Challenge::parse(&challenge.to_string()), Some(challenge));
            let credentials = Credentials::Basic { user, password };
            prop_assert_eq!(Credentials::parse(&credentials.header().unwrap()), credentials);
        }

        #[test]
        fn any_header_is_survived(header in ".{0,80}") {
            let _ = Challenge::parse(&header);
            let _ = Credentials::parse(&header);
        }
    }
}
