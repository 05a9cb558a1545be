//! Who refers to a manifest.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wharf_tests::{Answer, Image, OCI_INDEX, OCI_MANIFEST, Server, Settings, sha256};

use super::{next_page, push_small};

over_every_driver![
    a_referrer_is_listed_with_its_type_and_annotations,
    a_list_is_filtered_by_type,
    a_subject_need_not_exist,
    a_deleted_referrer_is_gone_from_the_list,
    an_unknown_subject_has_an_empty_list,
    many_referrers_come_in_pages,
    a_fallback_tag_of_a_client_counts,
];

#[track_caller]
fn listed(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.the("content-type"), OCI_INDEX);
    let index = answer.json();
    assert_eq!((&index["schemaVersion"], &index["mediaType"]), (&json!(2), &json!(OCI_INDEX)));
    index["manifests"].as_array().unwrap().clone()
}

fn subject(server: &Server) -> (Value, String) {
    let image = Image::tiny(1);
    server.push_image("a/b", "v1", &image);
    (image.manifest.descriptor(), format!("/v2/a/b/referrers/{}", image.manifest.digest))
}

fn a_referrer_is_listed_with_its_type_and_annotations(settings: &Settings) {
    let server = Server::wharf(settings);
    let (subject, target) = subject(&server);
    assert!(listed(&server.get(&target).expect(200)).is_empty());
    let more =
        json!({ "subject": subject, "artifactType": "x/signature", "annotations": { "a": "1", "b": "<2>" } });
    let put = push_small(&server, "a/b", "signature", more);
    assert_eq!(put.the("oci-subject"), subject["digest"]);
    let plain = push_small(&server, "a/b", "plain", json!({ "subject": subject }));
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "subject": subject })
        .to_string();
    let digest = sha256(index.as_bytes());
    let index_put = server.put_manifest("a/b", &digest, OCI_INDEX, index).expect(201);
    assert_eq!(index_put.the("oci-subject"), subject["digest"]);

    let list = listed(&server.get(&target).expect(200));
    let of = |digest: &str| list.iter().find(|entry| entry["digest"] == digest).unwrap().clone();
    let signature = of(put.the("docker-content-digest"));
    assert_eq!(signature["artifactType"], "x/signature");
    assert_eq!(signature["annotations"], json!({ "a": "1", "b": "<2>" }));
    assert_eq!(signature["mediaType"], OCI_MANIFEST);
    assert_eq!(signature["size"], server.get_manifest("a/b", "signature").body.len());
    assert_eq!(of(plain.the("docker-content-digest"))["artifactType"], "application/vnd.oci.empty.v1+json");
    assert!(of(&digest).get("artifactType").is_none());
    assert_eq!(list.len(), 3);
    assert!(listed(&server.get(&target.replace("/a/b/", "/a/c/")).expect(200)).is_empty());
}

fn a_list_is_filtered_by_type(settings: &Settings) {
    let server = Server::wharf(settings);
    let (subject, target) = subject(&server);
    for (tag, kind) in [("s1", "x/signature"), ("s2", "x/signature"), ("b", "x/bill+json")] {
        let more = json!({ "subject": subject, "artifactType": kind, "annotations": { "tag": tag } });
        push_small(&server, "a/b", tag, more);
    }
    for (filter, count) in [("x/signature", 2), ("x%2Fbill%2Bjson", 1), ("x/unknown", 0)] {
        let answer = server.get(&format!("{target}?artifactType={filter}")).expect(200);
        assert_eq!(answer.the("oci-filters-applied"), "artifactType");
        assert_eq!(listed(&answer).len(), count, "{filter}");
    }
    assert!(server.get(&target).header("oci-filters-applied").is_none());
}

