//! Manifests of every kind: what is taken, what is refused, what is given back.

use serde_json::{Value, json};
use wharf_tests::{
    Answer, DOCKER_LIST, DOCKER_MANIFEST, Image, OCI_INDEX, OCI_MANIFEST, Request, Server, Settings, sha256,
    sha512,
};

over_every_driver![
    every_kind_comes_back_to_the_byte,
    a_head_is_a_get_without_its_body,
    what_is_not_said_to_be_accepted_is_served_all_the_same,
    an_old_client_gets_the_image_of_a_list,
    a_manifest_whose_parts_are_missing_is_refused_with_each_of_them,
    a_sparse_manifest_is_taken_where_that_is_configured,
    a_manifest_pushed_by_digest_has_no_tag_but_those_it_names,
    a_manifest_keeps_the_digest_that_it_was_pushed_with,
    a_digest_that_is_not_the_manifests_is_refused,
    an_unknown_manifest_is_said_to_be_unknown,
    a_foreign_layer_need_not_be_there,
    a_kind_that_only_the_manifest_says_is_enough,
    a_name_may_be_written_with_escapes,
];

/// Gives one manifest of each kind, all of whose parts are in `a/b`.
fn kinds(server: &Server) -> Vec<(&'static str, String)> {
    let image = Image::tiny(1);
    server.push_image("a/b", "image", &image);
    let (config, layer) = (image.config.descriptor(), image.layers[0].descriptor());
    let docker = json!({
        "schemaVersion": 2, "mediaType": DOCKER_MANIFEST,
        "config": with_type(&config, "application/vnd.docker.container.image.v1+json"),
        "layers": [with_type(&layer, "application/vnd.docker.image.rootfs.diff.tar.gzip")],
    });
    let mut child = image.manifest.descriptor();
    child["platform"] = json!({ "os": "linux", "architecture": "amd64" });
    let mut docker_child = json!({
        "mediaType": DOCKER_MANIFEST, "digest": sha256(docker.to_string().as_bytes()), "size": docker.to_string().len(),
    });
    docker_child["platform"] = child["platform"].clone();
    let artifact = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/vnd.example+type", "config": config,
        "layers": [], "annotations": { "org.example": "<&>é" }, "unknown": { "kept": [1, 2.50, null] },
    });
    vec![
        (DOCKER_MANIFEST, docker.to_string()),
        (
            DOCKER_LIST,
            json!({ "schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [docker_child] }).to_string(),
        ),
        (
            OCI_MANIFEST,
            format!("{:#}\n", json!({ "schemaVersion": 2, "config": config, "layers": [layer, layer] })),
        ),
        (OCI_MANIFEST, artifact.to_string()),
        (OCI_INDEX, json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child] }).to_string()),
        (OCI_INDEX, json!({ "schemaVersion": 2, "manifests": [] }).to_string()),
    ]
}

fn with_type(descriptor: &Value, media_type: &str) -> Value {
    let mut descriptor = descriptor.clone();
    descriptor["mediaType"] = json!(media_type);
    descriptor
}

fn every_kind_comes_back_to_the_byte(settings: &Settings) {
    let server = Server::wharf(settings);
    for (number, (media_type, text)) in kinds(&server).into_iter().enumerate() {
        let (tag, digest) = (format!("v{number}"), sha256(text.as_bytes()));
        let put = server
            .put_manifest("a/b", &tag, &format!("{media_type}; charset=utf-8"), text.clone())
            .expect(201);
        assert_eq!(put.the("docker-content-digest"), digest);
        assert_eq!(put.location(), format!("/v2/a/b/manifests/{digest}"));
        for reference in [tag.as_str(), &digest] {
            let answer = server.get_manifest("a/b", reference).expect(200);
            assert_eq!(answer.text(), text);
            assert_eq!(answer.the("content-type"), media_type);
            assert_eq!(answer.the("content-length"), text.len().to_string());
            assert_eq!(answer.the("docker-content-digest"), digest);
            assert_eq!(answer.the("etag"), format!("\"{digest}\""));
        }
    }
}

fn a_head_is_a_get_without_its_body(settings: &Settings) {
    let server = Server::wharf(settings);
    for (media_type, text) in kinds(&server) {
        server.put_manifest("a/b", "v1", media_type, text.clone()).assert_status(201);
        for reference in ["v1", &sha256(text.as_bytes())] {
            let target = format!("/v2/a/b/manifests/{reference}");
            let (head, get) = (server.head(&target).expect(200), server.get(&target).expect(200));
            assert_eq!(head.steady_headers(), get.steady_headers());
        }
    }
    server.head("/v2/a/b/manifests/unknown").assert_status(404);
}

