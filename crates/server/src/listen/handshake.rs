//! How a connection comes to be encrypted: with a certificate that is at hand, or with one that has to be fetched first.

use std::io;
use std::time::Duration;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::stream::Plain;
use super::tls::{Identity, Tls};

/// Agrees on keys with a client, each step of which may take as long as `limit`.
///
/// None when the client was an ACME server that came to see a proof, and has seen it.
pub(super) async fn accept(plain: Plain, tls: &Tls, limit: Duration) -> io::Result<Option<TlsStream<Plain>>> {
    match &tls.identity {
        Identity::Files { .. } => {
            let accepted = tokio::time::timeout(limit, TlsAcceptor::from(tls.config()).accept(plain));
            accepted.await?.map(Some)
        }
        #[cfg(feature = "acme")]
        Identity::Acme(certificates) => fetching::accept(plain, tls, certificates, limit).await,
    }
}

#[cfg(feature = "acme")]
mod fetching {
    use std::sync::Arc;

    use rustls::server::{Acceptor, ClientHello};
    use tokio::io::AsyncWriteExt as _;
    use tokio::time::timeout;
    use tokio_rustls::LazyConfigAcceptor;
    use wharf_acme::Certificates;

    use super::{Duration, Plain, Tls, TlsStream, io};

    /// Listens to what the client wants, so that a certificate can be fetched before it is shown.
    ///
    /// The ACME server has no certificate of its own to show: client CAs are not for it. Nor is it served anything else.
    pub(super) async fn accept(
        plain: Plain,
        tls: &Tls,
        certificates: &Arc<Certificates>,
        limit: Duration,
    ) -> io::Result<Option<TlsStream<Plain>>> {
        let heard = timeout(limit, LazyConfigAcceptor::new(Acceptor::default(), plain)).await??;
        let hello = heard.client_hello();
        let host = hello.server_name().unwrap_or_default().to_owned();
        if !wants_proof(&hello) {
            certificates.prepare(&host).await;
        } else if let Some(config) = certificates.challenge(&host).await {
            let mut stream = timeout(limit, heard.into_stream(config)).await??;
            timeout(limit, stream.shutdown()).await??;
            return Ok(None);
        }
        timeout(limit, heard.into_stream(tls.config())).await?.map(Some)
    }

    fn wants_proof(hello: &ClientHello<'_>) -> bool {
        hello.alpn().is_some_and(|protocols| protocols.eq([wharf_acme::ALPN]))
    }
}
