#![doc = include_str!("../LAYOUT.md")]

// Why this is one file: a path that two places make is a path that two places can make differently.

use wharf_digest::{Algorithm, Digest};
use wharf_reference::{RepositoryName, Tag};
use wharf_registry::{TarSum, UploadId};
use wharf_storage_driver::StoragePath;

/// The folder below which everything lies.
const ROOT: &str = "docker/registry/v2";

/// What every repository that holds a manifest has.
pub const MANIFESTS: &str = "_manifests";

/// What every repository with an unfinished upload has.
pub const UPLOADS: &str = "_uploads";

/// The file below a tag's folder that says what the tag points to.
pub const TAG_CURRENT: &str = "current/link";

/// The file below an upload's folder that makes it an upload.
pub const UPLOAD_RECORD: &str = "startedat";

/// The data that a sha256 names.
///
/// # Panics
///
/// In a debug build, when the digest uses another algorithm: data is stored under its sha256 only.
pub fn blob_data(canonical: &Digest) -> StoragePath {
    debug_assert_eq!(canonical.algorithm(), Algorithm::Sha256, "data is stored under its sha256 only");
    let hex = canonical.hex();
    below(&root(), &format!("blobs/{}/{}/{hex}/data", canonical.algorithm(), &hex[..2]))
}

/// The folder of all repositories.
pub fn repositories() -> StoragePath {
    below(&root(), "repositories")
}

/// The folder of a repository, and of those whose names go on from its own.
pub fn repository(name: &RepositoryName) -> StoragePath {
    below(&repositories(), name.as_str())
}

/// The paths of one repository.
#[derive(Debug, Clone)]
pub struct RepositoryLayout {
    folder: StoragePath,
}

impl RepositoryLayout {
    /// The paths of the repository of that name.
    pub fn new(name: &RepositoryName) -> Self {
        Self { folder: repository(name) }
    }

    /// Its manifests and tags.
    pub fn manifests(&self) -> StoragePath {
        below(&self.folder, MANIFESTS)
    }

    /// The folder of its manifests by the algorithm of their digests.
    pub fn revisions(&self, algorithm: Algorithm) -> StoragePath {
        below(&self.folder, &format!("{MANIFESTS}/revisions/{algorithm}"))
    }

    /// Everything that says that a manifest is here.
    pub fn revision(&self, digest: &Digest) -> StoragePath {
        below(&self.revisions(digest.algorithm()), &digest.hex())
    }

    /// The link that makes a manifest one of the repository.
    pub fn revision_link(&self, digest: &Digest) -> StoragePath {
        below(&self.revision(digest), "link")
    }

    /// The folder of the signatures of a manifest of schema 1.
    pub fn signatures(&self, revision: &Digest) -> StoragePath {
        below(&self.revision(revision), "signatures/sha256")
    }

    /// The link to a signature of a manifest.
    pub fn signature_link(&self, revision: &Digest, signature: &Digest) -> StoragePath {
        below(
            &self.revision(revision),
            &format!("signatures/{}/{}/link", signature.algorithm(), signature.hex()),
        )
    }

    /// The folder of its tags.
    pub fn tags(&self) -> StoragePath {
        below(&self.folder, &format!("{MANIFESTS}/tags"))
    }

    /// Everything about one tag.
    pub fn tag(&self, tag: &Tag) -> StoragePath {
        below(&self.tags(), tag.as_str())
    }

    /// The link from a tag to the manifest that it names.
    pub fn tag_current(&self, tag: &Tag) -> StoragePath {
        below(&self.tag(tag), TAG_CURRENT)
    }

    /// The links that remember what a tag named.
    pub fn tag_past(&self, tag: &Tag) -> StoragePath {
        below(&self.tag(tag), "index")
    }

    /// The link that remembers that a tag once named a manifest.
    pub fn tag_index(&self, tag: &Tag, digest: &Digest) -> StoragePath {
        below(&self.tag(tag), &format!("index/{}/{}/link", digest.algorithm(), digest.hex()))
    }

    /// Everything that says that a blob is here.
    pub fn layer(&self, digest: &Digest) -> StoragePath {
        below(&self.folder, &format!("_layers/{}/{}", digest.algorithm(), digest.hex()))
    }

    /// The link that makes a blob one of the repository.
    pub fn layer_link(&self, digest: &Digest) -> StoragePath {
        below(&self.layer(digest), "link")
    }

