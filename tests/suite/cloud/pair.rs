//! Two servers over one bucket: what one began the other finishes, and what both change at once is changed in some order.
//! All of the end-to-end tests run over a pair too.

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use bytes::Bytes;
use serde_json::{Value, json};
use wharf_tests::{Image, OCI_MANIFEST, Part, Request, Room, Server, Settings, noise, sha256, with_query};

/// How often each client moves the tag, and how many clients there are at each server.
const MOVES: usize = 25;
const CLIENTS: usize = 3;

/// Starts two servers over one bucket, which know nothing of each other.
fn two(part: Part) -> Option<[Server; 2]> {
    let place = part.place()?;
    let room = Arc::new(Room::new(&place));
    let settings = Settings::room(&room, &place);
    Some([Server::wharf(&settings), Server::wharf(&settings)])
}

#[test]
fn an_upload_over_minio_goes_on_at_whichever_server_is_asked() {
    take_turns(Part::Minio);
}

#[test]
fn an_upload_over_ceph_goes_on_at_whichever_server_is_asked() {
    take_turns(Part::Ceph);
}

#[test]
fn an_upload_over_azurite_goes_on_at_whichever_server_is_asked() {
    take_turns(Part::Azurite);
}

fn take_turns(part: Part) {
    let Some(servers) = two(part) else { return };
    // Smaller than a part of the store, larger, and just as large.
    for (seed, chunk) in [(1, 100_000), (2, 12_000_000), (3, 10 << 20), (4, 4_000_000)] {
        let bytes = Bytes::from(noise(seed, chunk * 7 / 2));
        let mut at = servers[0].open_upload("a/b");
        let mut turns = servers.iter().cycle();
        for start in (0..chunk * 3).step_by(chunk) {
            let server = turns.next().unwrap();
            let range = format!("{start}-{}", start + chunk - 1);
            let patch = Request::patch(&at).header("Content-Range", range);
            at = server.send(&patch.body(bytes.slice(start..start + chunk))).expect(202).location();
            // The other one knows, and so does this one.
            for server in &servers {
                let status = server.get(&at).expect(204);
                assert_eq!(status.the("range"), format!("0-{}", start + chunk - 1));
            }
        }
        let closing = with_query(&at, &format!("digest={}", sha256(&bytes)));
        servers[1].send(&Request::put(&closing).body(bytes.slice(chunk * 3..))).assert_status(201);
        for server in &servers {
            let pulled = server.get(&format!("/v2/a/b/blobs/{}", sha256(&bytes))).expect(200);
            assert!(pulled.body == bytes, "{} bytes", pulled.body.len());
            server.get(&at).assert_status(404);
        }
    }
    if part != Part::Azurite {
        assert_eq!(servers[0].room().unfinished_uploads(), [""; 0]);
    }
}

#[test]
fn an_upload_that_one_server_cancels_is_gone_at_the_other_and_in_the_store() {
    let Some([one, other]) = two(Part::Minio) else { return };
    let at =
        one.send(&Request::patch(&one.open_upload("a/b")).body(noise(1, 25_000_000))).expect(202).location();
    other.delete(&at).assert_status(204);
    for server in [&one, &other] {
        server.get(&at).assert_error(404, "BLOB_UPLOAD_UNKNOWN");
        server.send(&Request::patch(&at).body("x")).assert_error(404, "BLOB_UPLOAD_UNKNOWN");
    }
    assert_eq!(one.room().unfinished_uploads(), [""; 0]);
}

/// Is something that one client did to a tag, or saw of it, and when.
#[derive(Clone)]
struct Event {
    began: Instant,
    ended: Instant,
    digest: String,
}

fn event(work: impl FnOnce() -> String) -> Event {
    let began = Instant::now();
    let digest = work();
    Event { began, ended: Instant::now(), digest }
}

#[test]
fn a_tag_over_minio_that_both_move_is_always_what_the_last_of_them_made_it() {
    move_a_tag(Part::Minio);
}

