//! The in-memory driver keeps the contract that it specifies.

use std::sync::Arc;

use wharf_storage_driver::contract::Store;
use wharf_storage_driver::{MemoryDriver, contract_tests};

async fn open() -> Option<Store> {
    let driver = MemoryDriver::new();
    Some(Store::new(move || Arc::new(driver.clone())))
}

contract_tests!(open);
