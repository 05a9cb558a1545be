//! What clients do with the whole program, over every driver.

mod blobs;
mod catalog;
mod conditions;
mod configuration;
mod connections;
mod deletes;
mod manifests;
mod mounts;
mod policies;
mod purge;
mod races;
mod ranges;
mod referrers;
mod restart;
mod tags;
mod uploads;

use serde_json::{Value, json};
use wharf_tests::{Answer, Server};

/// Gives an array of texts out of the body of an answer.
#[track_caller]
fn texts(answer: &Answer, key: &str) -> Vec<String> {
    let body = answer.json();
    let values = body[key].as_array().unwrap_or_else(|| panic!("no {key}: {answer:?}")).clone();
    values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

/// Follows pages from their first to their last and gives what was on each.
#[track_caller]
fn pages(server: &Server, first: &str, key: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(target) = next {
        assert!(pages.len() < 100, "{first} has no end");
        let answer = server.get(&target).expect(200);
        pages.push(texts(&answer, key));
        next = next_page(&answer);
    }
    pages
}

/// Reads where the next page is.
#[track_caller]
fn next_page(answer: &Answer) -> Option<String> {
    let link = answer.header("link")?;
    let target = link.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"next\""));
    Some(wharf_tests::path_of(target.unwrap_or_else(|| panic!("no link: {link}"))))
}

/// Pushes a manifest that points to nothing but an empty configuration, so that many are made quickly.
#[track_caller]
fn push_small(server: &Server, repository: &str, reference: &str, more: Value) -> Answer {
    let config = server.push_blob(repository, "{}");
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": wharf_tests::OCI_MANIFEST,
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": config, "size": 2 },
        "layers": [],
    });
    manifest.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    server.put_manifest(repository, reference, wharf_tests::OCI_MANIFEST, manifest.to_string()).expect(201)
}
