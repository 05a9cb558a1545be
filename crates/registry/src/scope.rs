//! Which names a registry answers for.

use wharf_reference::RepositoryName;

/// The names that a [`Namespace`](crate::Namespace) can hold.
pub trait Scope: Send + Sync {
    /// Whether a repository of that name could be here.
    fn contains(&self, name: &RepositoryName) -> bool;
}

/// Every name there can be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FullScope;

impl Scope for FullScope {
    fn contains(&self, _: &RepositoryName) -> bool {
        true
    }
}
