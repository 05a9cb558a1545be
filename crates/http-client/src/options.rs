//! How a client connects: timeouts, pool, trust and proxies.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How long connecting may take, unless said otherwise: one lost packet and its second try, then rather another attempt.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);

/// How long a connection is kept for later, unless said otherwise.
pub const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// How many connections to one host are kept for later, unless said otherwise.
pub const DEFAULT_IDLE_PER_HOST: usize = 64;

/// How an [`HttpClient`](crate::HttpClient) connects.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long looking up the name, connecting, asking a proxy and agreeing on TLS may take together.
    pub connect_timeout: Duration,
    /// How long a connection that nobody uses is kept. Stores close theirs after some minutes.
    pub idle_timeout: Duration,
    /// How many unused connections are kept for one host. It does not limit how many are used at once.
    pub idle_per_host: usize,
    /// Whom to trust.
    pub tls: Tls,
    /// Through whom to go.
    pub proxy: Proxy,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
            idle_per_host: DEFAULT_IDLE_PER_HOST,
            tls: Tls::default(),
            proxy: Proxy::default(),
        }
    }
}

/// Whom a client trusts, and what it shows of itself.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// The authorities whose certificates are good.
    pub roots: Roots,
    /// Whether certificates are looked at.
    pub verification: Verification,
    /// What the client shows of itself to servers that ask.
    pub identity: Option<Identity>,
}

/// A certificate of the client with those that lead to its authority, and its key.
#[derive(Debug, Clone)]
pub struct Identity {
    /// A PEM file with the certificates, the client's own first.
    pub certificates: PathBuf,
    /// A PEM file with the private key.
    pub key: PathBuf,
}

/// Authorities whose certificates are good.
///
/// Those of the machine are where its distribution keeps them, or where `SSL_CERT_FILE` and `SSL_CERT_DIR` say. A machine
/// without any, such as an empty container image, gets Mozilla's list as of this build.
#[derive(Debug, Clone, Default)]
pub enum Roots {
    /// The machine's.
    #[default]
    System,
    /// The machine's, and those of a PEM file.
    File(PathBuf),
    /// The machine's, and those of this PEM text.
    Pem(Vec<u8>),
}

/// Whether certificates are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verification {
    /// They must be valid, of a trusted authority and for the host's name.
    #[default]
    Full,
    /// Any certificate of anyone is good. **Dangerous**: whoever sits in between reads and changes everything, secrets
    /// included. It exists for stores in a laboratory; their authority's certificate in [`Roots`] is the better way.
    None,
}

/// Through whom a client goes.
#[derive(Debug, Clone, Default)]
pub enum Proxy {
    /// Straight to the host.
    #[default]
    None,
    /// As the values of the usual environment variables say.
    Environment(ProxyEnvironment),
}

/// The values of the variables that name proxies, an empty one being as good as none. A library reads no environment:
/// the program does.
///
/// As with Go's HTTP client, which reads the same variables, `localhost` and loopback addresses are reached without a proxy.
#[derive(Clone, Default)]
pub struct ProxyEnvironment {
    /// `HTTP_PROXY`: the URL of the proxy for `http` requests; without a scheme it is `http`.
    pub http: String,
    /// `HTTPS_PROXY`: the URL of the proxy that tunnels `https` requests.
    pub https: String,
    /// `NO_PROXY`: names (with all below them), addresses and networks that are reached straight, with commas between;
    /// `*` for all.
    pub no_proxy: String,
}

impl fmt::Debug for ProxyEnvironment {
    /// Leaves out the URLs of the proxies, which may hold a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ProxyEnvironment").field("no_proxy", &self.no_proxy).finish_non_exhaustive()
    }
}
