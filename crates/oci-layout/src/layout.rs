//! The folder: opened or begun, and where in it everything is.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use wharf_digest::{Digest, Hasher};
use wharf_manifest::media_type;
use wharf_reference::{Reference, RepositoryName};
use wharf_registry::{
    Blobs, Error as RegistryError, Manifests, Referrers, Repository, Tags, UploadId, Uploads,
};

use crate::index::{Index, name_of};
use crate::publish::write_file;

/// The version of the layout that we write, and the only one that there is. Source: OCI image specification 1.1.
const VERSION: &str = "1.0.0";

/// An OCI image layout on disk. Cheap to clone.
#[derive(Clone)]
pub struct OciLayout {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) folder: PathBuf,
    name: RepositoryName,
    /// The hashes of uploads that go on in this process.
    pub(crate) hashers: Mutex<HashMap<UploadId, Hasher>>,
}

/// Why a folder is no image layout that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The folder is of something else, or of a version that we do not know.
    #[error("{} is no OCI image layout of version {VERSION}", .0.display())]
    NotALayout(PathBuf),
    /// The layout holds not exactly one image, so it has to be said which one is meant.
    #[error("{} holds {count} images, name one of them by its tag", folder.display())]
    NotOne {
        /// The layout.
        folder: PathBuf,
        /// How many images it holds.
        count: usize,
    },
}

impl OciLayout {
    /// Opens a layout that is there.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let path = folder.join("oci-layout");
        let text = fs::read(&path).map_err(|source| Error::File { path, source })?;
        let marker: Value = serde_json::from_slice(&text).unwrap_or_default();
        if marker["imageLayoutVersion"] != VERSION {
            return Err(Error::NotALayout(folder.to_owned()));
        }
        #[expect(clippy::expect_used, reason = "a constant")]
        let name = "layout".parse().expect("a name");
        let inner = Inner { folder: folder.to_owned(), name, hashers: Mutex::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Opens a layout, or begins one in a folder that is empty or not there.
    ///
    /// # Errors
    ///
    /// When the folder holds something else, or cannot be written.
    pub fn create(folder: &Path) -> Result<Self, Error> {
        if folder.join("oci-layout").exists() {
            return Self::open(folder);
        }
        let at = |path: &Path, source| Error::File { path: path.to_owned(), source };
        fs::create_dir_all(folder).map_err(|source| at(folder, source))?;
        let mut entries = fs::read_dir(folder).map_err(|source| at(folder, source))?;
        // What a beginning that was cut off may have left.
        let foreign = entries.any(|entry| {
            !entry.is_ok_and(|entry| {
                ["blobs", "ingest", "index.json"].iter().any(|name| entry.file_name() == *name)
            })
        });
        if foreign {
            return Err(Error::NotALayout(folder.to_owned()));
        }
        let index = json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [] });
        let marker = json!({ "imageLayoutVersion": VERSION });
        for path in ["blobs/sha256", "ingest"].map(|path| folder.join(path)) {
            fs::create_dir_all(&path).map_err(|source| at(&path, source))?;
        }
        // The marker comes last: with it, everything is there.
        for (name, content) in [("index.json", index), ("oci-layout", marker)] {
            let path = folder.join(name);
            let is_kept = name == "index.json" && path.exists();
            if !is_kept {
                write_file(folder, &path, content.to_string().as_bytes())
                    .map_err(|source| at(&path, source))?;
            }
        }
        Self::open(folder)
    }

    /// The one image of the layout, by its tag if it has one.
    ///
    /// # Errors
    ///
    /// When there is none, or more than one.
    pub async fn only(&self) -> Result<Reference, Error> {
        let file = |source: RegistryError| Error::File {
            path: self.inner.folder.clone(),
            source: io::Error::other(source),
        };
        let index = self.run(Index::read).await.map_err(file)?;
        let entries = index.entries();
        match entries.as_slice() {
            [only] => Ok(name_of(only).map_or(Reference::Digest(only.digest), Reference::Tag)),
            entries => Err(Error::NotOne { folder: self.inner.folder.clone(), count: entries.len() }),
        }
    }

    /// Where a blob is.
    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        path_in(&self.inner.folder, digest)
    }

    /// Does something with files, on a thread that may wait for them.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, RegistryError> {
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || work(&inner.folder)).await;
        done.map_err(RegistryError::internal)?.map_err(RegistryError::internal)
    }
}

/// Where a blob is in a layout.
pub(crate) fn path_in(folder: &Path, digest: &Digest) -> PathBuf {
    folder.join("blobs").join(digest.algorithm().as_str()).join(digest.hex())
}

impl Drop for Inner {
    fn drop(&mut self) {
        // It goes when it is empty; what was begun stays in it.
        let _in_use = fs::remove_dir(self.folder.join("ingest"));
    }
}

impl fmt::Debug for OciLayout {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("OciLayout").field(&self.inner.folder).finish()
    }
}

impl Repository for OciLayout {
    fn name(&self) -> &RepositoryName {
        &self.inner.name
    }

    fn blobs(&self) -> &dyn Blobs {
        self
    }

    fn uploads(&self) -> &dyn Uploads {
        self
    }

    fn manifests(&self) -> &dyn Manifests {
        self
    }

    fn tags(&self) -> &dyn Tags {
        self
    }

    fn referrers(&self) -> &dyn Referrers {
        self
    }
}
