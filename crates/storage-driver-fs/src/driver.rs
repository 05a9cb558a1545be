//! The driver: what is in memory is looked at here, everything else is done where one may wait for a disk.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use wharf_storage_driver::{
    Error, ErrorKind, Kind, ListOptions, ListPage, Object, PutOptions, RedirectRequest, Stat, StorageDriver,
    StoragePath, Stored, Version, Writer, WriterStart,
};

use crate::Config;
use crate::failure::Failure;
use crate::fetch::Open;
use crate::folders::{Folder, Folders};
use crate::listing::{Listings, Query, Stamp};
use crate::lookup::{Lookup, Purpose};
use crate::threads::Threads;
use crate::writer::{Begun, FsWriter};
use crate::{names, publish, steps};

/// The name of the driver, as configuration and errors have it.
pub(crate) const NAME: &str = "filesystem";

/// A store in a folder of a local filesystem. Clones share it; other processes may use the same folder.
#[derive(Debug, Clone)]
pub struct FsDriver {
    disk: Arc<Disk>,
}

/// What the driver and its writers share.
#[derive(Debug)]
pub(crate) struct Disk {
    pub(crate) root: PathBuf,
    pub(crate) threads: Threads,
    pub(crate) folders: Folders,
    lookup: Lookup,
    listings: Listings,
}

impl FsDriver {
    /// Opens the store; nothing is read or written yet.
    ///
    /// # Errors
    ///
    /// When the root is empty, or relative while the current folder is unknown.
    pub fn new(config: Config) -> Result<Self, Error> {
        let root = std::path::absolute(&config.root)
            .map_err(|error| Failure::from(error).at(&StoragePath::root()))?;
        let disk = Disk {
            root,
            threads: Threads::new(config.max_threads),
            folders: Folders::default(),
            lookup: Lookup::new(),
            listings: Listings::default(),
        };
        Ok(Self { disk: Arc::new(disk) })
    }

    /// Does something where one may wait for the disk.
    async fn run<T: Send + 'static>(
        &self,
        path: &StoragePath,
        work: impl FnOnce(&Disk) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Error> {
        let disk = Arc::clone(&self.disk);
        self.disk.threads.run(move || work(&disk)).await.map_err(|failure| failure.at(path))
    }

    /// Where a file to be read may be.
    fn source(&self, path: &StoragePath) -> Result<PathBuf, Error> {
        if !names::can_be_file(path) {
            return Err(Failure::not_found().at(path));
        }
        Ok(names::locate(&self.disk.root, path))
    }

    /// Where a file is to be written.
    fn target(&self, path: &StoragePath) -> Result<PathBuf, Error> {
        if !names::can_be_file(path) {
            return Err(Failure::reserved().at(path));
        }
        Ok(names::locate(&self.disk.root, path))
    }

    /// The file, if it can be opened without waiting.
    fn open_here(&self, at: &Path) -> Result<Option<Open>, Failure> {
        self.disk.lookup.open(at, Purpose::Read)?.map(Open::new).transpose()
    }
}

#[async_trait]
impl StorageDriver for FsDriver {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn get(&self, path: &StoragePath, limit_bytes: usize) -> Result<Object, Error> {
        let at = self.source(path)?;
        match self.open_here(&at) {
            Ok(Some(open)) => open.object(limit_bytes).await.map_err(|failure| failure.at(path)),
            Ok(None) => self.run(path, move |_| Open::at(&at)?.object_here(limit_bytes)).await,
            Err(failure) => Err(failure.at(path)),
        }
    }

    async fn put(&self, path: &StoragePath, bytes: Bytes, options: PutOptions) -> Result<Version, Error> {
        let at = self.target(path)?;
        self.run(path, move |disk| publish::put(&disk.folders, &at, &bytes, &options)).await
    }

    async fn read(&self, path: &StoragePath, range: Range<u64>) -> Result<Stored, Error> {
        let at = self.source(path)?;
        match self.open_here(&at) {
            Ok(Some(open)) => open.part(&range).await.map_err(|failure| failure.at(path)),
            Ok(None) => self.run(path, move |_| Open::at(&at)?.part_here(&range)).await,
            Err(failure) => Err(failure.at(path)),
        }
    }

    async fn writer(&self, path: &StoragePath, start: WriterStart) -> Result<Box<dyn Writer>, Error> {
        let to = self.target(path)?;
        let begun = self.run(path, move |disk| Begun::new(disk, &to, start)).await?;
        Ok(Box::new(FsWriter::new(Arc::clone(&self.disk), path.clone(), begun)))
    }

