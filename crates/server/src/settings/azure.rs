//! `storage.azure`, as 2.x and 3.x spell it.
//!
//! A file of 2.x has `accountname`, `accountkey` and `container` alone, which means the account's own key; 3.x refuses it
//! without `credentials.type`, we do not.

use std::fmt;
use std::time::Duration;

use wharf_configuration::{Error, GoDuration, Section};
use wharf_storage_driver_azure::{
    Config, Credentials, Environment as AzureEnvironment, MAX_CHUNK_BYTES, MIN_CHUNK_BYTES,
};

use super::amount::{self, set};
use super::connection::{Connection, verification};
use super::driver::Around;
use super::given;
use crate::environment::Environment;

/// A container, and how it is reached.
#[derive(Debug, Clone)]
pub struct AzureSettings {
    /// What the driver is told.
    pub config: Config,
    /// How the store is connected to.
    pub connection: Connection,
}

impl AzureSettings {
    pub(super) fn read(section: &Section<'_>, around: Around<'_>) -> Result<Self, Error> {
        let Around { redirect_lifetime, environment, remarks } = around;
        let needed = |key: &str| given::text(section, key)?.ok_or_else(|| section.missing(key));
        let mut config = Config::new(needed("accountname")?, needed("container")?, credentials(section)?);
        config.environment = identity(environment);
        set(&mut config.realm, given::text(section, "realm")?);
        config.service_url = service_url(section)?;
        config.root_directory = given::text(section, "rootdirectory")?.unwrap_or_default();
        section.ignore(&["connectionstring"]);
        copies(section, &mut config)?;
        amounts(section, &mut config)?;
        patience(section, &mut config)?;
        set(&mut config.redirect_lifetime, redirect_lifetime);
        let connection = Connection::read(section, verification(section)?)?;
        connection.warn(section, remarks);
        Ok(Self { config, connection })
    }
}

impl fmt::Display for AzureSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = &self.config;
        write!(formatter, "container {} of account {}", config.container, config.account)?;
        match &config.service_url {
            Some(url) => write!(formatter, " at {url}")?,
            None => write!(formatter, " at {}", config.realm)?,
        }
        match config.root_directory.trim_matches('/') {
            "" => Ok(()),
            root => write!(formatter, ", root directory {root}"),
        }
    }
}

/// What kind of proof `credentials.type` names.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Proof {
    SharedKey,
    Sas,
    ClientSecret,
    ManagedIdentity,
    WorkloadIdentity,
    Default,
}

fn credentials(section: &Section<'_>) -> Result<Credentials, Error> {
    const PROOFS: [(&str, Proof); 6] = [
        ("shared_key", Proof::SharedKey),
        ("client_secret", Proof::ClientSecret),
        ("default_credentials", Proof::Default),
        ("managed_identity", Proof::ManagedIdentity),
        ("workload_identity", Proof::WorkloadIdentity),
        ("sas_token", Proof::Sas),
    ];
    let key = given::text(section, "accountkey")?;
    let credentials = section.section("credentials")?;
    let client = given::text(&credentials, "clientid")?;
    let tenant = given::text(&credentials, "tenantid")?;
    let secret = given::text(&credentials, "secret")?;
    let sas = given::text(&credentials, "sastoken")?;
    let named = given::text(&credentials, "type")?;
    let proof = match named.as_deref() {
        None => None,
        // Distribution's own documents show this one, its code does not know it.
        Some("default") => Some(Proof::Default),
        Some(_) => credentials.variant("type", &PROOFS)?,
    };
    let missing = |key: &str| credentials.missing(key);
    Ok(match proof {
        None if !credentials.is_empty() => return Err(missing("type")),
        None | Some(Proof::SharedKey) => {
            Credentials::SharedKey(key.ok_or_else(|| section.missing("accountkey"))?)
        }
        Some(Proof::Sas) => Credentials::Sas(sas.ok_or_else(|| missing("sastoken"))?),
        Some(Proof::ClientSecret) => Credentials::ClientSecret {
            tenant: tenant.ok_or_else(|| missing("tenantid"))?,
            client: client.ok_or_else(|| missing("clientid"))?,
            secret: secret.ok_or_else(|| missing("secret"))?,
        },
        Some(Proof::ManagedIdentity) => Credentials::ManagedIdentity { client },
        Some(Proof::WorkloadIdentity) => Credentials::WorkloadIdentity,
        Some(Proof::Default) => Credentials::Default,
    })
}