fn what_is_not_said_to_be_accepted_is_served_all_the_same(settings: &Settings) {
    let server = Server::wharf(settings);
    for (media_type, text) in kinds(&server) {
        server.put_manifest("a/b", "v1", media_type, text.clone()).assert_status(201);
        let ask = Request::get("/v2/a/b/manifests/v1");
        for request in [ask.clone(), ask.clone().header("Accept", "*/*"), ask.header("Accept", "text/html")] {
            let answer = server.send(&request).expect(200);
            assert_eq!(answer.text(), text, "{request:?}");
            assert_eq!(answer.the("content-type"), media_type);
        }
    }
}

fn an_old_client_gets_the_image_of_a_list(settings: &Settings) {
    let server = Server::wharf(settings);
    let kinds = kinds(&server);
    let ((_, image), (_, list)) = (&kinds[0], &kinds[1]);
    server.put_manifest("a/b", "image", DOCKER_MANIFEST, image.clone()).assert_status(201);
    server.put_manifest("a/b", "list", DOCKER_LIST, list.clone()).assert_status(201);
    let ask = |reference: &str, accept: &str| {
        server
            .send(&Request::get(&format!("/v2/a/b/manifests/{reference}")).header("Accept", accept))
            .expect(200)
    };
    let answer = ask("list", DOCKER_MANIFEST);
    assert_eq!(answer.text(), *image);
    assert_eq!(answer.the("docker-content-digest"), sha256(image.as_bytes()));
    assert_eq!(ask("list", &format!("{DOCKER_MANIFEST}, {DOCKER_LIST}")).text(), *list);
    assert_eq!(ask("list", &format!("{DOCKER_MANIFEST}, */*")).text(), *list);
    assert_eq!(ask(&sha256(list.as_bytes()), DOCKER_MANIFEST).text(), *list);
}

#[track_caller]
fn missing(answer: &Answer) -> Vec<String> {
    answer.assert_error(400, "MANIFEST_BLOB_UNKNOWN");
    let body = answer.json();
    let errors = body["errors"].as_array().unwrap().clone();
    let mut details: Vec<String> =
        errors.iter().map(|error| error["detail"].as_str().unwrap().to_owned()).collect();
    details.sort();
    details
}

fn a_manifest_whose_parts_are_missing_is_refused_with_each_of_them(settings: &Settings) {
    let server = Server::wharf(settings);
    let image = Image::new(2, 3, 100);
    server.push_blob("a/b", image.layers[1].bytes.clone());
    server.push_blob("a/c", image.layers[0].bytes.clone());
    let answer = server.put_manifest("a/b", "v1", OCI_MANIFEST, image.manifest.bytes.clone());
    let mut expected =
        vec![image.config.digest.clone(), image.layers[0].digest.clone(), image.layers[2].digest.clone()];
    expected.sort();
    assert_eq!(missing(&answer), expected);
    let index =
        json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [image.manifest.descriptor()] });
    let answer = server.put_manifest("a/b", "v1", OCI_INDEX, index.to_string());
    assert_eq!(missing(&answer), std::slice::from_ref(&image.manifest.digest));
    server.get_manifest("a/b", "v1").assert_error(404, "MANIFEST_UNKNOWN");
    server.get_manifest("a/b", &image.manifest.digest).assert_error(404, "MANIFEST_UNKNOWN");
}

fn a_sparse_manifest_is_taken_where_that_is_configured(settings: &Settings) {
    let settings = settings.clone().with("validation.manifests.indexes.platforms", "none");
    let server = Server::wharf(&settings.with("validation.manifests.images.blobs", "none"));
    let image = Image::tiny(3);
    server.put_manifest("a/b", "image", OCI_MANIFEST, image.manifest.bytes.clone()).assert_status(201);
    let other = json!({ "mediaType": OCI_MANIFEST, "digest": sha256(b"other"), "size": 5 });
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [other] }).to_string();
    server.put_manifest("a/b", "index", OCI_INDEX, index.clone()).assert_status(201);
    assert_eq!(server.get_manifest("a/b", "index").expect(200).text(), index);
}

fn a_manifest_pushed_by_digest_has_no_tag_but_those_it_names(settings: &Settings) {
    let server = Server::wharf(settings);
    let image = Image::tiny(4);
    server.push_image("a/b", "first", &image);
    let text = format!("{}\n", image.manifest.bytes.escape_ascii().to_string().replace("\\\"", "\""));
    let digest = sha256(text.as_bytes());
    server.put_manifest("a/b", &digest, OCI_MANIFEST, text.clone()).assert_status(201);
    assert_eq!(server.get("/v2/a/b/tags/list").json()["tags"], json!(["first"]));
    let names: Vec<String> = (0..10).map(|n| format!("tag={n}.0")).collect();
    let reference = format!("{digest}?{}", names.join("&"));
    let answer = server.put_manifest("a/b", &reference, OCI_MANIFEST, text.clone()).expect(201);
    let said: Vec<String> = answer.all("oci-tag").iter().map(|tag| format!("tag={tag}")).collect();
    assert_eq!(said, names);
    for n in 0..10 {
        assert_eq!(server.get_manifest("a/b", &format!("{n}.0")).expect(200).text(), text);
    }
    let too_many: Vec<String> = (0..1_000).map(|n| format!("tag=t{n}")).collect();
    let answer =
        server.put_manifest("a/b", &format!("{digest}?{}", too_many.join("&")), OCI_MANIFEST, text.clone());
    answer.assert_status(414);
    let answer = server.put_manifest("a/b", &format!("{digest}?tag=-no-tag"), OCI_MANIFEST, text);
    answer.assert_error(400, "TAG_INVALID");
}

