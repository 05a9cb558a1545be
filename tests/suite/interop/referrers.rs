//! Referrers in a store that docker-registry wrote: it lists none itself, so that clients kept the list in a tag.

use serde_json::{Value, json};
use wharf_tests::{Blob, Image, OCI_INDEX, OCI_MANIFEST, Server, Settings, scratch};

use super::docker_registry;

/// Makes an artifact that is about an image.
fn artifact(kind: &str, subject: &Image) -> Blob {
    let config = Blob::new("application/vnd.oci.empty.v1+json", "{}");
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": format!("application/vnd.example.{kind}"),
        "config": config.descriptor(), "layers": [config.descriptor()], "subject": subject.manifest.descriptor(),
        "annotations": { "org.example.kind": kind },
    });
    Blob::json(OCI_MANIFEST, &manifest)
}

/// Pushes an artifact without a tag.
fn attach(server: &Server, artifact: &Blob) {
    server.push_blob("subject", "{}");
    server.put_manifest("subject", &artifact.digest, OCI_MANIFEST, artifact.bytes.clone()).assert_status(201);
}

/// Keeps the list in a tag, as the specification asks of a client whose registry lists no referrers.
fn write_fallback_tag(server: &Server, subject: &Image, artifacts: &[&Blob]) {
    let entries: Vec<Value> = artifacts
        .iter()
        .map(|artifact| {
            let manifest: Value = serde_json::from_slice(&artifact.bytes).unwrap();
            let mut entry = artifact.descriptor();
            entry["artifactType"] = manifest["artifactType"].clone();
            entry["annotations"] = manifest["annotations"].clone();
            entry
        })
        .collect();
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
    let tag = subject.manifest.digest.replace(':', "-");
    server.put_manifest("subject", &tag, OCI_INDEX, index.to_string()).assert_status(201);
}

/// Gives the kinds of the artifacts that a server lists, in the order of their names.
#[track_caller]
fn listed(server: &Server, subject: &Image, query: &str) -> Vec<String> {
    let target = format!("/v2/subject/referrers/{}{query}", subject.manifest.digest);
    let answer = server.get(&target).expect(200);
    assert_eq!(answer.the("content-type"), OCI_INDEX);
    let list = answer.json();
    let entries = list["manifests"].as_array().unwrap_or_else(|| panic!("{list}"));
    let mut kinds: Vec<String> = entries
        .iter()
        .map(|entry| {
            let kind = entry["annotations"]["org.example.kind"].as_str().unwrap_or_else(|| panic!("{entry}"));
            assert_eq!(entry["artifactType"], format!("application/vnd.example.{kind}"));
            kind.to_owned()
        })
        .collect();
    kinds.sort();
    kinds
}

#[test]
fn referrers_that_docker_registry_took_are_listed_whether_or_not_a_tag_names_them() {
    let folder = scratch();
    let settings = Settings::filesystem_at(folder.path());
    let subject = Image::tiny(80);
    let [tagged, untagged, later] = ["tagged", "untagged", "later"].map(|kind| artifact(kind, &subject));
    let Some(mut theirs) = docker_registry(&settings) else { return };
    theirs.push_image("subject", "v1", &subject);
    attach(&theirs, &tagged);
    write_fallback_tag(&theirs, &subject, &[&tagged]);
    attach(&theirs, &untagged);
    theirs.terminate();

    let ours = Server::wharf(&settings);
    assert_eq!(listed(&ours, &subject, ""), ["tagged", "untagged"]);
    assert_eq!(listed(&ours, &subject, "?artifactType=application/vnd.example.untagged"), ["untagged"]);
    attach(&ours, &later);
    assert_eq!(listed(&ours, &subject, ""), ["later", "tagged", "untagged"]);
    ours.delete(&format!("/v2/subject/manifests/{}", tagged.digest)).assert_status(202);
    assert_eq!(listed(&ours, &subject, ""), ["later", "untagged"]);
}

#[test]
fn referrers_that_docker_registry_takes_after_wharf_listed_some_are_listed_too() {
    let folder = scratch();
    let settings = Settings::filesystem_at(folder.path());
    let subject = Image::tiny(81);
    let [first, second] = ["first", "second"].map(|kind| artifact(kind, &subject));
    let mut ours = Server::wharf(&settings);
    ours.push_image("subject", "v1", &subject);
    attach(&ours, &first);
    assert_eq!(listed(&ours, &subject, ""), ["first"]);
    ours.terminate();

    let Some(mut theirs) = docker_registry(&settings) else { return };
    attach(&theirs, &second);
    // What a client finds out about the list is what the tag says: it was not written before.
    write_fallback_tag(&theirs, &subject, &[&second]);
    theirs.terminate();
    assert_eq!(listed(&Server::wharf(&settings), &subject, ""), ["first", "second"]);
}

#[test]
fn a_sha512_digest_that_docker_registry_took_is_found_by_wharf_and_the_other_way_round() {
    let folder = scratch();
    let settings = Settings::filesystem_at(folder.path());
    let bytes = wharf_tests::noise(82, 3_000);
    let digest = wharf_tests::sha512(&bytes);
    let push = |server: &Server, repository: &str| {
        let at = wharf_tests::with_query(&server.open_upload(repository), &format!("digest={digest}"));
        server.send(&wharf_tests::Request::put(&at).body(bytes.clone())).assert_status(201);
    };
    let held = |server: &Server, repository: &str| {
        for digest in [&digest, &wharf_tests::sha256(&bytes)] {
            assert_eq!(server.get(&format!("/v2/{repository}/blobs/{digest}")).expect(200).body, bytes);
        }
    };
    let Some(mut theirs) = docker_registry(&settings) else { return };
    push(&theirs, "by/them");
    theirs.terminate();
    let mut ours = Server::wharf(&settings);
    held(&ours, "by/them");
    push(&ours, "by/us");
    ours.terminate();
    let Some(theirs) = docker_registry(&settings) else { return };
    held(&theirs, "by/us");
}
