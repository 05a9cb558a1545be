//! Drivers over a store, as many as a test wants.

use std::sync::Arc;

use futures_util::FutureExt;
use wharf_http_client::HttpClient;
use wharf_storage_driver::StorageDriver;
use wharf_storage_driver_s3::{Config, S3Driver};

/// Another instance of the driver.
pub(crate) fn driver(config: Config, http: HttpClient) -> Arc<dyn StorageDriver> {
    let driver =
        S3Driver::new(config, http).now_or_never().expect("with keys and an endpoint nobody is asked");
    Arc::new(driver.unwrap())
}
