//! Turns settings into the things that they name. One visible `match` says what this program contains.

#[cfg(feature = "filesystem")]
mod filesystem;

use std::sync::Arc;

use wharf_auth::{AccessController, Open, Silly};
use wharf_cache::{Cache, Limits, MemoryCache, NoCache};
use wharf_storage_driver::{MemoryDriver, Redirected, Rewritten, StorageDriver};

use crate::settings::{AccessSettings, CacheSettings, DriverSettings, MiddlewareSettings};
use crate::start::StartError;

/// A driver with its middleware around it, and where it keeps things, for people.
pub(crate) struct Store {
    /// The driver alone, for what must not be redirected.
    pub(crate) bare: Arc<dyn StorageDriver>,
    /// The driver as clients get it.
    pub(crate) wrapped: Arc<dyn StorageDriver>,
    /// The root of the store.
    pub(crate) root: String,
}

/// Opens the store.
pub(crate) fn store(driver: &DriverSettings, middleware: &[MiddlewareSettings]) -> Result<Store, StartError> {
    let (bare, root): (Arc<dyn StorageDriver>, String) = match driver {
        DriverSettings::InMemory => (Arc::new(MemoryDriver::new()), "memory".to_owned()),
        #[cfg(feature = "filesystem")]
        DriverSettings::Filesystem { root, threads } => {
            (filesystem::open(root, *threads)?, root.display().to_string())
        }
        #[cfg(not(feature = "filesystem"))]
        DriverSettings::Filesystem { .. } => return Err(StartError::NotBuiltIn("storage.filesystem")),
    };
    let mut wrapped = Arc::clone(&bare);
    for wrapper in middleware {
        wrapped = match wrapper {
            MiddlewareSettings::Redirect(base_url) => {
                let redirected = Redirected::new(wrapped, base_url);
                Arc::new(
                    redirected.map_err(|error| StartError::Setting("middleware.storage", Box::new(error)))?,
                )
            }
            MiddlewareSettings::Rewrite(rewrite) => Arc::new(Rewritten::new(wrapped, rewrite.clone())),
        };
    }
    Ok(Store { bare, wrapped, root })
}

/// Makes the cache.
pub(crate) fn cache(settings: CacheSettings) -> Arc<dyn Cache> {
    match settings {
        CacheSettings::Off => Arc::new(NoCache),
        CacheSettings::InMemory(entries) => Arc::new(MemoryCache::new(Limits { entries })),
    }
}

/// Makes the access controller.
pub(crate) fn access(settings: &AccessSettings) -> Arc<dyn AccessController> {
    match settings {
        AccessSettings::Open => Arc::new(Open),
        AccessSettings::Silly { realm, service } => Arc::new(Silly::new(realm, service)),
    }
}
