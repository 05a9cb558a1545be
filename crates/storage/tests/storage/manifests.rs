//! Manifests: read by tag and digest, checked before they are stored, deleted with everything that points to
//! them.

use bytes::Bytes;
use serde_json::json;
use wharf_manifest::{Platform, media_type};
use wharf_registry::{
    Algorithm, Descriptor, Digest, Error, MissingReference, PutManifest, Reference, ReferenceFault,
    Repository, Tag,
};
use wharf_storage::{ImageChecks, IndexChecks, IndexPlatform, Options, UrlPolicy};

use crate::fixture::{Fixture, deleting, page, push_blob, repository, sha256};
use crate::images::{descriptor, image, index, missing, push_image, put};

on_every_driver! {
    a_manifest_is_read_as_it_was_pushed
    a_tag_moves_and_the_old_manifest_stays
    a_push_may_set_many_tags
    what_was_not_pushed_is_unknown
    a_manifest_of_another_algorithm_is_known_by_its_own_digest
    a_digest_that_does_not_match_is_refused
    everything_missing_is_reported_at_once
    a_size_that_differs_is_a_fault
    foreign_layers_need_not_exist
    urls_are_held_against_the_policy
    sparse_images_are_taken_when_allowed
    children_of_an_index_are_checked_as_configured
    a_deleted_manifest_takes_its_tags_along
    a_manifest_is_deleted_under_every_name
    deleting_may_be_refused
    a_tag_without_its_manifest_is_unknown
    damage_is_an_error_and_never_an_answer
    a_manifest_that_cannot_be_parsed_can_be_deleted
    too_large_a_manifest_is_refused
}

fn tag(text: &str) -> Reference {
    Reference::Tag(text.parse().unwrap())
}

async fn digest_of(repository: &dyn Repository, reference: &Reference) -> Result<Digest, Error> {
    repository.manifests().get(reference).await.map(|stored| stored.digest)
}

fn references(error: Error) -> Vec<MissingReference> {
    match error {
        Error::ManifestReferences(missing) => missing,
        other => panic!("not about references: {other:?}"),
    }
}

async fn a_manifest_is_read_as_it_was_pushed(fixture: Fixture) {
    let pushed = push_image(&*fixture.repository("a/b"), "x", &["latest"]).await;
    for storage in [fixture.storage.clone(), fixture.elsewhere(), fixture.with(deleting())] {
        let repository = repository(&storage, "a/b");
        for reference in [tag("latest"), Reference::Digest(pushed.digest)] {
            let stored = repository.manifests().get(&reference).await.unwrap();
            assert_eq!(stored.digest, pushed.digest);
            assert_eq!(stored.manifest.bytes(), pushed.manifest.bytes());
            assert_eq!(stored.manifest.media_type(), media_type::OCI_MANIFEST);
        }
        assert_eq!(repository.tags().resolve(&"latest".parse().unwrap()).await.unwrap(), pushed.digest);
    }
}

async fn a_tag_moves_and_the_old_manifest_stays(fixture: Fixture) {
    let repository = fixture.repository("a");
    let old = push_image(&*repository, "old", &["latest"]).await;
    let new = push_image(&*repository, "new", &["latest"]).await;
    assert_eq!(digest_of(&*repository, &tag("latest")).await.unwrap(), new.digest);
    assert_eq!(digest_of(&*repository, &Reference::Digest(old.digest)).await.unwrap(), old.digest);
}

async fn a_push_may_set_many_tags(fixture: Fixture) {
    let repository = fixture.repository("a");
    let tags: Vec<String> = (0..40).map(|index| format!("t{index}")).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    let pushed = push_image(&*repository, "x", &tags).await;
    for text in tags {
        assert_eq!(digest_of(&*repository, &tag(text)).await.unwrap(), pushed.digest);
    }
}

async fn what_was_not_pushed_is_unknown(fixture: Fixture) {
    let repository = fixture.repository("a");
    let elsewhere = push_image(&*fixture.repository("b"), "x", &["latest"]).await;
    for reference in
        [tag("latest"), Reference::Digest(elsewhere.digest), Reference::Digest(Algorithm::Sha512.digest(b""))]
    {
        let error = repository.manifests().get(&reference).await.unwrap_err();
        assert!(
            matches!(error, Error::ManifestUnknown { repository, reference: named } if repository.as_str() == "a" && named == reference)
        );
    }
    assert!(matches!(
        repository.manifests().delete(&elsewhere.digest).await,
        Err(Error::ManifestUnknown { .. })
    ));
}

