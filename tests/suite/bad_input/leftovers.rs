//! What bad pushes leave behind, once the purge has been there: nothing.

use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use wharf_tests::{Image, OCI_MANIFEST, Request, Server, Settings, noise, sha256, tree, with_query};

/// How long the purge may take to come by.
const PATIENCE: Duration = Duration::from_secs(20);

/// Begins everything that can be begun, and finishes none of it.
fn push_badly(server: &Server) {
    let bytes = noise(1, 300_000);
    let opened = server.open_upload("bad/pushes");
    let at = server.send(&Request::patch(&opened).body(bytes.clone())).expect(202).location();
    server.send(&Request::patch(&opened).header("Content-Range", "5-9").body("12345")).assert_status(416);
    server.send(&Request::put(&with_query(&at, &format!("digest={}", sha256(b"wrong"))))).assert_status(400);
    let wrong = with_query(&server.open_upload("bad/pushes"), &format!("digest={}", sha256(b"wrong")));
    server.send(&Request::put(&wrong).body(bytes.clone())).assert_status(400);
    let single = format!("/v2/bad/pushes/blobs/uploads/?digest={}", sha256(b"wrong"));
    server.send(&Request::post(&single).body(bytes.clone())).assert_status(400);
    let image = Image::tiny(1);
    server.put_manifest("bad/pushes", "v1", OCI_MANIFEST, image.manifest.bytes).assert_status(400);
    server.put_manifest("bad/pushes", "v1", OCI_MANIFEST, "{\"schemaVersion\":2").assert_status(400);
    server.put_manifest("bad/pushes", &sha256(b"wrong"), OCI_MANIFEST, "{}").assert_status(400);
    let (patch, put) = (server.open_upload("bad/pushes"), server.open_upload("bad/pushes"));
    let put = with_query(&put, &format!("digest={}", sha256(&bytes)));
    for head in [format!("PATCH {patch}"), format!("PUT {put}"), format!("POST {single}")] {
        let mut connection = server.connect();
        connection
            .raw(format!("{head} HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n").as_bytes())
            .unwrap();
        connection.raw(&bytes[..200_000]).unwrap();
    }
}

/// The files in a store but those of one repository.
fn files(server: &Server) -> Vec<PathBuf> {
    tree(&server.data()).into_keys().map(PathBuf::from).collect()
}

#[test]
fn nothing_of_a_bad_push_stays() {
    let purging = "storage.maintenance.uploadpurging";
    let mut server = Server::wharf(&Settings::filesystem());
    let image = Image::tiny(2);
    server.push_image("good/image", "v1", &image);
    let before = files(&server);
    push_badly(&server);
    // Killed in the middle of yet another one.
    let mut connection = server.connect();
    let at = server.open_upload("bad/pushes");
    connection
        .raw(format!("PATCH {at} HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\n").as_bytes())
        .unwrap();
    connection.raw(&noise(3, 500_000)).unwrap();
    server.kill_9();
    assert_ne!(files(&server), before);

    let settings = Settings::filesystem().with(&format!("{purging}.age"), "1s");
    server.reconfigure(&settings.with(&format!("{purging}.interval"), "1s"));
    server.start_again();
    let until = Instant::now() + PATIENCE;
    while files(&server) != before {
        let left: Vec<_> = files(&server).into_iter().filter(|path| !before.contains(path)).collect();
        assert!(Instant::now() < until, "{left:#?}\nstay\n{}", server.log());
        sleep(Duration::from_millis(200));
    }
    server.assert_holds("good/image", "v1", &image);
    assert_eq!(server.get("/v2/_catalog").json()["repositories"], serde_json::json!(["good/image"]));
}
