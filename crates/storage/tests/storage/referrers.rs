//! Referrers: listed from the moment they are pushed to the moment they are deleted, whoever wrote the store.

use wharf_manifest::media_type;
use wharf_registry::{Algorithm, Descriptor, Digest, ManifestPut, PutManifest, ReferrerRequest, Repository};
use wharf_storage::Options;

use crate::fixture::{Fixture, deleting, push_blob, repository, sha256};
use crate::images::{descriptor, image, index, push_image, push_referrer, put, with_subject};

on_every_driver! {
    a_referrer_is_listed_with_all_that_it_says
    an_unknown_subject_has_no_referrers_and_a_question_leaves_no_trace
    referrers_are_filtered_by_type
    a_deleted_referrer_vanishes_at_once
    a_deleted_subject_keeps_its_referrers
    pages_are_in_order_and_complete
    a_page_is_bounded_in_bytes
    subjects_and_referrers_of_any_algorithm_are_listed
    what_was_there_before_the_index_is_listed
    what_clients_listed_under_the_fallback_tag_is_listed
    a_manifest_pushed_by_two_digests_is_not_listed_twice_by_the_backfill
}

async fn list(repository: &dyn Repository, subject: &Digest) -> Vec<Digest> {
    let page = repository.referrers().list(subject, ReferrerRequest::default()).await.unwrap();
    assert_eq!(page.next, None);
    page.descriptors.iter().map(|descriptor| descriptor.digest).collect()
}

fn sorted(puts: &[&ManifestPut]) -> Vec<Digest> {
    let mut digests: Vec<Digest> = puts.iter().map(|put| put.digest).collect();
    digests.sort();
    digests
}

async fn a_referrer_is_listed_with_all_that_it_says(fixture: Fixture) {
    let repository = fixture.repository("a");
    let subject = sha256(b"never pushed");
    let referrer = push_referrer(&*repository, "signature", &subject, "application/x.signature").await;
    assert_eq!(referrer.subject, Some(subject));
    let page = repository.referrers().list(&subject, ReferrerRequest::default()).await.unwrap();
    assert_eq!(page.descriptors, [descriptor(&referrer)]);
    assert_eq!(page.descriptors[0].artifact_type.as_deref(), Some("application/x.signature"));
    assert_eq!(page.descriptors[0].annotations["seed"], "signature");
    assert_eq!(
        list(&*crate::fixture::repository(&fixture.elsewhere(), "a"), &subject).await,
        [referrer.digest]
    );
    assert!(list(&*fixture.repository("b"), &subject).await.is_empty());
}

async fn an_unknown_subject_has_no_referrers_and_a_question_leaves_no_trace(fixture: Fixture) {
    assert!(list(&*fixture.repository("a"), &sha256(b"")).await.is_empty());
    assert!(fixture.tree().await.is_empty());
}

async fn referrers_are_filtered_by_type(fixture: Fixture) {
    let repository = fixture.repository("a");
    let subject = sha256(b"");
    let wanted = push_referrer(&*repository, "1", &subject, "a/b").await;
    push_referrer(&*repository, "2", &subject, "c/d").await;
    let request =
        |artifact_type: &str| ReferrerRequest { artifact_type: Some(artifact_type.into()), after: None };
    let page = repository.referrers().list(&subject, request("a/b")).await.unwrap();
    assert_eq!(page.descriptors, [descriptor(&wanted)]);
    assert!(repository.referrers().list(&subject, request("e/f")).await.unwrap().descriptors.is_empty());
}

async fn a_deleted_referrer_vanishes_at_once(fixture: Fixture) {
    let repository = fixture.repository("a");
    let subject = sha256(b"");
    let first = push_referrer(&*repository, "1", &subject, "a/b").await;
    let second = push_referrer(&*repository, "2", &subject, "a/b").await;
    assert_eq!(list(&*repository, &subject).await, sorted(&[&first, &second]));
    repository.manifests().delete(&first.digest).await.unwrap();
    assert_eq!(list(&*repository, &subject).await, [second.digest]);
    repository.manifests().delete(&second.digest).await.unwrap();
    assert!(list(&*repository, &subject).await.is_empty());
}

async fn a_deleted_subject_keeps_its_referrers(fixture: Fixture) {
    let repository = fixture.repository("a");
    let subject = push_image(&*repository, "x", &["latest"]).await.digest;
    let referrer = push_referrer(&*repository, "1", &subject, "a/b").await;
    repository.manifests().delete(&subject).await.unwrap();
    assert_eq!(list(&*repository, &subject).await, [referrer.digest]);
}

