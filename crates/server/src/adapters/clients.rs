//! The HTTP clients of everything that goes out: one for each way to connect, so that all who connect alike share a pool.

use wharf_http_client::{HttpClient, Options, Proxy, Roots, Tls};

use super::proxies::proxies;
use crate::environment::Environment;
use crate::settings::Connection;
use crate::start::StartError;

/// The clients that were made so far.
pub(super) struct Clients {
    proxy: Proxy,
    made: Vec<(Connection, HttpClient)>,
}

impl Clients {
    /// None yet; all go through the proxies that the environment names.
    pub(super) fn new(environment: &Environment) -> Self {
        Self { proxy: proxies(environment), made: Vec::new() }
    }

    /// The client that connects in this way.
    pub(super) fn client(&mut self, connection: &Connection) -> Result<HttpClient, StartError> {
        if let Some((_, client)) = self.made.iter().find(|(made, _)| made == connection) {
            return Ok(client.clone());
        }
        let roots = connection.more_roots.clone().map_or(Roots::System, Roots::File);
        let options = Options {
            connect_timeout: connection.timeout,
            tls: Tls { roots, verification: connection.verification, ..Tls::default() },
            proxy: self.proxy.clone(),
            ..Options::default()
        };
        let client = HttpClient::new(options);
        let client =
            client.map_err(|error| StartError::Setting("the HTTP client for stores", error.into()))?;
        self.made.push((connection.clone(), client.clone()));
        Ok(client)
    }
}
