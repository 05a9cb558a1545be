//! What holds where nobody says anything, as a configuration: for people who want to see all that a file comes to.

use wharf_configuration::Document;

use super::{AuthenticatorSettings, CacheSettings, CertificateSettings, DriverSettings, Settings};

impl Settings {
    /// A configuration of the defaults that count beside what `document` gives: those of the driver that is used, by the
    /// name that it has there, and not those of others.
    pub fn defaults(&self, document: &Document) -> String {
        let mut text = ALWAYS.to_owned();
        text.push_str(match self.http.tls.as_ref().map(|tls| &tls.certificate) {
            None => "",
            Some(CertificateSettings::Files { .. }) => TLS,
            #[cfg(feature = "acme")]
            Some(CertificateSettings::Acme(_)) => TLS_BY_ACME,
        });
        text.push_str("storage:\n");
        text.push_str(match &self.storage.driver {
            DriverSettings::InMemory => "",
            DriverSettings::Filesystem { .. } => FILESYSTEM,
            #[cfg(feature = "s3")]
            DriverSettings::S3(_) => S3,
            #[cfg(feature = "azure")]
            DriverSettings::Azure(_) => AZURE,
        });
        if document.root().section("storage").is_ok_and(|storage| storage.contains("s3aws")) {
            text = text.replace("\n  s3:\n", "\n  s3aws:\n");
        }
        text.push_str(STORAGE);
        text.push_str(match self.storage.cache {
            CacheSettings::Off => CACHE,
            CacheSettings::InMemory { .. } => CACHE_IN_MEMORY,
            CacheSettings::Redis { .. } => CACHE_REDIS,
        });
        text.push_str(match &self.access.authenticator {
            AuthenticatorSettings::Htpasswd(_) => HTPASSWD,
            AuthenticatorSettings::Token(_) => TOKEN,
            AuthenticatorSettings::None | AuthenticatorSettings::Silly { .. } => "",
        });
        text
    }
}

const ALWAYS: &str = "\
log: {level: info, formatter: text, reportcaller: false, accesslog: {disabled: false}}
validation: {disabled: false, manifests: {indexes: {platforms: all}, images: {blobs: all}, concurrency: 64}}
catalog: {maxentries: 1000, page: 100}
tags: {maxtags: 1000, page: 10000}
referrers: {page: 1000, pagebytes: 4190208}
http:
  addr: ''
  net: tcp
  prefix: ''
  relativeurls: false
  draintimeout: 10s
  http2: {disabled: false}
  h2c: {enabled: false}
  limits:
    header: 20s
    headersize: 64KiB
    idle: 120s
    stall: 60s
    minrate: 512
    streams: 250
    manifestbytes: 4MiB
    querybytes: 16KiB
    tagparameters: 64
    ranges: 16
    drainbytes: 16MiB
    draintime: 5s
    uploadwait: 10s
";
/// Below `http`.
const TLS: &str = "  tls: {clientauth: require-and-verify-client-cert, minimumtls: tls1.2}\n";
#[cfg(feature = "acme")]
const TLS_BY_ACME: &str = "  tls:
    clientauth: require-and-verify-client-cert
    minimumtls: tls1.2
    letsencrypt:
      directoryurl: https://acme-v02.api.letsencrypt.org/directory
      renewbefore: 720h
      handshakewait: 30s
      ordertimeout: 5m
      minretrybackoff: 1m
      maxretrybackoff: 1h
";
/// Below `storage`, as what follows.
const STORAGE: &str = "  delete: {enabled: false}
  redirect: {disable: false, expiry: 20m}
  tag: {concurrencylimit: 32}
  maintenance:
    uploadpurging: {enabled: true, age: 168h, interval: 24h, dryrun: false}
    readonly: {enabled: false}
