//! `storage.s3`, which may also be called `storage.s3aws`.
//!
//! Distribution 2.x put the bucket into the path as soon as `regionendpoint` was given, 3.x wants `forcepathstyle` for it.
//! A file of either must go on to work. With a key of its own the matter is clear. Without it, Amazon's own endpoints and
//! those of the few stores that refuse the other form get the bucket in the host name, as in 3.x; all others, which nearly
//! always take both forms and often have one name only, get it in the path, as in 2.x.

use std::fmt;

use wharf_configuration::{Error, Section};
use wharf_storage_driver_s3::{Config, Credentials, Encryption, MAX_PART_BYTES, MIN_PART_BYTES, Signature};

use super::amount::{self, set};
use super::connection::{Connection, verification};
use super::driver::Around;
use super::given;
use crate::environment::Environment;
use crate::logging::SdkLog;

/// A bucket, how it is reached, and what the SDK may log.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// What the driver is told.
    pub config: Config,
    /// How the store is connected to.
    pub connection: Connection,
    /// `loglevel`
    pub log: SdkLog,
}

impl S3Settings {
    pub(super) fn read(section: &Section<'_>, around: Around<'_>) -> Result<Self, Error> {
        let Around { redirect_lifetime, environment, remarks } = around;
        let bucket = given::text(section, "bucket")?.ok_or_else(|| section.missing("bucket"))?;
        let mut config = Config::new(bucket);
        config.credentials = credentials(section, remarks)?;
        address(section, environment, &mut config)?;
        objects(section, remarks, &mut config)?;
        amounts(section, &mut config)?;
        patience(section, &mut config)?;
        set(&mut config.redirect_lifetime, redirect_lifetime);
        let connection = Connection {
            more_roots: environment.get("AWS_CA_BUNDLE").map(Into::into),
            ..Connection::read(section, verification(section)?)?
        };
        connection.warn(section, remarks);
        Ok(Self { config, connection, log: log(section)? })
    }
}

impl fmt::Display for S3Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.config;
        write!(formatter, "bucket {}", config.bucket)?;
        match (&config.endpoint, &config.region) {
            (Some(endpoint), _) => write!(formatter, " at {endpoint}")?,
            (None, Some(region)) => write!(formatter, " in {region}")?,
            (None, None) => {}
        }
        match config.root_directory.trim_matches('/') {
            "" => Ok(()),
            root => write!(formatter, ", root directory {root}"),
        }
    }
}

fn credentials(section: &Section<'_>, remarks: &mut Vec<String>) -> Result<Credentials, Error> {
    let access_key = given::text(section, "accesskey")?;
    let secret_key = given::text(section, "secretkey")?;
    let session_token = given::text(section, "sessiontoken")?;
    if access_key.is_some() != secret_key.is_some() {
        remarks.push(format!(
            "{0}.accesskey and {0}.secretkey have an effect together only: the credentials of this machine are used",
            section.name()
        ));
    }
    Ok(match (access_key, secret_key) {
        (Some(access_key), Some(secret_key)) => Credentials::Static { access_key, secret_key, session_token },
        _ => Credentials::Chain,
    })
}

/// Where the store is, and how one talks to it.
fn address(section: &Section<'_>, environment: &Environment, config: &mut Config) -> Result<(), Error> {
    config.endpoint = endpoint(section, "regionendpoint")?;
    config.region = region(section, config.endpoint.is_none(), environment)?;
    let bool = |key: &str, default: bool| Ok::<_, Error>(section.lenient_bool(key)?.unwrap_or(default));
    config.secure = bool("secure", true)?;
    let usual = config.endpoint.as_deref().is_some_and(|endpoint| !wants_host_style(host(endpoint)));
    config.force_path_style = bool("forcepathstyle", usual)?;
    config.dual_stack = bool("usedualstack", false)?;
    config.accelerate = bool("accelerate", false)?;
    config.fips = bool("usefipsendpoint", false)?;
    if config.accelerate && (config.endpoint.is_some() || config.force_path_style) {
        let expected = "false: acceleration needs Amazon's own endpoint, and the bucket in the host name";
        return Err(section.refuse("accelerate", expected));
    }
    if !bool("v4auth", true)? {
        if config.endpoint.as_deref().is_none_or(|endpoint| is_amazons(host(endpoint))) {
            return Err(section.refuse("v4auth", "true: Amazon takes no other signature"));
        }
        config.signature = Signature::V2;
    }
    config.redirect_endpoint = redirect_endpoint(section)?;
    config.user_agent = given::text(section, "useragent")?;
    Ok(())
}

