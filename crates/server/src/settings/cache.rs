//! `storage.cache`, and `redis` in both spellings.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use wharf_configuration::{Error, GoDuration, Section};

/// What remembers descriptors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheSettings {
    /// Nothing.
    Off,
    /// The process.
    InMemory {
        /// So many entries.
        entries: usize,
        /// How old they may be.
        max_age: Duration,
    },
    /// Redis.
    Redis {
        /// Where and how.
        redis: Box<RedisSettings>,
        /// How old an entry may be.
        max_age: Duration,
        /// How long a call may take, if it is not as by default.
        deadline: Option<Duration>,
    },
}

/// `redis`
#[derive(Clone, PartialEq, Eq, Default)]
pub struct RedisSettings {
    /// `addrs`, or the old `addr`. More than one is a cluster, unless there is a master's name.
    pub addresses: Vec<String>,
    /// `mastername`: the addresses are those of sentinels.
    pub master: Option<String>,
    /// `username`
    pub username: Option<String>,
    /// `password`
    pub password: Option<String>,
    /// `sentinelusername`
    pub sentinel_username: Option<String>,
    /// `sentinelpassword`
    pub sentinel_password: Option<String>,
    /// `db`
    pub database: i64,
    /// `clientname`
    pub client_name: Option<String>,
    /// `protocol` is 2.
    pub old_protocol: bool,
    /// How many connections `poolsize` comes to.
    pub connections: Option<NonZeroUsize>,
    /// `dialtimeout`
    pub connect: Option<Duration>,
    /// `readtimeout` and `writetimeout` together: how long a call may take, if that is less than the cache's deadline.
    pub call: Option<Duration>,
    /// `minretrybackoff`
    pub backoff_least: Option<Duration>,
    /// `maxretrybackoff`
    pub backoff_most: Option<Duration>,
    /// `maxredirects`
    pub redirects: Option<u32>,
    /// `tls`, when any of it is set.
    pub tls: Option<RedisTlsSettings>,
}

/// Prints no password.
impl std::fmt::Debug for RedisSettings {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RedisSettings")
            .field("addresses", &self.addresses)
            .field("master", &self.master)
            .finish_non_exhaustive()
    }
}

/// `redis.tls`
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RedisTlsSettings {
    /// `certificate` and `key`
    pub identity: Option<(PathBuf, PathBuf)>,
    /// `rootcas`
    pub roots: Vec<PathBuf>,
}

impl CacheSettings {
    pub(super) fn read(
        root: &Section<'_>,
        storage: &Section<'_>,
        remarks: &mut Vec<String>,
    ) -> Result<Self, Error> {
        let section = storage.section("cache")?;
        let old_spelling = section.string("layerinfo")?;
        let kind = section.string("blobdescriptor")?.or(old_spelling);
        let size = section.integer::<i64>("blobdescriptorsize")?;
        let max_age = section.duration("maxage")?.unwrap_or(wharf_cache::MAX_AGE);
        let deadline = section.duration("deadline")?;
        if deadline.is_some_and(|deadline| deadline.is_zero()) {
            return Err(section.refuse("deadline", "a duration above zero, such as 250ms"));
        }
        // Read also when nothing uses it, so that its keys are no strangers and its faults are found.
        let redis = RedisSettings::read(&root.section("redis")?, remarks)?;
        match kind.as_deref() {
            None | Some("") => Ok(Self::Off),
            Some("inmemory") => Ok(Self::InMemory { entries: entries(size, remarks), max_age }),
            Some("redis") if redis.addresses.is_empty() => Err(root.section("redis")?.missing("addrs")),
            Some("redis") => {
                if size.is_some() {
                    remarks.push(
                        "storage.cache.blobdescriptorsize is without effect: the cache is redis".to_owned(),
                    );
                }
                Ok(Self::Redis { redis: Box::new(redis), max_age, deadline })
            }
            Some(other) => {
                remarks.push(format!("storage.cache.blobdescriptor {other:?} is unknown, caching is off"));
                Ok(Self::Off)
            }
        }
    }
}

fn entries(size: Option<i64>, remarks: &mut Vec<String>) -> usize {
    let entries = usize::try_from(size.unwrap_or(CACHE_ENTRIES)).ok().filter(|entries| *entries > 0);
    entries.unwrap_or_else(|| {
        remarks.push(format!(
            "storage.cache.blobdescriptorsize asks for a cache without bounds, it gets {CACHE_ENTRIES_MOST} entries"
        ));
        CACHE_ENTRIES_MOST
    })
}

