//! Reads that race a deletion on another server never bring back what was deleted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use wharf_tests::{Redis, Request, Server, Settings, scratch};

use super::two_replicas;

/// How often each race is run. `cache-redis` runs more of them without a server around it.
const ROUNDS: u64 = 200;

/// Reads something at one server while it is deleted at the other.
fn race(here: &Server, there: &Server, target: &str) {
    let deleted = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut connection = there.connect();
                loop {
                    let was_deleted = deleted.load(Ordering::SeqCst);
                    connection.send(&Request::head(target)).unwrap();
                    match connection.answer("HEAD").unwrap().status {
                        200 => assert!(!was_deleted, "{target} is a ghost"),
                        404 => return,
                        other => panic!("{target}: {other}"),
                    }
                }
            });
        }
        here.delete(target).assert_status(202);
        deleted.store(true, Ordering::SeqCst);
    });
    for server in [here, there] {
        server.head(target).assert_status(404);
        server.get(target).assert_status(404);
    }
}

#[test]
fn a_blob_that_is_read_on_one_replica_while_the_other_deletes_it_stays_deleted() {
    let Some(redis) = Redis::start() else { return };
    let folder = scratch();
    let [here, there] = two_replicas(folder.path(), &redis);
    for round in 0..ROUNDS {
        let digest = here.push_blob("a/b", format!("blob {round}"));
        race(&here, &there, &format!("/v2/a/b/blobs/{digest}"));
    }
}

#[test]
fn a_manifest_that_is_read_on_one_replica_while_the_other_deletes_it_stays_deleted() {
    let Some(redis) = Redis::start() else { return };
    let folder = scratch();
    let [here, there] = two_replicas(folder.path(), &redis);
    let config = here.push_blob("a/b", "{}");
    for round in 0..ROUNDS {
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": wharf_tests::OCI_MANIFEST,
            "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2 },
            "layers": [], "annotations": { "round": round.to_string() },
        });
        let put = here.put_manifest("a/b", "latest", wharf_tests::OCI_MANIFEST, manifest.to_string());
        let digest = put.expect(201).the("docker-content-digest").to_owned();
        race(&here, &there, &format!("/v2/a/b/manifests/{digest}"));
        there.get_manifest("a/b", "latest").assert_status(404);
    }
}

#[test]
fn deletions_on_both_replicas_of_a_bucket_are_seen_by_both() {
    let Some(settings) = Settings::named("minio") else { return };
    let Some(redis) = Redis::start() else { return };
    let [one, other] = super::two(&redis.caching(settings));
    for round in 0..20 {
        let (here, there) = if round % 2 == 0 { (&one, &other) } else { (&other, &one) };
        let digest = here.push_blob("a/b", format!("blob {round}"));
        race(here, there, &format!("/v2/a/b/blobs/{digest}"));
    }
}
