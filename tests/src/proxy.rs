//! An HTTP proxy that stands between a server and whoever speaks to it: it counts, it takes turns, it breaks things.
//!
//! Heads pass as they are, `Host` included, so that signatures stay good. Every request gets a connection of its own to the
//! other side: what breaks one breaks no other.

mod exchange;
mod fault;
mod message;
mod operation;

use std::collections::{BTreeMap, HashMap};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

pub use fault::{Chance, Fault, Rule};

use exchange::Client;

/// Is a running proxy on a port of its own. Dropping the value cuts every connection.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// Is what all connections of a proxy share.
#[derive(Debug)]
pub(crate) struct Shared {
    upstreams: Vec<SocketAddr>,
    turn: AtomicUsize,
    served: AtomicUsize,
    stopped: AtomicBool,
    counts: Mutex<BTreeMap<&'static str, usize>>,
    told: Mutex<Vec<String>>,
    rules: Mutex<Vec<Rule>>,
    clients: Mutex<HashMap<usize, TcpStream>>,
}

impl Proxy {
    /// Stands before one server.
    ///
    /// # Panics
    ///
    /// When there is no port.
    #[must_use]
    pub fn before(upstream: SocketAddr) -> Proxy {
        Proxy::round_robin(&[upstream])
    }

    /// Stands before several servers, each of which gets every so manieth request, also of one connection.
    ///
    /// # Panics
    ///
    /// When there is no port.
    #[must_use]
    pub fn round_robin(upstreams: &[SocketAddr]) -> Proxy {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            upstreams: upstreams.to_vec(),
            turn: AtomicUsize::new(0),
            served: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
            counts: Mutex::default(),
            told: Mutex::default(),
            rules: Mutex::default(),
            clients: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accepting.accept(&listener));
        Proxy { address, shared }
    }

    /// Gives where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets what is broken from now on, in place of what was. Of several rules that fit the first one counts.
    pub fn break_by(&self, rules: Vec<Rule>) {
        *lock(&self.shared.rules) = rules;
    }

    /// Says how often each rule has broken something.
    #[must_use]
    pub fn broken(&self) -> Vec<u64> {
        lock(&self.shared.rules).iter().map(Rule::broken).collect()
    }

    /// Does something and gives how often each operation was asked for meanwhile: operations of S3 by their names.
    pub fn count(&self, work: impl FnOnce()) -> Counts {
        lock(&self.shared.counts).clear();
        lock(&self.shared.told).clear();
        work();
        let requests = std::mem::take(&mut *lock(&self.shared.told));
        Counts { operations: std::mem::take(&mut *lock(&self.shared.counts)), requests }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        for client in lock(&self.shared.clients).values() {
            let _already_gone = client.shutdown(Shutdown::Both);
        }
        // Wakes it up, so that it sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

/// Is what passed through a proxy.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// How often each operation was asked for.
    pub operations: BTreeMap<&'static str, usize>,
    /// The request lines in their order.
    pub requests: Vec<String>,
}

impl Counts {
    /// Gives the number of all requests.
    #[must_use]
    pub fn all(&self) -> usize {
        self.operations.values().sum()
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let operations: Vec<String> =
            self.operations.iter().map(|(name, count)| format!("{count} {name}")).collect();
        write!(f, "{} ({})", self.all(), operations.join(", "))
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        while let Ok((client, _)) = listener.accept() {
            if self.stopped.load(Ordering::Relaxed) {
                return;
            }
            let shared = Arc::clone(self);
            let id = self.served.fetch_add(1, Ordering::Relaxed);
            // The handle by which the connection can be cut.
            lock(&self.clients).extend(client.try_clone().map(|handle| (id, handle)));
            thread::spawn(move || {
                // A client that breaks off, or is broken off by a rule, is what this is for: nobody wants to hear of it.
                drop(Client::new(client, &shared).and_then(|mut client| client.serve()));
                lock(&shared.clients).remove(&id);
            });
        }
    }

    pub(crate) fn upstream(&self) -> SocketAddr {
        self.upstreams[self.turn.fetch_add(1, Ordering::Relaxed) % self.upstreams.len()]
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Counts a request and finds what shall happen to it.
    pub(crate) fn judge(&self, operation: &'static str, line: &str) -> Option<Fault> {
        *lock(&self.counts).entry(operation).or_default() += 1;
        lock(&self.told).push(format!("{operation}: {line}"));
        lock(&self.rules).iter_mut().find_map(|rule| rule.strikes(operation))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
