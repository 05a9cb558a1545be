//! What the driver must be told: which account and container, as whom, and how much it may use.

use std::fmt;
use std::time::Duration;

/// The domain of Azure's public cloud.
pub const DEFAULT_REALM: &str = "core.windows.net";

/// How often a copy that is still pending is looked at, as in Distribution.
pub const DEFAULT_COPY_POLLS: u32 = 5;

/// How long the first wait for a pending copy is, as in Distribution; the n-th is n times as long.
pub const DEFAULT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// The size of a block of a large file, in bytes.
pub const DEFAULT_CHUNK_BYTES: usize = 8 * 1024 * 1024;

/// The least [`Config::chunk_bytes`], in bytes.
pub const MIN_CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// The most [`Config::chunk_bytes`], in bytes.
pub const MAX_CHUNK_BYTES: usize = 256 * 1024 * 1024;

/// How many blocks of one file are on their way at once.
pub const DEFAULT_UPLOAD_CONCURRENCY: usize = 4;

/// How many bytes of large files wait in memory to be stored, in bytes, all writers of a driver together.
pub const DEFAULT_UPLOAD_MEMORY_BYTES: usize = 256 * 1024 * 1024;

/// How often a request is tried before the store counts as unavailable.
pub const DEFAULT_MAX_ATTEMPTS: u32 = 5;

/// How often reading one file goes on after its connection broke.
pub const DEFAULT_READ_RETRIES: u32 = 3;

/// How long a redirect works, as in Distribution.
pub const DEFAULT_REDIRECT_LIFETIME: Duration = Duration::from_secs(20 * 60);

/// How long before now a redirect begins to work, as in Distribution: clocks differ.
pub const DEFAULT_REDIRECT_SKEW: Duration = Duration::from_secs(10);

/// A container of an Azure storage account, and how hard it may be used.
#[derive(Debug, Clone)]
pub struct Config {
    /// The name of the account.
    pub account: String,
    /// The name of the container, which must exist.
    pub container: String,
    /// Who asks.
    pub credentials: Credentials,
    /// What the environment offers to identities; empty unless the program says otherwise.
    pub environment: Environment,
    /// The domain below which accounts are found: `https://ACCOUNT.blob.REALM`.
    pub realm: String,
    /// The URL of the account's blobs in place of the one that `realm` gives, such as an emulator's
    /// `http://127.0.0.1:10000/ACCOUNT`.
    pub service_url: Option<String>,
    /// The folder in the container that holds the store; empty for the container itself.
    pub root_directory: String,
    /// How often a pending copy is looked at before it is given up; 0 gives it up at once.
    pub copy_polls: u32,
    /// How long to wait before the first look at a pending copy; before the n-th, n times as long.
    pub retry_delay: Duration,
    /// The size of a block, in bytes, from [`MIN_CHUNK_BYTES`] to [`MAX_CHUNK_BYTES`]. A file has at most 50,000
    /// blocks.
    pub chunk_bytes: usize,
    /// How many blocks of one file are on their way at once; at least 1.
    pub upload_concurrency: usize,
    /// How many bytes wait in memory to be stored, in bytes, of all writers together; at least two blocks.
    pub upload_memory_bytes: usize,
    /// How often a request is tried; at least 1.
    pub max_attempts: u32,
    /// How often reading one file goes on after its connection broke or stood still.
    pub read_retries: u32,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How long a redirect works when the request for it does not say.
    pub redirect_lifetime: Duration,
    /// How long before now a redirect begins to work.
    pub redirect_skew: Duration,
}

/// How long one attempt of a request may take. Connecting has a limit of its own in the HTTP client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// A request without a large body, until its answer is there.
    pub request: Duration,
    /// How slowly a body may go out, in bytes per second; the time for its size comes on top of `request`.
    pub upload_bytes_per_second: u32,
    /// A page of a list.
    pub list: Duration,
    /// How long a body that is being read may stand still while somebody waits for it.
    pub stall: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(10),
            upload_bytes_per_second: 1024 * 1024,
            list: Duration::from_secs(30),
            stall: Duration::from_secs(15),
        }
    }
}

/// Who asks, and how that is proved.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// The account's own key, in base64.
    SharedKey(String),
    /// A shared access signature: the query string, with or without `?`. Redirects are not possible with it, since it
    /// would give away what it allows.
    Sas(String),
    /// An application with a secret.
    ClientSecret {
        /// The directory.
        tenant: String,
        /// The application.
        client: String,
        /// Its secret.
        secret: String,
    },
    /// The identity of the machine or of the service that the program runs in.
    ManagedIdentity {
        /// Which one, when there are several.
        client: Option<String>,
    },
    /// An application that a federated token stands for, as Kubernetes hands it out; see [`Environment`].
    WorkloadIdentity,
    /// What the environment offers: an application with a secret, else a federated token, else a managed identity.
    Default,
}

impl fmt::Debug for Credentials {
    /// Shows no secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SharedKey(_) => formatter.write_str("SharedKey"),
            Self::Sas(_) => formatter.write_str("Sas"),
            Self::ClientSecret { tenant, client, .. } => formatter
                .debug_struct("ClientSecret")
                .field("tenant", tenant)
                .field("client", client)
                .finish_non_exhaustive(),
            Self::ManagedIdentity { client } => {
                formatter.debug_struct("ManagedIdentity").field("client", client).finish()
            }
            Self::WorkloadIdentity => formatter.write_str("WorkloadIdentity"),
            Self::Default => formatter.write_str("Default"),
        }
    }
}

