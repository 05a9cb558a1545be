//! Deletes, which are seen at once.

use wharf_tests::{Image, OCI_MANIFEST, Request, Server, Settings, noise, sha256};

use super::{push_small, texts};

over_every_driver![
    a_deleted_blob_is_gone_from_its_repository_only,
    a_deleted_tag_leaves_its_manifest,
    a_deleted_manifest_takes_its_tags_along,
    what_is_not_there_cannot_be_deleted,
    what_was_deleted_can_be_pushed_again,
    nothing_is_deleted_where_that_is_not_configured,
];

fn a_deleted_blob_is_gone_from_its_repository_only(settings: &Settings) {
    let server = Server::wharf(settings);
    let bytes = noise(1, 1_000);
    let digest = server.push_blob("a/b", bytes.clone());
    server.push_blob("a/c", bytes);
    let target = format!("/v2/a/b/blobs/{digest}");
    server.get(&target).assert_status(200);
    let answer = server.delete(&target).expect(202);
    assert_eq!((answer.the("content-length"), answer.body.len()), ("0", 0));
    server.get(&target).assert_error(404, "BLOB_UNKNOWN");
    server.head(&target).assert_status(404);
    server.get(&format!("/v2/a/c/blobs/{digest}")).assert_status(200);
}

fn a_deleted_tag_leaves_its_manifest(settings: &Settings) {
    let server = Server::wharf(settings);
    let image = Image::tiny(1);
    server.push_image("a/b", "v1", &image);
    server.push_image("a/b", "v2", &image);
    server.get_manifest("a/b", "v1").assert_status(200);
    server.delete("/v2/a/b/manifests/v1").assert_status(202);
    server.get_manifest("a/b", "v1").assert_error(404, "MANIFEST_UNKNOWN");
    server.assert_holds("a/b", "v2", &image);
    server.assert_holds("a/b", &image.manifest.digest, &image);
    assert_eq!(texts(&server.get("/v2/a/b/tags/list").expect(200), "tags"), ["v2"]);
}

fn a_deleted_manifest_takes_its_tags_along(settings: &Settings) {
    let server = Server::wharf(settings);
    let image = Image::tiny(2);
    for tag in ["v1", "v2", "v3"] {
        server.push_image("a/b", tag, &image);
    }
    server.push_image("a/b", "other", &Image::tiny(3));
    server.push_image("a/c", "v1", &image);
    server.delete(&format!("/v2/a/b/manifests/{}", image.manifest.digest)).assert_status(202);
    for reference in ["v1", "v2", "v3", &image.manifest.digest] {
        server.get_manifest("a/b", reference).assert_error(404, "MANIFEST_UNKNOWN");
    }
    assert_eq!(texts(&server.get("/v2/a/b/tags/list").expect(200), "tags"), ["other"]);
    server.assert_holds("a/c", "v1", &image);
}

fn what_is_not_there_cannot_be_deleted(settings: &Settings) {
    let server = Server::wharf(settings);
    let tag = push_small(&server, "a/b", "v1", serde_json::json!({})).the("docker-content-digest").to_owned();
    let unknown = sha256(b"unknown");
    server.delete(&format!("/v2/a/b/blobs/{unknown}")).assert_error(404, "BLOB_UNKNOWN");
    server.delete(&format!("/v2/a/b/manifests/{unknown}")).assert_error(404, "MANIFEST_UNKNOWN");
    server.delete("/v2/a/b/manifests/v2").assert_error(404, "MANIFEST_UNKNOWN");
    server.delete("/v2/no/one/manifests/v2").assert_status(404);
    let manifest = format!("/v2/a/b/manifests/{tag}");
    server.delete(&manifest).assert_status(202);
    server.delete(&manifest).assert_error(404, "MANIFEST_UNKNOWN");
}

fn what_was_deleted_can_be_pushed_again(settings: &Settings) {
    let server = Server::wharf(settings);
    let image = Image::tiny(4);
    for _ in 0..3 {
        server.push_image("a/b", "v1", &image);
        server.assert_holds("a/b", "v1", &image);
        server.delete(&format!("/v2/a/b/manifests/{}", image.manifest.digest)).assert_status(202);
        for blob in image.blobs() {
            server.delete(&format!("/v2/a/b/blobs/{}", blob.digest)).assert_status(202);
        }
        let answer = server.put_manifest("a/b", "v1", OCI_MANIFEST, image.manifest.bytes.clone());
        answer.assert_error(400, "MANIFEST_BLOB_UNKNOWN");
    }
}

fn nothing_is_deleted_where_that_is_not_configured(settings: &Settings) {
    let server = Server::wharf(&settings.clone().without("storage.delete"));
    let image = Image::tiny(5);
    server.push_image("a/b", "v1", &image);
    let blob = format!("/v2/a/b/blobs/{}", image.layers[0].digest);
    let manifest = format!("/v2/a/b/manifests/{}", image.manifest.digest);
    for target in [blob.as_str(), &manifest, "/v2/a/b/manifests/v1"] {
        server.delete(target).assert_error(405, "UNSUPPORTED");
    }
    server.assert_holds("a/b", "v1", &image);
    // An upload is not yet anything that could be deleted.
    let at = server.open_upload("a/b");
    server.send(&Request::delete(&at)).assert_status(204);
}
