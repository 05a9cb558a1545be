//! `storage.s3`: a bucket.

use std::sync::Arc;

use wharf_storage_driver::StorageDriver;
use wharf_storage_driver_s3::S3Driver;

use super::clients::Clients;
use crate::settings::S3Settings;
use crate::start::StartError;

/// Opens the bucket.
pub(super) async fn open(
    settings: &S3Settings,
    clients: &mut Clients,
) -> Result<Arc<dyn StorageDriver>, StartError> {
    let http = clients.client(&settings.connection)?;
    let driver = S3Driver::new(settings.config.clone(), http).await;
    Ok(Arc::new(driver.map_err(|error| StartError::Setting("storage.s3", error.into()))?))
}
