//! Copies between our registry and Debian's: whole sets, stopped in the middle, and what only some of them can hold.

use std::time::{Duration, Instant};

use serde_json::json;
use wharf_tests::{
    Blob, Image, OCI_MANIFEST, OCTET_STREAM, Request, Server, Settings, SignedManifest, scratch, sha256,
    sha512, with_query,
};

use crate::heritage::{SIGNED, ask_as_then, enabled, payload, told};
use crate::interop::docker_registry;

use super::{Person, assert_same, push_signed_index, registry, write_images};

/// How many images a copy of many has.
const MANY: usize = 200;

/// Gives the tags of a repository that may not be there.
fn tags(server: &Server, repository: &str) -> Vec<String> {
    let answer = server.get(&format!("/v2/{repository}/tags/list?n=1000"));
    if answer.status == 404 {
        return Vec::new();
    }
    let tags = answer.expect(200).json()["tags"].as_array().cloned().unwrap_or_default();
    tags.iter().map(|tag| tag.as_str().unwrap().to_owned()).collect()
}

/// Copies many images, killed in the middle and started again.
fn killed_and_resumed(source: &Server, destination: &Server) {
    let (person, folder) = (Person::new(), scratch());
    write_images(&folder.path().join("images"), MANY);
    let layout = format!("oci:{}", folder.path().join("images").display());
    let (from, to) =
        (format!("{}/team/app", source.address()), format!("{}/kept/app", destination.address()));
    person.run(&["copy", "--all-tags", &layout, &from]);
    assert_eq!(tags(source, "team/app").len(), MANY);
    let mut copy = person.begin(&["copy", "--all-tags", "--jobs", "2", &from, &to]);
    let until = Instant::now() + Duration::from_secs(60);
    while tags(destination, "kept/app").len() < MANY / 10 {
        assert!(
            Instant::now() < until && copy.try_wait().unwrap().is_none(),
            "it did not get that far, or ended"
        );
    }
    copy.kill().unwrap();
    copy.wait().unwrap();
    let arrived = tags(destination, "kept/app");
    assert!(arrived.len() < MANY, "it was done before it was killed");
    for tag in &arrived {
        assert_same((source, "team/app"), (destination, "kept/app"), tag);
    }
    let output = person.output(&["copy", "--all-tags", &from, &to]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let skipped = format!("already there: {} and", arrived.len());
    assert!(said.contains(&skipped) || arrived.is_empty(), "expected {skipped:?} in {said}");
    assert_eq!(tags(destination, "kept/app").len(), MANY);
    for tag in tags(source, "team/app") {
        assert_same((source, "team/app"), (destination, "kept/app"), &tag);
    }
}

#[test]
fn a_copy_to_docker_registry_that_was_killed_is_finished_by_the_next() {
    let Some(docker) = Server::docker_registry(&Settings::filesystem()) else {
        return wharf_tests::skip("docker-registry is not installed");
    };
    killed_and_resumed(&registry(), &docker);
}

#[test]
fn a_copy_from_docker_registry_that_was_killed_is_finished_by_the_next() {
    let Some(docker) = Server::docker_registry(&Settings::filesystem()) else {
        return wharf_tests::skip("docker-registry is not installed");
    };
    killed_and_resumed(&docker, &registry());
}

#[test]
fn an_index_and_its_referrers_go_to_docker_registry_and_back() {
    let Some(docker) = Server::docker_registry(&Settings::filesystem()) else {
        return wharf_tests::skip("docker-registry is not installed");
    };
    let (source, back, person) = (registry(), registry(), Person::new());
    let signatures = push_signed_index(&source, "team/app", "v1");
    let [first, second, third] =
        [&source, &docker, &back].map(|server| format!("{}/team/app:v1", server.address()));
    person.run(&["copy", "--referrers", &first, &second]);
    assert_same((&source, "team/app"), (&docker, "team/app"), "v1");
    // It keeps no list of referrers: they are found by the tag that clients keep.
    person.run(&["copy", "--referrers", &second, &third]);
    assert_same((&source, "team/app"), (&back, "team/app"), "v1");
    for signature in &signatures {
        assert_same((&source, "team/app"), (&docker, "team/app"), signature);
        assert_same((&source, "team/app"), (&back, "team/app"), signature);
    }
    let shown: serde_json::Value = serde_json::from_str(&person.run(&["inspect", &second])).unwrap();
    assert_eq!(shown["referrers"][0]["digest"], signatures[0]);
    let listed =
        back.get(&format!("/v2/team/app/referrers/{}", shown["digest"].as_str().unwrap())).expect(200);
    assert_eq!(listed.json()["manifests"][0]["digest"], signatures[0]);
}

#[test]
fn sha512_and_foreign_layers_stay_what_they_are() {
    let (source, destination, person) = (registry(), registry(), Person::new());
    let layer = b"a layer that is known by its sha512";
    let digest = sha512(layer);
    let at = with_query(&source.open_upload("team/app"), &format!("digest={digest}"));
    source.send(&Request::put(&at).header("Content-Type", OCTET_STREAM).body(&layer[..])).assert_status(201);
    source.push_blob("team/app", "{}");
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST,
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": sha256(b"{}"), "size": 2 },
        "layers": [
            { "mediaType": "application/octet-stream", "digest": digest, "size": layer.len() },
            { "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "digest": sha256(b"elsewhere"),
              "size": 9, "urls": ["https://vendor.test/layer"] },
        ],
    });
    let manifest = Blob::json(OCI_MANIFEST, &manifest);
    let by_sha512 = sha512(&manifest.bytes);
    source.put_manifest("team/app", &by_sha512, OCI_MANIFEST, manifest.bytes.clone()).assert_status(201);
    source.put_manifest("team/app", "v1", OCI_MANIFEST, manifest.bytes.clone()).assert_status(201);
    let folder = scratch();
    let layout = format!("oci:{}:v1", folder.path().join("kept").display());
    let (from, to) =
        (format!("{}/team/app", source.address()), format!("{}/team/app", destination.address()));
    person.run(&["copy", &format!("{from}@{by_sha512}"), &to]);
    person.run(&["copy", &format!("{from}:v1"), &layout]);
    person.run(&["copy", &layout, &to]);
    for reference in ["v1", &by_sha512] {
        assert_same((&source, "team/app"), (&destination, "team/app"), reference);
    }
}

