//! The floor on which every store can stand.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use wharf_content::Content;

use crate::{Error, ErrorKind, StoragePath};

/// A store of paths and bytes.
///
/// Files are replaced whole: a reader sees the old bytes or the new, never a mixture, and a reader that has begun keeps
/// what it began with. Folders need not be made and have no life of their own: a folder is there as long as something is
/// below it, though a store with real folders may keep empty ones, which [`list`](Self::list) may show.
#[async_trait]
pub trait StorageDriver: Send + std::marker::Sync {
    /// The driver's registered name, as errors and metrics show it.
    fn name(&self) -> &'static str;

    /// Reads a whole file that is expected to be small.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), also for a folder; [`TooLarge`](crate::ErrorKind::TooLarge) when it
    /// holds more than `limit_bytes`.
    async fn get(&self, path: &StoragePath, limit_bytes: usize) -> Result<Object, Error>;

    /// Writes a whole file. When this returns, every reader anywhere sees it, and with [`Sync::Durable`] a crash of the
    /// machine does not take it back.
    ///
    /// # Errors
    ///
    /// [`Exists`](crate::ErrorKind::Exists) and [`Changed`](crate::ErrorKind::Changed) as the mode says: of several calls
    /// at once that are to create one path, or to replace one version, exactly one succeeds.
    async fn put(&self, path: &StoragePath, bytes: Bytes, options: PutOptions) -> Result<Version, Error>;

    /// Opens a file for reading, from `range.start` to just before `range.end` or the end of the file, whichever comes
    /// first. A range that begins at the end or beyond it is empty.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound), also for a folder.
    async fn read(&self, path: &StoragePath, range: Range<u64>) -> Result<Stored, Error>;

    /// Begins to write a large file, or goes on with one that was begun earlier, here or on another machine.
    ///
    /// # Errors
    ///
    /// [`Busy`](crate::ErrorKind::Busy) when another writer holds the path; [`NotFound`](crate::ErrorKind::NotFound) for
    /// [`WriterStart::Resume`] when nothing was begun.
    async fn writer(&self, path: &StoragePath, start: WriterStart) -> Result<Box<dyn Writer>, Error>;

    /// Says what is at a path.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound).
    async fn stat(&self, path: &StoragePath) -> Result<Stat, Error>;

    /// Lists the direct children of a folder in the byte order of their names, a page at a time.
    ///
    /// Files that a writer has not committed, and what a crash left of unfinished writes, are not listed.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) when the folder is not there, except for the root.
    async fn list(&self, path: &StoragePath, options: ListOptions<'_>) -> Result<ListPage, Error>;

    /// Moves a file, replacing what is at `to`; a crash leaves it at one place or at both, never at none.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) when nothing is at `from`; what is at `to` is then untouched.
    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), Error>;

    /// Deletes a file, or a folder with everything below it; a path that merely begins with the same letters stays.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound) when nothing is there.
    async fn delete(&self, path: &StoragePath) -> Result<(), Error>;

    /// Deletes a small file if it still is this version.
    ///
    /// What is provided looks first and then deletes, so that a change between the two is lost with the file. A store that
    /// can do both at once does.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::ErrorKind::NotFound); [`Changed`](crate::ErrorKind::Changed) when another version is there, which
    /// stays.
    async fn delete_version(&self, path: &StoragePath, version: &Version) -> Result<(), Error> {
        match self.get(path, VERSIONED_LIMIT_BYTES).await {
            Ok(object) if object.version == *version => self.delete(path).await,
            Ok(_) => Err(Error::new(self.name(), ErrorKind::Changed).at(path)),
            Err(error) if error.kind() == ErrorKind::TooLarge => {
                Err(Error::new(self.name(), ErrorKind::Changed).at(path))
            }
            Err(error) => Err(error),
        }
    }

    /// A URL under which a client may read the file itself, or none when the store offers no such thing.
    ///
    /// # Errors
    ///
    /// When the store offers one but cannot make it now.
    async fn redirect(&self, path: &StoragePath, request: &RedirectRequest) -> Result<Option<String>, Error>;

    /// Throws away what writers began before that moment and never committed, at paths that nobody may know any more, and
    /// says how many that were. Writers that write at this moment in this process are spared.
    ///
    /// For what costs space though no [`list`](Self::list) shows it, such as the parts of an upload into a bucket. A store
    /// where finding it would cost a walk through everything may leave it and answer 0.
    ///
    /// # Errors
    ///
    /// Whatever the store says; some may be gone then.
    async fn sweep(&self, before: SystemTime) -> Result<u64, Error>;
}

