//! An image as people type it: where it lives, its name, its tag, its digest.

use std::fmt;
use std::str::FromStr;

use wharf_digest::{Digest, ParseDigestError};

use crate::{Host, InvalidHost, InvalidName, InvalidTag, RepositoryName, Tag};

/// An image reference, `[host[:port]/]name[:tag][@digest]`.
///
/// What stands before the first slash is a host when it holds a `.` or a `:`, or an upper-case letter, or is `localhost`;
/// otherwise it is a part of the name. Nothing is filled in where nothing was typed. It prints exactly as it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageReference {
    host: Option<Host>,
    name: RepositoryName,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

/// Why a text is no [`ImageReference`]. Every variant says where its part begins, in bytes, and its source counts from
/// there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidImageReference {
    /// What stands before the first slash is no host.
    #[error("image reference has an invalid host from byte {start} on")]
    Host {
        /// Where the host begins.
        start: usize,
        /// What was wrong with it.
        source: InvalidHost,
    },
    /// The name is no name of a repository.
    #[error("image reference has an invalid name from byte {start} on")]
    Name {
        /// Where the name begins.
        start: usize,
        /// What was wrong with it.
        source: InvalidName,
    },
    /// What follows the colon is no tag.
    #[error("image reference has an invalid tag from byte {start} on")]
    Tag {
        /// Where the tag begins.
        start: usize,
        /// What was wrong with it.
        source: InvalidTag,
    },
    /// What follows the `@` is no digest.
    #[error("image reference has an invalid digest from byte {start} on")]
    Digest {
        /// Where the digest begins.
        start: usize,
        /// What was wrong with it.
        source: ParseDigestError,
    },
}

impl ImageReference {
    /// The registry, when one was typed.
    pub fn host(&self) -> Option<&Host> {
        self.host.as_ref()
    }

    /// The name of the repository.
    pub fn name(&self) -> &RepositoryName {
        &self.name
    }

    /// The tag, when one was typed.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest, when one was typed.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }
}