    async fn stat(&self, path: &StoragePath) -> Result<Stat, Error> {
        let at = names::locate(&self.disk.root, path);
        let can_be_file = names::can_be_file(path);
        let here =
            self.disk.lookup.open(&at, Purpose::Look).map_err(|error| Failure::from(error).at(path))?;
        match here {
            Some(open) => describe(open.metadata(), can_be_file).map_err(|failure| failure.at(path)),
            None => self.run(path, move |_| describe(fs::metadata(&at), can_be_file)).await,
        }
    }

    async fn list(&self, path: &StoragePath, options: ListOptions<'_>) -> Result<ListPage, Error> {
        let at = names::locate(&self.disk.root, path);
        let query = Query {
            start_after: options.start_after.map(str::to_owned),
            limit: options.limit,
            holding: options.holding.map(str::to_owned),
        };
        if let Ok(Some(folder)) = self.disk.lookup.open(&at, Purpose::Look)
            && let Ok(metadata) = folder.metadata()
            && let Some(page) = self.disk.listings.kept_page(path, &Stamp::of(&metadata), &query)
        {
            return Ok(page);
        }
        let folder = path.clone();
        let page = self.run(path, move |disk| disk.listings.page(&folder, &at, &query)).await;
        match page {
            Err(error) if error.is_not_found() && path.is_root() => Ok(ListPage::default()),
            page => page,
        }
    }

    async fn rename(&self, from: &StoragePath, to: &StoragePath) -> Result<(), Error> {
        let (source, target) = (self.source(from)?, self.target(to)?);
        self.run(from, move |disk| rename(disk, &source, &target)).await
    }

    async fn delete(&self, path: &StoragePath) -> Result<(), Error> {
        if path.is_root() {
            return Err(Failure::reserved().at(path));
        }
        let at = names::locate(&self.disk.root, path);
        let can_be_file = names::can_be_file(path);
        self.run(path, move |disk| delete(disk, &at, can_be_file)).await
    }

    async fn delete_version(&self, path: &StoragePath, version: &Version) -> Result<(), Error> {
        let at = names::locate(&self.disk.root, path);
        if !names::can_be_file(path) {
            return Err(Failure::not_found().at(path));
        }
        let version = version.clone();
        self.run(path, move |_| publish::delete_version(&at, version)).await
    }

    async fn redirect(
        &self,
        _path: &StoragePath,
        _request: &RedirectRequest,
    ) -> Result<Option<String>, Error> {
        Ok(None)
    }

    /// What a crash leaves lies beside the files that it was to become, all over the disk: finding it is a walk through
    /// everything, which collecting does anyway.
    async fn sweep(&self, _before: SystemTime) -> Result<u64, Error> {
        Ok(0)
    }
}

fn describe(found: io::Result<fs::Metadata>, can_be_file: bool) -> Result<Stat, Failure> {
    let metadata = found?;
    let modified = metadata.modified().ok();
    if metadata.is_dir() {
        Ok(Stat { kind: Kind::Folder, size: 0, modified })
    } else if metadata.is_file() && can_be_file {
        Ok(Stat { kind: Kind::File, size: metadata.len(), modified })
    } else {
        Err(Failure::not_found())
    }
}

fn rename(disk: &Disk, from: &Path, to: &Path) -> Result<(), Failure> {
    let file = File::open(from)?;
    if !file.metadata()?.is_file() {
        return Err(Failure::not_found());
    }
    // It may have been written by someone who did not care whether it survives; now it must.
    steps::sync_file(&file, from)?;
    publish::place(&disk.folders, from, to)
}

fn delete(disk: &Disk, at: &Path, can_be_file: bool) -> Result<(), Failure> {
    let is_folder = fs::symlink_metadata(at)?.is_dir();
    if !is_folder && !can_be_file {
        return Err(Failure::not_found());
    }
    let parent = Folder::of(at)?;
    if is_folder {
        parent.shared(|| delete_folder(at))?;
        disk.folders.forget(at);
    } else {
        parent.shared(|| steps::remove_file(at).map_err(Failure::from))?;
    }
    Ok(parent.sync()?)
}

/// Deletes all that is in a folder, and what others put there meanwhile, as long as they do not do so for ever.
fn delete_folder(at: &Path) -> Result<(), Failure> {
    let mut result = fs::remove_dir_all(at);
    for _ in 1..publish::ATTEMPTS {
        match &result {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => result = fs::remove_dir_all(at),
            _ => break,
        }
    }
    match result {
        // Two delete it at once, and the other was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
            Err(Failure::new(ErrorKind::Unavailable))
        }
        result => Ok(result?),
    }
}
