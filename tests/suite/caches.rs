//! Servers that share a cache in Redis: what one deletes is gone on the other, nobody believes what strangers wrote there, and
//! Redis may go away at any time.

mod interop;
mod outage;
mod planted;
mod races;

use std::path::Path;

use wharf_tests::{Image, Redis, Server, Settings, scratch};

/// Two servers over one folder and one Redis.
fn two_replicas(root: &Path, redis: &Redis) -> [Server; 2] {
    two(&redis.caching(Settings::filesystem_at(root)))
}

fn two(settings: &Settings) -> [Server; 2] {
    [Server::wharf(settings), Server::wharf(settings)]
}

#[test]
fn what_one_replica_deletes_is_gone_on_the_other_at_once() {
    let Some(redis) = Redis::start() else { return };
    let folder = scratch();
    let [here, there] = two_replicas(folder.path(), &redis);
    for seed in 0..20 {
        let image = Image::tiny(seed);
        here.push_image("a/b", "tag", &image);
        here.assert_holds("a/b", "tag", &image);
        there.assert_holds("a/b", "tag", &image);

        here.push_image("a/b", "other", &image);
        there.assert_holds("a/b", "other", &image);
        here.delete("/v2/a/b/manifests/other").assert_status(202);
        there.get_manifest("a/b", "other").assert_status(404);
        there.assert_holds("a/b", "tag", &image);

        let manifest = format!("/v2/a/b/manifests/{}", image.manifest.digest);
        here.delete(&manifest).assert_status(202);
        there.get_manifest("a/b", &image.manifest.digest).assert_status(404);
        there.get_manifest("a/b", "tag").assert_status(404);
        for blob in image.blobs() {
            let target = format!("/v2/a/b/blobs/{}", blob.digest);
            here.delete(&target).assert_status(202);
            there.head(&target).assert_status(404);
            there.get(&target).assert_status(404);
            here.head(&target).assert_status(404);
        }
        // A manifest is not taken because its layers once were there.
        let put = there.put_manifest("a/b", "tag", image.manifest.media_type, image.manifest.bytes.clone());
        assert!((400..500).contains(&put.status), "{put:?}");
    }
}
