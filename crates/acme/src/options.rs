//! What the certificates are for, from whom, and how long everything may take.

use std::path::PathBuf;
use std::time::Duration;

use crate::Host;

/// The directory of Let's Encrypt.
pub const LETS_ENCRYPT: &str = instant_acme::LetsEncrypt::Production.url();

/// What [`Certificates`](crate::Certificates) are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where keys and certificates are kept. Processes that share it share them.
    pub folder: PathBuf,
    /// The URL of the ACME server's directory.
    pub directory: String,
    /// Whom the ACME server may write to, an address of mail.
    pub email: Option<String>,
    /// The hosts that may have a certificate. None: no handshake succeeds.
    pub hosts: Vec<Host>,
    /// How long before its end a certificate is renewed, but never more than the last third of its life.
    pub renew_before: Duration,
    /// How long a handshake waits for a certificate that is being fetched. The order goes on when nobody waits any more.
    pub handshake_wait: Duration,
    /// How long an order may take, the wait for another process's order of the same host included.
    pub order_timeout: Duration,
    /// How long a host is left alone after an order of it failed; three times as long after each further failure.
    pub first_retry: Duration,
    /// The longest that a host is left alone.
    pub last_retry: Duration,
}

impl Options {
    /// The defaults: Let's Encrypt, no mail, no host yet.
    ///
    /// The times are those of `autocert` where it has them (30 days, 5 minutes, 1 minute). The waits after failures make five
    /// attempts in the first hour, as many as Let's Encrypt grants for a host.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            directory: LETS_ENCRYPT.to_owned(),
            email: None,
            hosts: Vec::new(),
            renew_before: Duration::from_secs(30 * 24 * 3600),
            handshake_wait: Duration::from_secs(30),
            order_timeout: Duration::from_secs(300),
            first_retry: Duration::from_secs(60),
            last_retry: Duration::from_secs(3600),
        }
    }
}
