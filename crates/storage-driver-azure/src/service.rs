//! What the driver needs of Azure's blob service, as a trait of its own.
//!
//! The SDK of the day stands behind it, in one file; its successor, or requests made by hand, can take its place
//! without anyone else noticing. A key is a blob's whole name in the container.

use std::io;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use crate::failure::Failure;
use crate::segments::Segments;

/// A container of blobs. Every call is one request, with no retry and no limit of time.
#[async_trait]
pub(crate) trait Service: Send + Sync {
    /// Writes a whole blob, and throws away blocks that wait at its key.
    async fn put(&self, key: &str, body: Segments, condition: Condition) -> Result<Etag, Failure>;

    /// Stores a block that waits at a key, seen by nobody, until a list of blocks names it. The service forgets it
    /// after a week, or when the blob at the key is written in any way.
    async fn stage_block(&self, key: &str, id: BlockId, body: Segments) -> Result<(), Failure>;

    /// Makes the blob of these blocks, staged ones or those that it consists of already.
    async fn commit_blocks(&self, key: &str, blocks: &[BlockId]) -> Result<(), Failure>;

    /// Opens a blob or a part of it.
    async fn get(&self, key: &str, span: Span, condition: Condition) -> Result<Download, Failure>;

    /// What is known of a blob.
    async fn properties(&self, key: &str) -> Result<Properties, Failure>;

    /// A page of names in byte order.
    async fn list(&self, query: ListQuery<'_>) -> Result<Page, Failure>;

    /// Begins to copy a blob within the container, and mostly finishes at once.
    async fn copy(&self, from: &str, to: &str) -> Result<CopyState, Failure>;

    /// Gives up a pending copy; what is at its target is then an empty blob.
    async fn abort_copy(&self, to: &str, id: &str) -> Result<(), Failure>;

    /// Deletes a blob. Blocks that only wait are no blob.
    async fn delete(&self, key: &str, condition: Condition) -> Result<(), Failure>;

    /// How URLs are signed here.
    fn signing(&self) -> Signing;

    /// A key for signing URLs on behalf of the identity that asks.
    async fn delegation_key(&self, window: Window) -> Result<DelegationKey, Failure>;

    /// A URL under which anyone may read a blob within the window. It asks nobody.
    fn sign_url(
        &self,
        key: &str,
        window: Window,
        delegation: Option<&DelegationKey>,
    ) -> Result<String, Failure>;
}

/// Marks one state of a blob, exactly as the service sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Etag(pub(crate) String);

/// What must be at a key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Anything or nothing.
    #[default]
    None,
    /// No blob.
    Absent,
    /// A blob in this state.
    Is(Etag),
}

/// Names a block. All blocks of a blob have names of one length, and those of different writers must differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct BlockId {
    /// A random number of the writer.
    pub(crate) writer: u64,
    /// Which of its blocks.
    pub(crate) index: u32,
}

impl BlockId {
    pub(crate) fn to_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&self.writer.to_be_bytes());
        bytes[8..].copy_from_slice(&self.index.to_be_bytes());
        bytes
    }
}

/// Which bytes of a blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// All.
    Whole,
    /// From the first number to just before the second.
    Part(u64, u64),
    /// From here to the end.
    From(u64),
}

/// A blob that arrives.
pub(crate) struct Download {
    /// The size of the whole blob, in bytes.
    pub(crate) size: u64,
    pub(crate) etag: Etag,
    /// Whether a copy onto it has not succeeded.
    pub(crate) is_incomplete: bool,
    pub(crate) body: BoxStream<'static, io::Result<Bytes>>,
}

/// What is known of a blob.
#[derive(Debug, Clone)]
pub(crate) struct Properties {
    /// In bytes.
    pub(crate) size: u64,
    pub(crate) etag: Etag,
    pub(crate) modified: SystemTime,
    /// The last copy onto it, when it was written by one.
    pub(crate) copy: Option<CopyState>,
}

impl Properties {
    /// Whether a copy onto it has not succeeded, so that its bytes are not what they will be.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.copy.as_ref().is_some_and(|copy| copy.status != CopyStatus::Success)
    }
}

/// How far a copy is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CopyState {
    pub(crate) id: String,
    pub(crate) status: CopyStatus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CopyStatus {
    Pending,
    Success,
    Aborted,
    Failed,
}

/// Which page of names.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListQuery<'a> {
    /// How the names begin.
    pub(crate) prefix: &'a str,
    /// Whether what is below a folder is shown as the folder.
    pub(crate) depth: Depth,
    /// Where the last page said that it goes on.
    pub(crate) marker: Option<&'a str>,
    /// At most so many; the service gives no more than [`PAGE_MAX`].
    pub(crate) max: usize,
    /// Whether keys are shown at which only blocks wait.
    pub(crate) uncommitted: bool,
}

/// The most names that the service puts on a page.
pub(crate) const PAGE_MAX: usize = 5000;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Only the direct children, folders among them.
    #[default]
    Children,
    /// Every blob however deep.
    All,
}

/// A page of names; the service may end one wherever it likes, even before the first name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) entries: Vec<Listed>,
    /// Where the next page begins, when there is one.
    pub(crate) next: Option<String>,
}

/// A name on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// The whole key; that of a folder ends with `/`.
    pub(crate) key: String,
    /// When it was last written; none for a folder and where only blocks wait.
    pub(crate) modified: Option<SystemTime>,
}

/// How URLs are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signing {
    /// Not at all.
    Impossible,
    /// With the account's key.
    OwnKey,
    /// With a [`DelegationKey`].
    Delegated,
}

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: SystemTime,
    pub(crate) end: SystemTime,
}

/// A key that signs on behalf of an identity for a while.
#[derive(Clone)]
pub(crate) struct DelegationKey {
    pub(crate) object: String,
    pub(crate) tenant: String,
    pub(crate) window: Window,
    pub(crate) service: String,
    pub(crate) version: String,
    pub(crate) secret: String,
}
