//! Redis is killed, frozen, restarted, full: nobody waits long, nothing that was deleted comes back.

use std::time::{Duration, Instant};

use wharf_cache::{Cache, Content};
use wharf_cache_redis::Config;

use crate::server::Redis;
use crate::{config, find, open, remember, repository, sample, wait_for};

#[tokio::test]
async fn while_redis_is_gone_calls_fail_at_once_and_afterwards_it_is_used_again() {
    let Some(mut redis) = Redis::plain() else { return };
    let cache = open(config(redis.servers())).await;
    let (digest, entry) = sample("a");
    remember(&cache, Content::Blob, &digest, &entry).await;
    redis.kill();
    let started = Instant::now();
    for _ in 0..100 {
        assert!(cache.find(&repository("a"), Content::Blob, &digest).await.is_err());
    }
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    redis.start_again();
    wait_for(&cache).await;
    assert_eq!(find(&cache, Content::Blob, &digest).await, None);
    remember(&cache, Content::Blob, &digest, &entry).await;
    assert_eq!(find(&cache, Content::Blob, &digest).await, Some(entry));
}

#[tokio::test]
async fn a_frozen_redis_costs_one_deadline() {
    let Some(redis) = Redis::plain() else { return };
    let deadline = Duration::from_millis(250);
    let cache = open(Config { deadline, ..config(redis.servers()) }).await;
    let (digest, _) = sample("a");
    wait_for(&cache).await;
    redis.freeze();
    let started = Instant::now();
    for _ in 0..20 {
        assert!(cache.find(&repository("a"), Content::Blob, &digest).await.is_err());
    }
    let took = started.elapsed();
    redis.thaw();
    assert!(took >= deadline && took < 10 * deadline, "{took:?}");
    wait_for(&cache).await;
    assert_eq!(find(&cache, Content::Blob, &digest).await, None);
}

#[tokio::test]
async fn a_redis_that_comes_late_is_used_when_it_comes() {
    let Some(mut redis) = Redis::plain() else { return };
    redis.kill();
    let cache = open(config(redis.servers())).await;
    assert!(cache.ticket(&repository("a"), &sample("a").0).await.is_err());
    redis.start_again();
    wait_for(&cache).await;
}

#[tokio::test]
async fn a_deletion_while_redis_cannot_be_reached_is_told_before_anything_is_found_again() {
    let Some(redis) = Redis::plain() else { return };
    let deadline = Duration::from_secs(1);
    let (here, there) =
        (open(Config { deadline, ..config(redis.servers()) }).await, open(config(redis.servers())).await);
    for content in [Content::Blob, Content::Manifest] {
        let (digest, entry) = sample("deleted");
        remember(&there, content, &digest, &entry).await;
        redis.freeze();
        assert!(here.forget(&repository("a"), content, &[digest]).await.is_err());
        assert!(here.find(&repository("a"), content, &digest).await.is_err());
        redis.thaw();
        wait_for(&here).await;
        assert_eq!(find(&here, content, &digest).await, None);
        assert_eq!(find(&there, content, &digest).await, None);
        if content == Content::Blob {
            let known = redis.ask(&["SISMEMBER", "repository::a::blobs", &digest.to_string()]);
            assert_eq!(known, "0", "a Go server would believe this");
        }
    }
}

/// As after a crash, when the last snapshot is older than the deletion.
#[tokio::test]
async fn a_redis_that_comes_back_older_is_told_again() {
    let Some(mut redis) = Redis::plain() else { return };
    let cache = open(config(redis.servers())).await;
    let (digest, entry) = sample("a");
    remember(&cache, Content::Blob, &digest, &entry).await;
    remember(&cache, Content::Manifest, &digest, &entry).await;
    redis.ask(&["SAVE"]);
    cache.forget(&repository("a"), Content::Blob, &[digest]).await.unwrap();
    redis.kill();
    assert!(cache.ticket(&repository("a"), &digest).await.is_err());
    redis.start_again();
    assert_eq!(redis.ask(&["SISMEMBER", "repository::a::blobs", &digest.to_string()]), "1");
    wait_for(&cache).await;
    assert_eq!(find(&cache, Content::Blob, &digest).await, None);
    assert_eq!(redis.ask(&["SISMEMBER", "repository::a::blobs", &digest.to_string()]), "0");
    let replica = open(config(redis.servers())).await;
    assert_eq!(find(&replica, Content::Blob, &digest).await, None);
}

#[tokio::test]
async fn more_deletions_than_can_be_noted_make_everything_void() {
    let Some(redis) = Redis::plain() else { return };
    let here = open(Config { deadline: Duration::from_secs(1), ..config(redis.servers()) }).await;
    let there = open(config(redis.servers())).await;
    let (digest, entry) = sample("first");
    remember(&there, Content::Manifest, &digest, &entry).await;
    redis.freeze();
    assert!(here.forget(&repository("a"), Content::Manifest, &[digest]).await.is_err());
    for index in 0..10_001 {
        let deleted = sample(&index.to_string()).0;
        assert!(here.forget(&repository("a"), Content::Manifest, &[deleted]).await.is_err());
    }
    redis.thaw();
    wait_for(&here).await;
    assert_eq!(find(&there, Content::Manifest, &digest).await, None);
}

#[tokio::test]
async fn a_flush_loses_everything_and_breaks_nothing() {
    let Some(redis) = Redis::plain() else { return };
    let cache = open(config(redis.servers())).await;
    let (digest, entry) = sample("a");
    let ticket = cache.ticket(&repository("a"), &digest).await.unwrap();
    redis.ask(&["FLUSHALL"]);
    // What was looked up before the flush is not remembered: a deletion may have been flushed, too.
    cache.remember(&repository("a"), Content::Blob, &digest, &entry, ticket).await.unwrap();
    assert_eq!(find(&cache, Content::Blob, &digest).await, None);
    remember(&cache, Content::Blob, &digest, &entry).await;
    assert_eq!(find(&cache, Content::Blob, &digest).await, Some(entry));
}

#[tokio::test]
async fn a_full_redis_still_answers() {
    let Some(redis) = Redis::plain() else { return };
    let cache = open(config(redis.servers())).await;
    let ((known, entry), (digest, other)) = (sample("known"), sample("other"));
    remember(&cache, Content::Blob, &known, &entry).await;
    redis.ask(&["CONFIG", "SET", "maxmemory", "1"]);
    let ticket = cache.ticket(&repository("a"), &digest).await.unwrap();
    assert!(cache.remember(&repository("a"), Content::Blob, &digest, &other, ticket).await.is_err());
    assert_eq!(find(&cache, Content::Blob, &known).await, Some(entry));
    // A deletion that cannot be marked stops everything until it can.
    assert!(cache.forget(&repository("a"), Content::Blob, &[known]).await.is_err());
    assert!(cache.find(&repository("a"), Content::Blob, &known).await.is_err());
    redis.ask(&["CONFIG", "SET", "maxmemory", "0"]);
    wait_for(&cache).await;
    assert_eq!(find(&cache, Content::Blob, &known).await, None);
}
