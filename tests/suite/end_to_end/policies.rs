//! What an operator forbids: tags that move, images of the wrong class, layers from the wrong place.

use std::thread::scope;

use serde_json::json;
use wharf_tests::{Answer, Blob, Image, OCI_MANIFEST, Request, Server, Settings, scratch, sha256};

over_every_driver![
    an_immutable_tag_is_neither_moved_nor_deleted,
    of_many_who_set_an_immutable_tag_one_wins,
    an_image_of_a_class_that_is_not_listed_is_refused,
    urls_of_layers_pass_by_expressions,
];

fn immutable(settings: &Settings) -> Settings {
    let rules = json!([
        { "repositories": ["other/**"], "tags": ["*"] },
        { "repositories": ["release/**"], "tags": ["v*"], "except": ["*-rc*"] },
    ]);
    settings.clone().with("storage.tag.immutable", rules)
}

#[track_caller]
fn assert_immutable(answer: &Answer) {
    answer.assert_status(409);
    let error = answer.json()["errors"][0].clone();
    assert_eq!(error["code"], "DENIED");
    assert!(error["detail"].as_str().unwrap().contains("storage.tag.immutable[1]"), "{error}");
}

/// Pushes an image's blobs and gives its manifest.
fn furnish(server: &Server, image: &Image) -> Blob {
    server.push_image("release/a", &format!("x{}", image.manifest.hex()), image);
    image.manifest.clone()
}

fn an_immutable_tag_is_neither_moved_nor_deleted(settings: &Settings) {
    let server = Server::wharf(&immutable(settings));
    let put = |tag: &str, manifest: &Blob| {
        server.put_manifest("release/a", tag, OCI_MANIFEST, manifest.bytes.clone())
    };
    let (one, two) = (furnish(&server, &Image::tiny(1)), furnish(&server, &Image::tiny(2)));
    for tag in ["v1", "v1-rc1", "latest"] {
        put(tag, &one).assert_status(201);
        put(tag, &one).assert_status(201);
    }
    assert_immutable(&put("v1", &two));
    assert_immutable(&server.delete("/v2/release/a/manifests/v1"));
    assert_immutable(&server.delete(&format!("/v2/release/a/manifests/{}", one.digest)));
    let by_parameter = Request::put(&format!("/v2/release/a/manifests/{}?tag=v1", two.digest))
        .header("Content-Type", OCI_MANIFEST)
        .body(two.bytes.clone());
    assert_immutable(&server.send(&by_parameter));
    server.delete("/v2/release/a/manifests/v2").assert_status(404);

    put("v1-rc1", &two).assert_status(201);
    put("latest", &two).assert_status(201);
    server.delete("/v2/release/a/manifests/latest").assert_status(202);
    server.delete(&format!("/v2/release/a/manifests/{}", two.digest)).assert_status(202);
    assert_eq!(server.get_manifest("release/a", "v1").the("docker-content-digest"), one.digest);
}

fn of_many_who_set_an_immutable_tag_one_wins(settings: &Settings) {
    let server = Server::wharf(&immutable(settings));
    assert_one_wins(&[&server]);
}

#[test]
fn of_many_who_set_an_immutable_tag_at_two_servers_over_one_folder_one_wins() {
    let folder = scratch();
    let settings = immutable(&Settings::filesystem_at(folder.path()));
    assert_one_wins(&[&Server::wharf(&settings), &Server::wharf(&settings)]);
}

/// Sets tags to different manifests at once, at each server in turn.
fn assert_one_wins(servers: &[&Server]) {
    let manifests: Vec<Blob> = (0..6).map(|seed| furnish(servers[0], &Image::tiny(seed))).collect();
    for round in 0..3 {
        let tag = format!("v{round}");
        let tag = tag.as_str();
        let answers: Vec<Answer> = scope(|threads| {
            let put = |(server, manifest): (&&Server, &Blob)| {
                server.put_manifest("release/a", tag, OCI_MANIFEST, manifest.bytes.clone())
            };
            let each = servers.iter().cycle().zip(&manifests);
            let running: Vec<_> = each.map(|one| threads.spawn(move || put(one))).collect();
            running.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let won: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert_eq!(won.len(), 1, "{answers:?}");
        answers.iter().filter(|answer| answer.status != 201).for_each(assert_immutable);
        for server in servers {
            let kept = server.get_manifest("release/a", tag);
            assert_eq!(kept.the("docker-content-digest"), won[0].the("docker-content-digest"));
        }
    }
}

fn an_image_of_a_class_that_is_not_listed_is_refused(settings: &Settings) {
    let server = Server::wharf(&settings.clone().with("policy.repository.classes", json!(["image"])));
    server.push_image("a/b", "v1", &Image::tiny(1));
    let config = Blob::new("application/vnd.docker.plugin.v1+json", "{}");
    server.push_blob("a/b", config.bytes.clone());
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.descriptor(), "layers": [],
    });
    let answer = server.put_manifest("a/b", "v2", OCI_MANIFEST, manifest.to_string()).expect(403);
    assert_eq!(answer.json()["errors"][0]["code"], "DENIED");
    assert!(answer.text().contains("registry does not allow plugin manifest"), "{}", answer.text());
}

fn urls_of_layers_pass_by_expressions(settings: &Settings) {
    let urls = json!({ "allow": ["^https://files\\.example/"], "deny": ["/secret/"] });
    let restricted = settings.clone().with("validation.manifests.urls", urls);
    let put = |server: &Server, url: &str| {
        let config = Blob::new("application/vnd.oci.image.config.v1+json", "{}");
        server.push_blob("a/b", config.bytes.clone());
        let layer = json!({
            "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
            "digest": sha256(b"elsewhere"), "size": 9, "urls": [url],
        });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config.descriptor(), "layers": [layer],
        });
        server.put_manifest("a/b", "v1", OCI_MANIFEST, manifest.to_string()).status
    };
    let server = Server::wharf(&restricted);
    assert_eq!(put(&server, "https://files.example/a"), 201);
    assert_eq!(put(&server, "https://files.example/secret/a"), 400);
    assert_eq!(put(&server, "https://other.example/a"), 400);
    let unchecked = Server::wharf(&restricted.with("validation.disabled", true));
    assert_eq!(put(&unchecked, "https://other.example/a"), 201);
}