#[test]
fn within_one_registry_no_byte_of_a_blob_moves() {
    let (server, person) = (registry(), Person::new());
    let image = Image::many_layers(7);
    server.push_image("team/app", "v1", &image);
    let (from, to) =
        (format!("{}/team/app:v1", server.address()), format!("{}/other/app:v2", server.address()));
    let output = person.output(&["copy", &from, &to]);
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains(&format!("mounted: {}", image.layers.len() + 1)) && said.contains("0 blobs copied"),
        "{said}"
    );
    server.assert_holds("other/app", "v2", &image);
}

#[test]
fn a_large_image_arrives_whole() {
    let (source, person) = (registry(), Person::new());
    let image = Image::new(9, 3, 12_000_000);
    source.push_image("team/app", "v1", &image);
    let from = format!("{}/team/app:v1", source.address());
    let docker = Server::docker_registry(&Settings::filesystem());
    for destination in [Some(registry()), docker].into_iter().flatten() {
        person.run(&["copy", &from, &format!("{}/team/app", destination.address())]);
        destination.assert_holds("team/app", "v1", &image);
    }
}

#[test]
fn an_image_of_schema_1_takes_its_signatures_along() {
    let settings = enabled(Settings::filesystem());
    let ours = Server::wharf(&settings);
    let Some(theirs) = docker_registry(&settings) else { return };
    for (from, to) in [(&ours, &theirs), (&theirs, &ours)] {
        let layer = from.push_blob("old/app", "a layer of 2014");
        let text = payload("old/app", "v1", &[&layer]);
        let document = SignedManifest::new(&text).document();
        let pushed = from.put_manifest("old/app", "v1", SIGNED, document).expect(201);
        let (source, target) =
            (format!("{}/old/app:v1", from.address()), format!("{}/kept/app:v1", to.address()));
        let person = Person::new();
        person.run(&["copy", &source, &target]);
        let kept = ask_as_then(to, "kept/app", "v1");
        assert_eq!(kept.the("docker-content-digest"), pushed.the("docker-content-digest"));
        assert_eq!(told(&kept).payload, text.as_bytes());
        assert_eq!(to.get(&format!("/v2/kept/app/blobs/{layer}")).expect(200).text(), "a layer of 2014");
        let again = person.output(&["copy", &source, &target]);
        assert!(again.status.success(), "{again:?}");
        assert!(person.run(&["inspect", &target]).contains(pushed.the("docker-content-digest")));
    }
}

#[test]
fn a_copy_goes_on_when_nobody_hears_of_it() {
    let (source, destination, person) = (registry(), registry(), Person::new());
    for seed in 0..5 {
        source.push_image("app", &format!("v{seed}"), &Image::tiny(seed));
    }
    let (from, to) = (format!("{}/app", source.address()), format!("{}/app", destination.address()));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut copy = person.command(&["copy", "--all-tags", &from, &to]);
    let status = copy.stdout(writer.try_clone().unwrap()).stderr(writer).status().unwrap();
    assert!(status.success(), "{status}");
    assert_eq!(tags(&destination, "app").len(), 5);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert!(person.command(&["ls", &to]).stdout(writer).status().unwrap().success());
}
