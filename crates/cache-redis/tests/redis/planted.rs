//! Somebody else writes into Redis: nothing of that is believed, and nothing of it is an error.

use wharf_cache::{Cache, Content, Entry, Lookup};
use wharf_cache_redis::Config;
use wharf_digest::Algorithm;

use crate::server::Redis;
use crate::{config, find, open, remember, repository, sample};

#[tokio::test]
async fn memberships_sizes_and_types_that_others_wrote_are_not_believed() {
    let Some(redis) = Redis::plain() else { return };
    let cache = open(config(redis.servers())).await;
    let (digest, _) = sample("planted");
    let name = digest.to_string();
    for size in ["7", "0", "-1", "18446744073709551616", "nonsense", ""] {
        redis.ask(&["SADD", "repository::a::blobs", &name]);
        redis.ask(&[
            "HSET",
            &format!("blobs::{name}"),
            "digest",
            &name,
            "size",
            size,
            "mediatype",
            "text/html",
        ]);
        redis.ask(&[
            "HSET",
            &format!("repository::a::blobs::{name}"),
            "mediatype",
            "text/html",
            "wharf",
            "1 00 x",
        ]);
        assert_eq!(find(&cache, Content::Blob, &digest).await, None, "size {size}");
        assert_eq!(find(&cache, Content::Manifest, &digest).await, None, "size {size}");
    }
}

#[tokio::test]
async fn an_entry_of_ours_is_believed_only_as_it_was_written() {
    let Some(redis) = Redis::plain() else { return };
    let cache = open(config(redis.servers())).await;
    let (digest, entry) = sample("ours");
    let (blob, member) = (format!("blobs::{digest}"), format!("repository::a::blobs::{digest}"));
    let other = sample("other").0.to_string();
    let changes: [&[&str]; 6] = [
        &["HSET", &blob, "size", "7"],
        &["HSET", &blob, "digest", &other],
        &["HDEL", &blob, "digest"],
        &["HDEL", &member, "wharf"],
        &["SREM", "repository::a::blobs", &digest.to_string()],
        &["SET", "wharf::era", "1"],
    ];
    for change in changes {
        remember(&cache, Content::Blob, &digest, &entry).await;
        assert_eq!(find(&cache, Content::Blob, &digest).await.as_ref(), Some(&entry));
        redis.ask(change);
        assert_eq!(find(&cache, Content::Blob, &digest).await, None, "{change:?}");
    }
    // What somebody else thinks of the media type is passed over.
    remember(&cache, Content::Blob, &digest, &entry).await;
    redis.ask(&["HSET", &blob, "mediatype", "text/html"]);
    redis.ask(&["HSET", &member, "mediatype", "text/html"]);
    assert_eq!(find(&cache, Content::Blob, &digest).await, Some(entry));
}

#[tokio::test]
async fn a_voucher_is_not_believed_elsewhere() {
    let Some(redis) = Redis::plain() else { return };
    let cache = open(config(redis.servers())).await;
    let (digest, entry) = sample("ours");
    remember(&cache, Content::Blob, &digest, &entry).await;
    let voucher = redis.ask(&["HGET", &format!("repository::a::blobs::{digest}"), "wharf"]);
    redis.ask(&["SADD", "repository::b::blobs", &digest.to_string()]);
    redis.ask(&["HSET", &format!("repository::b::blobs::{digest}"), "wharf", &voucher]);
    redis.ask(&["SET", &format!("repository::a::wharf::manifest::{digest}"), &voucher]);
    let elsewhere = cache.find(&repository("b"), Content::Blob, &digest).await.unwrap();
    assert!(matches!(elsewhere, Lookup::Unknown(_)));
    assert_eq!(find(&cache, Content::Manifest, &digest).await, None);
    let stranger = open(Config { secret: b"another".to_vec(), ..config(redis.servers()) }).await;
    assert_eq!(find(&stranger, Content::Blob, &digest).await, None);
    let replica = open(config(redis.servers())).await;
    assert_eq!(find(&replica, Content::Blob, &digest).await, Some(entry));
}

#[tokio::test]
async fn keys_of_the_wrong_kind_are_a_miss() {
    let Some(redis) = Redis::plain() else { return };
    let cache = open(config(redis.servers())).await;
    let (digest, entry) = sample("garbage");
    let keys = [
        format!("blobs::{digest}"),
        "repository::a::blobs".to_owned(),
        format!("repository::a::blobs::{digest}"),
        format!("repository::a::wharf::manifest::{digest}"),
        format!("repository::a::wharf::deleted::{digest}"),
        "wharf::era".to_owned(),
    ];
    for key in &keys {
        for garbage in [&["SET", key, "\u{fffd}\r\n"][..], &["RPUSH", key, "x"], &["ZADD", key, "1", "x"]] {
            redis.ask(&["FLUSHALL"]);
            redis.ask(garbage);
            for content in [Content::Blob, Content::Manifest] {
                assert_eq!(find(&cache, content, &digest).await, None, "{garbage:?}");
                remember(&cache, content, &digest, &entry).await;
                let found = find(&cache, content, &digest).await;
                assert!(found.is_none() || found.as_ref() == Some(&entry), "{garbage:?}");
                cache.forget(&repository("a"), content, &[digest]).await.unwrap();
                assert_eq!(find(&cache, content, &digest).await, None, "{garbage:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_alias_that_another_wrote_is_not_believed() {
    let Some(redis) = Redis::plain() else { return };
    let cache = open(config(redis.servers())).await;
    let (canonical, entry) = sample("alias");
    let alias = Algorithm::Sha512.digest(b"alias");
    redis.ask(&["HSET", &format!("blobs::{alias}"), "digest", &canonical.to_string(), "size", "5"]);
    assert_eq!(cache.canonical(&alias).await.unwrap(), None);
    remember(&cache, Content::Blob, &alias, &entry).await;
    assert_eq!(cache.canonical(&alias).await.unwrap(), Some(canonical));
    let wrong = sample("wrong").0;
    redis.ask(&["HSET", &format!("blobs::{alias}"), "digest", &wrong.to_string()]);
    assert_eq!(cache.canonical(&alias).await.unwrap(), Some(canonical));
}

#[tokio::test]
async fn nothing_is_believed_for_longer_than_its_age() {
    let Some(redis) = Redis::plain() else { return };
    let max_age = std::time::Duration::from_secs(1);
    let cache = open(Config { max_age, ..config(redis.servers()) }).await;
    let (digest, entry) = sample("old");
    for content in [Content::Blob, Content::Manifest] {
        remember(&cache, content, &digest, &entry).await;
    }
    tokio::time::sleep(2 * max_age).await;
    for content in [Content::Blob, Content::Manifest] {
        assert_eq!(find(&cache, content, &digest).await, None::<Entry>);
    }
}
