//! For whom a rule holds.

use std::fmt;
use std::str::FromStr;

/// For whom a rule holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    /// Everyone, known or not.
    Anonymous,
    /// Whoever has made itself known.
    Authenticated,
    /// The user of this name.
    User(String),
    /// The users of this group.
    Group(String),
    /// Whoever's credentials say this: a key and its value.
    Claim(String, String),
}

/// A text that says of nobody who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("callers are anonymous, authenticated, user:NAME, group:NAME or claim:KEY=VALUE")]
pub struct InvalidWho;

impl FromStr for Who {
    type Err = InvalidWho;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            None if text == "anonymous" => Ok(Self::Anonymous),
            None if text == "authenticated" => Ok(Self::Authenticated),
            Some(("user", name)) if !name.is_empty() => Ok(Self::User(name.to_owned())),
            Some(("group", name)) if !name.is_empty() => Ok(Self::Group(name.to_owned())),
            Some(("claim", claim)) => match claim.split_once('=') {
                Some((key, value)) if !key.is_empty() => Ok(Self::Claim(key.to_owned(), value.to_owned())),
                _ => Err(InvalidWho),
            },
            _ => Err(InvalidWho),
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => formatter.write_str("anonymous"),
            Self::Authenticated => formatter.write_str("authenticated"),
            Self::User(name) => write!(formatter, "user:{name}"),
            Self::Group(name) => write!(formatter, "group:{name}"),
            Self::Claim(key, value) => write!(formatter, "claim:{key}={value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_are_read_as_they_are_printed() {
        for text in
            ["anonymous", "authenticated", "user:a:b", "group:ci", "claim:role=a=b", "claim:https://x/role=y"]
        {
            assert_eq!(text.parse::<Who>().unwrap().to_string(), text);
        }
        let claim: Who = "claim:https://x/role=y".parse().unwrap();
        assert_eq!(claim, Who::Claim("https://x/role".into(), "y".into()));
    }

    #[test]
    fn nobody_is_guessed_at() {
        for text in ["", "alice", "Anonymous", "user:", "user", "group:", "claim:role", "claim:=x", "*"] {
            assert_eq!(text.parse::<Who>(), Err(InvalidWho), "{text:?}");
        }
    }
}
