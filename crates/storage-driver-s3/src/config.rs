//! What a driver is told: which bucket, how to reach it, who we are, and how much of what it may use.

use std::fmt;
use std::time::Duration;

/// 2^20 bytes.
const MIB: u64 = 1 << 20;

/// The smallest part a store takes, unless it is the last, in bytes. A rule of S3.
pub const MIN_PART_BYTES: u64 = 5 * MIB;

/// The largest part and the largest object that is copied in one request, in bytes. A rule of S3.
pub const MAX_PART_BYTES: u64 = 5 << 30;

/// How many parts an object may have. A rule of S3.
pub const MAX_PARTS: u64 = 10_000;

/// What a driver is told. All values are fine as they are written here; [`S3Driver::new`](crate::S3Driver::new) refuses
/// those that cannot be.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// The bucket. It must exist.
    pub bucket: String,
    /// The region; without one it is what the machine's own settings say, or `us-east-1` where an endpoint is given.
    pub region: Option<String>,
    /// The store, as a URL or a bare host with or without a port; without one it is Amazon's.
    pub endpoint: Option<String>,
    /// Whether an endpoint without a scheme is reached over TLS.
    pub secure: bool,
    /// Whether the bucket stands in the path, not in the host name. Most stores that are not Amazon's want it so.
    pub force_path_style: bool,
    /// What all keys begin with; slashes at its ends do not matter.
    pub root_directory: String,
    /// Who we are.
    pub credentials: Credentials,
    /// How requests are signed.
    pub signature: Signature,
    /// How the store encrypts what it keeps.
    pub encryption: Encryption,
    /// The storage class of every object; none leaves it to the bucket.
    pub storage_class: Option<String>,
    /// The canned access list of every object; none leaves it to the bucket.
    pub acl: Option<String>,
    /// What is appended to the `User-Agent` of every request.
    pub user_agent: Option<String>,
    /// Whether to use Amazon's endpoints that have IPv6 addresses too. An endpoint of our own makes it idle.
    pub dual_stack: bool,
    /// Whether to use Amazon's transfer acceleration.
    pub accelerate: bool,
    /// Whether to use Amazon's FIPS endpoints. An endpoint of our own makes it idle.
    pub fips: bool,
    /// The scheme and host that clients are redirected to instead of the endpoint, such as `https://files.example`.
    pub redirect_endpoint: Option<String>,
    /// How long a redirect works when the request names no other time.
    pub redirect_lifetime: Duration,
    /// The size of the parts of an upload, in bytes; [`MIN_PART_BYTES`] to [`MAX_PART_BYTES`].
    pub chunk_bytes: u64,
    /// How many parts of one upload are on their way at once; at least 1.
    pub upload_concurrency: usize,
    /// How many bytes all uploads of this driver may hold in memory together; at least two parts.
    pub upload_memory_bytes: u64,
    /// The largest object that is copied in one request, in bytes; up to [`MAX_PART_BYTES`].
    pub copy_threshold_bytes: u64,
    /// The size of the parts of a copy, in bytes; [`MIN_PART_BYTES`] to [`MAX_PART_BYTES`].
    pub copy_chunk_bytes: u64,
    /// How many parts of a copy are on their way at once; at least 1.
    pub copy_concurrency: usize,
    /// How many keys a page of a listing holds; 1 to 1000.
    pub list_page: i32,
    /// How many requests and retries there are.
    pub retries: Retries,
    /// How long things may take.
    pub timeouts: Timeouts,
}

impl Config {
    /// The defaults, for a bucket.
    pub fn new(bucket: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            region: None,
            endpoint: None,
            secure: true,
            force_path_style: false,
            root_directory: String::new(),
            credentials: Credentials::Chain,
            signature: Signature::V4,
            encryption: Encryption::None,
            storage_class: Some("STANDARD".to_owned()),
            acl: Some("private".to_owned()),
            user_agent: None,
            dual_stack: false,
            accelerate: false,
            fips: false,
            redirect_endpoint: None,
            redirect_lifetime: Duration::from_secs(20 * 60),
            chunk_bytes: 10 * MIB,
            upload_concurrency: 4,
            upload_memory_bytes: 256 * MIB,
            copy_threshold_bytes: 32 * MIB,
            copy_chunk_bytes: 32 * MIB,
            copy_concurrency: 100,
            list_page: 1000,
            retries: Retries::default(),
            timeouts: Timeouts::default(),
        }
    }
}