impl FromStr for ImageReference {
    type Err = InvalidImageReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (rest, digest) = split_before(text, '@');
        let (host, rest) = match rest.split_once('/') {
            Some((first, rest)) if is_host(first) => (Some(first), rest),
            _ => (None, rest),
        };
        let (name, tag) = split_before(rest, ':');
        let start_of = |part: &str| part.as_ptr().addr() - text.as_ptr().addr();
        let host = host.map(|host| {
            host.parse().map_err(|source| InvalidImageReference::Host { start: start_of(host), source })
        });
        let tag = tag.map(|tag| {
            tag.parse().map_err(|source| InvalidImageReference::Tag { start: start_of(tag), source })
        });
        let digest = digest.map(|digest| {
            digest.parse().map_err(|source| InvalidImageReference::Digest { start: start_of(digest), source })
        });
        Ok(Self {
            host: host.transpose()?,
            name: name
                .parse()
                .map_err(|source| InvalidImageReference::Name { start: start_of(name), source })?,
            tag: tag.transpose()?,
            digest: digest.transpose()?,
        })
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(formatter, "{host}/")?;
        }
        self.name.fmt(formatter)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(formatter, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl InvalidImageReference {
    /// Where it was wrong, in bytes from the beginning of the text; for a digest, where the digest begins.
    pub const fn position(&self) -> usize {
        match self {
            Self::Host { start, source } => *start + source.position(),
            Self::Name { start, source } => *start + source.position(),
            Self::Tag { start, source } => *start + source.position(),
            Self::Digest { start, .. } => *start,
        }
    }
}

/// What stands before a mark, and what follows it when it is there.
fn split_before(text: &str, mark: char) -> (&str, Option<&str>) {
    match text.split_once(mark) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// Whether what stands before the first slash was meant as a host.
fn is_host(first: &str) -> bool {
    first == "localhost" || first.bytes().any(|byte| matches!(byte, b'.' | b':' | b'A'..=b'Z'))
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use regex::Regex;
    use wharf_digest::Algorithm;

    use super::*;

    const COMPONENT: &str = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*";
    const LABELS: &str = r"[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*(?:\.[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*)*";

    /// The grammar without digests and addresses, for short texts, whose ports always fit.
    static ORACLE: LazyLock<Regex> = LazyLock::new(|| {
        let name = format!("(?:{LABELS}/)?{COMPONENT}(?:/{COMPONENT})*");
        Regex::new(&format!(
            r"\A(?:(?P<host>{LABELS}(?::[0-9]{{1,5}})?)/)?(?P<name>{name})(?::(?P<tag>\w[\w.-]*))?\z"
        ))
        .unwrap()
    });

    fn parts(text: &str) -> (Option<String>, String, Option<String>, Option<Digest>) {
        let image: ImageReference = text.parse().expect(text);
        assert_eq!(image.to_string(), text);
        (
            image.host().map(Host::to_string),
            image.name().to_string(),
            image.tag().map(Tag::to_string),
            image.digest(),
        )
    }

    fn fault(text: &str) -> (InvalidImageReference, usize) {
        let error = text.parse::<ImageReference>().expect_err(text);
        (error, error.position())
    }

    #[test]
    fn every_part_may_be_there_or_not() {
        let digest = Algorithm::Sha256.digest(b"abc");
        for host in [None, Some("localhost"), Some("h:5000"), Some("a.b"), Some("[::1]:80"), Some("Foo")] {
            for tag in [None, Some("1.36")] {
                for digest in [None, Some(digest)] {
                    let mut text =
                        host.map(|host| format!("{host}/")).unwrap_or_default() + "library/busybox";
                    text += &tag.map(|tag| format!(":{tag}")).unwrap_or_default();
                    text += &digest.map(|digest| format!("@{digest}")).unwrap_or_default();
                    let expected = (
                        host.map(str::to_owned),
                        "library/busybox".to_owned(),
                        tag.map(str::to_owned),
                        digest,
                    );
                    assert_eq!(parts(&text), expected);
                }
            }
        }
    }

    #[test]
    fn a_first_part_that_does_not_look_like_a_host_belongs_to_the_name() {
        assert_eq!(parts("library/busybox").1, "library/busybox");
        assert_eq!(parts("localhosts/busybox").1, "localhosts/busybox");
        assert_eq!(parts("a__b/c").1, "a__b/c");
        assert_eq!(parts("busybox:5000"), (None, "busybox".into(), Some("5000".into()), None));
        assert_eq!(parts("localhost"), (None, "localhost".into(), None, None));
        assert_eq!(parts("localhost:5000"), (None, "localhost".into(), Some("5000".into()), None));
        assert_eq!(parts("a.b"), (None, "a.b".into(), None, None));
    }

    #[test]
    fn a_name_after_a_host_follows_the_rule_for_names() {
        assert_eq!(parts("h.x/Foo/bar"), (Some("h.x".into()), "Foo/bar".into(), None, None));
        assert_eq!(parts("h.x/i.y/z"), (Some("h.x".into()), "i.y/z".into(), None, None));
        assert!(matches!(fault("h.x/Foo"), (InvalidImageReference::Name { start: 4, .. }, 4)));
    }

    #[test]
    fn a_fault_is_told_with_its_part_and_its_place() {
        assert!(matches!(fault(""), (InvalidImageReference::Name { start: 0, .. }, 0)));
        assert!(matches!(fault("h.x/"), (InvalidImageReference::Name { start: 4, .. }, 4)));
        assert!(matches!(fault("[::1]"), (InvalidImageReference::Name { start: 0, .. }, 0)));
        assert!(matches!(fault("h.x/ab/c..d:1"), (InvalidImageReference::Name { start: 4, .. }, 9)));
        assert!(matches!(fault("a_b.c/d"), (InvalidImageReference::Host { start: 0, .. }, 1)));
        assert!(matches!(fault("a:b/c"), (InvalidImageReference::Host { start: 0, .. }, 2)));
        assert!(matches!(fault("/a"), (InvalidImageReference::Name { start: 0, .. }, 0)));
        assert!(matches!(fault("a:"), (InvalidImageReference::Tag { start: 2, .. }, 2)));
        assert!(matches!(fault("a:b:c"), (InvalidImageReference::Tag { start: 2, .. }, 3)));
        assert!(matches!(fault("a:1@"), (InvalidImageReference::Digest { start: 4, .. }, 4)));
        assert!(matches!(fault("a@sha256:00"), (InvalidImageReference::Digest { start: 2, .. }, 2)));
        assert!(matches!(fault("a@b@c"), (InvalidImageReference::Digest { start: 2, .. }, 2)));
    }

    #[test]
    fn an_error_prints_its_own_level_only() {
        let (error, _) = fault("h.x/a:-");
        assert_eq!(error.to_string(), "image reference has an invalid tag from byte 6 on");
        assert_eq!(error.source().unwrap().to_string(), "tag has a character that cannot stand at byte 0");
    }

    #[test]
    fn each_part_has_its_own_limit() {
        let host = "h".repeat(Host::MAX_NAME_LEN) + ":65535";
        let name = "n".repeat(RepositoryName::MAX_LEN);
        let tag = "t".repeat(Tag::MAX_LEN);
        assert!(format!("{host}/{name}:{tag}").parse::<ImageReference>().is_ok());
        assert!(matches!(fault(&format!("h{host}/{name}:{tag}")).0, InvalidImageReference::Host { .. }));
        assert!(matches!(fault(&format!("{host}/n{name}:{tag}")).0, InvalidImageReference::Name { .. }));
        assert!(matches!(fault(&format!("{host}/{name}:t{tag}")).0, InvalidImageReference::Tag { .. }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_parser_agrees_with_the_grammar(text in "[aZ0._/:-]{0,10}|(localhost|[aZ.]{1,3}(:[0-9]{1,4})?)/([a-z]{1,3}/){0,2}[a-z]{1,3}(:[a-z.]{1,4})?") {
            // The expression takes whatever it can for a host; ours takes only what looks like one.
            let first = text.split_once('/').map(|(first, _)| first);
            let rest = if first.is_some_and(is_host) { text.clone() } else { format!("h.x/{text}") };
            let expected = ORACLE.captures(&rest).is_some_and(|found| found.name("host").is_some());
            prop_assert_eq!(text.parse::<ImageReference>().is_ok(), expected, "{:?}", text);
        }

        #[test]
        fn what_parses_prints_as_it_was(text in "\\PC{0,60}|[a-zA-Z.]{1,5}(:[0-9]{1,3})?/[a-z/]{1,9}(:[a-z]{1,3})?(@sha256:[0-9a-f]{64})?") {
            match text.parse::<ImageReference>() {
                Ok(image) => prop_assert_eq!(image.to_string(), text),
                Err(error) => prop_assert!(error.position() <= text.len()),
            }
        }
    }
}
