//! The client against a registry that does whatever a test wants: faults that no real one can be made to have.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod auth;
mod pull;
mod push;
mod server;

use std::sync::Arc;
use std::time::Duration;

use wharf_client::{Credentials, Options, RemoteRegistry};
use wharf_http_client::HttpClient;
use wharf_registry::{Namespace, Repository};

use crate::server::Server;

/// Options with waits that no test notices.
fn impatient() -> Options {
    Options {
        first_backoff: Duration::from_millis(1),
        max_backoff: Duration::from_millis(2),
        ..Options::default()
    }
}

fn registry(server: &Server, credentials: Credentials, options: Options) -> RemoteRegistry {
    let http = HttpClient::new(wharf_http_client::Options::default()).unwrap();
    RemoteRegistry::new(server.url().parse().unwrap(), http, credentials, options)
}

/// The repository `a/b` for nobody in particular.
fn repository(server: &Server) -> Arc<dyn Repository> {
    registry(server, Credentials::Anonymous, impatient()).repository(&"a/b".parse().unwrap())
}
