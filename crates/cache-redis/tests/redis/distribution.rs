//! What a Go server finds in the same Redis.

use wharf_cache::{Cache, Content, Entry};
use wharf_digest::Algorithm;

use crate::server::Redis;
use crate::{config, find, open, remember, repository, sample};

#[tokio::test]
async fn a_blob_is_written_as_distribution_writes_it() {
    let Some(redis) = Redis::plain() else { return };
    let cache = open(config(redis.servers())).await;
    let (digest, entry) = sample("blob");
    remember(&cache, Content::Blob, &digest, &entry).await;
    assert_eq!(redis.ask(&["SMEMBERS", "repository::a::blobs"]), digest.to_string());
    let blob = redis.ask(&["HMGET", &format!("blobs::{digest}"), "digest", "size", "mediatype"]);
    assert_eq!(blob.lines().collect::<Vec<_>>(), [&digest.to_string(), "4", "application/octet-stream"]);
    let member = format!("repository::a::blobs::{digest}");
    assert_eq!(redis.ask(&["HGET", &member, "mediatype"]), "application/octet-stream");
    let alias = Algorithm::Sha512.digest(b"blob");
    remember(&cache, Content::Blob, &alias, &entry).await;
    assert_eq!(redis.ask(&["HGET", &format!("blobs::{alias}"), "digest"]), digest.to_string());
}

#[tokio::test]
async fn a_manifest_is_no_blob_for_a_go_server() {
    let Some(redis) = Redis::plain() else { return };
    let cache = open(config(redis.servers())).await;
    let (digest, entry) = sample("manifest");
    remember(&cache, Content::Manifest, &digest, &entry).await;
    assert_eq!(redis.ask(&["EXISTS", "repository::a::blobs", &format!("blobs::{digest}")]), "0");
    assert_eq!(redis.ask(&["EXISTS", &format!("repository::a::blobs::{digest}")]), "0");
}

#[tokio::test]
async fn what_is_deleted_is_gone_for_a_go_server_whatever_it_was_to_it() {
    let Some(redis) = Redis::plain() else { return };
    let cache = open(config(redis.servers())).await;
    for content in [Content::Blob, Content::Manifest] {
        let (digest, _) = sample("theirs");
        let (blob, member) = (format!("blobs::{digest}"), format!("repository::a::blobs::{digest}"));
        redis.ask(&["SADD", "repository::a::blobs", &digest.to_string()]);
        redis.ask(&["HSET", &blob, "digest", &digest.to_string(), "size", "6", "mediatype", "a/b"]);
        redis.ask(&["HSET", &member, "mediatype", "a/b"]);
        cache.forget(&repository("a"), content, &[digest]).await.unwrap();
        assert_eq!(redis.ask(&["EXISTS", "repository::a::blobs", &blob, &member]), "0");
    }
}

#[tokio::test]
async fn a_deletion_by_a_go_server_of_either_age_counts_at_once() {
    let Some(redis) = Redis::plain() else { return };
    let cache = open(config(redis.servers())).await;
    let (digest, entry) = sample("blob");
    let (blob, member) = (format!("blobs::{digest}"), format!("repository::a::blobs::{digest}"));
    remember(&cache, Content::Blob, &digest, &entry).await;
    // Release 2.8.
    redis.ask(&["HDEL", &blob, "digest", "length", "mediatype"]);
    assert_eq!(find(&cache, Content::Blob, &digest).await, None::<Entry>);
    remember(&cache, Content::Blob, &digest, &entry).await;
    // Release 3.
    redis.ask(&["SREM", "repository::a::blobs", &digest.to_string()]);
    redis.ask(&["DEL", &member]);
    redis.ask(&["HDEL", &blob, "digest", "size", "mediatype"]);
    assert_eq!(find(&cache, Content::Blob, &digest).await, None::<Entry>);
}

/// A reader that was overtaken by a deletion leaves no membership that a Go server would believe.
#[tokio::test]
async fn who_comes_too_late_takes_back_what_a_go_server_would_believe() {
    let Some(redis) = Redis::plain() else { return };
    let cache = open(config(redis.servers())).await;
    let (digest, entry) = sample("blob");
    let a = repository("a");
    let ticket = cache.ticket(&a, &digest).await.unwrap();
    cache.forget(&a, Content::Blob, &[digest]).await.unwrap();
    cache.remember(&a, Content::Blob, &digest, &entry, ticket).await.unwrap();
    assert_eq!(redis.ask(&["SISMEMBER", "repository::a::blobs", &digest.to_string()]), "0");
    assert_eq!(redis.ask(&["EXISTS", &format!("repository::a::blobs::{digest}")]), "0");
}
