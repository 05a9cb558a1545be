//! `storage.filesystem`: a local folder.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use wharf_storage_driver::StorageDriver;
use wharf_storage_driver_fs::{Config, FsDriver};

use crate::start::StartError;

/// Opens the folder, which is made when the first thing is put into it.
pub(super) fn open(root: &Path, threads: NonZeroUsize) -> Result<Arc<dyn StorageDriver>, StartError> {
    let driver = FsDriver::new(Config { max_threads: threads, ..Config::new(root) });
    Ok(Arc::new(driver.map_err(|error| StartError::Setting("storage.filesystem", Box::new(error)))?))
}
