//! Where Redis is, and how much patience there is with it.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use wharf_cache::MAX_AGE;

/// How a [`RedisCache`](crate::RedisCache) reaches Redis, and what it believes.
#[derive(Clone)]
pub struct Config {
    /// Where it is.
    pub servers: Servers,
    /// How connections are encrypted; they are not by default.
    pub tls: Option<Tls>,
    /// The user; the default user when there is none.
    pub username: Option<String>,
    /// The password; none by default.
    pub password: Option<String>,
    /// The number of the database; 0 by default, and always in a cluster.
    pub database: i64,
    /// What the connections are called in `CLIENT LIST`; nothing by default. A cluster's connections have no name.
    pub client_name: Option<String>,
    /// The version of the protocol; the newer one by default.
    pub protocol: Protocol,
    /// How many connections are shared by all calls; 1 by default. Each carries as many calls at once as there are. A cluster
    /// has one for each of its servers.
    pub connections: NonZeroUsize,
    /// How long it may take to connect; five seconds by default.
    pub connect: Duration,
    /// How long a call may take; [`DEADLINE`] by default.
    pub deadline: Duration,
    /// How long to wait before another attempt to connect.
    pub backoff: Backoff,
    /// How often a cluster's server may send a call elsewhere; 3 by default.
    pub redirects: u32,
    /// How old an entry may be; five minutes by default. It should be the same for all replicas.
    pub max_age: Duration,
    /// From what the key is made that vouches for entries; the same for all replicas.
    pub secret: Vec<u8>,
}

/// The default of [`Config::deadline`]: a quarter of a second.
pub const DEADLINE: Duration = Duration::from_millis(250);

impl Config {
    /// Everything but the servers and the secret as by default.
    pub fn new(servers: Servers, secret: &[u8]) -> Self {
        Self {
            servers,
            tls: None,
            username: None,
            password: None,
            database: 0,
            client_name: None,
            protocol: Protocol::default(),
            connections: NonZeroUsize::MIN,
            connect: Duration::from_secs(5),
            deadline: DEADLINE,
            backoff: Backoff::default(),
            redirects: 3,
            max_age: MAX_AGE,
            secret: secret.to_vec(),
        }
    }
}

/// Prints neither passwords nor the secret.
impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Config")
            .field("servers", &self.servers)
            .field("tls", &self.tls)
            .field("database", &self.database)
            .field("deadline", &self.deadline)
            .field("max_age", &self.max_age)
            .finish_non_exhaustive()
    }
}

/// How Redis is set up.
#[derive(Clone)]
pub enum Servers {
    /// One server.
    One(Address),
    /// Servers that sentinels watch. Only one of them, the master, is used.
    Sentinel {
        /// The name by which the sentinels know the master.
        master: String,
        /// The sentinels.
        sentinels: Vec<Address>,
        /// The user at the sentinels.
        username: Option<String>,
        /// The password at the sentinels.
        password: Option<String>,
    },
    /// A cluster, and some of its servers.
    Cluster(Vec<Address>),
}

/// Prints no password.
impl fmt::Debug for Servers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(address) => formatter.debug_tuple("One").field(address).finish(),
            Self::Cluster(addresses) => formatter.debug_tuple("Cluster").field(addresses).finish(),
            Self::Sentinel { master, sentinels, .. } => formatter
                .debug_struct("Sentinel")
                .field("master", master)
                .field("sentinels", sentinels)
                .finish_non_exhaustive(),
        }
    }
}

/// Where a server listens. Parsed from `host:port`, or from a path that begins with `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A host and a port.
    Tcp(String, u16),
    /// A Unix socket.
    Unix(PathBuf),
}

/// An address that is neither `host:port` nor an absolute path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither host:port nor the path of a socket")]
pub struct InvalidAddress(String);

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if text.starts_with('/') {
            return Ok(Self::Unix(text.into()));
        }
        let parsed = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let Some((host, port)) = parsed else { return Err(InvalidAddress(text.to_owned())) };
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        match bare.unwrap_or(host) {
            // An address without brackets around its colons would have lost a part of itself.
            host if bare.is_none() && host.contains(':') => Err(InvalidAddress(text.to_owned())),
            // As Go dials it: nothing is this machine.
            "" => Ok(Self::Tcp("localhost".to_owned(), port)),
            host => Ok(Self::Tcp(host.to_owned(), port)),
        }
    }
}

/// How connections are encrypted.
#[derive(Clone, Default)]
pub struct Tls {
    /// Who may have signed the server's certificate, in PEM; whom the system trusts when there is none.
    pub roots: Option<Vec<u8>>,
    /// What is shown to the server; nothing by default.
    pub identity: Option<Identity>,
}

/// A certificate with its key, both in PEM.
#[derive(Clone)]
pub struct Identity {
    /// The certificate, and those between it and the root.
    pub certificate: Vec<u8>,
    /// Its key.
    pub key: Vec<u8>,
}

/// Prints no key.
impl fmt::Debug for Tls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tls")
            .field("roots", &self.roots.is_some())
            .field("identity", &self.identity.is_some())
            .finish()
    }
}

/// The version of Redis' protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// The old one.
    Resp2,
    /// That of Redis 6 and later.
    #[default]
    Resp3,
}

/// How long to wait before another attempt to connect: each time twice as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// At first.
    pub least: Duration,
    /// At last.
    pub most: Duration,
}

impl Default for Backoff {
    /// From a tenth of a second to five seconds.
    fn default() -> Self {
        Self { least: Duration::from_millis(100), most: Duration::from_secs(5) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_with_ports_or_paths() {
        let tcp = |host: &str, port| Ok(Address::Tcp(host.to_owned(), port));
        assert_eq!("redis:6379".parse(), tcp("redis", 6379));
        assert_eq!("[::1]:1".parse(), tcp("::1", 1));
        assert_eq!(":6379".parse(), tcp("localhost", 6379));
        assert_eq!("/run/redis.sock".parse(), Ok(Address::Unix("/run/redis.sock".into())));
        for wrong in ["", "redis", "redis:", "redis:65536", "::1", "::1:1", "redis:6379/0"] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let sentinel = Servers::Sentinel {
            master: "m".into(),
            sentinels: Vec::new(),
            username: None,
            password: Some("hidden".into()),
        };
        let config = Config { password: Some("hidden".into()), ..Config::new(sentinel, b"hidden") };
        assert!(!format!("{config:?}").contains("hidden"));
        let bytes = format!("{:?}", b"hidden".to_vec());
        assert!(!format!("{config:?}").contains(&bytes));
    }
}
