//! What names a manifest within its repository: a tag or a digest, told apart by the colon that no tag has.

use std::fmt;
use std::str::FromStr;

use wharf_digest::{Digest, ParseDigestError};

use crate::{InvalidTag, Tag};

/// A tag or a digest, as it follows `/manifests/` in a URL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// What a tag points to, now this and later that.
    Tag(Tag),
    /// Exactly this content.
    Digest(Digest),
}

/// Why a text is no [`Reference`]. The source says what was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// The text holds no colon and is no tag.
    #[error("reference is no tag")]
    Tag(#[from] InvalidTag),
    /// The text holds a colon and is no digest that we know.
    #[error("reference is no digest")]
    Digest(#[from] ParseDigestError),
}

impl FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains(':') { Ok(Self::Digest(text.parse()?)) } else { Ok(Self::Tag(text.parse()?)) }
    }
}

impl From<Tag> for Reference {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for Reference {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(formatter),
            Self::Digest(digest) => digest.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use proptest::prelude::*;
    use wharf_digest::{Algorithm, ParseDigestErrorKind};

    use super::*;

    #[test]
    fn a_text_with_a_colon_is_a_digest_and_any_other_a_tag() {
        let digest = Algorithm::Sha512.digest(b"abc");
        assert_eq!(digest.to_string().parse(), Ok(Reference::Digest(digest)));
        assert_eq!("latest".parse(), Ok(Reference::Tag("latest".parse().unwrap())));
        assert_eq!(Reference::from(digest).to_string(), digest.to_string());
    }

    #[test]
    fn the_digest_says_itself_what_is_wrong_with_it() {
        for (text, kind) in [
            ("sha256:abc", ParseDigestErrorKind::Length),
            ("md5:abc", ParseDigestErrorKind::UnsupportedAlgorithm),
            ("latest:", ParseDigestErrorKind::Format),
            (":", ParseDigestErrorKind::Format),
        ] {
            let error = text.parse::<Reference>().unwrap_err();
            assert!(matches!(error, InvalidReference::Digest(digest) if digest.kind() == kind), "{text:?}");
            assert_eq!(error.to_string(), "reference is no digest");
            assert!(error.source().is_some());
        }
    }

    #[test]
    fn the_tag_says_itself_what_is_wrong_with_it() {
        for text in ["", "-a", "a/b"] {
            let error = text.parse::<Reference>().unwrap_err();
            assert_eq!(error, InvalidReference::Tag(text.parse::<Tag>().unwrap_err()));
        }
    }

    proptest! {
        #[test]
        fn what_parses_prints_as_it_was(text in "[a-z0-9:._-]{0,10}|sha256:[0-9a-f]{64}|\\PC{0,20}") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(reference.to_string(), text);
            }
        }
    }
}
