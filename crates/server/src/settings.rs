//! What a configuration means to this program: every section read into types, completely, before a port opens.

mod access;
#[cfg(any(feature = "s3", feature = "azure"))]
mod amount;
#[cfg(feature = "azure")]
mod azure;
mod cache;
#[cfg(feature = "cloudfront")]
mod cloudfront;
#[cfg(any(feature = "s3", feature = "azure"))]
mod connection;
mod defaults;
mod driver;
mod given;
mod hooks;
mod http;
mod letsencrypt;
mod middleware;
mod policy;
mod problems;
#[cfg(feature = "s3")]
mod s3;
mod schema1;
mod storage;
mod tls;

use tracing::level_filters::LevelFilter;
use wharf_configuration::{Document, Error, Section};

use crate::environment::Environment;
use crate::logging::{AccessLines, Format, Logging};

pub use access::{
    AccessSettings, AuthenticatorSettings, HtpasswdSettings, SIGNING_ALGORITHMS, TokenSettings,
};
#[cfg(feature = "azure")]
pub use azure::AzureSettings;
pub use cache::{CacheSettings, RedisSettings, RedisTlsSettings};
#[cfg(any(feature = "s3", feature = "azure"))]
pub use connection::Connection;
pub use driver::DriverSettings;
pub use http::{HttpSettings, Net};
pub use middleware::MiddlewareSettings;
pub(crate) use problems::problems;
#[cfg(feature = "s3")]
pub use s3::S3Settings;
pub use schema1::{KeyFile, Schema1Settings, UnusableKey};
pub use storage::{PurgeSettings, StorageSettings};
pub use tls::{CertificateSettings, TlsSettings};

/// The whole of a configuration.
#[derive(Debug)]
pub struct Settings {
    /// `log`
    pub log: Logging,
    /// `http`
    pub http: HttpSettings,
    /// `storage`, `middleware.storage` and `validation`
    pub storage: StorageSettings,
    /// `auth`
    pub access: AccessSettings,
    /// `compatibility.schema1`
    pub schema1: Schema1Settings,
    /// What the environment says beside.
    pub environment: Environment,
    /// The file that all this comes from, to be watched; none where it does not come from one.
    pub file: Option<std::path::PathBuf>,
    /// What the operator should know and the program can live with.
    pub remarks: Vec<String>,
}

/// The configuration of a program that was given none: files under `./registry-data`, this machine only, deletes on.
pub const WITHOUT_A_FILE: &str = "\
version: 0.1
storage:
  filesystem: {rootdirectory: ./registry-data}
  delete: {enabled: true}
  cache: {blobdescriptor: inmemory}
http: {addr: '127.0.0.1:5000'}
";

impl Settings {
    /// Reads a configuration, beside which the environment may say where stores and proxies are. What it does not read is
    /// left for [`Document::unread`] to tell.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, with its place.
    pub fn read(document: &Document, environment: Environment) -> Result<Self, Error> {
        document.check_version()?;
        let root = document.root();
        let mut remarks = Vec::new();
        refuse_what_would_be_unsafe(&root)?;
        let schema1 = Schema1Settings::read(&root)?;
        let access = AccessSettings::read(&root, &mut remarks)?;
        let mut storage = StorageSettings::read(&root, &environment, &mut remarks)?;
        storage.options.schema1 = schema1.pushes;
        if !access.is_open() {
            storage.options.anonymous_mounts = wharf_storage::AnonymousMounts::Refused;
        }
        let log = Logging { sdk: storage.driver.sdk_log(), ..logging(&root, &mut remarks)? };
        let http = HttpSettings::read(&root, &mut remarks)?;
        if http.secret.is_none() && matches!(storage.cache, CacheSettings::Redis { .. }) {
            remarks.push(
                "http.secret is not set: what other replicas left in redis is not believed, nor what this one leaves there after its end"
                    .to_owned(),
            );
        }
        Ok(Self { log, http, storage, access, schema1, environment, file: None, remarks })
    }
}