    /// The link from an old name of a blob to its digest.
    pub fn tarsum_link(&self, sum: &TarSum) -> StoragePath {
        let (version, hash, hex) = (sum.version().as_str(), sum.hash_name(), sum.hex());
        below(&self.folder, &format!("_layers/tarsum/{version}/{hash}/{hex}/link"))
    }

    /// The folder of its uploads.
    pub fn uploads(&self) -> StoragePath {
        below(&self.folder, UPLOADS)
    }

    /// Everything about one upload.
    pub fn upload(&self, id: &UploadId) -> StoragePath {
        below(&self.uploads(), id.as_str())
    }

    /// The record that makes an upload one.
    pub fn upload_record(&self, id: &UploadId) -> StoragePath {
        below(&self.upload(id), UPLOAD_RECORD)
    }

    /// Where the bytes of a large upload are written.
    pub fn upload_data(&self, id: &UploadId) -> StoragePath {
        below(&self.upload(id), "data")
    }

    /// Where the bytes of an upload wait to be hashed again.
    pub fn upload_sealed(&self, id: &UploadId) -> StoragePath {
        below(&self.upload(id), "sealed")
    }

    /// The folder of those that refer to a subject, by the algorithm of their digests.
    pub fn referrers(&self, subject: &Digest) -> StoragePath {
        below(&self.folder, &format!("_referrers/{}/{}", subject.algorithm(), subject.hex()))
    }

    /// Everything that says that `referrer` refers to `subject`.
    pub fn referrer(&self, subject: &Digest, referrer: &Digest) -> StoragePath {
        below(&self.referrers(subject), &format!("{}/{}", referrer.algorithm(), referrer.hex()))
    }

    /// The link that lists `referrer` with `subject`.
    pub fn referrer_link(&self, subject: &Digest, referrer: &Digest) -> StoragePath {
        below(&self.referrer(subject, referrer), "link")
    }

    /// The file that says that every referrer in the repository is listed.
    pub fn referrers_complete(&self) -> StoragePath {
        below(&self.folder, "_referrers/complete")
    }
}

fn root() -> StoragePath {
    below(&StoragePath::root(), ROOT)
}

/// Joins what the grammars of names, tags, digests and upload identifiers keep within the grammar of paths.
pub(crate) fn below(folder: &StoragePath, rest: &str) -> StoragePath {
    #[expect(clippy::expect_used, reason = "every name that gets here is stricter than a path's component")]
    folder.join(rest).expect("names, tags, digests and upload ids are components of a path")
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn digest() -> Digest {
        Algorithm::Sha256.digest(b"abc")
    }

    #[test]
    fn data_lies_in_a_folder_named_by_its_first_two_letters() {
        assert_eq!(blob_data(&digest()).as_str(), format!("/docker/registry/v2/blobs/sha256/ba/{HEX}/data"));
    }

    #[test]
    fn the_paths_of_a_repository_are_those_of_distribution() {
        let layout = RepositoryLayout::new(&"a/b".parse().unwrap());
        let tag: Tag = "v1.0".parse().unwrap();
        let id: UploadId = "0f1e".parse().unwrap();
        let paths = [
            (layout.manifests(), "_manifests".to_owned()),
            (layout.revision_link(&digest()), format!("_manifests/revisions/sha256/{HEX}/link")),
            (layout.tags(), "_manifests/tags".to_owned()),
            (layout.tag_current(&tag), "_manifests/tags/v1.0/current/link".to_owned()),
            (layout.tag_index(&tag, &digest()), format!("_manifests/tags/v1.0/index/sha256/{HEX}/link")),
            (layout.layer_link(&digest()), format!("_layers/sha256/{HEX}/link")),
            (
                layout.signature_link(&digest(), &digest()),
                format!("_manifests/revisions/sha256/{HEX}/signatures/sha256/{HEX}/link"),
            ),
            (
                layout.tarsum_link(&"tarsum+sha256:aB".parse().unwrap()),
                "_layers/tarsum/v0/sha256/aB/link".to_owned(),
            ),
            (layout.upload_record(&id), "_uploads/0f1e/startedat".to_owned()),
            (layout.upload_data(&id), "_uploads/0f1e/data".to_owned()),
            (
                layout.referrer_link(&digest(), &digest()),
                format!("_referrers/sha256/{HEX}/sha256/{HEX}/link"),
            ),
            (layout.referrers_complete(), "_referrers/complete".to_owned()),
        ];
        for (path, below) in paths {
            assert_eq!(path.as_str(), format!("/docker/registry/v2/repositories/a/b/{below}"));
        }
    }
}
