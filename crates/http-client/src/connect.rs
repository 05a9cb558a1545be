//! How a connection comes about: straight, to a proxy, or through one; then TLS on top; all within one time limit.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::body::BoxError;
use crate::error::ConnectTimeout;
use crate::proxies::Proxies;
use crate::{Error, Options, tls};

type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

/// The whole way to a host: [`Route`], TLS where the URI says so, a time limit.
pub(crate) type Connector = Within<HttpsConnector<Route>>;

/// Builds the way to hosts.
pub(crate) fn connector(options: &Options, proxies: Proxies) -> Result<Connector, Error> {
    let tls = std::sync::Arc::new(tls::config(&options.tls)?);
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(options.connect_timeout));
    let route = Route { to_proxy: HttpsConnector::from((tcp.clone(), tls.clone())), tcp, proxies };
    Ok(Within { connector: HttpsConnector::from((route, tls)), limit: options.connect_timeout })
}

/// Finds the bytes' way to a host, through a proxy where there is one.
#[derive(Clone)]
pub(crate) struct Route {
    tcp: HttpConnector,
    to_proxy: HttpsConnector<HttpConnector>,
    proxies: Proxies,
}

impl Route {
    fn through(&self, proxy: &Intercept, destination: Uri) -> Connecting<Wire> {
        let address = proxy.uri().clone();
        let mut to_proxy = self.to_proxy.clone();
        if destination.scheme() == Some(&Scheme::HTTP) {
            let connecting = to_proxy.call(address);
            return Box::pin(async move { Ok(Wire { stream: connecting.await?, reads_whole_uris: true }) });
        }
        let mut tunnel = Tunnel::new(address, to_proxy);
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let tunnelling = tunnel.call(destination);
        Box::pin(async move { Ok(Wire { stream: tunnelling.await?, reads_whole_uris: false }) })
    }
}

impl Service<Uri> for Route {
    type Response = Wire;
    type Error = BoxError;
    type Future = Connecting<Wire>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.tcp.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        if let Some(proxy) = self.proxies.before(&destination) {
            return self.through(&proxy, destination);
        }
        let connecting = self.tcp.call(destination);
        Box::pin(async move {
            Ok(Wire { stream: MaybeHttpsStream::Http(connecting.await?), reads_whole_uris: false })
        })
    }
}

/// A connection, before the host's own TLS.
pub(crate) struct Wire {
    stream: MaybeHttpsStream<TokioIo<TcpStream>>,
    /// A proxy for plain requests wants to read whole URIs in them.
    reads_whole_uris: bool,
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        self.stream.connected().proxy(self.reads_whole_uris)
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A connector that gives up after a while.
#[derive(Clone)]
pub(crate) struct Within<C> {
    connector: C,
    limit: Duration,
}

impl<C> Service<Uri> for Within<C>
where
    C: Service<Uri, Error = BoxError>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Connecting<C::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, destination: Uri) -> Self::Future {
        let connecting = self.connector.call(destination);
        let limit = self.limit;
        Box::pin(async move {
            match tokio::time::timeout(limit, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(ConnectTimeout.into()),
            }
        })
    }
}
