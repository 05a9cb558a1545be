//! The list of repositories and its pages.

use std::collections::BTreeSet;

use serde_json::json;
use wharf_tests::{Server, Settings};

use super::{next_page, pages, push_small, texts};

over_every_driver![
    an_empty_registry_has_an_empty_catalog,
    the_catalog_lists_repositories_with_manifests,
    pages_hold_every_repository_once,
    a_page_is_as_long_as_is_configured,
    a_number_that_is_none_is_refused,
];

const NAMES: [&str; 8] = ["foo", "foo/1bar", "foo/abar", "foo-bar", "foo/abar/deep", "a", "b/c/d/e", "zoo"];

fn pushed(settings: &Settings) -> Server {
    let server = Server::wharf(settings);
    for name in NAMES {
        push_small(&server, name, "v1", json!({}));
    }
    server
}

fn an_empty_registry_has_an_empty_catalog(settings: &Settings) {
    let server = Server::wharf(settings);
    let answer = server.get("/v2/_catalog").expect(200);
    assert_eq!(answer.text(), "{\"repositories\":[]}\n");
    assert!(answer.header("link").is_none());
}

fn the_catalog_lists_repositories_with_manifests(settings: &Settings) {
    let server = pushed(settings);
    server.push_blob("only/blobs", "blob");
    let _upload = server.open_upload("only/uploads");
    let answer = server.get("/v2/_catalog").expect(200);
    let listed = texts(&answer, "repositories");
    assert_eq!(listed.iter().map(String::as_str).collect::<BTreeSet<_>>(), BTreeSet::from(NAMES));
    assert_eq!(listed.len(), NAMES.len());
    assert!(answer.header("link").is_none());
    assert_eq!(server.head("/v2/_catalog").expect(200).steady_headers(), answer.steady_headers());
}

fn pages_hold_every_repository_once(settings: &Settings) {
    let server = pushed(settings);
    let whole = texts(&server.get("/v2/_catalog").expect(200), "repositories");
    for n in 1..=9 {
        let pages = pages(&server, &format!("/v2/_catalog?n={n}"), "repositories");
        assert_eq!(pages.concat(), whole, "pages of {n}");
        assert!(pages.iter().rev().skip(1).all(|page| page.len() == n), "{pages:?}");
    }
    for (at, last) in whole.iter().enumerate() {
        let rest = texts(&server.get(&format!("/v2/_catalog?last={last}")).expect(200), "repositories");
        assert_eq!(rest, whole[at + 1..], "after {last}");
    }
    assert!(texts(&server.get("/v2/_catalog?n=0").expect(200), "repositories").is_empty());
}

fn a_page_is_as_long_as_is_configured(settings: &Settings) {
    let server = pushed(&settings.clone().with("catalog.maxentries", 5));
    let answer = server.get("/v2/_catalog").expect(200);
    assert_eq!(texts(&answer, "repositories").len(), 5);
    assert!(next_page(&answer).is_some());
    server.get("/v2/_catalog?n=5").assert_status(200);
    server.get("/v2/_catalog?n=6").assert_error(400, "PAGINATION_NUMBER_INVALID");
}

fn a_number_that_is_none_is_refused(settings: &Settings) {
    let server = pushed(settings);
    for n in ["-1", "x", "1x", "99999999999999999999999"] {
        server.get(&format!("/v2/_catalog?n={n}")).assert_error(400, "PAGINATION_NUMBER_INVALID");
    }
}
