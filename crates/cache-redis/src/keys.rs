//! The names of keys and fields: Distribution's, and ours beside them.

use redis::Cmd;
use wharf_digest::Digest;
use wharf_reference::RepositoryName;

/// The mark of everything. Whoever changes it makes every voucher void.
pub(crate) const ERA: &str = "wharf::era";
/// The field that Distribution passes over.
pub(crate) const VOUCHER: &str = "wharf";

/// What a digest names, whoever holds it.
pub(crate) fn blob(digest: &Digest) -> String {
    format!("blobs::{digest}")
}

/// The digests of all blobs of a repository.
pub(crate) fn members(repository: &RepositoryName) -> String {
    format!("repository::{repository}::blobs")
}

/// What a digest names in a repository.
pub(crate) fn member(repository: &RepositoryName, digest: &Digest) -> String {
    format!("repository::{repository}::blobs::{digest}")
}

/// The voucher of a manifest.
pub(crate) fn manifest(repository: &RepositoryName, digest: &Digest) -> String {
    format!("repository::{repository}::wharf::manifest::{digest}")
}

/// The mark of the last deletion.
pub(crate) fn deleted(repository: &RepositoryName, digest: &Digest) -> String {
    format!("repository::{repository}::wharf::deleted::{digest}")
}

/// A command on a key.
pub(crate) fn command(name: &str, key: String) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(key);
    command
}