/// How large a file may be that [`StorageDriver::delete_version`] looks at, in bytes.
const VERSIONED_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// A large file being written. Dropped without a word it is as if [`close`](Self::close) had not been reached: what was
/// written may or may not be there for the next one.
#[async_trait]
pub trait Writer: Send {
    /// How many bytes were written, in bytes, those of earlier writers included.
    fn offset(&self) -> u64;

    /// Takes the next bytes; returns once there is room for more, which bounds memory. They need not be stored yet.
    ///
    /// # Errors
    ///
    /// Whatever the store says of these bytes or of earlier ones. The writer is then good for `cancel` only.
    async fn write(&mut self, bytes: Bytes) -> Result<(), Error>;

    /// Stores all that was written and lets go; another writer may resume, from exactly [`offset`](Self::offset). With
    /// [`Sync::Durable`] a crash of the machine does not take it back.
    ///
    /// # Errors
    ///
    /// Whatever the store says of the bytes.
    async fn close(self: Box<Self>, sync: Sync) -> Result<(), Error>;

    /// Makes the whole file appear at `to`, at once and durably, replacing what is there; what was begun at the writer's
    /// own path is gone. `to` may be the writer's own path.
    ///
    /// # Errors
    ///
    /// Whatever the store says; `to` is then as it was.
    async fn commit(self: Box<Self>, to: &StoragePath) -> Result<(), Error>;

    /// Throws away what was written, by earlier writers too.
    ///
    /// # Errors
    ///
    /// Whatever the store says.
    async fn cancel(self: Box<Self>) -> Result<(), Error>;
}

/// A small file that was read whole.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its bytes.
    pub bytes: Bytes,
    /// Which version of the file they were.
    pub version: Version,
}

/// A file that was opened for reading.
#[derive(Debug)]
pub struct Stored {
    /// The size of the whole file, in bytes.
    pub size: u64,
    /// The bytes of the range that was asked for.
    pub content: Content,
}

/// Marks one state of a file; any change gives another. Only for [`PutMode::Replace`] and for comparing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version(pub String);

/// How [`StorageDriver::put`] writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// What may be there already.
    pub mode: PutMode,
    /// Whether it must survive a crash of the machine.
    pub sync: Sync,
}

/// What may be at the path of a [`StorageDriver::put`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PutMode {
    /// Anything or nothing.
    #[default]
    Overwrite,
    /// Nothing.
    Create,
    /// Exactly this version.
    Replace(Version),
}

/// Whether written bytes must survive a crash of the machine before a call returns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sync {
    /// On stable storage, its name too.
    #[default]
    Durable,
    /// Whenever the system gets to it: for what can be lost without harm.
    Relaxed,
}

/// Where a [`Writer`] begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriterStart {
    /// With nothing; what an earlier writer began at this path is thrown away.
    New,
    /// Where the last writer closed.
    Resume,
}

/// What is at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// A file or a folder.
    pub kind: Kind,
    /// Its size in bytes; 0 for a folder.
    pub size: u64,
    /// When it was last written, where the store knows.
    pub modified: Option<SystemTime>,
}

/// A file or a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A file.
    File,
    /// A folder.
    Folder,
}

/// Which children [`StorageDriver::list`] gives.
#[derive(Debug, Clone, Copy)]
pub struct ListOptions<'a> {
    /// Only names that come after this one in byte order; it need not exist.
    pub start_after: Option<&'a str>,
    /// At most this many; a page may hold fewer and still have a successor.
    pub limit: usize,
    /// Only folders below which this file exists (one or more components, such as `current/link`). A store without real
    /// folders, for which looking costs a request each, may show the others too.
    pub holding: Option<&'a str>,
}

/// A page of [`StorageDriver::list`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The children, in the byte order of their names.
    pub entries: Vec<Entry>,
    /// Whether there may be more after the last one.
    pub more: bool,
}

/// A child of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name: one component.
    pub name: String,
    /// A file or a folder.
    pub kind: Kind,
}

/// Who asks for a redirect, and for what.
#[derive(Debug, Clone)]
pub struct RedirectRequest {
    /// What the client will do with the URL.
    pub method: RedirectMethod,
    /// The address of the client, when it is known.
    pub client: Option<std::net::IpAddr>,
    /// How long the URL should work; none for the driver's own default.
    pub lifetime: Option<Duration>,
}

/// What a client does with a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectMethod {
    /// Read the file.
    Get,
    /// Ask for its headers.
    Head,
}
