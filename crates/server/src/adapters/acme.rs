//! Certificates from an ACME server. It is asked over the program's own HTTP client.

use std::sync::Arc;

use wharf_acme::{Certificates, Options};
use wharf_http_client::HttpClient;

use super::proxies::proxies;
use crate::environment::Environment;
use crate::start::StartError;

/// Opens the folder with the certificates. The ACME server is not asked anything yet.
pub(crate) fn open(options: &Options, environment: &Environment) -> Result<Arc<Certificates>, StartError> {
    let failed = |error| StartError::Setting("http.tls.letsencrypt", error);
    let client = wharf_http_client::Options { proxy: proxies(environment), ..Default::default() };
    let client = HttpClient::new(client).map_err(|error| failed(error.into()))?;
    let certificates = Certificates::open(options.clone(), client);
    Ok(Arc::new(certificates.map_err(|error| failed(error.into()))?))
}
