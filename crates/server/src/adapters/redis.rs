//! `storage.cache.blobdescriptor: redis`: a cache that replicas share.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use wharf_cache::Cache;
use wharf_cache_redis::{Address, Backoff, Config, Identity, Protocol, RedisCache, Servers, Tls};

use crate::settings::{RedisSettings, RedisTlsSettings};
use crate::start::StartError;

/// Opens the cache; Redis itself may come later.
pub(super) async fn open(
    settings: &RedisSettings,
    max_age: Duration,
    deadline: Option<Duration>,
    secret: &[u8],
) -> Result<Arc<dyn Cache>, StartError> {
    if settings.tls.is_some() {
        // An error says that the process has one already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    }
    let defaults = Config::new(servers(settings)?, secret);
    let deadline = deadline.unwrap_or(defaults.deadline);
    let least = settings.backoff_least.unwrap_or(defaults.backoff.least);
    let config = Config {
        tls: settings.tls.as_ref().map(tls).transpose()?,
        username: settings.username.clone(),
        password: settings.password.clone(),
        database: settings.database,
        client_name: settings.client_name.clone(),
        protocol: if settings.old_protocol { Protocol::Resp2 } else { Protocol::Resp3 },
        connections: settings.connections.unwrap_or(defaults.connections),
        connect: settings.connect.unwrap_or(defaults.connect),
        deadline: settings.call.map_or(deadline, |call| call.min(deadline)),
        backoff: Backoff { least, most: settings.backoff_most.unwrap_or(defaults.backoff.most).max(least) },
        redirects: settings.redirects.unwrap_or(defaults.redirects),
        max_age,
        ..defaults
    };
    let cache = RedisCache::open(config).await;
    Ok(Arc::new(cache.map_err(|error| StartError::Setting("redis", Box::new(error)))?))
}

fn servers(settings: &RedisSettings) -> Result<Servers, StartError> {
    let addresses: Result<Vec<Address>, _> =
        settings.addresses.iter().map(|address| address.parse()).collect();
    let mut addresses = addresses.map_err(|error| StartError::Setting("redis.addrs", Box::new(error)))?;
    if let Some(master) = &settings.master {
        return Ok(Servers::Sentinel {
            master: master.clone(),
            sentinels: addresses,
            username: settings.sentinel_username.clone(),
            password: settings.sentinel_password.clone(),
        });
    }
    match (addresses.pop(), addresses.is_empty()) {
        (Some(only), true) => Ok(Servers::One(only)),
        (last, _) => {
            addresses.extend(last);
            Ok(Servers::Cluster(addresses))
        }
    }
}

fn tls(settings: &RedisTlsSettings) -> Result<Tls, StartError> {
    let identity = match &settings.identity {
        Some((certificate, key)) => Some(Identity {
            certificate: read("redis.tls.certificate", certificate)?,
            key: read("redis.tls.key", key)?,
        }),
        None => None,
    };
    let mut roots = Vec::new();
    for path in &settings.roots {
        roots.extend(read("redis.tls.rootcas", path)?);
        roots.push(b'\n');
    }
    Ok(Tls { roots: (!roots.is_empty()).then_some(roots), identity })
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(path).map_err(|error| {
        let error = std::io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        StartError::Setting(key, Box::new(error))
    })
}
