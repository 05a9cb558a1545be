//! Lists of tags and their pages.

use serde_json::json;
use wharf_tests::{Server, Settings};

use super::{next_page, pages, push_small, texts};

over_every_driver![
    tags_are_listed_in_the_order_of_their_bytes,
    pages_hold_every_tag_once,
    a_page_begins_after_any_name,
    a_number_that_is_none_is_refused,
    an_unknown_repository_has_no_tags,
    a_tag_moves_to_what_is_pushed_to_it,
];

const TAGS: [&str; 9] = ["1.0", "1.0-rc1", "1.0.1", "A", "Z", "_x", "a", "a-b", "a.b"];

fn pushed(settings: &Settings) -> Server {
    let server = Server::wharf(settings);
    for tag in ["a.b", "Z", "1.0.1", "a", "A", "_x", "1.0", "a-b", "1.0-rc1"] {
        push_small(&server, "a/b", tag, json!({}));
    }
    server
}

fn sorted() -> Vec<&'static str> {
    let mut tags = TAGS.to_vec();
    tags.sort_unstable();
    tags
}

fn tags_are_listed_in_the_order_of_their_bytes(settings: &Settings) {
    let server = pushed(settings);
    let answer = server.get("/v2/a/b/tags/list").expect(200);
    assert_eq!(answer.json()["name"], "a/b");
    assert_eq!(answer.the("content-type"), "application/json");
    assert_eq!(texts(&answer, "tags"), sorted());
    assert!(answer.header("link").is_none());
    let head = server.head("/v2/a/b/tags/list").expect(200);
    assert_eq!(head.steady_headers(), answer.steady_headers());
}

fn pages_hold_every_tag_once(settings: &Settings) {
    let server = pushed(settings);
    for n in 1..=10 {
        let pages = pages(&server, &format!("/v2/a/b/tags/list?n={n}"), "tags");
        assert!(pages.iter().rev().skip(1).all(|page| page.len() == n), "{pages:?}");
        assert_eq!(pages.concat(), sorted(), "pages of {n}");
    }
    let none = server.get("/v2/a/b/tags/list?n=0").expect(200);
    assert!(texts(&none, "tags").is_empty());
    assert!(none.header("link").is_none());
    let many = server.get("/v2/a/b/tags/list?n=1000000").expect(200);
    assert_eq!(texts(&many, "tags"), sorted());
}

fn a_page_begins_after_any_name(settings: &Settings) {
    let server = pushed(settings);
    let after =
        |last: &str| texts(&server.get(&format!("/v2/a/b/tags/list?last={last}")).expect(200), "tags");
    for last in ["0", "1.0", "1.0-rc1", "B", "a", "a-", "a-b", "zzz"] {
        let expected: Vec<_> = sorted().into_iter().filter(|tag| *tag > last).collect();
        assert_eq!(after(last), expected, "after {last}");
    }
    let page = server.get("/v2/a/b/tags/list?n=2&last=Z").expect(200);
    assert_eq!(texts(&page, "tags"), ["_x", "a"]);
    assert_eq!(next_page(&page).as_deref(), Some("/v2/a/b/tags/list?last=a&n=2"));
}

fn a_number_that_is_none_is_refused(settings: &Settings) {
    let server = pushed(settings);
    for n in ["-1", "x", "1x", "1.5", "99999999999999999999999"] {
        let answer = server.get(&format!("/v2/a/b/tags/list?n={n}"));
        answer.assert_error(400, "PAGINATION_NUMBER_INVALID");
    }
}

fn an_unknown_repository_has_no_tags(settings: &Settings) {
    let server = pushed(settings);
    let answer = server.get("/v2/a/unknown/tags/list");
    answer.assert_error(404, "NAME_UNKNOWN");
    assert_eq!(answer.json()["errors"][0]["detail"]["name"], "a/unknown");
}

fn a_tag_moves_to_what_is_pushed_to_it(settings: &Settings) {
    let server = Server::wharf(settings);
    let mut last = String::new();
    for n in 0..5 {
        let put = push_small(&server, "a/b", "latest", json!({ "annotations": { "n": n.to_string() } }));
        let digest = put.the("docker-content-digest").to_owned();
        assert_eq!(server.get_manifest("a/b", "latest").expect(200).the("docker-content-digest"), digest);
        assert_ne!(digest, last);
        last = digest;
    }
    assert_eq!(texts(&server.get("/v2/a/b/tags/list").expect(200), "tags"), ["latest"]);
}
