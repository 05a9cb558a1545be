//! A first question to a store that is far away, so that a wrong key or a missing bucket is known before a client asks.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;
use wharf_storage_driver::{ErrorKind, ListOptions, StorageDriver, StoragePath};

use crate::settings::DriverSettings;
use crate::start::StartError;

/// Asks the store for what every registry has. What it holds does not matter, only whether it lets us look.
///
/// A store that is down, or slow to answer, does not keep the server from starting: it may come up any moment, and until
/// then requests say that they cannot be served.
pub(super) async fn reach(
    driver: Arc<dyn StorageDriver>,
    store: &DriverSettings,
) -> Result<Arc<dyn StorageDriver>, StartError> {
    let Ok(path) = FIRST_LOOK.parse::<StoragePath>() else { return Ok(driver) };
    let options = ListOptions { start_after: None, limit: 1, holding: None };
    let answer = tokio::time::timeout(WITHIN, driver.list(&path, options)).await;
    match answer {
        Ok(Ok(_)) => {}
        Ok(Err(error)) if error.is_not_found() => {}
        Ok(Err(error)) if error.kind() == ErrorKind::Denied => {
            return Err(StartError::Store(store.to_string(), error));
        }
        Ok(Err(error)) => {
            warn!(error = &error as &dyn std::error::Error, "the store, {store}, cannot be reached yet");
        }
        Err(_) => warn!("the store, {store}, did not answer within {WITHIN:?}"),
    }
    Ok(driver)
}

/// The folder that is looked into: permissions are often given below it only.
const FIRST_LOOK: &str = "/docker/registry/v2";
/// How long the start waits for an answer.
const WITHIN: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use wharf_storage_driver::contract::{Fault, Faulty};
    use wharf_storage_driver::{MemoryDriver, Method};

    use super::*;

    async fn reached(kind: Option<ErrorKind>) -> Result<(), String> {
        let driver = Faulty::new(MemoryDriver::new());
        if let Some(kind) = kind {
            driver.plan(Fault::always(Method::List, "", kind));
        }
        let outcome = reach(Arc::new(driver), &DriverSettings::InMemory).await;
        outcome.map(drop).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_store_that_refuses_us_is_told_from_one_that_is_down() {
        for fine in [None, Some(ErrorKind::NotFound), Some(ErrorKind::Unavailable), Some(ErrorKind::Other)] {
            assert_eq!(reached(fine).await, Ok(()), "{fine:?}");
        }
        let refused = reached(Some(ErrorKind::Denied)).await;
        assert_eq!(refused.unwrap_err(), "the store, memory, cannot be used");
    }
}