";
const CACHE: &str = "  cache: {manifestbytes: 64MiB}\n";
const CACHE_IN_MEMORY: &str = "  cache: {blobdescriptorsize: 10000, maxage: 5m, manifestbytes: 64MiB}\n";
const CACHE_REDIS: &str = "  cache: {maxage: 5m, deadline: 250ms, manifestbytes: 64MiB}\n";
const FILESYSTEM: &str = "  filesystem: {rootdirectory: /var/lib/registry, maxthreads: 100}\n";
#[cfg(feature = "s3")]
const S3: &str = "  s3:
    rootdirectory: ''
    secure: true
    skipverify: false
    v4auth: true
    usedualstack: false
    accelerate: false
    usefipsendpoint: false
    encrypt: false
    storageclass: STANDARD
    objectacl: private
    chunksize: 10MiB
    multipartcopychunksize: 32MiB
    multipartcopymaxconcurrency: 100
    multipartcopythresholdsize: 32MiB
    loglevel: 'off'
    uploadconcurrency: 4
    uploadmemory: 256MiB
    listpage: 1000
    maxattempts: 5
    firstbackoff: 500ms
    maxbackoff: 10s
    retrybudget: 500
    readretries: 5
    connecttimeout: 3100ms
    requesttimeout: 10s
    uploadminrate: 1MiB
    copytimeout: 5m
    stalltimeout: 15s
";
#[cfg(feature = "azure")]
const AZURE: &str = "  azure:
    realm: core.windows.net
    rootdirectory: ''
    skipverify: false
    max_retries: 5
    retry_delay: 100ms
    chunksize: 8MiB
    uploadconcurrency: 4
    uploadmemory: 256MiB
    maxattempts: 5
    readretries: 3
    connecttimeout: 3100ms
    requesttimeout: 10s
    uploadminrate: 1MiB
    listtimeout: 30s
    stalltimeout: 15s
    redirectskew: 10s
";
const HTPASSWD: &str = "auth: {htpasswd: {queue: 256, remember: 60s}}\n";
const TOKEN: &str = "auth: {token: {autoredirect: false}}\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;

    /// The settings as text, and the configuration with its defaults.
    fn read(text: &str) -> (String, String) {
        let document = Document::parse("config.yml", text).unwrap();
        let mut settings = Settings::read(&document, Environment::default()).unwrap();
        let defaults = Document::parse("defaults", &settings.defaults(&document)).unwrap();
        let shown = document.effective_over(&defaults);
        // Where a rule stands is another place in what is printed.
        settings.access.rules = None;
        if let AuthenticatorSettings::Htpasswd(users) = &mut settings.access.authenticator {
            (users.queue, users.remember) = (None, None);
        }
        if let CacheSettings::Redis { deadline, .. } = &mut settings.storage.cache {
            *deadline = None;
        }
        (format!("{settings:?}"), shown)
    }

    #[cfg(feature = "auth-htpasswd")]
    #[test]
    fn what_is_shown_of_users_is_their_default() {
        let defaults = wharf_auth_htpasswd::Config::new("r", "p");
        let expected =
            format!("auth: {{htpasswd: {{queue: {}, remember: {:?}}}}}\n", defaults.queue, defaults.remember);
        assert_eq!(HTPASSWD, expected);
    }

    #[cfg(feature = "redis")]
    #[test]
    fn what_is_shown_of_a_shared_cache_is_its_default() {
        let deadline = format!("deadline: {:?},", wharf_cache_redis::DEADLINE);
        assert!(CACHE_REDIS.contains(&deadline), "{CACHE_REDIS} does not say {deadline}");
    }

    #[test]
    fn what_is_shown_as_default_changes_nothing() {
        for text in [
            "{version: 0.1, storage: inmemory}",
            "{version: 0.1, storage: {filesystem: }, http: {tls: {certificate: a, key: b}}}",
            #[cfg(feature = "acme")]
            "{version: 0.1, storage: inmemory, http: {tls: {letsencrypt: {cachefile: f, hosts: [a.example]}}}}",
            "{version: 0.1, storage: {filesystem: {rootdirectory: r}, cache: {blobdescriptor: inmemory}}}",
            "{version: 0.1, storage: {inmemory: , cache: {blobdescriptor: redis}}, redis: {addrs: ['a:1']}}",
            "{version: 0.1, storage: inmemory, auth: {htpasswd: {realm: r, path: p}}}",
            "{version: 0.1, storage: inmemory, auth: {token: {realm: r, service: s, issuer: i, jwks: j}}}",
            #[cfg(feature = "s3")]
            "{version: 0.1, storage: {s3: {bucket: b, region: us-east-1}}}",
            #[cfg(feature = "azure")]
            "{version: 0.1, storage: {azure: {accountname: a, container: c, credentials: {type: default_credentials}}}}",
        ] {
            let (settings, shown) = read(text);
            assert!(shown.contains(" # default"), "{shown}");
            let (again, _) = read(&shown);
            assert_eq!(again, settings, "{shown}");
        }
    }
}