fn identity(environment: &Environment) -> AzureEnvironment {
    let value = |name: &str| environment.get(name).map(str::to_owned);
    AzureEnvironment {
        tenant: value("AZURE_TENANT_ID"),
        client: value("AZURE_CLIENT_ID"),
        client_secret: value("AZURE_CLIENT_SECRET"),
        federated_token_file: value("AZURE_FEDERATED_TOKEN_FILE"),
        authority_host: value("AZURE_AUTHORITY_HOST"),
        identity_endpoint: value("IDENTITY_ENDPOINT"),
        identity_header: value("IDENTITY_HEADER"),
    }
}

fn service_url(section: &Section<'_>) -> Result<Option<String>, Error> {
    let url = given::text(section, "serviceurl")?;
    let fits = |url: &String| {
        let authority = |rest: &str| rest.split('/').next().is_some_and(|host| !host.is_empty());
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
        rest.is_some_and(authority)
            && !url.bytes().any(|byte| !byte.is_ascii_graphic() || b"@?#".contains(&byte))
    };
    match url {
        Some(url) if !fits(&url) => Err(section
            .refuse("serviceurl", "a URL such as http://127.0.0.1:10000/account, without user and query")),
        url => Ok(url),
    }
}

/// How a copy that does not finish at once is waited for. The alphas of 3.0 had longer names for it.
fn copies(section: &Section<'_>, config: &mut Config) -> Result<(), Error> {
    for key in ["copy_status_poll_max_retry", "max_retries"] {
        match section.integer::<i64>(key)? {
            None | Some(0) => {}
            Some(-1) => config.copy_polls = 0,
            Some(polls) => match u32::try_from(polls) {
                Ok(polls) => config.copy_polls = polls,
                Err(_) => {
                    return Err(section.refuse(key, "a whole number above zero, or -1 for no wait at all"));
                }
            },
        }
    }
    for key in ["copy_status_poll_delay", "retry_delay"] {
        let Some(text) = given::text(section, key)? else { continue };
        let delay = text.parse::<GoDuration>().ok().and_then(GoDuration::to_std);
        config.retry_delay = delay.ok_or_else(|| section.refuse(key, "a duration such as 100ms"))?;
    }
    Ok(())
}

/// How much, and how much at once.
fn amounts(section: &Section<'_>, config: &mut Config) -> Result<(), Error> {
    let chunk = amount::size(section, "chunksize", MIN_CHUNK_BYTES as u64..=MAX_CHUNK_BYTES as u64)?;
    set(&mut config.chunk_bytes, chunk.and_then(|bytes| usize::try_from(bytes).ok()));
    set(&mut config.upload_concurrency, amount::count(section, "uploadconcurrency")?);
    let two_blocks = config.chunk_bytes.saturating_mul(2);
    let memory = amount::size(section, "uploadmemory", 0..=usize::MAX as u64)?;
    let memory = memory.and_then(|bytes| usize::try_from(bytes).ok());
    if memory.is_some_and(|bytes| bytes < two_blocks) {
        return Err(section.refuse("uploadmemory", "a size that is at least twice chunksize"));
    }
    config.upload_memory_bytes = memory.unwrap_or(config.upload_memory_bytes.max(two_blocks));
    Ok(())
}

/// How long, and how often.
fn patience(section: &Section<'_>, config: &mut Config) -> Result<(), Error> {
    let small = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
    let most = u64::from(u32::MAX);
    set(&mut config.max_attempts, small(amount::number(section, "maxattempts", 1..=most)?));
    set(&mut config.read_retries, small(amount::number(section, "readretries", 0..=most)?));
    let timeouts = &mut config.timeouts;
    set(&mut timeouts.request, given::duration(section, "requesttimeout")?);
    set(&mut timeouts.upload_bytes_per_second, small(amount::size(section, "uploadminrate", 1..=most)?));
    set(&mut timeouts.list, given::duration(section, "listtimeout")?);
    set(&mut timeouts.stall, given::duration(section, "stalltimeout")?);
    let skew: Option<Duration> = section.duration("redirectskew")?;
    set(&mut config.redirect_skew, skew);
    Ok(())
}

#[cfg(test)]
mod tests {
    use wharf_configuration::Document;

    use super::*;
    use crate::settings::{DriverSettings, Settings};

    /// Reads a section of these keys in a file of its own, to its last key.
    fn read_with(keys: &str, environment: Environment) -> Result<AzureSettings, String> {
        let text = format!("version: 0.1\nhttp: {{secret: s}}\nstorage:\n  azure: {{{keys}}}\n");
        let document = Document::parse("config.yml", &text).unwrap();
        let settings = Settings::read(&document, environment).map_err(|error| error.to_string())?;
        assert_eq!(document.unread(), []);
        match settings.storage.driver {
            DriverSettings::Azure(azure) => Ok(*azure),
            other => panic!("{other:?}"),
        }
    }

    fn read(keys: &str) -> AzureSettings {
        read_with(keys, Environment::default()).unwrap()
    }

