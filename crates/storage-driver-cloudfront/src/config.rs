//! What the wrapper must be told.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How long a signed URL works when nothing else is said, as in Distribution.
pub const DEFAULT_DURATION: Duration = Duration::from_secs(20 * 60);

/// How often the list of AWS's addresses is fetched when nothing else is said, as in Distribution.
pub const DEFAULT_UPDATE_FREQUENCY: Duration = Duration::from_secs(12 * 3600);

/// Where AWS publishes its addresses.
pub const DEFAULT_RANGES_URL: &str = "https://ip-ranges.amazonaws.com/ip-ranges.json";

/// Which distribution clients are sent to, with which key, and who is excepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The address of the distribution: a host, or a URL with or without a path. Without a scheme it is `https`.
    pub base_url: String,
    /// The name under which the distribution knows the public key.
    pub key_pair_id: String,
    /// The private key.
    pub private_key: PrivateKey,
    /// How long a signed URL works unless the request says otherwise; a twentieth less when one that was signed a moment
    /// ago is given again.
    pub duration: Duration,
    /// Who gets the wrapped driver's own redirect.
    pub ip_filter: IpFilter,
    /// Where AWS's addresses are listed; unused with [`IpFilter::None`].
    pub ip_ranges: RangesSource,
    /// How often the list is fetched, at least [`MIN_UPDATE_FREQUENCY`](crate::MIN_UPDATE_FREQUENCY). A file is looked at
    /// more often, see [`FILE_CHECK`](crate::FILE_CHECK).
    pub update_frequency: Duration,
    /// What the wrapped driver puts before a path to make the key of an object: its root directory. Slashes at both ends
    /// do not matter.
    pub key_prefix: String,
}

impl Config {
    /// A distribution and its key, with the defaults for all the rest: nobody is excepted.
    pub fn new(base_url: impl Into<String>, key_pair_id: impl Into<String>, private_key: PrivateKey) -> Self {
        Self {
            base_url: base_url.into(),
            key_pair_id: key_pair_id.into(),
            private_key,
            duration: DEFAULT_DURATION,
            ip_filter: IpFilter::None,
            ip_ranges: RangesSource::Url(DEFAULT_RANGES_URL.to_owned()),
            update_frequency: DEFAULT_UPDATE_FREQUENCY,
            key_prefix: String::new(),
        }
    }
}

/// An RSA key in PEM, PKCS#1 (`BEGIN RSA PRIVATE KEY`) or PKCS#8 (`BEGIN PRIVATE KEY`).
#[derive(Clone, PartialEq, Eq)]
pub enum PrivateKey {
    /// The text itself.
    Pem(Vec<u8>),
    /// A file that holds it, read once.
    File(PathBuf),
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem(_) => formatter.write_str("Pem(…)"),
            Self::File(path) => formatter.debug_tuple("File").field(path).finish(),
        }
    }
}

/// Which clients are not sent to CloudFront.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum IpFilter {
    /// None: everyone is sent there.
    #[default]
    None,
    /// Those with an address of AWS.
    Aws,
    /// Those with an address of AWS in one of these regions, whatever the case of their names.
    AwsRegion(Vec<String>),
}

/// Where the list of AWS's addresses is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RangesSource {
    /// At this `http` or `https` URL.
    Url(String),
    /// In this file, which is read again when it changes.
    File(PathBuf),
}