async fn a_manifest_of_another_algorithm_is_known_by_its_own_digest(fixture: Fixture) {
    let holder = fixture.repository("a");
    let config = push_blob(&*holder, b"{}").await;
    let mut manifest = put(&image(&config, &[]), &["latest"]);
    let short = sha256(&manifest.bytes);
    let long = Algorithm::Sha512.digest(&manifest.bytes);
    manifest.digest = Some(long);
    assert_eq!(holder.manifests().put(manifest).await.unwrap().digest, long);
    for storage in [fixture.storage.clone(), fixture.elsewhere(), fixture.with(deleting())] {
        let repository = repository(&storage, "a");
        assert_eq!(digest_of(&*repository, &tag("latest")).await.unwrap(), long);
        assert_eq!(digest_of(&*repository, &Reference::Digest(long)).await.unwrap(), long);
        assert_eq!(digest_of(&*repository, &Reference::Digest(short)).await.unwrap(), short);
    }
}

async fn a_digest_that_does_not_match_is_refused(fixture: Fixture) {
    let repository = fixture.repository("a");
    let config = push_blob(&*repository, b"{}").await;
    for algorithm in Algorithm::ALL {
        let manifest = put(&image(&config, &[]), &["latest"]);
        let wrong = PutManifest { digest: Some(algorithm.digest(b"")), ..manifest };
        assert!(matches!(repository.manifests().put(wrong).await, Err(Error::DigestMismatch { .. })));
    }
    assert!(matches!(digest_of(&*repository, &tag("latest")).await, Err(Error::ManifestUnknown { .. })));
}

async fn everything_missing_is_reported_at_once(fixture: Fixture) {
    let repository = fixture.repository("a");
    let config = push_blob(&*repository, b"{}").await;
    let elsewhere = push_blob(&*fixture.repository("b"), b"layer").await;
    let layers: Vec<Descriptor> =
        (0..200).map(|index| missing("a/b", &index.to_string())).chain([elsewhere]).collect();
    let error = repository.manifests().put(put(&image(&config, &layers), &["latest"])).await.unwrap_err();
    let expected: Vec<_> = layers
        .iter()
        .map(|layer| MissingReference { digest: layer.digest, fault: ReferenceFault::Missing })
        .collect();
    assert_eq!(references(error), expected);
    assert!(matches!(repository.tags().list(page(None, 1)).await, Err(Error::RepositoryUnknown(_))));
}

async fn a_size_that_differs_is_a_fault(fixture: Fixture) {
    let repository = fixture.repository("a");
    let config = push_blob(&*repository, b"{}").await;
    let lie = Descriptor { size: 3, ..config.clone() };
    let error = repository.manifests().put(put(&image(&config, &[lie]), &[])).await.unwrap_err();
    assert_eq!(
        references(error),
        [MissingReference { digest: config.digest, fault: ReferenceFault::Size { declared: 3, stored: 2 } }]
    );

    let child = descriptor(&push_image(&*repository, "x", &[]).await);
    let lie = Descriptor { size: child.size + 1, ..child.clone() };
    let error = repository.manifests().put(put(&index(&[child, lie]), &[])).await.unwrap_err();
    assert!(matches!(references(error)[..], [MissingReference { fault: ReferenceFault::Size { .. }, .. }]));
}

async fn foreign_layers_need_not_exist(fixture: Fixture) {
    let repository = fixture.repository("a");
    let config = push_blob(&*repository, b"{}").await;
    let layer = |media_type: &str, urls: &[&str]| Descriptor {
        urls: urls.iter().map(|url| (*url).to_owned()).collect(),
        ..missing(media_type, "foreign")
    };
    let document = |layer: &Descriptor| {
        let mut document = image(&config, &[]);
        document["layers"] = json!([layer]);
        put(&document, &[])
    };
    for media_type in [media_type::OCI_NONDISTRIBUTABLE_LAYER, media_type::OCI_NONDISTRIBUTABLE_LAYER_GZIP] {
        for urls in [&[][..], &["https://a.example/layer"]] {
            repository.manifests().put(document(&layer(media_type, urls))).await.unwrap();
        }
    }
    let foreign = media_type::DOCKER_FOREIGN_LAYER;
    repository.manifests().put(document(&layer(foreign, &["https://a.example/layer"]))).await.unwrap();
    let error = repository.manifests().put(document(&layer(foreign, &[]))).await.unwrap_err();
    assert!(matches!(references(error)[..], [MissingReference { fault: ReferenceFault::UrlMissing, .. }]));
}