impl RedisSettings {
    fn read(redis: &Section<'_>, remarks: &mut Vec<String>) -> Result<Self, Error> {
        let text = |key: &str| Ok::<_, Error>(redis.string(key)?.filter(|text| !text.is_empty()));
        let mut addresses = redis.strings("addrs")?.unwrap_or_default();
        if let (Some(old_spelling), true) = (text("addr")?, addresses.is_empty()) {
            addresses.push(old_spelling);
        }
        let protocol = redis.variant("protocol", &[("2", true), ("3", false), ("0", false)])?;
        let (read, write) = (timeout(redis, "readtimeout")?, timeout(redis, "writetimeout")?);
        say_what_has_no_effect(redis, remarks)?;
        Ok(Self {
            addresses,
            master: text("mastername")?,
            username: text("username")?,
            password: text("password")?,
            sentinel_username: text("sentinelusername")?,
            sentinel_password: text("sentinelpassword")?,
            database: redis.integer("db")?.unwrap_or(0),
            client_name: text("clientname")?,
            old_protocol: protocol.unwrap_or(false),
            connections: connections(redis)?,
            connect: timeout(redis, "dialtimeout")?,
            call: match (read, write) {
                (Some(read), write) => Some(read + write.unwrap_or(read)),
                (None, write) => write,
            },
            backoff_least: timeout(redis, "minretrybackoff")?,
            backoff_most: timeout(redis, "maxretrybackoff")?,
            redirects: redis.integer::<i64>("maxredirects")?.and_then(|count| u32::try_from(count).ok()),
            tls: tls(&redis.section("tls")?, remarks)?,
        })
    }
}

/// A duration; what is not above zero means that there is none.
fn timeout(redis: &Section<'_>, key: &str) -> Result<Option<Duration>, Error> {
    let duration = redis.go_duration(key)?.and_then(GoDuration::to_std);
    Ok(duration.filter(|duration| !duration.is_zero()))
}

/// A pool holds a connection for each call that is under way. One connection of ours carries as many as there are, so a large
/// pool comes to a few, which share the work of several threads.
fn connections(redis: &Section<'_>) -> Result<Option<NonZeroUsize>, Error> {
    let pool = redis.integer::<i64>("poolsize")?;
    let old_spelling = redis.section("pool")?.integer::<i64>("maxactive")?;
    let pool = pool.or(old_spelling).and_then(|size| usize::try_from(size).ok()).filter(|size| *size > 0);
    Ok(pool.and_then(|size| NonZeroUsize::new(size.div_ceil(CALLS_PER_CONNECTION).min(CONNECTIONS_MOST))))
}

fn tls(section: &Section<'_>, remarks: &mut Vec<String>) -> Result<Option<RedisTlsSettings>, Error> {
    let path = |key: &str| Ok::<_, Error>(section.string(key)?.filter(|path| !path.is_empty()));
    let (certificate, key) = (path("certificate")?, path("key")?);
    let roots: Vec<PathBuf> =
        section.strings("rootcas")?.unwrap_or_default().into_iter().map(Into::into).collect();
    if section.contains("enabled") {
        section.ignore(&["enabled"]);
        remarks.push(
            "redis.tls.enabled is without effect: tls is on when any other key of it is set".to_owned(),
        );
    }
    if certificate.is_none() && key.is_none() && roots.is_empty() {
        return Ok(None);
    }
    if certificate.is_some() != key.is_some() {
        remarks.push("redis.tls has only one of certificate and key: none is shown to the server".to_owned());
    }
    let identity = certificate.zip(key).map(|(certificate, key)| (certificate.into(), key.into()));
    Ok(Some(RedisTlsSettings { identity, roots }))
}

/// Keys of a pool of connections, and of a client that chooses among replicas: there is neither.
fn say_what_has_no_effect(redis: &Section<'_>, remarks: &mut Vec<String>) -> Result<(), Error> {
    let mut idle: Vec<String> =
        WITHOUT_EFFECT.iter().filter(|key| redis.contains(key)).map(|key| format!("redis.{key}")).collect();
    redis.ignore(&WITHOUT_EFFECT);
    let pool = redis.section("pool")?;
    idle.extend(
        ["maxidle", "idletimeout"]
            .iter()
            .filter(|key| pool.contains(key))
            .map(|key| format!("redis.pool.{key}")),
    );
    pool.ignore(&["maxidle", "idletimeout"]);
    if !idle.is_empty() {
        remarks.push(format!(
            "without effect, as few connections are shared by all calls and a failed call is answered by the store: {}",
            idle.join(", ")
        ));
    }
    Ok(())
}

