//! Where images are, as people type it: at a registry, or in a folder.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use wharf_reference::{Host, ImageReference, Reference, RepositoryName, Tag};

/// The registry of names that name none, and what it is called where it listens.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";
/// Where names of one part are at Docker's registry.
const DOCKER_HUB_FOLDER: &str = "library";

/// What begins the name of a layout.
const LAYOUT: &str = "oci:";

/// An image, or where one goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// At a registry.
    Remote(RemotePlace),
    /// In a folder.
    Layout {
        /// The folder.
        folder: PathBuf,
        /// Which image of it.
        reference: Option<Reference>,
    },
}

/// An image at a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemotePlace {
    /// The host as people and logins name it.
    pub(crate) host: Host,
    pub(crate) name: RepositoryName,
    pub(crate) reference: Option<Reference>,
}

/// What is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Listed {
    /// The repositories of a registry.
    Registry(Host),
    /// The tags of a repository, or of a layout.
    Repository(Place),
}

impl Place {
    /// Which image, if that was said.
    pub(crate) fn reference(&self) -> Option<&Reference> {
        match self {
            Self::Remote(remote) => remote.reference.as_ref(),
            Self::Layout { reference, .. } => reference.as_ref(),
        }
    }

    /// The host, if it is at one.
    pub(crate) fn host(&self) -> Option<&Host> {
        match self {
            Self::Remote(remote) => Some(&remote.host),
            Self::Layout { .. } => None,
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(rest) = text.strip_prefix(LAYOUT) else { return remote(text).map(Self::Remote) };
        let (folder, reference) = match (rest.rsplit_once('@'), rest.rsplit_once(':')) {
            (Some((folder, digest)), _) if digest.parse::<wharf_registry::Digest>().is_ok() => {
                (folder, Some(digest))
            }
            (_, Some((folder, tag))) if tag.parse::<Tag>().is_ok() => (folder, Some(tag)),
            _ => (rest, None),
        };
        if folder.is_empty() {
            return Err("expected oci:DIR[:TAG]".to_owned());
        }
        let reference = reference.map(|text| text.parse().map_err(|error| chain(&error))).transpose()?;
        Ok(Self::Layout { folder: folder.into(), reference })
    }
}

impl FromStr for Listed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with(LAYOUT) || text.contains('/') {
            return text.parse().map(Self::Repository);
        }
        text.parse().map(Self::Registry).map_err(|error| chain(&error))
    }
}

fn remote(text: &str) -> Result<RemotePlace, String> {
    let image: ImageReference = text.parse().map_err(|error| chain(&error))?;
    let reference = match (image.digest(), image.tag()) {
        (Some(digest), _) => Some(Reference::Digest(digest)),
        (None, tag) => tag.cloned().map(Reference::Tag),
    };
    let hub = || DOCKER_HUB.parse::<Host>().map_err(|error| chain(&error));
    let host = image.host().cloned().map_or_else(hub, Ok)?;
    let name = image.name();
    let short = host.as_str() == DOCKER_HUB && name.components().count() == 1;
    let name = match short {
        true => format!("{DOCKER_HUB_FOLDER}/{name}").parse().map_err(|error| chain(&error))?,
        false => name.clone(),
    };
    Ok(RemotePlace { host, name, reference })
}

/// Where a host listens that is called so.
pub(crate) fn listens_at(host: &Host) -> &str {
    if host.as_str() == DOCKER_HUB { DOCKER_HUB_HOST } else { host.as_str() }
}

/// Whether a host is this machine.
pub(crate) fn is_loopback(host: &Host) -> bool {
    let name = host.name().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn chain(error: &dyn std::error::Error) -> String {
    crate::in_one_line(error)
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reference = match self {
            Self::Remote(RemotePlace { host, name, reference }) => {
                write!(formatter, "{host}/{name}")?;
                reference
            }
            Self::Layout { folder, reference } => {
                write!(formatter, "{LAYOUT}{}", folder.display())?;
                reference
            }
        };
        match reference {
            Some(Reference::Tag(tag)) => write!(formatter, ":{tag}"),
            Some(Reference::Digest(digest)) => write!(formatter, "@{digest}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        text.parse().unwrap()
    }

    #[test]
    fn a_place_prints_as_it_is_meant() {
        let digest = format!("a.test/b@sha256:{}", "0".repeat(64));
        for (typed, meant) in [
            ("localhost:5000/a/b:v1", "localhost:5000/a/b:v1"),
            ("a.test/b", "a.test/b"),
            (digest.as_str(), digest.as_str()),
            ("busybox", "docker.io/library/busybox"),
            ("docker.io/busybox:1", "docker.io/library/busybox:1"),
            ("team/app", "docker.io/team/app"),
            ("oci:/tmp/x", "oci:/tmp/x"),
            ("oci:x:v1", "oci:x:v1"),
            ("oci:a:b/c", "oci:a:b/c"),
        ] {
            assert_eq!(place(typed).to_string(), meant);
            assert_eq!(place(meant), place(typed));
        }
        assert_eq!(listens_at(place("busybox").host().unwrap()), DOCKER_HUB_HOST);
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for text in ["", "oci:", "oci::v1", "A", "a.test/", "a.test/b:", "a.test/b@sha256:0"] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_alone_lists_its_repositories() {
        assert!(matches!("localhost:5000".parse(), Ok(Listed::Registry(_))));
        assert!(matches!("localhost:5000/a".parse(), Ok(Listed::Repository(_))));
        assert!(matches!("oci:dir".parse(), Ok(Listed::Repository(_))));
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (host, loopback) in [
            ("localhost:5000", true),
            ("127.0.0.1", true),
            ("127.9.9.9:1", true),
            ("[::1]:5000", true),
            ("10.0.0.1", false),
            ("localhost.test", false),
        ] {
            assert_eq!(is_loopback(&host.parse().unwrap()), loopback, "{host}");
        }
    }
}
