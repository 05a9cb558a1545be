//! Which of the six schemas a manifest follows; everything that differs between them is asked here.

use std::fmt;

use crate::media_type;

/// Names the schema of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A Docker image manifest, schema 2.
    DockerManifest,
    /// A Docker manifest list.
    DockerList,
    /// An OCI image manifest.
    OciImage,
    /// An OCI image index.
    OciIndex,
    /// An OCI artifact manifest.
    OciArtifact,
    /// A Docker image manifest of schema 1, without its signatures: what is stored, and what its digest is of.
    Schema1,
}

impl Kind {
    /// Lists every kind.
    pub const ALL: [Kind; 6] = [
        Kind::DockerManifest,
        Kind::DockerList,
        Kind::OciImage,
        Kind::OciIndex,
        Kind::OciArtifact,
        Kind::Schema1,
    ];

    /// Finds the kind that a media type names; case must match.
    pub fn from_media_type(media_type: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.media_type() == media_type)
    }

    /// Returns the media type under which manifests of this kind are sent.
    pub const fn media_type(self) -> &'static str {
        match self {
            Kind::DockerManifest => media_type::DOCKER_MANIFEST,
            Kind::DockerList => media_type::DOCKER_LIST,
            Kind::OciImage => media_type::OCI_MANIFEST,
            Kind::OciIndex => media_type::OCI_INDEX,
            Kind::OciArtifact => media_type::OCI_ARTIFACT,
            Kind::Schema1 => media_type::DOCKER_SCHEMA1,
        }
    }

    /// Tells whether manifests of this kind list other manifests.
    pub const fn is_index(self) -> bool {
        matches!(self, Kind::DockerList | Kind::OciIndex)
    }

    /// Tells whether manifests of this kind have a configuration and layers, each with its size.
    pub const fn is_image(self) -> bool {
        matches!(self, Kind::DockerManifest | Kind::OciImage)
    }

    /// Tells whether the document may leave its own media type out (OCI image 1.1: "SHOULD be used").
    pub(crate) const fn may_omit_media_type(self) -> bool {
        matches!(self, Kind::OciImage | Kind::OciIndex)
    }

    /// Tells whether the schema knows `subject`, `artifactType` and `annotations`. Docker's never did.
    pub(crate) const fn is_oci(self) -> bool {
        matches!(self, Kind::OciImage | Kind::OciIndex | Kind::OciArtifact)
    }

    /// Lists the keys whose presence would let another reader take the document for another kind (CVE-2021-41190).
    pub(crate) const fn forbidden_keys(self) -> &'static [&'static str] {
        match self {
            Kind::DockerManifest | Kind::OciImage => &["manifests"],
            Kind::DockerList | Kind::OciIndex => &["config", "layers"],
            Kind::OciArtifact => &["manifests", "config", "layers"],
            // Whoever reads one looks at the version first, and never at any of these.
            Kind::Schema1 => &[],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::DockerManifest => "docker image manifest",
            Kind::DockerList => "docker manifest list",
            Kind::OciImage => "image manifest",
            Kind::OciIndex => "image index",
            Kind::OciArtifact => "artifact manifest",
            Kind::Schema1 => "schema 1 manifest",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_media_type() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_media_type(kind.media_type()), Some(kind));
        }
        assert_eq!(Kind::from_media_type(media_type::DOCKER_SCHEMA1_SIGNED), None);
        assert_eq!(Kind::from_media_type(""), None);
    }
}
