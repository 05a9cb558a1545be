//! Somebody else writes into Redis: what is not true is never served, and shows nothing.

use wharf_tests::{Image, Redis, Request, Server, Settings, sha256};

const CONTENT: &str = "a layer of more than seven bytes";

/// Writes what Distribution would believe: that a repository holds a blob of some size.
fn plant(redis: &Redis, repository: &str, digest: &str, size: &str) {
    let (blob, member) = (format!("blobs::{digest}"), format!("repository::{repository}::blobs::{digest}"));
    redis.ask(&["SADD", &format!("repository::{repository}::blobs"), digest]);
    redis.ask(&["HSET", &blob, "digest", digest, "size", size, "mediatype", "text/html"]);
    redis.ask(&["HSET", &member, "mediatype", "text/html"]);
}

#[track_caller]
fn assert_served(server: &Server, digest: &str) {
    let target = format!("/v2/a/b/blobs/{digest}");
    for _ in 0..2 {
        let head = server.head(&target).expect(200);
        assert_eq!(head.the("content-length"), CONTENT.len().to_string());
        let answer = server.get(&target).expect(200);
        assert_eq!(
            (answer.text().as_str(), answer.the("content-type")),
            (CONTENT, "application/octet-stream")
        );
    }
}

#[test]
fn a_size_that_another_wrote_is_never_served() {
    let Some(redis) = Redis::start() else { return };
    let server = Server::wharf(&redis.caching(Settings::filesystem()));
    let digest = server.push_blob("a/b", CONTENT);
    for size in ["7", "0", "1000000", "-1", "18446744073709551616", "many", ""] {
        // Beside an entry of ours, and alone.
        assert_served(&server, &digest);
        plant(&redis, "a/b", &digest, size);
        assert_served(&server, &digest);
        redis.ask(&["FLUSHALL"]);
        plant(&redis, "a/b", &digest, size);
        assert_served(&server, &digest);
    }
}

#[test]
fn a_membership_that_another_wrote_shows_nothing() {
    let Some(redis) = Redis::start() else { return };
    let server = Server::wharf(&redis.caching(Settings::filesystem()));
    let image = Image::tiny(1);
    server.push_image("a/b", "latest", &image);
    server.assert_holds("a/b", "latest", &image);
    let (manifest, layer) = (&image.manifest.digest, &image.layers[0].digest);
    let nowhere = sha256(b"is nowhere");
    let voucher = redis.ask(&["HGET", &format!("repository::a/b::blobs::{layer}"), "wharf"]);
    assert!(!voucher.is_empty(), "nobody vouched for the layer");
    for (repository, digest) in [("c/d", layer), ("c/d", &nowhere), ("a/b", &nowhere), ("a/b", manifest)] {
        plant(&redis, repository, digest, "7");
        for voucher in [voucher.as_str(), "", "1 nonsense"] {
            redis.ask(&["HSET", &format!("repository::{repository}::blobs::{digest}"), "wharf", voucher]);
            let target = format!("/v2/{repository}/blobs/{digest}");
            server.head(&target).assert_status(404);
            server.get(&target).assert_status(404);
        }
    }
    // What is no manifest does not become one, and nothing can be had by a mount or a push.
    for digest in [layer, &nowhere] {
        redis.ask(&["SET", &format!("repository::a/b::wharf::manifest::{digest}"), &voucher]);
        server.get_manifest("a/b", digest).assert_status(404);
    }
    let mount = format!("/v2/e/f/blobs/uploads/?mount={layer}&from=c/d");
    server.send(&Request::post(&mount)).assert_status(202);
    let put = server.put_manifest("c/d", "latest", image.manifest.media_type, image.manifest.bytes.clone());
    assert!((400..500).contains(&put.status), "{put:?}");
    server.assert_holds("a/b", "latest", &image);
}

#[test]
fn keys_of_the_wrong_kind_are_no_error() {
    let Some(redis) = Redis::start() else { return };
    let server = Server::wharf(&redis.caching(Settings::filesystem()));
    let digest = server.push_blob("a/b", CONTENT);
    let keys = [
        format!("blobs::{digest}"),
        "repository::a/b::blobs".to_owned(),
        format!("repository::a/b::blobs::{digest}"),
        format!("repository::a/b::wharf::deleted::{digest}"),
        "wharf::era".to_owned(),
    ];
    for key in &keys {
        for garbage in [&["SET", key, "garbage"][..], &["RPUSH", key, "garbage"], &["ZADD", key, "1", "x"]] {
            redis.ask(&["FLUSHALL"]);
            redis.ask(garbage);
            assert_served(&server, &digest);
            server.delete(&format!("/v2/a/b/blobs/{digest}")).assert_status(202);
            server.head(&format!("/v2/a/b/blobs/{digest}")).assert_status(404);
            server.push_blob("a/b", CONTENT);
        }
    }
}

#[test]
fn a_server_with_another_secret_is_a_stranger() {
    let Some(redis) = Redis::start() else { return };
    let (ours, others) = (Settings::inmemory(), Settings::inmemory().with("http.secret", "another"));
    let [ours, others] = [ours, others].map(|settings| Server::wharf(&redis.caching(settings)));
    let image = Image::tiny(1);
    others.push_image("a/b", "latest", &image);
    others.assert_holds("a/b", "latest", &image);
    for blob in image.blobs() {
        ours.head(&format!("/v2/a/b/blobs/{}", blob.digest)).assert_status(404);
    }
    ours.get_manifest("a/b", &image.manifest.digest).assert_status(404);
    others.assert_holds("a/b", "latest", &image);
}
