//! Listens, hands each connection to a task, and lets them all finish when it is told to stop.

mod access_log;
mod activity;
mod bound;
mod ciphers;
mod connection;
mod handshake;
mod inbound;
mod limits;
mod linger;
mod pace;
mod socket;
mod stream;
mod tls;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracing::{debug, info, warn};
use wharf_api_v2::Api;

pub use access_log::AccessLog;
use bound::Bound;
pub use ciphers::CipherSuite;
pub use connection::Cleartext;
use connection::{End, Manner};
pub use limits::Limits;
pub use tls::{
    ClientAuth, Identity, Tls, TlsError, TlsFile, TlsOptions, TlsVersion, check_certificates, check_key,
};

/// A bound address that nothing is accepted from yet.
#[derive(Debug)]
pub struct Listener {
    socket: Bound,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    cleartext: Cleartext,
    access_log: Option<Arc<AccessLog>>,
}

impl Listener {
    /// Binds `address` in Go's notation: `host:port`, or `:port` for every address of the machine.
    ///
    /// # Errors
    ///
    /// When the address cannot be resolved or bound.
    pub async fn bind(address: &str, limits: Limits) -> io::Result<Self> {
        let mut last = io::Error::new(io::ErrorKind::InvalidInput, format!("{address:?} names no address"));
        for candidate in resolve(address).await? {
            match Bound::tcp(candidate) {
                Ok(socket) => return Ok(Self::over(socket, limits)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Binds a path of this machine's file system. A socket that a dead server has left there is made anew; ours is removed
    /// when we stop listening, unless somebody else has taken the path since.
    ///
    /// # Errors
    ///
    /// When the path cannot be bound, somebody listens there, or something that is no socket lies there.
    pub fn bind_unix(path: &Path, limits: Limits) -> io::Result<Self> {
        Ok(Self::over(Bound::unix(path)?, limits))
    }

    /// Takes a socket that somebody else has bound, such as systemd.
    ///
    /// # Errors
    ///
    /// When it cannot be used without blocking.
    pub fn given(socket: std::net::TcpListener, limits: Limits) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self::over(Bound::Tcp(TcpListener::from_std(socket)?), limits))
    }

    /// The same for a socket of this machine.
    ///
    /// # Errors
    ///
    /// When it cannot be used without blocking.
    pub fn given_unix(socket: std::os::unix::net::UnixListener, limits: Limits) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let path = address.as_pathname().map(Path::to_owned).unwrap_or_default();
        Ok(Self::over(Bound::Unix { _file: None, socket: UnixListener::from_std(socket)?, path }, limits))
    }

    fn over(socket: Bound, limits: Limits) -> Self {
        Self { socket, limits, tls: None, cleartext: Cleartext::default(), access_log: None }
    }

    /// Encrypts every connection.
    #[must_use]
    pub fn with_tls(self, tls: Arc<Tls>) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// Writes a line for each request.
    #[must_use]
    pub fn with_access_log(self, access_log: Arc<AccessLog>) -> Self {
        Self { access_log: Some(access_log), ..self }
    }

    /// Says what is spoken where nothing is encrypted.
    #[must_use]
    pub fn with_cleartext(self, cleartext: Cleartext) -> Self {
        Self { cleartext, ..self }
    }

    /// The address that was bound, with the port that the system chose if it was asked to.
    ///
    /// # Errors
    ///
    /// When the system does not say, or the socket is one of this machine.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        match &self.socket {
            Bound::Tcp(socket) => socket.local_addr(),
            Bound::Unix { .. } => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// What was bound, for people.
    pub fn place(&self) -> String {
        match &self.socket {
            Bound::Tcp(socket) => socket.local_addr().map(|address| address.to_string()).unwrap_or_default(),
            Bound::Unix { path, .. } => path.display().to_string(),
        }
    }

    /// Serves until `stop` is done, then gives the requests under way `drain` to finish.
    pub async fn serve(self, api: Api, stop: impl Future<Output = ()>, drain: Duration) {
        let graceful = GracefulShutdown::new();
        let (open, closing) = watch::channel(());
        let places = self.limits.connections.map(|most| Arc::new(Semaphore::new(most.get())));
        let limits = Arc::new(self.limits);
        let Self { tls, cleartext, access_log, .. } = self;
        let manner = Arc::new(Manner { api, limits, tls, cleartext, access_log });
        tokio::pin!(stop);
        loop {
            let place = tokio::select! {
                place = a_place(places.as_ref()) => place,
                () = &mut stop => break,
            };
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = &mut stop => break,
            };
            match accepted {
                Ok(plain) => {
                    let end = End { watcher: graceful.watcher(), closing: closing.clone() };
                    let task = connection::serve(plain, Arc::clone(&manner), end);
                    tokio::spawn(async move {
                        task.await;
                        drop(place);
                    });
                }
                Err(error) => not_accepted(error).await,
            }
        }
        drop((self.socket, open));
        finish(graceful, drain).await;
    }
}

/// Waits for the requests under way, as long as `drain`.
async fn finish(graceful: GracefulShutdown, drain: Duration) {
    let open = graceful.count();
    if open > 0 {
        info!(connections = open, within = ?drain, "no longer listening, finishing what is under way");
    }
    if tokio::time::timeout(drain, graceful.shutdown()).await.is_err() {
        warn!(after = ?drain, "connections were cut off");
    }
}

async fn a_place(places: Option<&Arc<Semaphore>>) -> Option<OwnedSemaphorePermit> {
    match places {
        Some(places) => Arc::clone(places).acquire_owned().await.ok(),
        None => None,
    }
}

/// A connection that was gone before it was accepted is nobody's fault. Anything else, such as no file descriptor left,
/// passes when others have finished: accepting again at once would only burn a core.
async fn not_accepted(error: io::Error) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        debug!(%error, "a connection was gone before it was accepted");
        return;
    }
    warn!(%error, "cannot accept connections, trying again");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

async fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
    if address.is_empty() || address.starts_with(':') {
        let port = address.strip_prefix(':').unwrap_or("0");
        let port = port
            .parse()
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, format!("{port:?} is no port")))?;
        let everywhere = [std::net::IpAddr::from([0_u16; 8]), std::net::IpAddr::from([0_u8; 4])];
        return Ok(everywhere.map(|ip| SocketAddr::new(ip, port)).to_vec());
    }
    Ok(tokio::net::lookup_host(address).await?.collect())
}

/// How long to leave the listener alone after it failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
