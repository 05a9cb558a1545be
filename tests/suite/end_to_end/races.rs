//! What several clients do at once to the same thing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bytes::Bytes;
use serde_json::json;
use wharf_tests::{Request, Server, Settings, noise, sha256, with_query};

use super::{push_small, texts};

over_every_driver![
    a_tag_that_moves_can_always_be_pulled,
    a_tag_that_is_listed_can_be_pulled_until_it_is_deleted,
    of_two_chunks_at_once_one_is_taken,
    of_two_closings_at_once_both_are_told_the_truth,
    a_download_survives_the_deletion_of_its_blob,
    referrers_pushed_at_once_are_all_listed,
];

fn a_tag_that_moves_can_always_be_pulled(settings: &Settings) {
    let server = Server::wharf(settings);
    push_small(&server, "a/b", "latest", json!({}));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let answer = server.get_manifest("a/b", "latest").expect(200);
                    assert_eq!(answer.the("docker-content-digest"), sha256(&answer.body));
                    assert_eq!(texts(&server.get("/v2/a/b/tags/list").expect(200), "tags"), ["latest"]);
                }
            });
        }
        for n in 0..100 {
            push_small(&server, "a/b", "latest", json!({ "annotations": { "n": n.to_string() } }));
        }
        done.store(true, Ordering::Relaxed);
    });
}

fn a_tag_that_is_listed_can_be_pulled_until_it_is_deleted(settings: &Settings) {
    let server = Server::wharf(settings);
    push_small(&server, "a/b", "kept", json!({}));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let gone = server.get_manifest("a/b", "coming-and-going");
                assert!([200, 404].contains(&gone.status), "{gone:?}");
                let tags = texts(&server.get("/v2/a/b/tags/list").expect(200), "tags");
                assert!(tags.iter().any(|tag| tag == "kept"), "{tags:?}");
                server.get_manifest("a/b", "kept").assert_status(200);
            }
        });
        for _ in 0..50 {
            push_small(&server, "a/b", "coming-and-going", json!({ "annotations": { "other": "one" } }));
            server.delete("/v2/a/b/manifests/coming-and-going").assert_status(202);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(texts(&server.get("/v2/a/b/tags/list").expect(200), "tags"), ["kept"]);
}

fn of_two_chunks_at_once_one_is_taken(settings: &Settings) {
    let server = Server::wharf(settings);
    for round in 0..10 {
        let bytes = Bytes::from(noise(round, 600_000));
        let at = server.open_upload("a/b");
        let patch = Request::patch(&at).header("Content-Range", "0-599999").body(bytes.clone());
        let statuses: Vec<u16> = thread::scope(|scope| {
            let both: Vec<_> = (0..2).map(|_| scope.spawn(|| server.send(&patch).status)).collect();
            both.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(statuses.contains(&202), "{statuses:?}");
        assert!(statuses.iter().all(|status| [202, 416, 429].contains(status)), "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 202).count(), 1, "{statuses:?}");
        let status = server.get(&at).expect(204);
        assert_eq!(status.the("range"), "0-599999");
        let closing = with_query(&status.location(), &format!("digest={}", sha256(&bytes)));
        server.send(&Request::put(&closing)).assert_status(201);
    }
}

fn of_two_closings_at_once_both_are_told_the_truth(settings: &Settings) {
    let server = Server::wharf(settings);
    for round in 0..10 {
        let bytes = Bytes::from(noise(100 + round, 300_000));
        let digest = sha256(&bytes);
        let at = server
            .send(&Request::patch(&server.open_upload("a/b")).body(bytes.clone()))
            .expect(202)
            .location();
        let closing = Request::put(&with_query(&at, &format!("digest={digest}")));
        let statuses: Vec<u16> = thread::scope(|scope| {
            let both: Vec<_> = (0..2).map(|_| scope.spawn(|| server.send(&closing).status)).collect();
            both.into_iter().map(|one| one.join().unwrap()).collect()
        });
        assert!(statuses.contains(&201), "{statuses:?}");
        assert!(statuses.iter().all(|status| [201, 404, 416, 429].contains(status)), "{statuses:?}");
        assert!(server.get(&format!("/v2/a/b/blobs/{digest}")).expect(200).body == bytes);
    }
}

fn a_download_survives_the_deletion_of_its_blob(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = Bytes::from(noise(7, 40_000_000));
    let target = format!("/v2/a/b/blobs/{}", server.push_blob("a/b", bytes.clone()));
    let mut connection = server.connect();
    connection.send(&Request::get(&target)).unwrap();
    let head = connection.answer_head().unwrap().expect(200);
    assert_eq!(head.the("content-length"), bytes.len().to_string());
    server.delete(&target).assert_status(202);
    server.get(&target).assert_error(404, "BLOB_UNKNOWN");
    let mut body = vec![0; bytes.len()];
    let mut at = 0;
    while at < body.len() {
        let read = connection.read(&mut body[at..]).unwrap();
        assert!(read > 0, "it ends after {at} bytes");
        at += read;
    }
    assert!(body == bytes);
}

fn referrers_pushed_at_once_are_all_listed(settings: &Settings) {
    let server = Server::wharf(settings);
    let subject = json!({ "mediaType": wharf_tests::OCI_MANIFEST, "digest": sha256(b"subject"), "size": 7 });
    thread::scope(|scope| {
        for client in 0..8 {
            let (server, subject) = (&server, &subject);
            scope.spawn(move || {
                for n in 0..5 {
                    let annotations = json!({ "n": format!("{client}-{n}") });
                    push_small(
                        server,
                        "a/b",
                        &format!("r{client}"),
                        json!({ "subject": subject, "annotations": annotations }),
                    );
                }
            });
        }
    });
    let list = server.get(&format!("/v2/a/b/referrers/{}", sha256(b"subject"))).expect(200).json();
    assert_eq!(list["manifests"].as_array().unwrap().len(), 40);
}
