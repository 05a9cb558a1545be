//! The cache on real Redis servers, each test with servers of its own: they are killed, frozen, and lied into.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests fail by panics and tell what they skip"
)]

mod server;
mod setups;

mod budget;
mod contract;
mod distribution;
mod failover;
mod outage;
mod planted;
mod races;
mod speed;

use std::time::{Duration, Instant};

use wharf_cache::{Cache, Content, Entry, Lookup};
use wharf_cache_redis::{Backoff, Config, RedisCache, Servers};
use wharf_digest::{Algorithm, Digest};
use wharf_reference::RepositoryName;

/// What replicas share.
const SECRET: &[u8] = b"the secret of the tests";

/// Patient with a busy machine, quick to try again.
fn config(servers: Servers) -> Config {
    Config {
        deadline: Duration::from_secs(5),
        backoff: Backoff { least: Duration::from_millis(20), most: Duration::from_millis(100) },
        ..Config::new(servers, SECRET)
    }
}

async fn open(config: Config) -> RedisCache {
    RedisCache::open(config).await.unwrap()
}

fn repository(name: &str) -> RepositoryName {
    name.parse().unwrap()
}

fn sample(text: &str) -> (Digest, Entry) {
    let digest = Algorithm::Sha256.digest(text.as_bytes());
    let media_type = "application/octet-stream".to_owned();
    (digest, Entry { canonical: digest, size: text.len() as u64, media_type })
}

async fn remember(cache: &RedisCache, content: Content, digest: &Digest, entry: &Entry) {
    let a = repository("a");
    let ticket = cache.ticket(&a, digest).await.unwrap();
    cache.remember(&a, content, digest, entry, ticket).await.unwrap();
}

async fn find(cache: &RedisCache, content: Content, digest: &Digest) -> Option<Entry> {
    match cache.find(&repository("a"), content, digest).await.unwrap() {
        Lookup::Known(entry) => Some(entry),
        Lookup::Unknown(_) => None,
    }
}

/// Waits until the cache answers again.
async fn wait_for(cache: &RedisCache) {
    let until = Instant::now() + Duration::from_secs(60);
    let (digest, _) = sample("anything");
    while cache.ticket(&repository("a"), &digest).await.is_err() {
        assert!(Instant::now() < until, "redis is not used again");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
