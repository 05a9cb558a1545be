//! Uploads that nobody finishes are thrown away.

use std::thread::sleep;
use std::time::{Duration, Instant};

use wharf_tests::{Request, Server, Settings, noise};

over_every_driver![an_upload_that_nobody_finishes_is_thrown_away];

#[track_caller]
fn wait_until_gone(server: &Server, at: &str) {
    let until = Instant::now() + Duration::from_secs(20);
    while server.get(at).status != 404 {
        assert!(Instant::now() < until, "it is never thrown away\n{}", server.log());
        sleep(Duration::from_millis(100));
    }
}

fn an_upload_that_nobody_finishes_is_thrown_away(settings: &Settings) {
    let purging = "storage.maintenance.uploadpurging";
    let settings = settings.clone().with(&format!("{purging}.enabled"), true);
    let settings = settings.with(&format!("{purging}.age"), "1s").with(&format!("{purging}.interval"), "1s");
    let server = Server::wharf(&settings);
    let digest = server.push_blob("a/b", "whole");
    let at = server.open_upload("a/b");
    let at = server.send(&Request::patch(&at).body(noise(1, 100))).expect(202).location();
    wait_until_gone(&server, &at);
    server.get(&at).assert_error(404, "BLOB_UPLOAD_UNKNOWN");
    server.get(&format!("/v2/a/b/blobs/{digest}")).assert_status(200);
}

#[test]
fn a_purge_leaves_no_file_of_an_upload() {
    let purging = "storage.maintenance.uploadpurging";
    let settings = Settings::filesystem().with(&format!("{purging}.age"), "1s");
    let server = Server::wharf(&settings.with(&format!("{purging}.interval"), "1s"));
    let at = server.open_upload("a/b");
    server.send(&Request::patch(&at).body(noise(1, 100))).assert_status(202);
    let uploads = server.data().join("docker/registry/v2/repositories/a/b/_uploads");
    assert_eq!(std::fs::read_dir(&uploads).unwrap().count(), 1);
    wait_until_gone(&server, &at);
    assert!(!uploads.exists() || std::fs::read_dir(&uploads).unwrap().count() == 0);
}

#[test]
fn a_dry_run_throws_nothing_away() {
    let purging = "storage.maintenance.uploadpurging";
    let settings =
        Settings::filesystem().with(&format!("{purging}.age"), "1s").with(&format!("{purging}.dryrun"), true);
    let server = Server::wharf(&settings.with(&format!("{purging}.interval"), "1s"));
    let at = server.open_upload("a/b");
    sleep(Duration::from_secs(4));
    server.get(&at).assert_status(204);
}