/// Who we are.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Whoever the machine says: environment, profile, web identity, container, instance, in this order.
    Chain,
    /// The owner of a key.
    Static {
        /// Its public half.
        access_key: String,
        /// Its secret half.
        secret_key: String,
        /// What comes with temporary keys.
        session_token: Option<String>,
    },
}

impl fmt::Debug for Credentials {
    /// Shows the public half only.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain => formatter.write_str("Chain"),
            Self::Static { access_key, .. } => {
                formatter.debug_struct("Static").field("access_key", access_key).finish_non_exhaustive()
            }
        }
    }
}

/// How requests are signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Signature {
    /// With HMAC-SHA-256, as all stores of today understand.
    #[default]
    V4,
    /// With HMAC-SHA-1, for stores that know nothing else. Amazon refuses it.
    V2,
}

/// How the store encrypts what it keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Encryption {
    /// As the bucket says.
    #[default]
    None,
    /// With keys of the store.
    S3,
    /// With a key of the key service.
    Kms {
        /// Which; none for the account's default key.
        key: Option<String>,
    },
}

/// How often a request that failed for a passing reason is tried again.
///
/// Between attempts there is a random time up to the backoff, which doubles each time. A budget that all requests share
/// keeps retries from burying a store that is down: each retry takes some, successes and time give it back, and when
/// it is used up requests fail at once.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retries {
    /// How many attempts a request has, the first included; at least 1.
    pub max_attempts: u32,
    /// The longest wait before the second attempt.
    pub first_backoff: Duration,
    /// The longest wait before any attempt.
    pub max_backoff: Duration,
    /// The budget, in units of which a retry costs 5 and one after a timeout 10; a success gives 1 back, a second 5.
    pub budget: usize,
    /// How often a read that broke off is continued where it was.
    pub reads: u32,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            first_backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(10),
            budget: 500,
            reads: 5,
        }
    }
}

/// How long one attempt of a request may take, by what it is. How long connecting may take is the HTTP client's to say.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// What carries next to nothing, and the wait for the first byte of a read.
    pub small: Duration,
    /// The slowest that bytes may go out, in bytes per second, on top of [`small`](Self::small); at least 1.
    pub upload_bytes_per_second: u64,
    /// What makes the store move bytes.
    pub copy: Duration,
    /// How long a read may wait for its next bytes while someone wants them.
    pub stall: Duration,
}

impl Timeouts {
    /// How long a request may take that carries so many bytes.
    pub fn part(&self, bytes: u64) -> Duration {
        self.small + Duration::from_millis(bytes.saturating_mul(1000) / self.upload_bytes_per_second.max(1))
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            small: Duration::from_secs(10),
            upload_bytes_per_second: MIB,
            copy: Duration::from_secs(5 * 60),
            stall: Duration::from_secs(15),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_secret() {
        let mut config = Config::new("bucket");
        config.credentials = Credentials::Static {
            access_key: "AKIDEXAMPLE".into(),
            secret_key: "very-secret".into(),
            session_token: Some("very-secret too".into()),
        };
        let text = format!("{config:?}");
        assert!(text.contains("AKIDEXAMPLE"));
        assert!(!text.contains("very-secret"), "{text}");
    }

    #[test]
    fn a_part_has_the_time_that_a_slow_network_needs() {
        assert_eq!(Timeouts::default().part(10 * MIB), Duration::from_secs(20));
        assert_eq!(Timeouts::default().part(0), Duration::from_secs(10));
        let _ = Timeouts::default().part(u64::MAX);
    }
}