/// Sections that this build does not know yet, and that an operator relies on for safety. Serving without them would be
/// worse than not serving.
fn refuse_what_would_be_unsafe(root: &Section<'_>) -> Result<(), Error> {
    let proxy = root.section("proxy")?;
    if proxy.string("remoteurl")?.is_some_and(|url| !url.is_empty()) {
        return Err(proxy.refuse("remoteurl", "nothing: this build cannot be a pull-through cache"));
    }
    let notifications = root.section("notifications")?;
    if !notifications.sections("endpoints")?.is_empty() {
        return Err(notifications.refuse("endpoints", "no endpoint: this build cannot send notifications"));
    }
    Ok(())
}

fn logging(root: &Section<'_>, remarks: &mut Vec<String>) -> Result<Logging, Error> {
    const LEVELS: [(&str, LevelFilter); 4] = [
        ("error", LevelFilter::ERROR),
        ("warn", LevelFilter::WARN),
        ("info", LevelFilter::INFO),
        ("debug", LevelFilter::DEBUG),
    ];
    const FORMATS: [(&str, Format); 4] =
        [("text", Format::Text), ("json", Format::Json), ("logstash", Format::Logstash), ("", Format::Text)];
    let log = root.section("log")?;
    let old_spelling = root.variant("loglevel", &LEVELS)?;
    let access = match log.section("accesslog")?.bool("disabled")? {
        Some(true) => AccessLines::Off,
        _ => AccessLines::Written,
    };
    Ok(Logging {
        level: log.variant("level", &LEVELS)?.or(old_spelling).unwrap_or(LevelFilter::INFO),
        format: log.variant("formatter", &FORMATS)?.unwrap_or_default(),
        fields: log.texts("fields")?.unwrap_or_default(),
        caller: log.bool("reportcaller")?.unwrap_or(false),
        access,
        mail: hooks::read(&log, remarks)?,
        ..Logging::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        let document = Document::parse("config.yml", text).unwrap();
        Settings::read(&document, Environment::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_file_nothing_is_unread() {
        let document = Document::parse("default", WITHOUT_A_FILE).unwrap();
        let settings = Settings::read(&document, Environment::default()).unwrap();
        assert_eq!(document.unread(), []);
        assert_eq!(settings.http.address, "127.0.0.1:5000");
        assert_eq!(settings.storage.options.deletes, wharf_storage::Deletes::Allowed);
    }

    #[test]
    fn the_documented_example_is_read_to_its_last_key() {
        let document = Document::parse("config.yml", include_str!("../../../deploy/config.yml")).unwrap();
        Settings::read(&document, Environment::default()).unwrap();
        assert_eq!(document.unread(), []);
    }

    /// The blocks of the example that are commented out, since only one of them can be there.
    #[test]
    fn every_access_control_of_the_documented_example_is_read_to_its_last_key() {
        let text = include_str!("../../../deploy/config.yml");
        let blocks: Vec<String> = text
            .split("#auth:\n")
            .skip(1)
            .map(|block| {
                let lines = block.lines().map_while(|line| line.strip_prefix("#  "));
                lines.fold("auth:\n".to_owned(), |block, line| format!("{block}  {line}\n"))
            })
            .collect();
        assert_eq!(blocks.len(), 3);
        for block in blocks {
            let document = Document::parse("config.yml", &format!("{text}\n{block}")).unwrap();
            let settings = Settings::read(&document, Environment::default()).unwrap();
            assert!(!settings.access.is_open());
            assert_eq!(document.unread(), [], "{block}");
        }
    }

    #[test]
    fn access_control_that_is_not_there_is_never_passed_over() {
        let error = read("{version: 0.1, storage: inmemory, auth: {ldap: {realm: r}}}").unwrap_err();
        assert!(error.starts_with("config.yml:1:") && error.contains("auth.ldap"), "{error}");
        let tls = |tls: &str| read(&format!("{{version: 0.1, storage: inmemory, http: {{tls: {tls}}}}}"));
        let error = tls("{certificate: a, key: b, letsencrypt: {cachefile: a}}").unwrap_err();
        assert!(error.contains("http.tls.letsencrypt.cachefile") && error.contains("not both"), "{error}");
        let error = tls("{letsencrypt: {hosts: [a.example]}}").unwrap_err();
        assert!(error.contains("http.tls.letsencrypt.cachefile: found nothing"), "{error}");
        for half in ["{key: b}", "{clientcas: [c]}", "{certificate: a}"] {
            assert!(tls(half).unwrap_err().contains("found nothing, expected a value"), "{half}");
        }
        let error = read("{version: 0.1, storage: inmemory, proxy: {remoteurl: 'https://a'}}").unwrap_err();
        assert!(error.contains("proxy.remoteurl"), "{error}");
    }

    #[test]
    fn the_log_is_as_configured() {
        let settings = |log: &str| {
            read(&format!("{{version: 0.1, storage: inmemory, http: {{secret: s}}, log: {log}}}")).unwrap()
        };
        let log =
            settings("{formatter: logstash, fields: {a: 1}, reportcaller: on, accesslog: {disabled: true}}")
                .log;
        assert_eq!((log.format, log.caller, log.access), (Format::Logstash, true, AccessLines::Off));
        assert_eq!(log.fields, [("a".to_owned(), "1".to_owned())]);
        assert_eq!(settings("{}").log.access, AccessLines::Written);
        let mail = settings(
            "{hooks: [{type: mail, levels: [error], options: {smtp: {addr: 'a:25'}, from: a@b.c, to: [d@b.c]}}]}",
        );
        assert_eq!((mail.log.mail.len(), mail.remarks.len()), (1, 0));
    }

    #[test]
    fn limits_of_our_own_have_keys() {
        let settings = read(
            "{version: 0.1, storage: {inmemory: , cache: {manifestbytes: 1MiB}}, referrers: {page: 7, pagebytes: 9},
              validation: {manifests: {concurrency: 3}}, http: {limits: {uploadwait: 2s, minrate: 1}}}",
        );
        let Settings { storage, http, .. } = settings.unwrap();
        assert_eq!(storage.options.manifest_cache_bytes, 1 << 20);
        assert_eq!((storage.options.referrers_per_page.get(), storage.options.referrers_page_bytes), (7, 9));
        assert_eq!(storage.options.reference_concurrency.get(), 3);
        assert_eq!(storage.options.upload_wait, std::time::Duration::from_secs(2));
        assert_eq!(http.limits.min_rate, 1);
    }

    #[test]
    fn short_forms_are_understood() {
        let settings = read("{version: 0.1, storage: inmemory, auth: none, loglevel: debug}").unwrap();
        assert!(settings.access.is_open());
        assert_eq!(settings.log.level, LevelFilter::DEBUG);
        assert!(matches!(settings.storage.driver, DriverSettings::InMemory));
        assert!(read("{version: 0.1}").unwrap_err().contains("storage"));
    }

    #[test]
    fn what_would_throw_uploads_away_by_mistake_is_refused() {
        let purging = |keys: &str| {
            read(&format!(
                "{{version: 0.1, storage: {{inmemory: , maintenance: {{uploadpurging: {{{keys}}}}}}}}}"
            ))
        };
        assert!(purging("age: 168").unwrap_err().contains("a duration with a unit, such as 30m or 168h"));
        assert!(purging("age: 1h, interval: 24").is_err());
        let purge = purging("age: 1h, interval: 24h").unwrap().storage.purge.unwrap();
        assert_eq!(purge.age, std::time::Duration::from_secs(3600));
    }

    #[test]
    fn deletes_that_distribution_would_not_allow_stay_off() {
        let settings =
            read("{version: 0.1, http: {secret: s}, storage: {inmemory: , delete: {enabled: 'true'}}}")
                .unwrap();
        assert_eq!(settings.storage.options.deletes, wharf_storage::Deletes::Refused);
        assert!(settings.remarks[0].contains("storage.delete.enabled"), "{:?}", settings.remarks);
    }

    #[test]
    fn empty_options_of_middleware_are_none() {
        let settings = read(
            "{version: 0.1, storage: inmemory, middleware: {storage: [{name: rewrite, options: {scheme: '', host: h}}]}}",
        );
        let rewrite = wharf_storage_driver::Rewrite { host: Some("h".to_owned()), ..Default::default() };
        assert_eq!(settings.unwrap().storage.middleware, [MiddlewareSettings::Rewrite(rewrite)]);
    }
}
