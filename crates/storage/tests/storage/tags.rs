//! Lists of tags: exact pages in byte order, of tags that can be pulled.

use wharf_registry::{Error, Page, Tag};

use crate::fixture::{Fixture, page, sha256};
use crate::images::push_image;

on_every_driver! {
    tags_come_in_byte_order_and_exact_pages
    an_unknown_repository_is_no_empty_one
    a_repository_without_tags_has_an_empty_list
    what_is_no_tag_is_not_listed
    a_deleted_tag_is_gone_and_its_manifest_stays
}

fn names(page: &Page<Tag>) -> Vec<&str> {
    page.items.iter().map(Tag::as_str).collect()
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

async fn tags_come_in_byte_order_and_exact_pages(fixture: Fixture) {
    let repository = fixture.repository("a");
    let sorted = ["1.0", "1.0-rc1", "1.0.1", "A", "B", "_x", "a", "a-b", "a.b", "b"];
    let mut shuffled = sorted;
    shuffled.reverse();
    push_image(&*repository, "x", &shuffled).await;
    for limit in 1..=sorted.len() + 1 {
        let mut listed: Vec<String> = Vec::new();
        loop {
            let after = listed.last().map(|last| tag(last));
            let got = repository.tags().list(page(after, limit)).await.unwrap();
            listed.extend(names(&got).into_iter().map(str::to_owned));
            assert_eq!(got.more, listed.len() < sorted.len(), "pages of {limit}");
            assert!(got.items.len() == limit || !got.more);
            if !got.more {
                break;
            }
        }
        assert_eq!(listed, sorted);
    }
    let after_none = repository.tags().list(page(Some(tag("Zzz")), 2)).await.unwrap();
    assert_eq!(names(&after_none), ["_x", "a"]);
    let after_all = repository.tags().list(page(Some(tag("zzz")), 2)).await.unwrap();
    assert_eq!(after_all, Page { items: vec![], more: false });
}

async fn an_unknown_repository_is_no_empty_one(fixture: Fixture) {
    let repository = fixture.repository("a");
    for after in [None, Some(tag("x"))] {
        assert!(matches!(repository.tags().list(page(after, 1)).await, Err(Error::RepositoryUnknown(_))));
    }
}

async fn a_repository_without_tags_has_an_empty_list(fixture: Fixture) {
    let repository = fixture.repository("a");
    push_image(&*repository, "x", &[]).await;
    assert_eq!(repository.tags().list(page(None, 1)).await.unwrap(), Page { items: vec![], more: false });
}

async fn what_is_no_tag_is_not_listed(fixture: Fixture) {
    let repository = fixture.repository("a");
    push_image(&*repository, "x", &["good"]).await;
    let tags = "/docker/registry/v2/repositories/a/_manifests/tags";
    let link = sha256(b"").to_string();
    fixture.write(&format!("{tags}/.bad/current/link"), &link).await;
    fixture.write(&format!("{tags}/index-only/index/sha256/{}/link", sha256(b"").hex()), &link).await;
    fixture.write(&format!("{tags}/stray"), "").await;
    assert_eq!(names(&repository.tags().list(page(None, 1)).await.unwrap()), ["good"]);
    assert!(!repository.tags().list(page(None, 1)).await.unwrap().more);
}

async fn a_deleted_tag_is_gone_and_its_manifest_stays(fixture: Fixture) {
    let repository = fixture.repository("a");
    let pushed = push_image(&*repository, "x", &["a", "b"]).await;
    repository.tags().delete(&tag("a")).await.unwrap();
    assert!(matches!(repository.tags().resolve(&tag("a")).await, Err(Error::ManifestUnknown { .. })));
    assert!(matches!(repository.tags().delete(&tag("a")).await, Err(Error::ManifestUnknown { .. })));
    assert_eq!(repository.tags().resolve(&tag("b")).await.unwrap(), pushed.digest);
    assert_eq!(names(&repository.tags().list(page(None, 9)).await.unwrap()), ["b"]);
}