/// An address with or without a scheme.
fn endpoint(section: &Section<'_>, key: &str) -> Result<Option<String>, Error> {
    let Some(endpoint) = given::text(section, key)? else { return Ok(None) };
    let scheme = endpoint.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    let strange = |byte: u8| !byte.is_ascii_graphic() || b"@?#\"<>\\^`{|}".contains(&byte);
    let known = scheme.is_none_or(|scheme| scheme == "http" || scheme == "https");
    if known && !host(&endpoint).is_empty() && !endpoint.bytes().any(strange) {
        return Ok(Some(endpoint.trim_end_matches('/').to_owned()));
    }
    Err(section.refuse(key, "an address such as https://store.example:9000, without user and query"))
}

/// What clients are sent to in the endpoint's stead.
fn redirect_endpoint(section: &Section<'_>) -> Result<Option<String>, Error> {
    let key = "redirectendpoint";
    let endpoint = endpoint(section, key)?;
    let fits = |endpoint: &String| endpoint.split_once("://").is_some_and(|(_, rest)| !rest.contains('/'));
    match endpoint {
        Some(endpoint) if !fits(&endpoint) => {
            Err(section.refuse(key, "a scheme and a host such as https://files.example, without a path"))
        }
        endpoint => Ok(endpoint),
    }
}

/// Without an endpoint the region says where the store is, so it must be one; the SDK knows the address of any that
/// follows the pattern, also of one that is opened tomorrow.
fn region(
    section: &Section<'_>,
    is_the_address: bool,
    environment: &Environment,
) -> Result<Option<String>, Error> {
    let known_elsewhere = || {
        ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_CONFIG_FILE"]
            .iter()
            .any(|name| environment.get(name).is_some())
    };
    match given::text(section, "region")? {
        Some(region) if is_the_address && !looks_like_a_region(&region) => {
            Err(section.refuse("region", "a region such as us-east-1, or a regionendpoint beside it"))
        }
        None if is_the_address && !known_elsewhere() => {
            Err(section.refuse("region", "a region such as us-east-1, or a regionendpoint"))
        }
        region => Ok(region),
    }
}

/// `us-east-1`, `us-gov-west-1`, `eu-isoe-west-1`, …
fn looks_like_a_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    match &parts[..] {
        [words @ .., number] => {
            (2..=3).contains(&words.len())
                && words.iter().all(word)
                && (1..=2).contains(&number.len())
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        [] => false,
    }
}

