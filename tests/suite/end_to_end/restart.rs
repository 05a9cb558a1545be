//! What outlives the program: everything that was acknowledged, and uploads under way.

use bytes::Bytes;
use serde_json::json;
use wharf_tests::{Image, Request, Server, Settings, noise, sha256, sha512, with_query};

use super::{push_small, texts};

#[test]
fn what_was_pushed_is_there_after_a_restart_and_after_a_kill() {
    let mut server = Server::wharf(&Settings::filesystem());
    let image = Image::many_layers(1);
    server.push_image("a/b", "v1", &image);
    let bytes = noise(2, 5_000);
    let at = with_query(&server.open_upload("a/b"), &format!("digest={}", sha512(&bytes)));
    server.send(&Request::put(&at).body(bytes.clone())).assert_status(201);
    let subject = image.manifest.descriptor();
    push_small(&server, "a/b", "signature", json!({ "subject": subject, "artifactType": "x/y" }));
    for round in 0..2 {
        if round == 0 {
            server.restart();
        } else {
            server.kill_9();
            server.start_again();
        }
        server.assert_holds("a/b", "v1", &image);
        assert_eq!(server.get(&format!("/v2/a/b/blobs/{}", sha512(&bytes))).expect(200).body, bytes);
        assert_eq!(texts(&server.get("/v2/a/b/tags/list").expect(200), "tags"), ["signature", "v1"]);
        assert_eq!(texts(&server.get("/v2/_catalog").expect(200), "repositories"), ["a/b"]);
        let referrers = server.get(&format!("/v2/a/b/referrers/{}", image.manifest.digest)).expect(200);
        assert_eq!(referrers.json()["manifests"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn an_upload_goes_on_after_a_restart_and_after_a_kill() {
    let mut server = Server::wharf(&Settings::filesystem());
    let bytes = Bytes::from(noise(3, 30_000));
    let mut at = server.open_upload("a/b");
    for round in 0..3 {
        let part = round * 10_000..(round + 1) * 10_000;
        let range = format!("{}-{}", part.start, part.end - 1);
        let answer =
            server.send(&Request::patch(&at).header("Content-Range", &range).body(bytes.slice(part)));
        at = answer.expect(202).location();
        if round == 0 {
            server.restart();
        } else {
            server.kill_9();
            server.start_again();
        }
        assert_eq!(
            server.get(&at).expect(204).the("range").split('-').next_back(),
            range.split('-').next_back()
        );
    }
    server.send(&Request::put(&with_query(&at, &format!("digest={}", sha256(&bytes))))).assert_status(201);
    assert_eq!(server.get(&format!("/v2/a/b/blobs/{}", sha256(&bytes))).expect(200).body, bytes);
}

#[test]
fn what_was_deleted_stays_deleted() {
    let mut server = Server::wharf(&Settings::filesystem());
    let image = Image::tiny(4);
    server.push_image("a/b", "v1", &image);
    server.push_image("a/b", "v2", &image);
    server.delete("/v2/a/b/manifests/v1").assert_status(202);
    server.delete(&format!("/v2/a/b/blobs/{}", image.layers[0].digest)).assert_status(202);
    server.restart();
    server.get_manifest("a/b", "v1").assert_error(404, "MANIFEST_UNKNOWN");
    server.get(&format!("/v2/a/b/blobs/{}", image.layers[0].digest)).assert_error(404, "BLOB_UNKNOWN");
    server.get_manifest("a/b", "v2").assert_status(200);
}

#[test]
fn two_programs_over_one_folder_share_everything() {
    let first = Server::wharf(&Settings::filesystem());
    let second = Server::wharf(&Settings::filesystem_at(&first.data()));
    let bytes = Bytes::from(noise(5, 20_000));
    let at = first.open_upload("a/b");
    let at = second.send(&Request::patch(&at).body(bytes.slice(..10_000))).expect(202).location();
    let closing = with_query(&at, &format!("digest={}", sha256(&bytes)));
    first.send(&Request::put(&closing).body(bytes.slice(10_000..))).assert_status(201);
    let image = Image::tiny(6);
    second.push_image("a/b", "v1", &image);
    first.assert_holds("a/b", "v1", &image);
}