    fn complaint(keys: &str) -> String {
        read_with(keys, Environment::default()).unwrap_err()
    }

    #[test]
    fn a_file_of_2x_means_the_accounts_own_key() {
        let azure = read("accountname: a, accountkey: aHVzaA==, container: c, realm: core.chinacloudapi.cn");
        assert_eq!(azure.config.credentials, Credentials::SharedKey("aHVzaA==".to_owned()));
        assert_eq!(azure.to_string(), "container c of account a at core.chinacloudapi.cn");
        assert!(!format!("{azure:?}").contains("aHVzaA=="));
    }

    #[test]
    fn every_kind_of_proof_has_its_name() {
        let proof = |credentials: &str| {
            read(&format!("accountname: a, accountkey: k, container: c, credentials: {{{credentials}}}"))
                .config
                .credentials
        };
        assert_eq!(proof("type: shared_key"), Credentials::SharedKey("k".to_owned()));
        assert_eq!(
            proof("type: client_secret, tenantid: t, clientid: i, secret: s"),
            Credentials::ClientSecret {
                tenant: "t".to_owned(),
                client: "i".to_owned(),
                secret: "s".to_owned()
            }
        );
        assert_eq!(proof("type: default_credentials"), Credentials::Default);
        assert_eq!(proof("type: default"), Credentials::Default);
        assert_eq!(proof("type: sas_token, sastoken: '?sv=1'"), Credentials::Sas("?sv=1".to_owned()));
        assert_eq!(proof("type: managed_identity"), Credentials::ManagedIdentity { client: None });
        assert_eq!(
            proof("type: managed_identity, clientid: i"),
            Credentials::ManagedIdentity { client: Some("i".to_owned()) }
        );
        assert_eq!(proof("type: workload_identity"), Credentials::WorkloadIdentity);
    }

    #[test]
    fn copies_are_waited_for_under_either_name() {
        let base = "accountname: a, accountkey: k, container: c";
        let polls = |keys: &str| {
            let config = read(&format!("{base}, {keys}")).config;
            (config.copy_polls, config.retry_delay.as_millis())
        };
        assert_eq!(polls("realm: ''"), (5, 100));
        assert_eq!(polls("max_retries: 7, retry_delay: 1s"), (7, 1000));
        assert_eq!(polls("max_retries: 0, retry_delay: ''"), (5, 100));
        assert_eq!(polls("max_retries: -1"), (0, 100));
        assert_eq!(polls("copy_status_poll_max_retry: 9, copy_status_poll_delay: 20ms"), (9, 20));
    }

    #[test]
    fn complaints_say_where_and_what_would_be_right() {
        let base = "accountname: a, container: c";
        for (keys, part) in [
            ("container: c, accountkey: k", "storage.azure.accountname: found nothing"),
            ("accountname: a, accountkey: k", "storage.azure.container: found nothing"),
            (base, "storage.azure.accountkey: found nothing"),
            (
                &format!("{base}, accountkey: k, credentials: {{clientid: i}}"),
                "storage.azure.credentials.type",
            ),
            (
                &format!("{base}, credentials: {{type: magic}}"),
                "one of shared_key, client_secret, default_credentials",
            ),
            (
                &format!("{base}, credentials: {{type: client_secret, clientid: i, secret: s}}"),
                "credentials.tenantid",
            ),
            (&format!("{base}, accountkey: k, max_retries: -2"), "or -1 for no wait at all"),
            (&format!("{base}, accountkey: k, retry_delay: 5"), "a duration such as 100ms"),
            (&format!("{base}, accountkey: k, serviceurl: store"), "a URL such as"),
            (&format!("{base}, accountkey: k, chunksize: 1MiB"), "a size from 4MiB to 256MiB"),
            (&format!("{base}, accountkey: k, uploadmemory: 15MiB"), "at least twice chunksize"),
        ] {
            let complaint = complaint(keys);
            assert!(complaint.starts_with("config.yml:4:") && complaint.contains(part), "{complaint}");
        }
    }

    #[test]
    fn the_environment_is_handed_on() {
        let environment = Environment::new([
            ("AZURE_TENANT_ID", "t"),
            ("AZURE_FEDERATED_TOKEN_FILE", "/token"),
            ("IDENTITY_HEADER", "hush"),
        ]);
        let azure =
            read_with("accountname: a, container: c, credentials: {type: default_credentials}", environment);
        let environment = azure.unwrap().config.environment;
        assert_eq!((environment.tenant.as_deref(), environment.client), (Some("t"), None));
        assert_eq!(environment.federated_token_file.as_deref(), Some("/token"));
        assert_eq!(environment.identity_header.as_deref(), Some("hush"));
    }
}
