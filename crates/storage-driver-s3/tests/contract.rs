//! The S3 driver keeps the contract on three stores that have nothing in common but the protocol, and leaves nothing behind.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on ends, and says when it was skipped"
)]

#[path = "contract/atomicity.rs"]
mod atomicity;
#[path = "contract/behind.rs"]
mod behind;
#[path = "contract/copying.rs"]
mod copying;
#[path = "contract/counting.rs"]
mod counting;
#[path = "contract/drivers.rs"]
mod drivers;
#[path = "contract/fake.rs"]
mod fake;
#[path = "contract/fallbacks.rs"]
mod fallbacks;
#[path = "contract/reading.rs"]
mod reading;
#[path = "contract/requests.rs"]
mod requests;
#[path = "contract/stores.rs"]
mod stores;
#[path = "contract/wire.rs"]
mod wire;

use tokio::runtime::Handle;
use tokio::task::block_in_place;
use wharf_http_client::{HttpClient, Options};
use wharf_storage_driver::contract::Store;

use behind::leftovers;
use drivers::driver;
use stores::Place;

/// A part of the bucket that a variable names, if it is set.
fn open_at(variable: &str) -> Option<Store> {
    let place = Place::given(variable)?;
    let http = HttpClient::new(Options::default()).unwrap();
    let behind = place.clone();
    let store = Store::new(move || driver(place.config(), http.clone()));
    Some(store.with_leftovers(move || block_in_place(|| Handle::current().block_on(leftovers(&behind)))))
}

mod minio {
    use wharf_storage_driver::{contract::Store, contract_tests};

    async fn open() -> Option<Store> {
        super::open_at("WHARF_TESTS_MINIO")
    }

    contract_tests!(open);
}

mod ceph {
    use wharf_storage_driver::{contract::Store, contract_tests};

    async fn open() -> Option<Store> {
        super::open_at("WHARF_TESTS_CEPH")
    }

    contract_tests!(open);
}

mod versitygw {
    use wharf_storage_driver::{contract::Store, contract_tests};

    async fn open() -> Option<Store> {
        super::open_at("WHARF_TESTS_VERSITYGW")
    }

    contract_tests!(open);
}
