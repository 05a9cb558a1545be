//! What is remembered, and what is known when nothing is.

use wharf_digest::Digest;

/// What a digest stands for in a repository; one never answers for the other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Content {
    /// A configuration, a layer, or anything else under `/blobs/`.
    Blob,
    /// A manifest or an index.
    Manifest,
}

/// What is remembered of a digest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The digest under which the data is stored, which is another one when the client's uses another algorithm.
    pub canonical: Digest,
    /// The size of the data, in bytes.
    pub size: u64,
    /// The media type of the data.
    pub media_type: String,
}

/// What a cache answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lookup {
    /// This is known.
    Known(Entry),
    /// Nothing is known. Whoever asks the store now may remember with this ticket what it said.
    Unknown(Ticket),
}

/// The right to remember something, as long as it was not forgotten since.
///
/// Two tickets that are equal were given between the same two deletions: who holds them would find the same in the store.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Ticket {
    marks: [u64; 2],
}

impl Ticket {
    /// A ticket that holds what its cache needs to know it again.
    pub const fn new(marks: [u64; 2]) -> Self {
        Self { marks }
    }

    /// What the cache put into it.
    pub const fn marks(self) -> [u64; 2] {
        self.marks
    }
}