#[test]
fn a_tag_over_ceph_that_both_move_is_always_what_the_last_of_them_made_it() {
    move_a_tag(Part::Ceph);
}

#[test]
fn a_tag_over_azurite_that_both_move_is_always_what_the_last_of_them_made_it() {
    move_a_tag(Part::Azurite);
}

fn move_a_tag(part: Part) {
    let Some(servers) = two(part) else { return };
    let config = servers[0].push_blob("a/b", "{}");
    let (moves, looks) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let first = manifest(&config, usize::MAX, 0);
    servers[0].put_manifest("a/b", "latest", OCI_MANIFEST, first).assert_status(201);
    thread::scope(|scope| {
        for client in 0..CLIENTS * servers.len() {
            let (server, other) = (&servers[client % 2], &servers[(client + 1) % 2]);
            let (config, moves, looks) = (&config, &moves, &looks);
            scope.spawn(move || {
                for round in 0..MOVES {
                    let moved = event(|| {
                        let manifest = manifest(config, client, round);
                        let answer = server.put_manifest("a/b", "latest", OCI_MANIFEST, manifest).expect(201);
                        answer.the("docker-content-digest").to_owned()
                    });
                    moves.lock().unwrap().push(moved);
                    let seen = event(|| {
                        let answer = other.get_manifest("a/b", "latest").expect(200);
                        answer.the("docker-content-digest").to_owned()
                    });
                    looks.lock().unwrap().push(seen);
                }
            });
        }
    });
    let (moves, looks) = (moves.into_inner().unwrap(), looks.into_inner().unwrap());
    assert_in_some_order(&moves, &looks);
    // Nothing that was pushed under the tag is gone.
    for moved in &moves {
        servers[0].get_manifest("a/b", &moved.digest).assert_status(200);
    }
    let history = servers[0].room().key("repositories/a/b/_manifests/tags/latest/index/");
    assert_eq!(servers[0].room().store().keys(&history).unwrap().len(), moves.len() + 1);
}

/// Fails the test when somebody saw what had been replaced by then: when a move ended before another began, and that one
/// ended before the look did begin.
fn assert_in_some_order(moves: &[Event], looks: &[Event]) {
    for look in looks {
        let Some(seen) = moves.iter().find(|moved| moved.digest == look.digest) else {
            panic!("{} was never pushed, or had been replaced before anybody looked", look.digest);
        };
        let replaced = moves.iter().any(|other| seen.ended < other.began && other.ended < look.began);
        assert!(!replaced, "{} had been replaced", look.digest);
        assert!(seen.began < look.ended, "{} was not there yet", look.digest);
    }
}

fn manifest(config: &str, client: usize, round: usize) -> String {
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2 }, "layers": [],
        "annotations": { "client": client.to_string(), "round": round.to_string() },
    });
    manifest.to_string()
}

#[test]
fn artifacts_that_both_attach_at_once_are_all_listed() {
    for part in [Part::Minio, Part::Ceph, Part::Azurite] {
        let Some(servers) = two(part) else { continue };
        let subject = Image::tiny(1);
        servers[0].push_image("a/b", "v1", &subject);
        let config = servers[0].push_blob("a/b", "{}");
        thread::scope(|scope| {
            for client in 0..CLIENTS * servers.len() {
                let (server, config, subject) = (&servers[client % 2], &config, &subject);
                scope.spawn(move || {
                    for round in 0..5 {
                        let mut artifact: Value =
                            serde_json::from_str(&manifest(config, client, round)).unwrap();
                        artifact["subject"] = subject.manifest.descriptor();
                        let (digest, artifact) =
                            (sha256(artifact.to_string().as_bytes()), artifact.to_string());
                        server.put_manifest("a/b", &digest, OCI_MANIFEST, artifact).assert_status(201);
                    }
                });
            }
        });
        for server in &servers {
            let list =
                server.get(&format!("/v2/a/b/referrers/{}", subject.manifest.digest)).expect(200).json();
            assert_eq!(list["manifests"].as_array().map(Vec::len), Some(CLIENTS * 2 * 5), "{part:?}");
        }
    }
}
