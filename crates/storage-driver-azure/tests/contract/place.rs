//! Where the service for these tests is.

use wharf_http_client::{HttpClient, Options};
use wharf_storage_driver_azure::{Config, Credentials, MIN_CHUNK_BYTES};

/// A part of the container that nobody else uses; none when no service was given.
pub(crate) fn config() -> Option<Config> {
    let url = variable()?;
    let parts = url.strip_prefix("http://").and_then(|rest| {
        let (who, at) = rest.split_once('@')?;
        Some((who.split_once(':')?, at.split_once('/')?))
    });
    let ((account, key), (address, container)) = parts.unwrap();
    Some(Config {
        service_url: Some(format!("http://{address}/{account}")),
        root_directory: format!("/tests/{}", uuid::Uuid::new_v4()),
        chunk_bytes: MIN_CHUNK_BYTES,
        upload_memory_bytes: 8 * MIN_CHUNK_BYTES,
        ..Config::new(account, container, Credentials::SharedKey(key.to_owned()))
    })
}

/// The same, and says so when there is none.
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
pub(crate) fn config_or_word() -> Option<Config> {
    let config = config();
    if config.is_none() {
        eprintln!("skipped: no store was given");
    }
    config
}

/// `http://ACCOUNT:KEY@ADDRESS/CONTAINER`
#[expect(clippy::disallowed_methods, reason = "only the environment can say where the service is")]
fn variable() -> Option<String> {
    std::env::var("WHARF_TESTS_AZURITE").ok().filter(|url| !url.is_empty())
}

/// A client as the program has one.
pub(crate) fn http() -> HttpClient {
    HttpClient::new(Options::default()).unwrap()
}
