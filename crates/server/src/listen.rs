//! Listens, hands each connection to a task, and lets them all finish when it is told to stop.

mod activity;
mod connection;
mod inbound;
mod limits;
mod linger;
mod pace;
mod socket;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tracing::{debug, info, warn};
use wharf_api_v2::Api;

use connection::End;
pub use limits::Limits;

/// A bound address that nothing is accepted from yet.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    limits: Limits,
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
            match bind_one(candidate) {
                Ok(socket) => return Ok(Self { socket, limits }),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The address that was bound, with the port that the system chose if it was asked to.
    ///
    /// # Errors
    ///
    /// When the system does not say.
    pub fn local_address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until `stop` is done, then gives the requests under way `drain` to finish.
    pub async fn serve(self, api: Api, stop: impl Future<Output = ()>, drain: Duration) {
        let graceful = GracefulShutdown::new();
        let (open, closing) = watch::channel(());
        let limits = Arc::new(self.limits);
        let places = limits.connections.map(|most| Arc::new(Semaphore::new(most.get())));
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
                Ok((stream, peer)) => {
                    let end = End { watcher: graceful.watcher(), closing: closing.clone() };
                    let task = connection::serve(stream, peer, api.clone(), Arc::clone(&limits), end);
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

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Sets what every connection of ours has: no waiting for more to send, and a sign of life when it is silent for long.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    rustix::net::sockopt::set_socket_keepalive(stream, true)?;
    rustix::net::sockopt::set_tcp_keepidle(stream, KEEP_ALIVE)?;
    Ok(())
}

/// How many connections the system may hold ready for us to accept.
const BACKLOG: u32 = 4096;
/// How long to leave the listener alone after it failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// After how much silence the system probes whether the other end is still there; Distribution's value.
const KEEP_ALIVE: Duration = Duration::from_secs(180);
