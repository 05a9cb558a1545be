//! The driver keeps the contract on a real service, and leaves nothing behind in it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use wharf_storage_driver::contract::Store;
use wharf_storage_driver::{StorageDriver, contract_tests};
use wharf_storage_driver_azure::{AzureDriver, Config};

#[path = "contract/live.rs"]
mod live;
#[path = "contract/place.rs"]
mod place;

async fn open() -> Option<Store> {
    let config = place::config()?;
    let driver = AzureDriver::new(config.clone(), place::http()).unwrap();
    let store = Store::new(move || Arc::new(driver.clone()));
    Some(store.with_leftovers(move || unfinished(&config)))
}

/// How many writers left something behind that no listing shows.
fn unfinished(config: &Config) -> Vec<String> {
    // A case is over inside of a runtime, which must go on meanwhile.
    let sweep = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            // What a dropped writer had staged is thrown away by a task of its own.
            tokio::time::sleep(Duration::from_millis(50)).await;
            let driver = AzureDriver::new(config.clone(), place::http()).unwrap();
            driver.sweep(SystemTime::now() + Duration::from_secs(3600)).await.unwrap()
        })
    };
    let swept = std::thread::scope(|scope| scope.spawn(sweep).join().unwrap());
    (0..swept).map(|number| format!("unfinished writer {number}")).collect()
}

contract_tests!(open);
