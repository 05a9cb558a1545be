//! Conditional requests, for blobs and manifests alike.

use wharf_tests::{Answer, Image, OCI_MANIFEST, Request, Server, Settings};

over_every_driver![
    what_the_client_has_is_not_sent_again,
    what_the_client_has_not_is_sent,
    a_condition_that_fails_is_said_without_a_body,
];

/// A server with an image, and the paths of one of its blobs, and of its manifest by tag and by digest.
fn pushed(settings: &Settings) -> (Server, [String; 3], Image) {
    let server = Server::wharf(settings);
    let image = Image::tiny(1);
    server.push_image("a/b", "v1", &image);
    let paths = [
        format!("/v2/a/b/blobs/{}", image.layers[0].digest),
        "/v2/a/b/manifests/v1".to_owned(),
        format!("/v2/a/b/manifests/{}", image.manifest.digest),
    ];
    (server, paths, image)
}

#[track_caller]
fn with(server: &Server, method: &str, path: &str, name: &str, value: &str) -> Answer {
    server.send(&Request::new(method, path).header("Accept", OCI_MANIFEST).header(name, value))
}

fn what_the_client_has_is_not_sent_again(settings: &Settings) {
    let (server, paths, _) = pushed(settings);
    for path in &paths {
        let etag = server.get(path).expect(200).the("etag").to_owned();
        for known in [etag.clone(), format!("\"other\", {etag}"), format!("W/{etag}"), "*".to_owned()] {
            for method in ["GET", "HEAD"] {
                let answer = with(&server, method, path, "If-None-Match", &known).expect(304);
                assert!(answer.body.is_empty());
                assert_eq!(answer.the("etag"), etag, "{method} {path}");
            }
        }
    }
}

fn what_the_client_has_not_is_sent(settings: &Settings) {
    let (server, paths, _) = pushed(settings);
    for path in &paths {
        let etag = server.get(path).expect(200).the("etag").to_owned();
        with(&server, "GET", path, "If-None-Match", "\"other\"").assert_status(200);
        with(&server, "GET", path, "If-Match", &etag).assert_status(200);
        with(&server, "GET", path, "If-Match", "*").assert_status(200);
    }
    let unknown = "/v2/a/b/manifests/unknown";
    with(&server, "GET", unknown, "If-None-Match", "\"other\"").assert_error(404, "MANIFEST_UNKNOWN");
}

fn a_condition_that_fails_is_said_without_a_body(settings: &Settings) {
    let (server, paths, _) = pushed(settings);
    for path in &paths {
        let answer = with(&server, "GET", path, "If-Match", "\"other\"").expect(412);
        assert!(answer.body.is_empty(), "{answer:?}");
    }
}
