//! Something of everything that may be in a store, pushed in each way that both servers know.

use bytes::Bytes;
use serde_json::json;
use wharf_tests::{
    Blob, DOCKER_LIST, DOCKER_MANIFEST, Image, OCI_INDEX, OCI_MANIFEST, Request, Server, noise, sha256,
    sha512, with_query,
};

const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Pushes all of it.
pub(crate) fn furnish(server: &Server) {
    images(server);
    dockers_formats(server);
    indexes(server);
    uploads(server);
    mounts(server);
    artifacts(server);
    deletions(server);
}

fn images(server: &Server) {
    server.push_image("library/tiny", "v1", &Image::tiny(1));
    server.push_image("library/many", "latest", &Image::many_layers(2));
    server.push_image("a/b-c/d_e/f.g/h__i", "A_tag.with-all_of-IT", &Image::new(3, 3, 700_000));
    // A tag that moved, twice, and back: its index remembers both.
    for seed in [4, 5, 4] {
        server.push_image("moved", "latest", &Image::tiny(seed));
    }
    // Many tags of one manifest, and a manifest without a tag.
    for tag in 0..20 {
        server.push_image("tags", &format!("v{tag}"), &Image::tiny(6));
    }
    let untagged = Image::tiny(7);
    server.push_image("tags", &untagged.manifest.digest, &untagged);
}

fn dockers_formats(server: &Server) {
    let config = server.push_blob("docker", noise(10, 300));
    let layer = server.push_blob("docker", noise(11, 4_000));
    let manifest = json!({
        "schemaVersion": 2, "mediaType": DOCKER_MANIFEST,
        "config": { "mediaType": "application/vnd.docker.container.image.v1+json", "size": 300, "digest": config },
        "layers": [{ "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": 4_000, "digest": layer }],
    });
    // Printed with spaces, as dockers do: bytes are kept, not meanings.
    let manifest = Blob::new(DOCKER_MANIFEST, format!("{manifest:#}"));
    server.put_manifest("docker", "v1", DOCKER_MANIFEST, manifest.bytes.clone()).assert_status(201);
    let mut child = manifest.descriptor();
    child["platform"] = json!({ "architecture": "amd64", "os": "linux" });
    let list = json!({ "schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [child] });
    server.put_manifest("docker", "list", DOCKER_LIST, format!("{list:#}")).assert_status(201);
}

fn indexes(server: &Server) {
    let children = [Image::tiny(20), Image::tiny(21)].map(|image| {
        server.push_image("indexed", &image.manifest.digest, &image);
        image.manifest.descriptor()
    });
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children });
    server.put_manifest("indexed", "v1", OCI_INDEX, index.to_string()).assert_status(201);
    // One that does not say what it is.
    let silent = json!({ "schemaVersion": 2, "manifests": [children[0]] });
    server.put_manifest("indexed", "silent", OCI_INDEX, silent.to_string()).assert_status(201);
}

/// One blob in each way to upload it, all named by one manifest.
fn uploads(server: &Server) {
    let whole = server.push_blob("uploads", noise(30, 1_000));
    let at = server.open_upload("uploads");
    let bytes = Bytes::from(noise(31, 1_000_000));
    let at = server.send(&Request::patch(&at).body(bytes.clone())).expect(202).location();
    let patched = close(server, &at, &sha256(&bytes));
    let bytes = Bytes::from(noise(32, 900_000));
    let mut at = server.open_upload("uploads");
    for start in [0, 300_000, 600_000] {
        let piece = bytes.slice(start..start + 300_000);
        let range = format!("{start}-{}", start + 299_999);
        at = server
            .send(&Request::patch(&at).header("Content-Range", range).body(piece))
            .expect(202)
            .location();
    }
    let chunked = close(server, &at, &sha256(&bytes));
    let bytes = Bytes::from(noise(33, 2_000));
    let at = server.open_upload("uploads");
    let at = server.send(&Request::patch(&at).body(bytes.clone())).expect(202).location();
    close(server, &at, &sha512(&bytes));
    // Twice the same, and one that was given up.
    server.push_blob("uploads", noise(30, 1_000));
    let at = server.open_upload("uploads");
    server.delete(&at).assert_status(204);
    let layers = [(whole, 1_000), (patched, 1_000_000), (chunked, 900_000)]
        .map(|(digest, size)| json!({ "mediaType": OCI_LAYER, "digest": digest, "size": size }));
    let config = server.push_blob("uploads", "{}");
    put_image(server, "uploads", "v1", &json!({ "config": config_of(&config, 2), "layers": layers }));
}

fn close(server: &Server, at: &str, digest: &str) -> String {
    server.send(&Request::put(&with_query(at, &format!("digest={digest}")))).assert_status(201);
    digest.to_owned()
}

fn mounts(server: &Server) {
    let image = Image::tiny(1);
    for blob in image.blobs() {
        let target = format!("/v2/mounted/blobs/uploads/?mount={}&from=library/tiny", blob.digest);
        server.send(&Request::post(&target)).assert_status(201);
    }
    server.put_manifest("mounted", "v1", image.manifest.media_type, image.manifest.bytes).assert_status(201);
}

fn artifacts(server: &Server) {
    let subject = Image::tiny(40);
    server.push_image("artifacts", "v1", &subject);
    let config = server.push_blob("artifacts", "{}");
    let bytes = noise(41, 500);
    let content = server.push_blob("artifacts", bytes);
    let manifest = json!({
        "artifactType": "application/vnd.example.sbom", "config": config_of(&config, 2),
        "layers": [{ "mediaType": "application/vnd.example.sbom", "digest": content, "size": 500 }],
        "subject": subject.manifest.descriptor(), "annotations": { "org.example.key": "<a> & \"b\"" },
    });
    put_image(server, "artifacts", "sbom", &manifest);
}

fn deletions(server: &Server) {
    let image = Image::tiny(50);
    for tag in ["one", "two"] {
        server.push_image("deleted", tag, &image);
    }
    server.push_image("deleted", "three", &Image::tiny(51));
    server.delete(&format!("/v2/deleted/manifests/{}", image.manifest.digest)).assert_status(202);
    let blob = server.push_blob("deleted", noise(52, 100));
    server.delete(&format!("/v2/deleted/blobs/{blob}")).assert_status(202);
}

fn put_image(server: &Server, repository: &str, tag: &str, fields: &serde_json::Value) {
    let mut manifest = fields.clone();
    manifest["schemaVersion"] = json!(2);
    manifest["mediaType"] = json!(OCI_MANIFEST);
    server.put_manifest(repository, tag, OCI_MANIFEST, manifest.to_string()).assert_status(201);
}

fn config_of(digest: &str, size: usize) -> serde_json::Value {
    json!({ "mediaType": "application/vnd.oci.empty.v1+json", "digest": digest, "size": size })
}
