//! `storage.azure`: a container.

use std::sync::Arc;

use wharf_storage_driver::StorageDriver;
use wharf_storage_driver_azure::AzureDriver;

use super::clients::Clients;
use crate::settings::AzureSettings;
use crate::start::StartError;

/// Opens the container.
pub(super) fn open(
    settings: &AzureSettings,
    clients: &mut Clients,
) -> Result<Arc<dyn StorageDriver>, StartError> {
    let http = clients.client(&settings.connection)?;
    let driver = AzureDriver::new(settings.config.clone(), http);
    Ok(Arc::new(driver.map_err(|error| StartError::Setting("storage.azure", error.into()))?))
}
