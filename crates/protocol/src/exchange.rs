//! What passes between a client and a registry in one operation, as data: documentation and tests are made from it.

use std::fmt;

use wharf_reference::{RepositoryName, Tag};

use crate::ErrorCode;

/// One way of using an operation: what the client sends, and what it may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What this way is called; empty where there is only one.
    pub name: &'static str,
    /// What it is for, as a sentence; empty where the operation says it already.
    pub summary: &'static str,
    /// The headers that make a difference.
    pub headers: &'static [Parameter],
    /// The parameters of the query that make a difference; all others are ignored.
    pub query: &'static [Parameter],
    /// What the body of the request is; none when it has none.
    pub body: Option<Payload>,
    /// What it is answered with when all is well.
    pub answers: &'static [Answer],
    /// What it is refused with, beside what any request may be refused with: [`Exchange::ALWAYS`].
    pub refusals: &'static [Refusal],
}

/// A header, a part of a path, or a parameter of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name as it is written.
    pub name: &'static str,
    /// What its value looks like.
    pub shape: Shape,
    /// How often it is there.
    pub occurs: Occurs,
    /// What it means, as a sentence.
    pub summary: &'static str,
}

/// How often a parameter is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occurs {
    /// Always, once.
    Once,
    /// Once or not at all.
    Maybe,
    /// Any number of times, each a value of its own.
    Often,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// Any text.
    Text,
    /// A count of anything: digits.
    Number,
    /// An algorithm that this registry knows, a colon and a hash in hex.
    Digest,
    /// The name of an algorithm that makes digests.
    Algorithm,
    /// The name of a repository.
    Name,
    /// The name of a tag.
    Tag,
    /// A tag or a digest.
    Reference,
    /// The id of an upload, which a registry makes and nobody else.
    UploadId,
    /// A URL, or a path on the same host where `http.relativeurls` says so.
    Url,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The media types that it may have, the most usual one first.
    pub media_types: &'static [&'static str],
    /// What is in it.
    pub schema: Schema,
}

/// What is in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Schema {
    /// The bytes of a blob.
    Bytes,
    /// An object without members.
    Nothing,
    /// A manifest of any of the media types.
    Manifest,
    /// An image index whose members are referrers.
    Referrers,
    /// The names of repositories.
    Repositories,
    /// The tags of a repository.
    Tags,
    /// The errors of an answer: [`ErrorBody`](crate::ErrorBody).
    Errors,
}

/// What a request is answered with when all is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// When this is the answer, as a sentence.
    pub summary: &'static str,
    /// The headers, beside those of every answer.
    pub headers: &'static [Parameter],
    /// The body; none when there is none. An answer to HEAD never has one.
    pub body: Option<Payload>,
}

/// What a request is refused with. The body holds the errors, the most important one first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status, which for a few is not that of the code.
    pub status: u16,
    /// The codes that the errors may have; none when the answer has no body.
    pub codes: &'static [ErrorCode],
    /// When this happens, as a sentence.
    pub summary: &'static str,
    /// The headers, beside those of every answer.
    pub headers: &'static [Parameter],
}

impl Shape {
    /// The regular expression that the whole of a value matches, in the syntax that ECMA 262, RE2 and Rust's `regex` share;
    /// none when anything goes.
    ///
    /// For names this is the grammar of the specification; what else our parser takes is told at [`RepositoryName`].
    pub const fn pattern(self) -> Option<&'static str> {
        match self {
            Self::Text | Self::Url => None,
            Self::Number => Some("[0-9]+"),
            Self::Digest => Some("(sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})"),
            Self::Algorithm => Some("(sha256|sha384|sha512)"),
            Self::Name => Some("[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*"),
            Self::Tag => Some("[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"),
            Self::Reference => Some(
                "([a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}|sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})",
            ),
            Self::UploadId => Some("[a-zA-Z0-9_=-][a-zA-Z0-9_.=-]*"),
        }
    }

    /// The longest value, in bytes; none when no length of its own limits it.
    pub const fn max_len(self) -> Option<usize> {
        match self {
            Self::Name => Some(RepositoryName::MAX_LEN),
            Self::Tag => Some(Tag::MAX_LEN),
            _ => None,
        }
    }

    /// How a value of this shape is written where an example is shown: `<digest>`.
    pub const fn placeholder(self) -> &'static str {
        match self {
            Self::Text => "<text>",
            Self::Number => "<number>",
            Self::Digest => "<digest>",
            Self::Algorithm => "<algorithm>",
            Self::Name => "<name>",
            Self::Tag => "<tag>",
            Self::Reference => "<reference>",
            Self::UploadId => "<id>",
            Self::Url => "<url>",
        }
    }

    /// What the shape is called in Distribution's descriptors.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Number => "integer",
            Self::UploadId => "opaque",
            Self::Url => "url",
            Self::Text | Self::Digest | Self::Algorithm | Self::Name | Self::Tag | Self::Reference => {
                "string"
            }
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl Occurs {
    /// Whether it has to be there.
    pub const fn is_required(self) -> bool {
        matches!(self, Self::Once)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::string::string_regex;
    use wharf_digest::{Algorithm, Digest};
    use wharf_reference::Reference;

    use super::*;

    /// Values that a pattern matches, the shorter ones: repetitions without an end get one.
    fn values(shape: Shape) -> impl Strategy<Value = String> {
        string_regex(&shape.pattern().unwrap().replace('*', "{0,2}").replace('+', "{1,4}")).unwrap()
    }

    proptest! {
        #[test]
        fn what_a_pattern_matches_is_what_the_parser_takes(
            name in values(Shape::Name),
            tag in values(Shape::Tag),
            digest in values(Shape::Digest),
            algorithm in values(Shape::Algorithm),
            reference in values(Shape::Reference),
        ) {
            prop_assert!(name.parse::<RepositoryName>().is_ok(), "{name}");
            prop_assert!(tag.parse::<Tag>().is_ok(), "{tag}");
            prop_assert!(digest.parse::<Digest>().is_ok(), "{digest}");
            prop_assert!(algorithm.parse::<Algorithm>().is_ok(), "{algorithm}");
            prop_assert!(reference.parse::<Reference>().is_ok(), "{reference}");
        }
    }

    #[test]
    fn every_algorithm_is_in_the_patterns() {
        for algorithm in Algorithm::ALL {
            let digest = format!("{algorithm}:[a-f0-9]{{{}}}", algorithm.hex_len());
            for shape in [Shape::Digest, Shape::Reference] {
                assert!(shape.pattern().unwrap().contains(&digest), "{shape:?}");
            }
            assert!(Shape::Algorithm.pattern().unwrap().contains(algorithm.as_str()));
        }
    }
}
