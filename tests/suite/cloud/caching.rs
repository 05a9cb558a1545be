//! What caches save over a bucket: requests, counted, and time, told beside it.

use std::time::{Duration, Instant};

use serde_json::json;
use wharf_tests::{Connection, Image, OCI_MANIFEST, Part, Redis, Request, Server, Settings, noise, sha256};

use super::Watched;
use super::requests::Table;

#[test]
fn servers_that_share_a_redis_ask_minio_once_for_what_is_immutable() {
    count(Part::Minio);
}

#[test]
fn servers_that_share_a_redis_ask_ceph_once_for_what_is_immutable() {
    count(Part::Ceph);
}

/// Starts a server that remembers nothing itself.
fn started(watched: &Watched, redis: &Redis) -> Server {
    Server::wharf(&redis.caching(watched.settings()))
}

/// Starts one that finds nothing in Redis either.
fn cold(watched: &Watched, redis: &Redis) -> Server {
    redis.ask(&["FLUSHALL"]);
    started(watched, redis)
}

fn count(part: Part) {
    let Some(watched) = Watched::new(part) else { return };
    let Some(redis) = Redis::start() else { return };
    let image = Image::tiny(51);
    started(&watched, &redis).push_image("a/b", "v1", &image);
    let mut table = Table::new(part);
    let blob = format!("/v2/a/b/blobs/{}", image.layers[0].digest);
    each(&mut table, &watched, &redis, "HEAD of a blob", [2, 0, 0, 0], |server| {
        server.head(&blob).assert_status(200);
    });
    each(&mut table, &watched, &redis, "GET of a blob", [3, 1, 1, 1], |server| {
        server.get(&blob).assert_status(200);
    });
    // Links and sizes are in Redis, the bytes of a manifest in each server's own memory.
    each(&mut table, &watched, &redis, "GET of a manifest by digest", [2, 0, 1, 0], |server| {
        server.get_manifest("a/b", &image.manifest.digest).assert_status(200);
    });
    each(&mut table, &watched, &redis, "GET of a manifest by tag", [3, 1, 2, 1], |server| {
        server.get_manifest("a/b", "v1").assert_status(200);
    });
    each(&mut table, &watched, &redis, "PUT of a manifest with two blobs by tag", [8, 4, 4, 4], |server| {
        let put = server.put_manifest("a/b", "v1", image.manifest.media_type, image.manifest.bytes.clone());
        put.assert_status(201);
    });
    table.assert_within();
}

/// Counts something at a server when nobody knows anything, again, at another server, and there again.
fn each(
    table: &mut Table,
    watched: &Watched,
    redis: &Redis,
    what: &str,
    most: [usize; 4],
    work: impl Fn(&Server),
) {
    let (here, there) = (cold(watched, redis), started(watched, redis));
    let times = [("cold", &here), ("warm", &here), ("at another server", &there), ("there again", &there)];
    for ((time, server), most) in times.into_iter().zip(most) {
        table.row(watched, &format!("{what}, with redis, {time}"), most, || work(server));
    }
}

/// How many blobs and how many manifests are asked for, each once cold and once warm.
const EACH: u64 = 100;

#[test]
fn warm_and_cold_reads_over_minio_are_told_side_by_side() {
    let Some(settings) = Settings::part(Part::Minio) else { return };
    let Some(redis) = Redis::start() else { return };
    let (blobs, manifests) = furnish(&Server::wharf(&settings));
    let shared = redis.caching(settings.clone());
    for (cache, settings) in [("in memory", &settings), ("in redis", &shared)] {
        redis.ask(&["FLUSHALL"]);
        let server = Server::wharf(settings);
        let mut connection = server.connect();
        for (what, method, targets) in [("blob", "HEAD", &blobs), ("manifest", "GET", &manifests)] {
            let [cold, warm] = [(); 2].map(|()| median(&mut connection, method, targets));
            let ratio = cold.as_secs_f64() / warm.as_secs_f64();
            println!(
                "\nCACHE Minio, {cache}: {method} of a {what}: cold {cold:.1?}, warm {warm:.1?}: {ratio:.1} to 1"
            );
        }
    }
}

/// Pushes blobs and manifests and gives where they are.
fn furnish(server: &Server) -> (Vec<String>, Vec<String>) {
    let config = server.push_blob("a/b", "{}");
    let blob = |seed| format!("/v2/a/b/blobs/{}", server.push_blob("a/b", noise(seed, 1_000)));
    let manifest = |seed: u64| {
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2 },
            "layers": [], "annotations": { "seed": seed.to_string() },
        });
        let digest = sha256(manifest.to_string().as_bytes());
        server.put_manifest("a/b", &digest, OCI_MANIFEST, manifest.to_string()).assert_status(201);
        format!("/v2/a/b/manifests/{digest}")
    };
    ((0..EACH).map(blob).collect(), (0..EACH).map(manifest).collect())
}

fn median(connection: &mut Connection, method: &str, targets: &[String]) -> Duration {
    let mut times: Vec<Duration> = targets
        .iter()
        .map(|target| {
            let began = Instant::now();
            connection.send(&Request::new(method, target)).unwrap();
            connection.answer(method).unwrap().assert_status(200);
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}
