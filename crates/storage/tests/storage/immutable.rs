//! Tags that keep what they point to, also when several replicas want to set them at once.

use futures_util::future::join_all;
use wharf_registry::{Error, Reference, Tag};
use wharf_storage::{ImmutableTags, Options};

use crate::fixture::{Fixture, deleting, repository};
use crate::images::push_image;

on_every_driver! {
    a_tag_that_is_set_is_neither_moved_nor_deleted
    of_many_who_set_a_tag_at_once_one_succeeds
}

fn immutable() -> Options {
    let rule = |_: &_, tag: &Tag| tag.as_str().starts_with('v').then(|| "releases stay".to_owned());
    Options { immutable: ImmutableTags::by(rule), ..deleting() }
}

fn is_refused<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::TagImmutable { rule, .. }) if rule == "releases stay")
}

async fn a_tag_that_is_set_is_neither_moved_nor_deleted(fixture: Fixture) {
    let storage = fixture.with(immutable());
    let repository = repository(&storage, "a");
    let (first, latest): (Tag, Tag) = ("v1".parse().unwrap(), "latest".parse().unwrap());
    let digest = push_image(&*repository, "one", &["v1", "latest"]).await.digest;
    assert_eq!(push_image(&*repository, "one", &["v1"]).await.digest, digest, "the same again is fine");

    let other = push_image(&*repository, "two", &["latest"]).await.digest;
    let manifest = repository.manifests().get(&Reference::Digest(other)).await.unwrap().manifest;
    let put = |tags: &[&Tag]| wharf_registry::PutManifest {
        media_type: Some(manifest.media_type().to_owned()),
        bytes: manifest.bytes().clone(),
        digest: None,
        tags: tags.iter().map(|tag| (*tag).clone()).collect(),
        classes: None,
    };
    assert!(is_refused(repository.manifests().put(put(&[&first])).await));
    assert_eq!(repository.tags().resolve(&first).await.unwrap(), digest);

    assert!(is_refused(repository.tags().delete(&first).await));
    assert!(is_refused(repository.manifests().delete(&digest).await));
    let absent = repository.tags().delete(&"v2".parse().unwrap()).await;
    assert!(matches!(absent, Err(Error::ManifestUnknown { .. })));
    repository.tags().delete(&latest).await.unwrap();
    repository.manifests().delete(&other).await.unwrap();
    assert_eq!(repository.tags().resolve(&first).await.unwrap(), digest);
}

async fn of_many_who_set_a_tag_at_once_one_succeeds(fixture: Fixture) {
    for round in 0..10 {
        let name = format!("a{round}");
        let seeds: Vec<String> = (0..8).map(|seed| seed.to_string()).collect();
        let mut manifests = Vec::new();
        for seed in &seeds {
            let repository = fixture.repository(&name);
            manifests.push(push_image(&*repository, seed, &[]).await.manifest);
        }
        let puts = manifests.iter().map(|manifest| {
            let storage = fixture.with(immutable());
            let repository = repository(&storage, &name);
            async move {
                let put = wharf_registry::PutManifest {
                    media_type: Some(manifest.media_type().to_owned()),
                    bytes: manifest.bytes().clone(),
                    digest: None,
                    tags: vec!["v1".parse().unwrap()],
                    classes: None,
                };
                repository.manifests().put(put).await
            }
        });
        let (won, lost): (Vec<_>, Vec<_>) = join_all(puts).await.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        assert!(lost.into_iter().all(is_refused));
        let winner = won.into_iter().next().unwrap().unwrap().digest;
        let tag = fixture.repository(&name).tags().resolve(&"v1".parse().unwrap()).await.unwrap();
        assert_eq!(tag, winner);
    }
}