fn a_subject_need_not_exist(settings: &Settings) {
    let server = Server::wharf(settings);
    let subject = json!({ "mediaType": OCI_MANIFEST, "digest": sha256(b"not yet"), "size": 7 });
    for reference in ["by-tag", "by-another"] {
        let put = push_small(&server, "a/b", reference, json!({ "subject": subject, "artifactType": "x/y" }));
        assert_eq!(put.the("oci-subject"), subject["digest"]);
    }
    let list = listed(&server.get(&format!("/v2/a/b/referrers/{}", sha256(b"not yet"))).expect(200));
    assert_eq!(list.len(), 1);
}

fn a_deleted_referrer_is_gone_from_the_list(settings: &Settings) {
    let server = Server::wharf(settings);
    let (subject, target) = subject(&server);
    let put = push_small(&server, "a/b", "s", json!({ "subject": subject, "artifactType": "x/y" }));
    let digest = put.the("docker-content-digest");
    assert_eq!(listed(&server.get(&target)).len(), 1);
    server.delete("/v2/a/b/manifests/s").assert_status(202);
    assert_eq!(listed(&server.get(&target)).len(), 1, "a tag is not the referrer");
    server.delete(&format!("/v2/a/b/manifests/{}", subject["digest"].as_str().unwrap())).assert_status(202);
    assert_eq!(listed(&server.get(&target)).len(), 1, "its subject is not the referrer");
    server.delete(&format!("/v2/a/b/manifests/{digest}")).assert_status(202);
    assert!(listed(&server.get(&target).expect(200)).is_empty());
}

fn an_unknown_subject_has_an_empty_list(settings: &Settings) {
    let server = Server::wharf(settings);
    let target = format!("/v2/never/pushed/referrers/{}", sha256(b"unknown"));
    let answer = server.get(&target).expect(200);
    assert!(listed(&answer).is_empty());
    assert_eq!(server.head(&target).expect(200).steady_headers(), answer.steady_headers());
    for malformed in ["sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "latest"] {
        server.get(&format!("/v2/a/b/referrers/{malformed}")).assert_status(400);
    }
}

fn many_referrers_come_in_pages(settings: &Settings) {
    let server = Server::wharf(settings);
    let (subject, target) = subject(&server);
    // Annotations of 40 kB each, so that the list is above what one answer may hold.
    let long = "x".repeat(40_000);
    let mut expected = BTreeSet::new();
    for n in 0..120 {
        let annotations = json!({ "n": n.to_string(), "long": long });
        let more = json!({ "subject": subject, "artifactType": "x/y", "annotations": annotations });
        expected.insert(push_small(&server, "a/b", "last", more).the("docker-content-digest").to_owned());
    }
    let (mut found, mut pages, mut next) = (BTreeSet::new(), 0, Some(target));
    while let Some(page) = next {
        let answer = server.get(&page).expect(200);
        assert!(answer.body.len() <= 4 << 20, "a page of {} bytes", answer.body.len());
        for entry in listed(&answer) {
            assert!(found.insert(entry["digest"].as_str().unwrap().to_owned()), "{} twice", entry["digest"]);
        }
        pages += 1;
        next = next_page(&answer);
    }
    assert_eq!(found, expected);
    assert!(pages > 1, "all of them on one page");
}

fn a_fallback_tag_of_a_client_counts(settings: &Settings) {
    let server = Server::wharf(settings);
    // As a client leaves it on a registry without the API: the referrer has a subject, the tag lists it.
    let missing = sha256(b"subject");
    let referrer = push_small(&server, "a/b", "referrer", json!({ "artifactType": "x/y" }));
    let size = server.get_manifest("a/b", "referrer").body.len();
    let entry = json!({
        "mediaType": OCI_MANIFEST, "digest": referrer.the("docker-content-digest"), "size": size, "artifactType": "x/y",
    });
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry] }).to_string();
    let fallback = missing.replace(':', "-");
    server.put_manifest("a/b", &fallback, OCI_INDEX, index.clone()).assert_status(201);
    // The tag stays what the client made of it.
    assert_eq!(server.get_manifest("a/b", &fallback).expect(200).text(), index);
    server.get(&format!("/v2/a/b/referrers/{missing}")).assert_status(200);
}
