//! The wrapper keeps the contract: whatever it does not change it passes on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::sync::{Arc, LazyLock};

use wharf_http_client::{HttpClient, Options};
use wharf_storage_driver::contract::Store;
use wharf_storage_driver::{MemoryDriver, contract_tests};
use wharf_storage_driver_cloudfront::{CloudFront, Config, PrivateKey};

static KEY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    use rsa::pkcs1::{EncodeRsaPrivateKey, LineEnding};
    let key = rsa::RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 1024).unwrap();
    key.to_pkcs1_pem(LineEnding::LF).unwrap().as_bytes().to_vec()
});

async fn open() -> Option<Store> {
    let driver = MemoryDriver::new();
    Some(Store::new(move || {
        let config = Config::new("cdn.example", "K1", PrivateKey::Pem(KEY.clone()));
        let http = HttpClient::new(Options::default()).unwrap();
        Arc::new(CloudFront::new(driver.clone(), config, http).unwrap())
    }))
}

contract_tests!(open);
