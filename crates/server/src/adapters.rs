//! Turns settings into the things that they name. One visible `match` says what this program contains.

pub(crate) mod access;
#[cfg(feature = "acme")]
pub(crate) mod acme;
#[cfg(feature = "azure")]
mod azure;
#[cfg(any(feature = "s3", feature = "azure"))]
mod clients;
#[cfg(feature = "cloudfront")]
mod cloudfront;
#[cfg(feature = "filesystem")]
mod filesystem;
#[cfg(any(feature = "s3", feature = "azure", feature = "acme"))]
mod proxies;
#[cfg(any(feature = "s3", feature = "azure"))]
mod reach;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "s3")]
mod s3;

use std::sync::Arc;

use wharf_cache::{Cache, Limits, MemoryCache, NoCache};
use wharf_storage_driver::{MemoryDriver, Redirected, Rewritten, StorageDriver};

#[cfg(any(feature = "s3", feature = "azure"))]
use self::clients::Clients;
use crate::settings::{CacheSettings, DriverSettings, MiddlewareSettings, Settings};
use crate::start::StartError;

/// A driver with its middleware around it.
pub(crate) struct Store {
    /// The driver alone, for what must not be redirected.
    pub(crate) bare: Arc<dyn StorageDriver>,
    /// The driver as clients get it.
    pub(crate) wrapped: Arc<dyn StorageDriver>,
}

/// Opens the store. One that refuses us is an error; one that does not answer yet is not.
pub(crate) async fn store(settings: &Settings) -> Result<Store, StartError> {
    let driver = &settings.storage.driver;
    #[cfg(any(feature = "s3", feature = "azure"))]
    let mut clients = Clients::new(&settings.environment);
    let bare: Arc<dyn StorageDriver> = match driver {
        DriverSettings::InMemory => Arc::new(MemoryDriver::new()),
        #[cfg(feature = "filesystem")]
        DriverSettings::Filesystem { root, threads } => filesystem::open(root, *threads)?,
        #[cfg(not(feature = "filesystem"))]
        DriverSettings::Filesystem { .. } => return Err(StartError::NotBuiltIn("storage.filesystem")),
        #[cfg(feature = "s3")]
        DriverSettings::S3(s3) => reach::reach(s3::open(s3, &mut clients).await?, driver).await?,
        #[cfg(feature = "azure")]
        DriverSettings::Azure(azure) => reach::reach(azure::open(azure, &mut clients)?, driver).await?,
    };
    let mut wrapped = Arc::clone(&bare);
    for wrapper in &settings.storage.middleware {
        wrapped = match wrapper {
            MiddlewareSettings::Redirect(base_url) => {
                let redirected = Redirected::new(wrapped, base_url);
                Arc::new(redirected.map_err(|error| StartError::Setting("middleware.storage", error.into()))?)
            }
            MiddlewareSettings::Rewrite(rewrite) => Arc::new(Rewritten::new(wrapped, rewrite.clone())),
            #[cfg(feature = "cloudfront")]
            MiddlewareSettings::CloudFront(config) => {
                cloudfront::wrap(wrapped, config, driver, &mut clients)?
            }
        };
    }
    Ok(Store { bare, wrapped })
}

/// Makes the cache. Replicas with the same secret believe each other.
#[cfg_attr(not(feature = "redis"), expect(unused_variables, reason = "a cache in memory needs no secret"))]
pub(crate) async fn cache(settings: &CacheSettings, secret: &[u8]) -> Result<Arc<dyn Cache>, StartError> {
    match settings {
        CacheSettings::Off => Ok(Arc::new(NoCache)),
        CacheSettings::InMemory { entries, max_age } => {
            Ok(Arc::new(MemoryCache::new(Limits { entries: *entries, max_age: *max_age })))
        }
        #[cfg(feature = "redis")]
        CacheSettings::Redis { redis, max_age, deadline } => {
            redis::open(redis, *max_age, *deadline, secret).await
        }
        #[cfg(not(feature = "redis"))]
        CacheSettings::Redis { .. } => Err(StartError::NotBuiltIn("storage.cache.blobdescriptor redis")),
    }
}
