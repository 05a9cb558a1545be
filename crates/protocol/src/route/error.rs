//! Why a path is no route, and what its sender is told.

use std::error::Error;

use serde_json::Value;
use wharf_digest::ParseDigestError;
use wharf_reference::{InvalidName, InvalidTag};

use crate::{ErrorCode, ErrorEntry, Excerpt};

/// Why a path is no [`Route`](crate::Route). What came is shown shortened and escaped; the source says what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// The path has not the form of any route: 404.
    #[error("no such endpoint")]
    NotFound,
    /// The path is written in a way that is never served: the client is sent to this one, which is clean, begins with one
    /// slash, and is decoded and without prefix as the one that was parsed. In a `Location` it needs its escapes, the prefix
    /// before it and the query of the request behind it.
    #[error("endpoint is at {}", Excerpt::of(.0))]
    Moved(String),
    /// The path has the form of a route but for the name of its repository.
    #[error("{0} cannot name a repository")]
    Name(Excerpt, #[source] InvalidName),
    /// What should be a tag, as it has no colon, is none.
    #[error("{0} cannot be a tag")]
    Reference(Excerpt, #[source] InvalidTag),
    /// What should be a digest is none.
    #[error("{0} is not a digest")]
    Digest(Excerpt, #[source] ParseDigestError),
}

impl RouteError {
    /// The code of the answer. The first two have none of their own in the specification.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::NotFound | Self::Moved(_) => ErrorCode::Unsupported,
            Self::Name(..) => ErrorCode::NameInvalid,
            Self::Reference(..) => ErrorCode::TagInvalid,
            Self::Digest(..) => ErrorCode::DigestInvalid,
        }
    }

    /// The error as it is sent, with a sentence that says what was wrong.
    pub fn entry(&self) -> ErrorEntry {
        let sentence = match self.source() {
            Some(source) => format!("{self}: {source}"),
            None => self.to_string(),
        };
        ErrorEntry::new(self.code()).with_detail(Value::from(sentence))
    }
}

#[cfg(test)]
mod tests {
    use crate::{ErrorBody, Route};

    fn body(path: &str) -> String {
        ErrorBody::from(Route::parse(path).unwrap_err().entry()).to_json()
    }

    #[test]
    fn each_error_says_what_was_wrong() {
        assert_eq!(
            body("/v2/a/Foo/tags/list"),
            "{\"errors\":[{\"code\":\"NAME_INVALID\",\"message\":\"invalid repository name\",\"detail\":\
             \"\\\"a/Foo\\\" cannot name a repository: repository name has a character that cannot stand at byte 2\"}]}\n"
        );
        assert_eq!(
            body("/v2/a/manifests/-x"),
            "{\"errors\":[{\"code\":\"TAG_INVALID\",\"message\":\"manifest tag did not match URI\",\"detail\":\
             \"\\\"-x\\\" cannot be a tag: tag has a character that cannot stand at byte 0\"}]}\n"
        );
        assert_eq!(
            body("/v2/a/blobs/sha256:<b>"),
            "{\"errors\":[{\"code\":\"DIGEST_INVALID\",\"message\":\"provided digest did not match uploaded content\",\
             \"detail\":\"\\\"sha256:\\u003cb\\u003e\\\" is not a digest: invalid checksum digest format\"}]}\n"
        );
        assert_eq!(
            body("/v3/"),
            "{\"errors\":[{\"code\":\"UNSUPPORTED\",\"message\":\"The operation is unsupported.\",\
             \"detail\":\"no such endpoint\"}]}\n"
        );
    }

    #[test]
    fn a_long_name_is_not_sent_back_whole() {
        assert!(body(&format!("/v2/{}/tags/list", "a".repeat(1 << 20))).len() < 400);
    }
}