/// The host of an address, without its port.
fn host(endpoint: &str) -> &str {
    let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn is_amazons(host: &str) -> bool {
    AMAZON.iter().any(|domain| is_below(host, domain))
}

/// Whether the bucket belongs into the host name unless the file says otherwise.
fn wants_host_style(host: &str) -> bool {
    is_amazons(host) || HOST_STYLE_ONLY.iter().any(|domain| is_below(host, domain))
}

/// What every object is marked with.
fn objects(section: &Section<'_>, remarks: &mut Vec<String>, config: &mut Config) -> Result<(), Error> {
    config.root_directory = given::text(section, "rootdirectory")?.unwrap_or_default();
    let key = given::text(section, "keyid")?;
    let encrypt = section.lenient_bool("encrypt")?.unwrap_or(false);
    if key.is_some() && !encrypt {
        remarks.push(format!("{0}.keyid has no effect without {0}.encrypt: true", section.name()));
    }
    config.encryption = match (encrypt, key) {
        (false, _) => Encryption::None,
        (true, None) => Encryption::S3,
        (true, Some(key)) => Encryption::Kms { key: Some(key) },
    };
    if given::text(section, "storageclass")?.is_some() {
        let classes = STORAGE_CLASSES.map(|class| (class, (class != "NONE").then(|| class.to_owned())));
        config.storage_class = section.variant("storageclass", &classes)?.flatten();
    }
    if given::text(section, "objectacl")?.is_some() {
        config.acl = section.variant("objectacl", &ACLS.map(|acl| (acl, acl.to_owned())))?;
    }
    Ok(())
}

/// How much, and how much at once.
fn amounts(section: &Section<'_>, config: &mut Config) -> Result<(), Error> {
    let part = || MIN_PART_BYTES..=MAX_PART_BYTES;
    set(&mut config.chunk_bytes, amount::size(section, "chunksize", part())?);
    set(&mut config.copy_chunk_bytes, amount::size(section, "multipartcopychunksize", part())?);
    set(&mut config.copy_concurrency, amount::count(section, "multipartcopymaxconcurrency")?);
    let threshold = amount::size(section, "multipartcopythresholdsize", 0..=MAX_PART_BYTES)?;
    set(&mut config.copy_threshold_bytes, threshold);
    set(&mut config.upload_concurrency, amount::count(section, "uploadconcurrency")?);
    let two_parts = config.chunk_bytes.saturating_mul(2);
    let memory = amount::size(section, "uploadmemory", 0..=u64::MAX)?;
    if memory.is_some_and(|bytes| bytes < two_parts) {
        return Err(section.refuse("uploadmemory", "a size that is at least twice chunksize"));
    }
    config.upload_memory_bytes = memory.unwrap_or(config.upload_memory_bytes.max(two_parts));
    let page = amount::number(section, "listpage", 1..=1000)?;
    set(&mut config.list_page, page.and_then(|page| i32::try_from(page).ok()));
    Ok(())
}

/// How long, and how often.
fn patience(section: &Section<'_>, config: &mut Config) -> Result<(), Error> {
    let retries = &mut config.retries;
    let attempts = amount::number(section, "maxattempts", 1..=u32::MAX.into())?;
    set(&mut retries.max_attempts, attempts.and_then(|attempts| u32::try_from(attempts).ok()));
    set(&mut retries.first_backoff, given::duration(section, "firstbackoff")?);
    set(&mut retries.max_backoff, given::duration(section, "maxbackoff")?);
    let budget = amount::number(section, "retrybudget", 0..=u64::from(u32::MAX))?;
    set(&mut retries.budget, budget.and_then(|budget| usize::try_from(budget).ok()));
    let reads = amount::number(section, "readretries", 0..=u32::MAX.into())?;
    set(&mut retries.reads, reads.and_then(|reads| u32::try_from(reads).ok()));
    let timeouts = &mut config.timeouts;
    set(&mut timeouts.small, given::duration(section, "requesttimeout")?);
    set(&mut timeouts.upload_bytes_per_second, amount::size(section, "uploadminrate", 1..=u64::MAX)?);
    set(&mut timeouts.copy, given::duration(section, "copytimeout")?);
    set(&mut timeouts.stall, given::duration(section, "stalltimeout")?);
    Ok(())
}

fn log(section: &Section<'_>) -> Result<SdkLog, Error> {
    let level = section.string("loglevel")?.unwrap_or_default().to_ascii_lowercase();
    Ok(match level.as_str() {
        "debug" | "debugwithrequestretries" | "debugwithrequesterrors" | "debugwitheventstreambody" => {
            SdkLog::Debug
        }
        "debugwithsigning" => SdkLog::Signing,
        "debugwithhttpbody" => SdkLog::Http,
        _ => SdkLog::Quiet,
    })
}

/// Amazon's own domains.
const AMAZON: [&str; 2] = ["amazonaws.com", "amazonaws.com.cn"];
/// Domains of stores that refuse requests with the bucket in the path.
const HOST_STYLE_ONLY: [&str; 4] = ["aliyuncs.com", "myqcloud.com", "volces.com", "ivolces.com"];
const STORAGE_CLASSES: [&str; 9] = [
    "NONE",
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "OUTPOSTS",
    "GLACIER_IR",
    "EXPRESS_ONEZONE",
];
const ACLS: [&str; 7] = [
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wharf_configuration::Document;
    use wharf_http_client::Verification;

    use super::*;
    use crate::settings::{DriverSettings, Settings};

    /// Reads a section of these keys in a file of its own, to its last key.
    fn read_with(keys: &str, environment: Environment) -> Result<(S3Settings, Vec<String>), String> {
        let text = format!("version: 0.1\nhttp: {{secret: s}}\nstorage:\n  s3: {{{keys}}}\n");
        let document = Document::parse("config.yml", &text).unwrap();
        let settings = Settings::read(&document, environment).map_err(|error| error.to_string())?;
        assert_eq!(document.unread(), []);
        match settings.storage.driver {
            DriverSettings::S3(s3) => Ok((*s3, settings.remarks)),
            other => panic!("{other:?}"),
        }
    }

    fn read(keys: &str) -> S3Settings {
        let (settings, remarks) = read_with(keys, Environment::default()).unwrap();
        assert_eq!(remarks, [""; 0], "{keys}");
        settings
    }

    fn complaint(keys: &str) -> String {
        read_with(keys, Environment::default()).unwrap_err()
    }

    #[test]
    fn a_file_of_2x_is_understood() {
        let text = "
version: 0.1
http: {addr: ':5000', secret: s}
storage:
  cache: {blobdescriptor: inmemory}
  delete: {enabled: true}
  s3aws:
    accesskey: minio
    secretkey: 12345678
    region: us-east-1
    regionendpoint: http://minio:9000
    bucket: registry
    encrypt: \"false\"
    secure: false
    v4auth: \"true\"
    chunksize: \"5242880\"
    multipartcopychunksize: 33554432
    rootdirectory: /images
    storageclass: reduced_redundancy
";
        let document = Document::parse("config.yml", text).unwrap();
        let settings = Settings::read(&document, Environment::default()).unwrap();
        assert_eq!((document.unread(), settings.remarks), (Vec::new(), Vec::new()));
        let DriverSettings::S3(s3) = settings.storage.driver else { panic!() };
        assert!(s3.config.force_path_style && !s3.config.secure);
        assert_eq!((s3.config.chunk_bytes, s3.config.copy_chunk_bytes), (5 << 20, 32 << 20));
        assert_eq!(s3.config.storage_class.as_deref(), Some("REDUCED_REDUNDANCY"));
        assert_eq!(s3.config.encryption, Encryption::None);
        assert!(
            matches!(&s3.config.credentials, Credentials::Static { secret_key, .. } if secret_key == "12345678")
        );
        assert_eq!(s3.to_string(), "bucket registry at http://minio:9000, root directory images");
        assert!(!format!("{s3:?}").contains("12345678"));
    }

    #[test]
    fn a_file_of_3x_is_understood() {
        let s3 = read(
            "bucket: b, region: eu-west-1, encrypt: 1, keyid: k, usedualstack: on, usefipsendpoint: t, \
             objectacl: bucket-owner-full-control, storageclass: none, useragent: me, loglevel: debugwithsigning, \
             skipverify: no, multipartcopymaxconcurrency: '7', multipartcopythresholdsize: 0, accelerate: true",
        );
        assert_eq!(s3.config.region.as_deref(), Some("eu-west-1"));
        assert!(s3.config.dual_stack && s3.config.fips && s3.config.accelerate && s3.config.secure);
        assert_eq!(s3.config.encryption, Encryption::Kms { key: Some("k".to_owned()) });
        assert_eq!(s3.config.acl.as_deref(), Some("bucket-owner-full-control"));
        assert_eq!((s3.config.storage_class, s3.config.user_agent.as_deref()), (None, Some("me")));
        assert_eq!((s3.config.copy_concurrency, s3.config.copy_threshold_bytes), (7, 0));
        assert_eq!(s3.config.credentials, Credentials::Chain);
        assert_eq!((s3.log, s3.connection.verification), (SdkLog::Signing, Verification::Full));
    }

    #[test]
    fn the_bucket_stands_where_old_and_new_files_find_it() {
        for (endpoint, in_the_path) in [
            ("http://127.0.0.1:9000", true),
            ("'[::1]:9000'", true),
            ("localhost", true),
            ("minio:9000", true),
            ("10.0.0.1", true),
            ("https://s3.corp.example", true),
            ("https://account.r2.cloudflarestorage.com", true),
            ("https://notamazonaws.com", true),
            ("https://s3.eu-west-1.amazonaws.com", false),
            ("S3.CN-NORTH-1.AMAZONAWS.COM.CN:443", false),
            ("https://oss-cn-hangzhou.aliyuncs.com", false),
        ] {
            let keys = format!("bucket: b, region: r, regionendpoint: {endpoint}");
            assert_eq!(read(&keys).config.force_path_style, in_the_path, "{endpoint}");
            for said in [true, false] {
                let keys = format!("{keys}, forcepathstyle: '{said}'");
                assert_eq!(read(&keys).config.force_path_style, said, "{endpoint}");
            }
        }
        assert!(!read("bucket: b, region: us-east-1").config.force_path_style);
        assert!(read("bucket: b, region: us-east-1, forcepathstyle: true").config.force_path_style);
    }

    #[test]
    fn a_region_is_needed_where_it_is_the_address() {
        for region in ["us-east-1", "us-gov-west-1", "us-iso-east-1", "eu-isoe-west-1", "mars-north-12"] {
            read(&format!("bucket: b, region: {region}"));
        }
        for region in ["us-east", "useast1", "US-EAST-1", "us-east-1a", "http://x", "aws-global", "a-1"] {
            assert!(
                complaint(&format!("bucket: b, region: '{region}'")).contains("storage.s3.region"),
                "{region}"
            );
            read(&format!("bucket: b, region: '{region}', regionendpoint: store"));
        }
        assert_eq!(read("bucket: b, regionendpoint: store").config.region, None);
        let missing = complaint("bucket: b");
        assert_eq!(
            missing,
            "config.yml:4:7: storage.s3.region: found nothing, expected a region such as us-east-1, or a regionendpoint"
        );
        let environment = Environment::new([("AWS_REGION", "eu-west-1")]);
        assert_eq!(read_with("bucket: b", environment).unwrap().0.config.region, None);
    }

    #[test]
    fn credentials_come_in_pairs() {
        let s3 = read("bucket: b, region: us-east-1, accesskey: a, secretkey: s, sessiontoken: t");
        assert!(matches!(s3.config.credentials, Credentials::Static { session_token: Some(_), .. }));
        let half =
            read_with("bucket: b, region: us-east-1, accesskey: a, secretkey: ''", Environment::default());
        let (half, remarks) = half.unwrap();
        assert_eq!((half.config.credentials, remarks.len()), (Credentials::Chain, 1));
    }

    #[test]
    fn complaints_say_where_and_what_would_be_right() {
        for (keys, part) in [
            ("region: us-east-1", "storage.s3.bucket: found nothing"),
            ("bucket: '', region: us-east-1", "storage.s3.bucket"),
            ("bucket: b, region: us-east-1, secure: maybe", "secure: found maybe, expected true or false"),
            (
                "bucket: b, region: us-east-1, chunksize: 5242879",
                "chunksize: found 5242879, expected a size from 5MiB to 5GiB",
            ),
            ("bucket: b, region: us-east-1, chunksize: 6GiB", "expected a size from 5MiB to 5GiB"),
            (
                "bucket: b, region: us-east-1, multipartcopymaxconcurrency: 0",
                "expected a whole number that is at least 1",
            ),
            ("bucket: b, region: us-east-1, storageclass: COLD", "expected one of NONE, STANDARD"),
            ("bucket: b, region: us-east-1, objectacl: mine", "expected one of private, public-read"),
            ("bucket: b, region: us-east-1, v4auth: false", "v4auth: found false, expected true"),
            (
                "bucket: b, regionendpoint: s3.amazonaws.com, v4auth: false",
                "v4auth: found false, expected true",
            ),
            ("bucket: b, regionendpoint: 'ftp://x'", "regionendpoint"),
            ("bucket: b, regionendpoint: 'http://me:hush@x'", "without user"),
            ("bucket: b, regionendpoint: x, redirectendpoint: files.example", "a scheme and a host"),
            ("bucket: b, regionendpoint: x, redirectendpoint: 'https://files.example/a'", "without a path"),
            ("bucket: b, regionendpoint: x, accelerate: true", "acceleration needs Amazon"),
            ("bucket: b, region: us-east-1, uploadmemory: 19MiB", "at least twice chunksize"),
            ("bucket: b, region: us-east-1, requesttimeout: 0s", "a duration above zero"),
        ] {
            let complaint = complaint(keys);
            assert!(complaint.starts_with("config.yml:4:") && complaint.contains(part), "{complaint}");
        }
        assert!(!complaint("bucket: b, regionendpoint: 'http://me:hush@x'").contains("hush"));
    }

    #[test]
    fn what_does_nothing_or_harm_is_said() {
        for keys in ["keyid: k", "skipverify: true"] {
            let (_, remarks) =
                read_with(&format!("bucket: b, region: us-east-1, {keys}"), Environment::default()).unwrap();
            assert_eq!(remarks.len(), 1, "{keys}");
        }
    }

    #[test]
    fn our_own_limits_have_keys() {
        let s3 = read(
            "bucket: b, region: us-east-1, chunksize: 200MiB, uploadconcurrency: 8, maxattempts: 2, firstbackoff: 1s, \
             maxbackoff: 2s, retrybudget: 0, readretries: 0, connecttimeout: 4s, requesttimeout: 5s, uploadminrate: 2MiB, \
             copytimeout: 6s, stalltimeout: 7s, listpage: 10",
        );
        let Config { retries, timeouts, .. } = s3.config.clone();
        assert_eq!((s3.config.upload_concurrency, s3.config.list_page), (8, 10));
        assert_eq!(s3.config.upload_memory_bytes, 400 << 20, "it grows with the parts");
        assert_eq!((retries.max_attempts, retries.budget, retries.reads), (2, 0, 0));
        assert_eq!(
            (retries.first_backoff, retries.max_backoff),
            (Duration::from_secs(1), Duration::from_secs(2))
        );
        assert_eq!((timeouts.small, timeouts.upload_bytes_per_second), (Duration::from_secs(5), 2 << 20));
        assert_eq!((timeouts.copy, timeouts.stall), (Duration::from_secs(6), Duration::from_secs(7)));
        assert_eq!(s3.connection.timeout, Duration::from_secs(4));
    }

    #[test]
    fn the_environment_may_name_authorities() {
        let environment = Environment::new([("AWS_CA_BUNDLE", "/etc/ca.pem")]);
        let (s3, _) = read_with("bucket: b, region: us-east-1", environment).unwrap();
        assert_eq!(s3.connection.more_roots, Some("/etc/ca.pem".into()));
    }
}
