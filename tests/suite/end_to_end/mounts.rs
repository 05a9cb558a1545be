//! Blobs that need not be pushed because another repository has them.

use wharf_tests::{Request, Server, Settings, noise, sha256, with_query};

over_every_driver![
    a_blob_is_mounted_from_the_repository_that_is_named,
    a_blob_is_mounted_from_wherever_it_is,
    a_blob_that_is_nowhere_is_pushed_instead,
    a_blob_is_not_mounted_from_where_it_is_not,
];

fn a_blob_is_mounted_from_the_repository_that_is_named(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = noise(1, 10_000);
    let digest = server.push_blob("from/here", bytes.clone());
    let target = format!("/v2/to/there/blobs/uploads/?mount={digest}&from=from/here");
    let mounted = server.send(&Request::post(&target)).expect(201);
    assert_eq!(mounted.location(), format!("/v2/to/there/blobs/{digest}"));
    assert_eq!(mounted.the("docker-content-digest"), digest);
    assert_eq!(server.get(&mounted.location()).expect(200).body, bytes);
}

fn a_blob_is_mounted_from_wherever_it_is(settings: &Settings) {
    let server = Server::wharf(settings);
    let digest = server.push_blob("from/here", "content");
    let target = format!("/v2/to/there/blobs/uploads/?mount={digest}");
    let mounted = server.send(&Request::post(&target)).expect(201);
    assert_eq!(server.get(&mounted.location()).expect(200).body, "content");
}

fn a_blob_that_is_nowhere_is_pushed_instead(settings: &Settings) {
    let server = Server::wharf(settings);
    for (seed, from) in [(1, ""), (2, "&from=from/here"), (3, "&from=NOT%20A%20NAME"), (4, "&from=")] {
        let bytes = noise(seed, 1_000);
        let digest = sha256(&bytes);
        let target = format!("/v2/to/there/blobs/uploads/?mount={digest}{from}");
        let opened = server.send(&Request::post(&target)).expect(202);
        let closing = with_query(&opened.location(), &format!("digest={digest}"));
        server.send(&Request::put(&closing).body(bytes)).assert_status(201);
    }
}

fn a_blob_is_not_mounted_from_where_it_is_not(settings: &Settings) {
    let server = Server::wharf(settings);
    let digest = server.push_blob("from/here", "content");
    server.push_blob("from/elsewhere", "something else");
    let target = format!("/v2/to/there/blobs/uploads/?mount={digest}&from=from/elsewhere");
    server.send(&Request::post(&target)).assert_status(202);
    server.get(&format!("/v2/to/there/blobs/{digest}")).assert_error(404, "BLOB_UNKNOWN");
}
