//! The registry as a whole: what every repository shares, and the way to one of them.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;
use wharf_cache::{Bodies, Cache, Entry, Ticket};
use wharf_digest::Digest;
use wharf_manifest::Manifest;
use wharf_reference::RepositoryName;
use wharf_registry::{
    Blobs, Error, Manifests, Namespace, Page, PageRequest, Referrers, Repository, Signatures, Tags, Uploads,
};
use wharf_storage_driver::StorageDriver;

use crate::backfill::Backfills;
use crate::begun::Begun;
use crate::flights::Flights;
use crate::layout::RepositoryLayout;
use crate::purge::{self, PurgeReport, UploadPurge};
use crate::{Options, catalog};

/// A registry whose content lies in a store. Clones share everything.
#[derive(Clone)]
pub struct Storage {
    shared: Arc<Shared>,
}

/// What all repositories of a [`Storage`] have in common.
pub(crate) struct Shared {
    pub(crate) driver: Arc<dyn StorageDriver>,
    pub(crate) cache: Arc<dyn Cache>,
    pub(crate) manifests: Bodies<Arc<Manifest>>,
    pub(crate) options: Options,
    pub(crate) backfills: Backfills,
    pub(crate) begun: Begun,
    /// Blobs that are being looked up.
    pub(crate) blob_flights: Flights<Looked, Entry>,
    /// Manifests that are being looked up.
    pub(crate) manifest_flights: Flights<Looked, Arc<Manifest>>,
    /// Manifests that are being read, by their sha256.
    pub(crate) body_flights: Flights<Digest, Arc<Manifest>>,
}

/// What is looked up, and since which deletion.
pub(crate) type Looked = (RepositoryName, Digest, Ticket);

/// One repository of a [`Storage`].
#[derive(Clone)]
pub(crate) struct StoredRepository {
    pub(crate) name: RepositoryName,
    pub(crate) layout: RepositoryLayout,
    pub(crate) shared: Arc<Shared>,
}

impl Storage {
    /// A registry over a store; what `cache` remembers saves looking there.
    pub fn new(driver: Arc<dyn StorageDriver>, cache: Arc<dyn Cache>, options: Options) -> Self {
        let manifests = Bodies::new(options.manifest_cache_bytes);
        let shared = Shared {
            driver,
            cache,
            manifests,
            options,
            backfills: Backfills::default(),
            begun: Begun::default(),
            blob_flights: Flights::default(),
            manifest_flights: Flights::default(),
            body_flights: Flights::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Deletes the uploads that were begun too long before `now`; what became of each is logged.
    ///
    /// # Errors
    ///
    /// When the repositories cannot be listed. An upload that cannot be deleted is counted and left.
    pub async fn purge_uploads(&self, now: SystemTime, purge: UploadPurge) -> Result<PurgeReport, Error> {
        purge::purge_uploads(&*self.shared.driver, now, purge).await
    }

    pub(crate) fn stored(&self, name: &RepositoryName) -> StoredRepository {
        StoredRepository::new(&self.shared, name)
    }
}

impl std::fmt::Debug for Storage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let driver = self.shared.driver.name();
        formatter
            .debug_struct("Storage")
            .field("driver", &driver)
            .field("options", &self.shared.options)
            .finish_non_exhaustive()
    }
}

impl StoredRepository {
    fn new(shared: &Arc<Shared>, name: &RepositoryName) -> Self {
        Self { name: name.clone(), layout: RepositoryLayout::new(name), shared: Arc::clone(shared) }
    }

    /// Another repository of the same registry.
    pub(crate) fn sibling(&self, name: &RepositoryName) -> Self {
        Self::new(&self.shared, name)
    }

    pub(crate) fn driver(&self) -> &dyn StorageDriver {
        &*self.shared.driver
    }

    pub(crate) fn options(&self) -> &Options {
        &self.shared.options
    }
}

#[async_trait]
impl Namespace for Storage {
    fn repository(&self, name: &RepositoryName) -> Arc<dyn Repository> {
        Arc::new(self.stored(name))
    }

    async fn repositories(&self, page: PageRequest<RepositoryName>) -> Result<Page<RepositoryName>, Error> {
        catalog::repositories(&*self.shared.driver, page).await
    }
}

impl Repository for StoredRepository {
    fn name(&self) -> &RepositoryName {
        &self.name
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

    fn signatures(&self) -> &dyn Signatures {
        self
    }
}