async fn urls_are_held_against_the_policy(fixture: Fixture) {
    let urls = UrlPolicy::only(|url| url.starts_with("https://good.example/"));
    let repository = repository(&fixture.with(Options { urls, ..deleting() }), "a");
    let config = push_blob(&*repository, b"{}").await;
    for (url, allowed) in
        [("https://good.example/x", true), ("https://bad.example/x", false), ("ftp://good.example/x", false)]
    {
        let layer =
            Descriptor { urls: vec![url.into()], ..missing(media_type::OCI_NONDISTRIBUTABLE_LAYER, "x") };
        let mut document = image(&config, &[]);
        document["layers"] = json!([layer]);
        let result = repository.manifests().put(put(&document, &[])).await;
        assert_eq!(result.is_ok(), allowed, "{url}");
        let fault = ReferenceFault::UrlRefused(url.into());
        assert!(result.err().is_none_or(|error| references(error)[0].fault == fault));
    }
}

async fn sparse_images_are_taken_when_allowed(fixture: Fixture) {
    let sparse = Options { image_checks: ImageChecks::None, ..deleting() };
    let document = image(&missing("a/b", "config"), &[missing("a/b", "layer")]);
    assert_eq!(
        references(fixture.repository("a").manifests().put(put(&document, &[])).await.unwrap_err()).len(),
        2
    );
    repository(&fixture.with(sparse), "a").manifests().put(put(&document, &["latest"])).await.unwrap();
}

async fn children_of_an_index_are_checked_as_configured(fixture: Fixture) {
    let child = |os: &str| Descriptor {
        platform: Some(Platform { architecture: "amd64".into(), os: os.into(), ..Platform::default() }),
        ..missing(media_type::OCI_MANIFEST, os)
    };
    let document = index(&[child("linux"), child("windows"), missing(media_type::OCI_MANIFEST, "none")]);
    let linux = IndexPlatform { architecture: "amd64".into(), os: "linux".into() };
    let checks = [
        (IndexChecks::All, 3),
        (IndexChecks::Platforms(vec![]), 3),
        (IndexChecks::Platforms(vec![linux]), 1),
    ];
    for (index_checks, expected) in checks {
        let repository = repository(&fixture.with(Options { index_checks, ..deleting() }), "a");
        let error = repository.manifests().put(put(&document, &[])).await.unwrap_err();
        assert_eq!(references(error).len(), expected);
    }
    let unchecked = Options { index_checks: IndexChecks::None, ..deleting() };
    repository(&fixture.with(unchecked), "a").manifests().put(put(&document, &[])).await.unwrap();

    let holder = fixture.repository("b");
    let image = descriptor(&push_image(&*holder, "x", &[]).await);
    let inner = holder.manifests().put(put(&index(std::slice::from_ref(&image)), &[])).await.unwrap();
    holder.manifests().put(put(&index(&[image, descriptor(&inner)]), &["latest"])).await.unwrap();
    let blob = push_blob(&*holder, b"no manifest").await;
    assert_eq!(references(holder.manifests().put(put(&index(&[blob]), &[])).await.unwrap_err()).len(), 1);
}

async fn a_deleted_manifest_takes_its_tags_along(fixture: Fixture) {
    let repository = fixture.repository("a");
    let doomed = push_image(&*repository, "x", &["a", "b", "c"]).await;
    let other = push_image(&*repository, "y", &["b", "d"]).await;
    let deleted = repository.manifests().delete(&doomed.digest).await.unwrap();
    assert_eq!(deleted.tags.iter().map(Tag::as_str).collect::<Vec<_>>(), ["a", "c"]);
    for reference in [tag("a"), tag("c"), Reference::Digest(doomed.digest)] {
        assert!(
            matches!(digest_of(&*repository, &reference).await, Err(Error::ManifestUnknown { .. })),
            "{reference}"
        );
    }
    let left = repository.tags().list(page(None, 10)).await.unwrap();
    assert_eq!(left.items.iter().map(Tag::as_str).collect::<Vec<_>>(), ["b", "d"]);
    assert_eq!(digest_of(&*repository, &tag("b")).await.unwrap(), other.digest);
    assert!(matches!(
        repository.manifests().delete(&doomed.digest).await,
        Err(Error::ManifestUnknown { .. })
    ));
}