const WITHOUT_EFFECT: [&str; 15] = [
    "maxretries",
    "contexttimeoutenabled",
    "poolfifo",
    "pooltimeout",
    "minidleconns",
    "maxidleconns",
    "maxactiveconns",
    "connmaxidletime",
    "connmaxlifetime",
    "readonly",
    "routebylatency",
    "routerandomly",
    "disableidentity",
    "identitysuffix",
    "unstableresp3",
];
/// The default of `storage.cache.blobdescriptorsize`.
const CACHE_ENTRIES: i64 = 10_000;
/// What a cache without bounds gets: some 200 MB of entries.
const CACHE_ENTRIES_MOST: usize = 1_000_000;
/// How many of a pool's connections one of ours stands for.
const CALLS_PER_CONNECTION: usize = 64;
/// At most this many connections, however large the pool.
const CONNECTIONS_MOST: usize = 8;

#[cfg(test)]
mod tests {
    use wharf_configuration::Document;

    use super::*;

    fn read(text: &str) -> Result<(CacheSettings, Vec<String>, usize), String> {
        let document = Document::parse("config.yml", text).unwrap();
        let (root, mut remarks) = (document.root(), Vec::new());
        let storage = root.section("storage").unwrap();
        let cache = CacheSettings::read(&root, &storage, &mut remarks).map_err(|error| error.to_string())?;
        Ok((cache, remarks, document.unread().len()))
    }

    fn redis(text: &str) -> (RedisSettings, Vec<String>) {
        let text = format!("storage: {{cache: {{blobdescriptor: redis}}}}\nredis: {text}");
        match read(&text).unwrap() {
            (CacheSettings::Redis { redis, .. }, remarks, 0) => (*redis, remarks),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_spellings_say_the_same() {
        let (old, _) = redis(
            "{addr: 'a:1', password: p, db: 2, dialtimeout: 10ms, pool: {maxidle: 1, maxactive: 100, idletimeout: 1s}}",
        );
        let (new, _) =
            redis("{addrs: ['a:1'], password: p, db: 2, dialtimeout: 10ms, poolsize: 100, maxidleconns: 1}");
        assert_eq!(old, new);
        assert_eq!(old.connections.map(NonZeroUsize::get), Some(2));
    }

    #[test]
    fn every_key_of_distribution_is_read_and_those_without_effect_are_named() {
        let (settings, remarks) = redis(
            "{addrs: [a:1, b:2], clientname: c, db: 0, protocol: 2, username: u, password: p, sentinelusername: su,
              sentinelpassword: sp, maxretries: 3, minretrybackoff: 8ms, maxretrybackoff: 512ms, dialtimeout: 5s,
              readtimeout: 3s, writetimeout: 1s, contexttimeoutenabled: false, poolfifo: false, poolsize: 1, pooltimeout: 4s,
              minidleconns: 0, maxidleconns: 0, maxactiveconns: 0, connmaxidletime: 30m, connmaxlifetime: 0s, maxredirects: 5,
              readonly: false, routebylatency: false, routerandomly: false, mastername: m, disableidentity: false,
              identitysuffix: x, unstableresp3: false, tls: {certificate: c, key: k, rootcas: [r]}}",
        );
        assert_eq!((settings.master.as_deref(), settings.redirects), (Some("m"), Some(5)));
        assert_eq!(settings.call, Some(Duration::from_secs(4)));
        let tls = settings.tls.unwrap();
        assert_eq!((tls.identity, tls.roots), (Some(("c".into(), "k".into())), vec!["r".into()]));
        assert_eq!(remarks.len(), 1);
        assert!(WITHOUT_EFFECT.iter().all(|key| remarks[0].contains(key)), "{remarks:?}");
    }

    #[test]
    fn a_redis_that_is_asked_for_has_to_be_named() {
        let error = read("storage: {cache: {layerinfo: redis}}").unwrap_err();
        assert!(error.contains("redis.addrs"), "{error}");
        let error = read("{storage: {cache: {blobdescriptor: redis, deadline: 0s}}, redis: {addrs: [a:1]}}");
        assert!(error.unwrap_err().contains("deadline"));
    }

    #[test]
    fn half_an_identity_and_an_unknown_switch_are_remarks() {
        let (settings, remarks) = redis("{addrs: [a:1], tls: {enabled: true, key: k}}");
        assert_eq!(settings.tls, Some(RedisTlsSettings::default()));
        assert_eq!(remarks.len(), 2);
        let (settings, _) = redis("{addrs: [a:1], tls: {enabled: false}, readtimeout: -1}");
        assert_eq!((settings.tls, settings.call), (None, None));
    }

    #[test]
    fn how_long_the_cache_is_believed_has_a_key() {
        let (cache, remarks, unread) =
            read("storage: {cache: {blobdescriptor: inmemory, maxage: 1m, blobdescriptorsize: 5}}").unwrap();
        assert_eq!(cache, CacheSettings::InMemory { entries: 5, max_age: Duration::from_secs(60) });
        assert_eq!((remarks.len(), unread), (0, 0));
    }
}
