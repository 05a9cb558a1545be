//! Debian's `docker-registry` and Wharf over one folder and one Redis.

use std::thread;
use std::time::Duration;

use wharf_tests::{Image, Redis, Server, Settings, scratch};

use crate::interop::docker_registry;

/// How long ours believes what only `docker-registry` knows to be untrue: 2.8 leaves no mark of a manifest that it deletes.
const MAX_AGE: Duration = Duration::from_secs(1);

#[test]
fn docker_registry_and_wharf_see_each_others_pushes_and_deletes() {
    let Some(redis) = Redis::start() else { return };
    let folder = scratch();
    let settings = redis.caching(Settings::filesystem_at(folder.path()));
    let Some(theirs) = docker_registry(&settings.clone().without("storage.cache.deadline")) else { return };
    let ours = Server::wharf(&settings.with("storage.cache.maxage", format!("{}s", MAX_AGE.as_secs())));
    for seed in 0..6 {
        let image = Image::tiny(1000 + seed);
        let (here, there) = if seed % 2 == 0 { (&ours, &theirs) } else { (&theirs, &ours) };
        here.push_image("both", "latest", &image);
        here.assert_holds("both", "latest", &image);
        there.assert_holds("both", "latest", &image);

        for blob in image.blobs() {
            let target = format!("/v2/both/blobs/{}", blob.digest);
            here.delete(&target).assert_status(202);
            there.head(&target).assert_status(404);
            there.get(&target).assert_status(404);
            here.head(&target).assert_status(404);
        }
        let manifest = format!("/v2/both/manifests/{}", image.manifest.digest);
        here.delete(&manifest).assert_status(202);
        there.get_manifest("both", "latest").assert_status(404);
        if seed % 2 == 1 {
            thread::sleep(2 * MAX_AGE);
        }
        there.get_manifest("both", &image.manifest.digest).assert_status(404);
    }
}

/// What release 2.8 wrote into Redis is no entry of ours, but it is not lost on it either: nothing of ours is in its way.
#[test]
fn each_pulls_what_the_other_left_in_redis() {
    let Some(redis) = Redis::start() else { return };
    let folder = scratch();
    let settings = redis.caching(Settings::filesystem_at(folder.path()));
    let Some(theirs) = docker_registry(&settings.clone().without("storage.cache.deadline")) else { return };
    let ours = Server::wharf(&settings);
    for (seed, here, there) in [(1, &ours, &theirs), (2, &theirs, &ours)] {
        let image = Image::tiny(seed);
        here.push_image("both", "latest", &image);
        here.assert_holds("both", "latest", &image);
        for blob in image.blobs() {
            assert_eq!(redis.ask(&["SISMEMBER", "repository::both::blobs", &blob.digest]), "1");
            assert_eq!(redis.ask(&["HGET", &format!("blobs::{}", blob.digest), "digest"]), blob.digest);
        }
        there.assert_holds("both", "latest", &image);
        here.assert_holds("both", "latest", &image);
        // A manifest is a blob for nobody.
        let as_blob = format!("/v2/both/blobs/{}", image.manifest.digest);
        ours.head(&as_blob).assert_status(404);
    }
}
