//! `middleware.storage: [{name: cloudfront}]`: a distribution before the bucket.

use std::sync::Arc;

use wharf_storage_driver::StorageDriver;
use wharf_storage_driver_cloudfront::{CloudFront, Config};

use super::clients::Clients;
use crate::settings::{Connection, DriverSettings};
use crate::start::StartError;

/// Puts the distribution before the driver. The list of addresses is fetched with certificates checked, however the
/// bucket is reached: it decides who is sent where.
pub(super) fn wrap(
    driver: Arc<dyn StorageDriver>,
    config: &Config,
    bucket: &DriverSettings,
    clients: &mut Clients,
) -> Result<Arc<dyn StorageDriver>, StartError> {
    let more_roots = match bucket {
        DriverSettings::S3(s3) => s3.connection.more_roots.clone(),
        _ => None,
    };
    let http = clients.client(&Connection { more_roots, ..Connection::default() })?;
    let wrapped = CloudFront::new(driver, config.clone(), http);
    Ok(Arc::new(
        wrapped.map_err(|error| StartError::Setting("middleware.storage: cloudfront", error.into()))?,
    ))
}
