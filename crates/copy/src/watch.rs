//! Who is told how a copy goes.

use wharf_registry::{Descriptor, Digest, Tag};

/// Hears how a copy goes. It is called from many tasks and for every piece that passes, so it has to be quick.
pub trait Watcher: Send + Sync {
    /// Something happened.
    fn happened(&self, event: Event<'_>);
}

/// Something that happens during a copy.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A blob has to be moved.
    Moving(&'a Descriptor),
    /// So many bytes of blobs passed.
    Passed(u64),
    /// A blob is where it should be.
    Blob(&'a Descriptor, Outcome),
    /// A manifest is where it should be.
    Manifest(&'a Digest, Outcome),
    /// A tag points to this.
    Tagged(&'a Tag, &'a Digest),
}

/// How something came to where it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Its bytes were moved.
    Copied,
    /// It was there already.
    Present,
    /// The registry took it from another of its repositories.
    Mounted,
    /// It is fetched from elsewhere and stays there.
    Foreign,
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Watcher for Unwatched {
    fn happened(&self, _: Event<'_>) {}
}