async fn a_manifest_is_deleted_under_every_name(fixture: Fixture) {
    let repository = fixture.repository("a");
    let config = push_blob(&*repository, b"{}").await;
    let manifest = put(&image(&config, &[]), &["long"]);
    let names = [sha256(&manifest.bytes), Algorithm::Sha512.digest(&manifest.bytes)];
    for deleted in names {
        repository.manifests().put(PutManifest { digest: Some(names[1]), ..manifest.clone() }).await.unwrap();
        repository
            .manifests()
            .put(PutManifest { tags: vec!["short".parse().unwrap()], ..manifest.clone() })
            .await
            .unwrap();
        for name in names {
            digest_of(&*repository, &Reference::Digest(name)).await.unwrap();
        }
        assert_eq!(repository.manifests().delete(&deleted).await.unwrap().tags.len(), 2);
        for reference in [Reference::Digest(names[0]), Reference::Digest(names[1]), tag("long"), tag("short")]
        {
            assert!(
                matches!(digest_of(&*repository, &reference).await, Err(Error::ManifestUnknown { .. })),
                "{reference}"
            );
        }
        assert!(
            !fixture.tree().await.keys().any(|path| path.contains("/revisions/") || path.contains("/tags/"))
        );
    }
}

async fn deleting_may_be_refused(fixture: Fixture) {
    let pushed = push_image(&*fixture.repository("a"), "x", &["latest"]).await;
    let repository = repository(&fixture.with(Options::default()), "a");
    assert!(matches!(repository.manifests().delete(&pushed.digest).await, Err(Error::Unsupported(_))));
    assert!(matches!(repository.tags().delete(&"latest".parse().unwrap()).await, Err(Error::Unsupported(_))));
}

async fn a_tag_without_its_manifest_is_unknown(fixture: Fixture) {
    let link = "/docker/registry/v2/repositories/a/_manifests/tags/latest/current/link";
    fixture.write(link, &sha256(b"").to_string()).await;
    let error = digest_of(&*fixture.repository("a"), &tag("latest")).await.unwrap_err();
    assert!(matches!(error, Error::ManifestUnknown { reference, .. } if reference == tag("latest")));
}

async fn damage_is_an_error_and_never_an_answer(fixture: Fixture) {
    let pushed = push_image(&*fixture.repository("a"), "x", &["latest"]).await;
    let data = wharf_storage::layout::blob_data(&pushed.digest);
    let good = fixture.tree().await[data.as_str()].clone();
    let read = || async { digest_of(&*repository(&fixture.elsewhere(), "a"), &tag("latest")).await };
    fixture.write(data.as_str(), "{}").await;
    assert!(matches!(read().await, Err(Error::Internal(_))));
    fixture.write(data.as_str(), str::from_utf8(&good).unwrap()).await;
    read().await.unwrap();

    let links = "/docker/registry/v2/repositories/a/_manifests";
    fixture.write(&format!("{links}/revisions/sha256/{}/link", pushed.digest.hex()), "nonsense").await;
    assert!(matches!(read().await, Err(Error::Internal(_))));
    let other = sha256(b"other").to_string();
    fixture.write(&format!("{links}/revisions/sha256/{}/link", pushed.digest.hex()), &other).await;
    assert!(matches!(read().await, Err(Error::Internal(_))));
    fixture
        .write(
            &format!("{links}/revisions/sha256/{}/link", pushed.digest.hex()),
            &format!("{}\n", pushed.digest),
        )
        .await;
    read().await.unwrap();
}

async fn a_manifest_that_cannot_be_parsed_can_be_deleted(fixture: Fixture) {
    let old = "{\"schemaVersion\":7}";
    let digest = sha256(old.as_bytes());
    fixture.write(wharf_storage::layout::blob_data(&digest).as_str(), old).await;
    let link =
        format!("/docker/registry/v2/repositories/a/_manifests/revisions/sha256/{}/link", digest.hex());
    fixture.write(&link, &digest.to_string()).await;
    let repository = fixture.repository("a");
    assert!(matches!(digest_of(&*repository, &Reference::Digest(digest)).await, Err(Error::Internal(_))));
    repository.manifests().delete(&digest).await.unwrap();
    assert!(matches!(
        digest_of(&*repository, &Reference::Digest(digest)).await,
        Err(Error::ManifestUnknown { .. })
    ));
}

async fn too_large_a_manifest_is_refused(fixture: Fixture) {
    let repository = fixture.repository("a");
    let config = push_blob(&*repository, b"{}").await;
    let mut document = image(&config, &[]);
    document["annotations"] = json!({ "x": "y".repeat(3_900_000) });
    repository.manifests().put(put(&document, &["latest"])).await.unwrap();
    digest_of(&*repository, &tag("latest")).await.unwrap();
    let bytes = Bytes::from(vec![b' '; 4 * 1024 * 1024 + 1]);
    let error = repository.manifests().put(PutManifest { bytes, ..put(&document, &[]) }).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 4_194_304 }));
}