fn a_manifest_keeps_the_digest_that_it_was_pushed_with(settings: &Settings) {
    let server = Server::wharf(settings);
    let image = Image::tiny(5);
    server.push_image("a/b", "v1", &image);
    let digest = sha512(&image.manifest.bytes);
    let put = server.put_manifest("a/b", &digest, OCI_MANIFEST, image.manifest.bytes.clone()).expect(201);
    assert_eq!(put.the("docker-content-digest"), digest);
    let answer = server.get_manifest("a/b", &digest).expect(200);
    assert_eq!((answer.the("docker-content-digest"), &answer.body), (digest.as_str(), &image.manifest.bytes));
    assert_eq!(
        server.get_manifest("a/b", "v1").expect(200).the("docker-content-digest"),
        image.manifest.digest
    );
}

fn a_digest_that_is_not_the_manifests_is_refused(settings: &Settings) {
    let server = Server::wharf(settings);
    let image = Image::tiny(6);
    server.push_image("a/b", "v1", &image);
    for wrong in [sha256(b"other"), sha512(b"other")] {
        let answer = server.put_manifest("a/b", &wrong, OCI_MANIFEST, image.manifest.bytes.clone());
        answer.assert_error(400, "DIGEST_INVALID");
        server.get_manifest("a/b", &wrong).assert_error(404, "MANIFEST_UNKNOWN");
    }
}

fn an_unknown_manifest_is_said_to_be_unknown(settings: &Settings) {
    let server = Server::wharf(settings);
    server.get_manifest("never/pushed", "v1").assert_status(404);
    let image = Image::tiny(7);
    server.push_image("a/b", "v1", &image);
    server.get_manifest("a/b", "v2").assert_error(404, "MANIFEST_UNKNOWN");
    server.get_manifest("a/b", &sha256(b"other")).assert_error(404, "MANIFEST_UNKNOWN");
    // Neither is a layer a manifest, nor a manifest a layer, nor anything in another repository.
    server.get_manifest("a/b", &image.layers[0].digest).assert_error(404, "MANIFEST_UNKNOWN");
    server.get(&format!("/v2/a/b/blobs/{}", image.manifest.digest)).assert_error(404, "BLOB_UNKNOWN");
    server.get_manifest("a/c", &image.manifest.digest).assert_status(404);
}

fn a_foreign_layer_need_not_be_there(settings: &Settings) {
    let server = Server::wharf(settings);
    let image = Image::tiny(8);
    server.push_image("a/b", "v1", &image);
    let foreign = json!({
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "digest": sha256(b"elsewhere"),
        "size": 9, "urls": ["https://example.org/elsewhere"],
    });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": image.config.descriptor(), "layers": [foreign],
    });
    let answer = server.put_manifest("a/b", "v2", OCI_MANIFEST, manifest.to_string());
    // Whether its URLs are allowed is a matter of configuration, whether it is there is none.
    assert!(answer.status == 201 || !answer.text().contains("BLOB_UNKNOWN"), "{answer:?}");
}

fn a_kind_that_only_the_manifest_says_is_enough(settings: &Settings) {
    let server = Server::wharf(settings);
    for (media_type, text) in kinds(&server) {
        server.put_manifest("a/b", &sha256(text.as_bytes()), media_type, text.clone()).assert_status(201);
        let put = server.send(&Request::put("/v2/a/b/manifests/untyped").body(text.clone()));
        let manifest: Value = serde_json::from_str(&text).unwrap();
        if manifest["mediaType"] == media_type {
            put.assert_status(201);
            let answer = server.get_manifest("a/b", "untyped").expect(200);
            assert_eq!((answer.the("content-type"), answer.text()), (media_type, text));
        } else {
            // Nobody said what it is, and whoever guesses differently sees another image.
            put.assert_error(400, "MANIFEST_INVALID");
        }
    }
}

fn a_name_may_be_written_with_escapes(settings: &Settings) {
    let server = Server::wharf(settings);
    server.push_image("a/b", "v1.0", &Image::tiny(9));
    let plain = server.get("/v2/a/b/manifests/v1.0").expect(200);
    for target in
        ["/v2/a%2Fb/manifests/v1.0", "/v2/%61/b/manifests/v1%2e0", "/v2/a/b/manifests/v1.0?ns=docker.io"]
    {
        assert_eq!(server.get(target).expect(200).body, plain.body, "{target}");
    }
}