/// The values of the variables by which Azure tells programs who they are. A library reads no environment: the program
/// does, and an empty value is as good as none.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// `AZURE_TENANT_ID`.
    pub tenant: Option<String>,
    /// `AZURE_CLIENT_ID`.
    pub client: Option<String>,
    /// `AZURE_CLIENT_SECRET`.
    pub client_secret: Option<String>,
    /// `AZURE_FEDERATED_TOKEN_FILE`: the file is read again for every token.
    pub federated_token_file: Option<String>,
    /// `AZURE_AUTHORITY_HOST`: where tokens are given out; by default the one that belongs to the realm.
    pub authority_host: Option<String>,
    /// `IDENTITY_ENDPOINT`: where a hosted service asks for its managed identity.
    pub identity_endpoint: Option<String>,
    /// `IDENTITY_HEADER`: what it says there.
    pub identity_header: Option<String>,
}

impl fmt::Debug for Environment {
    /// Shows no secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Environment")
            .field("tenant", &self.tenant)
            .field("client", &self.client)
            .field("federated_token_file", &self.federated_token_file)
            .field("authority_host", &self.authority_host)
            .field("identity_endpoint", &self.identity_endpoint)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// A container with every default.
    pub fn new(account: impl Into<String>, container: impl Into<String>, credentials: Credentials) -> Self {
        Self {
            account: account.into(),
            container: container.into(),
            credentials,
            environment: Environment::default(),
            realm: DEFAULT_REALM.to_owned(),
            service_url: None,
            root_directory: String::new(),
            copy_polls: DEFAULT_COPY_POLLS,
            retry_delay: DEFAULT_RETRY_DELAY,
            chunk_bytes: DEFAULT_CHUNK_BYTES,
            upload_concurrency: DEFAULT_UPLOAD_CONCURRENCY,
            upload_memory_bytes: DEFAULT_UPLOAD_MEMORY_BYTES,
            max_attempts: DEFAULT_MAX_ATTEMPTS,
            read_retries: DEFAULT_READ_RETRIES,
            timeouts: Timeouts::default(),
            redirect_lifetime: DEFAULT_REDIRECT_LIFETIME,
            redirect_skew: DEFAULT_REDIRECT_SKEW,
        }
    }

    /// The URL of the account's blobs, without a slash at its end.
    pub(crate) fn service_url(&self) -> String {
        match self.service_url.as_deref().map(|url| url.trim_end_matches('/')) {
            Some(url) if !url.is_empty() => url.to_owned(),
            _ => format!("https://{}.blob.{}", self.account, self.realm),
        }
    }

    /// Checks what can be checked without asking anyone.
    pub(crate) fn check(&self) -> Result<(), InvalidConfig> {
        let wrong = |what| Err(InvalidConfig(what));
        let name = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-$_".contains(&byte))
        };
        if !name(&self.account) {
            return wrong("the account's name is empty or no name");
        }
        if !name(&self.container) {
            return wrong("the container's name is empty or no name");
        }
        if self.root_directory.split('/').any(|part| part == "." || part == ".." || part.contains('~')) {
            return wrong("the root directory has a component that is `.` or `..` or holds a `~`");
        }
        if !(MIN_CHUNK_BYTES..=MAX_CHUNK_BYTES).contains(&self.chunk_bytes) {
            return wrong("a block is to be of 4 MiB to 256 MiB");
        }
        if self.upload_memory_bytes / 2 < self.chunk_bytes {
            return wrong("the memory for uploads is less than two blocks");
        }
        if self.upload_concurrency == 0
            || self.max_attempts == 0
            || self.timeouts.upload_bytes_per_second == 0
        {
            return wrong("the concurrency of uploads, the attempts and the speed of uploads are at least 1");
        }
        Ok(())
    }
}

/// Why a [`Config`] cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidConfig(pub(crate) &'static str);

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config::new("account", "container", Credentials::SharedKey("c2VjcmV0".to_owned()))
    }

    #[test]
    fn the_url_of_the_service_follows_the_realm_unless_it_is_given() {
        assert_eq!(config().service_url(), "https://account.blob.core.windows.net");
        let china = Config { realm: "core.chinacloudapi.cn".to_owned(), ..config() };
        assert_eq!(china.service_url(), "https://account.blob.core.chinacloudapi.cn");
        let own = Config { service_url: Some("http://127.0.0.1:10000/account/".to_owned()), ..config() };
        assert_eq!(own.service_url(), "http://127.0.0.1:10000/account");
    }

    #[test]
    fn what_cannot_work_is_refused() {
        assert_eq!(config().check(), Ok(()));
        for broken in [
            Config { account: String::new(), ..config() },
            Config { account: "a.b/".to_owned(), ..config() },
            Config { container: String::new(), ..config() },
            Config { root_directory: "a/../b".to_owned(), ..config() },
            Config { root_directory: "a~b".to_owned(), ..config() },
            Config { chunk_bytes: 1, ..config() },
            Config { upload_memory_bytes: DEFAULT_CHUNK_BYTES, ..config() },
            Config { upload_concurrency: 0, ..config() },
        ] {
            broken.check().unwrap_err();
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let secret = "hush".to_owned();
        let environment = Environment {
            client_secret: Some(secret.clone()),
            identity_header: Some(secret.clone()),
            ..Environment::default()
        };
        for credentials in [
            Credentials::SharedKey(secret.clone()),
            Credentials::Sas(secret.clone()),
            Credentials::ClientSecret { tenant: "t".to_owned(), client: "c".to_owned(), secret },
        ] {
            let config = Config { environment: environment.clone(), credentials, ..config() };
            assert!(!format!("{config:?}").contains("hush"));
        }
    }
}