async fn pages_are_in_order_and_complete(fixture: Fixture) {
    let options = Options { referrers_per_page: 3.try_into().unwrap(), ..deleting() };
    let repository = repository(&fixture.with(options), "a");
    let subject = sha256(b"");
    let mut expected = Vec::new();
    for seed in 0..9 {
        expected.push(push_referrer(&*repository, &seed.to_string(), &subject, "a/b").await.digest);
    }
    expected.sort();
    let mut listed = Vec::new();
    let mut after = None;
    let mut pages = 0;
    loop {
        let request = ReferrerRequest { artifact_type: Some("a/b".into()), after };
        let page = repository.referrers().list(&subject, request).await.unwrap();
        listed.extend(page.descriptors.iter().map(|descriptor| descriptor.digest));
        pages += 1;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((listed, pages), (expected, 3));
}

async fn a_page_is_bounded_in_bytes(fixture: Fixture) {
    let options = Options { referrers_page_bytes: 1000, ..deleting() };
    let repository = repository(&fixture.with(options), "a");
    let subject = sha256(b"");
    let long = "x".repeat(600);
    for seed in ["1", "2", "3"] {
        push_referrer(&*repository, seed, &subject, &format!("a/{long}")).await;
    }
    let first = repository.referrers().list(&subject, ReferrerRequest::default()).await.unwrap();
    assert_eq!(first.descriptors.len(), 1);
    assert_eq!(first.next, Some(first.descriptors[0].digest));
}

async fn subjects_and_referrers_of_any_algorithm_are_listed(fixture: Fixture) {
    let repository = fixture.repository("a");
    let config = push_blob(&*repository, b"{}").await;
    let subject = Algorithm::Sha512.digest(b"subject");
    let short =
        repository.manifests().put(put(&with_subject(image(&config, &[]), &subject), &[])).await.unwrap();
    let layer = push_blob(&*repository, b"layer").await;
    let manifest = put(&with_subject(image(&config, &[layer]), &subject), &[]);
    let digest = Some(Algorithm::Sha512.digest(&manifest.bytes));
    let long = repository.manifests().put(PutManifest { digest, ..manifest }).await.unwrap();
    assert_eq!(list(&*repository, &subject).await, [short.digest, long.digest]);
    let request = ReferrerRequest { artifact_type: None, after: Some(short.digest) };
    let page = repository.referrers().list(&subject, request).await.unwrap();
    assert_eq!(
        page.descriptors.iter().map(|descriptor| descriptor.digest).collect::<Vec<_>>(),
        [long.digest]
    );
    repository.manifests().delete(&sha256(long.manifest.bytes())).await.unwrap();
    assert_eq!(list(&*repository, &subject).await, [short.digest]);
}

async fn what_was_there_before_the_index_is_listed(fixture: Fixture) {
    let subject = sha256(b"");
    let first = push_referrer(&*fixture.repository("a"), "1", &subject, "a/b").await;
    push_image(&*fixture.repository("a"), "x", &["latest"]).await;
    fixture.driver.delete(&"/docker/registry/v2/repositories/a/_referrers".parse().unwrap()).await.unwrap();

    let storage = fixture.with(deleting());
    let repository = repository(&storage, "a");
    let second = push_referrer(&*repository, "2", &subject, "a/b").await;
    let lists = (0..8).map(|_| list(&*repository, &subject));
    for listed in futures_util::future::join_all(lists).await {
        assert_eq!(listed, sorted(&[&first, &second]));
    }
    assert!(fixture.tree().await.contains_key("/docker/registry/v2/repositories/a/_referrers/complete"));
}

async fn what_clients_listed_under_the_fallback_tag_is_listed(fixture: Fixture) {
    let repository = fixture.repository("a");
    let subject = sha256(b"");
    let config = push_blob(&*repository, b"{}").await;
    assert!(list(&*repository, &subject).await.is_empty());
    let indexed = push_referrer(&*repository, "1", &subject, "a/b").await;
    let listed = push_referrer(&*repository, "2", &subject, "a/b").await;
    assert_eq!(list(&*repository, &subject).await.len(), 2);
    let entry = format!(
        "/docker/registry/v2/repositories/a/_referrers/sha256/{}/sha256/{}",
        subject.hex(),
        listed.digest.hex()
    );
    fixture.driver.delete(&entry.parse().unwrap()).await.unwrap();
    assert_eq!(list(&*repository, &subject).await, [indexed.digest]);

    let stranger = repository.manifests().put(put(&image(&config, &[]), &[])).await.unwrap();
    let gone = Descriptor::new(media_type::OCI_MANIFEST, sha256(b"gone"), 4);
    let children = [descriptor(&indexed), descriptor(&listed), descriptor(&stranger), gone];
    let sparse = Options { index_checks: wharf_storage::IndexChecks::None, ..deleting() };
    let tag = format!("sha256-{}", subject.hex());
    let sparse = crate::fixture::repository(&fixture.with(sparse), "a");
    sparse.manifests().put(put(&index(&children), &[&tag])).await.unwrap();
    assert_eq!(list(&*repository, &subject).await, sorted(&[&indexed, &listed]));
}

async fn a_manifest_pushed_by_two_digests_is_not_listed_twice_by_the_backfill(fixture: Fixture) {
    let repository = fixture.repository("a");
    let config = push_blob(&*repository, b"{}").await;
    let subject = sha256(b"");
    let manifest = put(&with_subject(image(&config, &[]), &subject), &[]);
    let digest = Algorithm::Sha512.digest(&manifest.bytes);
    repository.manifests().put(PutManifest { digest: Some(digest), ..manifest }).await.unwrap();
    assert_eq!(list(&*repository, &subject).await, [digest]);
}
