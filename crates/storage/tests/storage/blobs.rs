//! Blobs: pushed in one piece, read, mounted, deleted, and never mistaken for anything else.

use std::sync::Arc;

use async_trait::async_trait;
use wharf_cache::{Cache, Content as Kind, Entry, Error as CacheError, Lookup, Ticket};
use wharf_registry::{Algorithm, Digest, Error, Mount, Reference, RepositoryName};
use wharf_storage::{AnonymousMounts, Options, Storage};

use crate::fixture::{
    Fixture, LARGE, broken, content, deleting, once, pieces, push_blob, read_blob, repository, sha256,
};
use crate::images::push_image;

on_every_driver! {
    a_blob_is_read_as_it_was_pushed
    a_range_is_cut_at_the_end
    the_empty_blob_works
    what_was_not_pushed_is_unknown
    wrong_bytes_are_refused_and_nothing_is_kept
    a_body_that_breaks_off_leaves_nothing
    any_algorithm_works_from_end_to_end
    a_deleted_blob_is_gone_at_once_under_every_name
    deleting_in_one_repository_leaves_the_other
    a_mount_makes_a_blob_visible_without_moving_it
    what_is_not_there_cannot_be_mounted
    a_manifest_is_no_blob
    data_that_became_shorter_is_not_served
}

async fn a_blob_is_read_as_it_was_pushed(fixture: Fixture) {
    let repository = fixture.repository("a/b");
    for (len, seed) in [(1, 1), (1000, 2), (LARGE, 3)] {
        let bytes = content(len, seed);
        let pushed = repository.uploads().put(&sha256(&bytes), pieces(&bytes, 10_000)).await.unwrap();
        assert_eq!((pushed.digest, pushed.size), (sha256(&bytes), len as u64));
        assert_eq!(pushed.media_type, "application/octet-stream");
        assert_eq!(read_blob(&*repository, &pushed.digest).await, bytes);
        assert_eq!(
            read_blob(&*crate::fixture::repository(&fixture.elsewhere(), "a/b"), &pushed.digest).await,
            bytes
        );
    }
}

async fn a_range_is_cut_at_the_end(fixture: Fixture) {
    let repository = fixture.repository("a");
    let digest = push_blob(&*repository, b"0123456789").await.digest;
    let blob = repository.blobs().open(&digest).await.unwrap();
    for (range, expected) in [(2..5, "234"), (8..20, "89"), (10..20, ""), (0..10, "0123456789")] {
        assert_eq!(blob.read(range).await.unwrap().collect(100).await.unwrap(), expected);
    }
}

async fn the_empty_blob_works(fixture: Fixture) {
    let repository = fixture.repository("a");
    let digest = push_blob(&*repository, b"").await.digest;
    assert_eq!(read_blob(&*repository, &digest).await, "");
    let id = repository.uploads().start(None).await.unwrap().id;
    repository.uploads().finish(&id, Some(0), once(b""), &digest).await.unwrap();
}

async fn what_was_not_pushed_is_unknown(fixture: Fixture) {
    let (holder, other) = (fixture.repository("a"), fixture.repository("b"));
    let digest = push_blob(&*holder, b"x").await.digest;
    assert!(
        matches!(other.blobs().open(&digest).await.err(), Some(Error::BlobUnknown(unknown)) if unknown == digest)
    );
    assert!(matches!(other.blobs().delete(&digest).await, Err(Error::BlobUnknown(_))));
}

async fn wrong_bytes_are_refused_and_nothing_is_kept(fixture: Fixture) {
    let repository = fixture.repository("a");
    for len in [10, LARGE] {
        let (bytes, other) = (content(len, 1), content(len, 2));
        let error = repository.uploads().put(&sha256(&bytes), pieces(&other, 10_000)).await.unwrap_err();
        assert!(
            matches!(error, Error::DigestMismatch { expected, actual } if expected == sha256(&bytes) && actual == sha256(&other))
        );
        assert!(matches!(repository.blobs().open(&sha256(&bytes)).await.err(), Some(Error::BlobUnknown(_))));
    }
    assert!(fixture.tree().await.is_empty());
}

async fn a_body_that_breaks_off_leaves_nothing(fixture: Fixture) {
    let repository = fixture.repository("a");
    for len in [10, LARGE] {
        let bytes = content(len, 1);
        let error = repository.uploads().put(&sha256(&bytes), broken(&bytes)).await.unwrap_err();
        assert!(matches!(error, Error::Body(_)));
    }
    assert!(fixture.tree().await.is_empty());
}

async fn any_algorithm_works_from_end_to_end(fixture: Fixture) {
    let holder = fixture.repository("a");
    for algorithm in [Algorithm::Sha384, Algorithm::Sha512] {
        for len in [10, LARGE] {
            let bytes = content(len, 1);
            let digest = algorithm.digest(&bytes);
            assert_eq!(holder.uploads().put(&digest, pieces(&bytes, 10_000)).await.unwrap().digest, digest);
            assert_eq!(holder.blobs().open(&digest).await.unwrap().descriptor().digest, digest);
            assert_eq!(read_blob(&*repository(&fixture.elsewhere(), "a"), &digest).await, bytes);
            assert_eq!(read_blob(&*holder, &sha256(&bytes)).await, bytes);
        }
        let wrong = algorithm.digest(b"something else");
        assert!(matches!(holder.uploads().put(&wrong, once(b"x")).await, Err(Error::DigestMismatch { .. })));
    }
}

async fn a_deleted_blob_is_gone_at_once_under_every_name(fixture: Fixture) {
    let repository = fixture.repository("a");
    let names = [sha256(b"x"), Algorithm::Sha512.digest(b"x")];
    for deleted in names {
        repository.uploads().put(&names[1], once(b"x")).await.unwrap();
        for name in names {
            repository.blobs().open(&name).await.unwrap();
        }
        repository.blobs().delete(&deleted).await.unwrap();
        for name in names {
            assert!(
                matches!(repository.blobs().open(&name).await.err(), Some(Error::BlobUnknown(_))),
                "{name}"
            );
            assert!(matches!(repository.blobs().delete(&name).await, Err(Error::BlobUnknown(_))), "{name}");
        }
    }
    let refusing = fixture.with(Options::default());
    let error = crate::fixture::repository(&refusing, "a").blobs().delete(&names[0]).await.unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)));
}

async fn deleting_in_one_repository_leaves_the_other(fixture: Fixture) {
    let (first, second) = (fixture.repository("a"), fixture.repository("b"));
    let digest = push_blob(&*first, b"x").await.digest;
    push_blob(&*second, b"x").await;
    first.blobs().delete(&digest).await.unwrap();
    assert_eq!(read_blob(&*second, &digest).await, "x");
}

async fn a_mount_makes_a_blob_visible_without_moving_it(fixture: Fixture) {
    let (from, to) = (fixture.repository("from/here"), fixture.repository("to"));
    let (short, long) = (sha256(b"x"), Algorithm::Sha512.digest(b"x"));
    from.uploads().put(&long, once(b"x")).await.unwrap();
    for digest in [long, short] {
        let mount = to.blobs().mount(&digest, Some(from.name())).await.unwrap();
        let Mount::Mounted(descriptor, source) = mount else { panic!("{digest} is there") };
        assert_eq!((descriptor.digest, descriptor.size, source.as_ref()), (digest, 1, Some(from.name())));
        assert_eq!(read_blob(&*to, &digest).await, "x");
    }
    for digest in [short, long] {
        let third = fixture.repository("third");
        let Mount::Mounted(_, None) = third.blobs().mount(&digest, None).await.unwrap() else {
            panic!("no {digest}")
        };
        assert_eq!(read_blob(&*third, &digest).await, "x");
    }
}

async fn what_is_not_there_cannot_be_mounted(fixture: Fixture) {
    let (from, to) = (fixture.repository("from"), fixture.repository("to"));
    for digest in [sha256(b"x"), Algorithm::Sha512.digest(b"x")] {
        assert_eq!(to.blobs().mount(&digest, Some(from.name())).await.unwrap(), Mount::NotFound);
        assert_eq!(to.blobs().mount(&digest, None).await.unwrap(), Mount::NotFound);
    }
    let digest = push_blob(&*fixture.repository("third"), b"x").await.digest;
    assert_eq!(to.blobs().mount(&digest, Some(from.name())).await.unwrap(), Mount::NotFound);
    let careful = Options { anonymous_mounts: AnonymousMounts::Refused, ..deleting() };
    let careful = fixture.with(careful);
    assert_eq!(repository(&careful, "to").blobs().mount(&digest, None).await.unwrap(), Mount::NotFound);
}

async fn a_manifest_is_no_blob(fixture: Fixture) {
    let repository = fixture.repository("a");
    let image = push_image(&*repository, "x", &["latest"]).await;
    repository.manifests().get(&Reference::Digest(image.digest)).await.unwrap();
    assert!(matches!(repository.blobs().open(&image.digest).await.err(), Some(Error::BlobUnknown(_))));

    let layer = image.manifest.layers()[0].digest;
    repository.blobs().open(&layer).await.unwrap();
    let error = repository.manifests().get(&Reference::Digest(layer)).await.unwrap_err();
    assert!(matches!(error, Error::ManifestUnknown { .. }));
}

async fn data_that_became_shorter_is_not_served(fixture: Fixture) {
    let repository = fixture.repository("a");
    let digest = push_blob(&*repository, b"0123").await.digest;
    let blob = repository.blobs().open(&digest).await.unwrap();
    fixture.write(wharf_storage::layout::blob_data(&digest).as_str(), "01").await;
    assert!(matches!(blob.read(0..4).await, Err(Error::Internal(_))));
    fixture.driver.delete(&wharf_storage::layout::blob_data(&digest)).await.unwrap();
    assert!(matches!(blob.read(0..4).await, Err(Error::BlobUnknown(_))));
    assert!(matches!(repository.blobs().open(&digest).await.err(), Some(Error::BlobUnknown(_))));
}

/// A cache that cannot be reached.
struct Unreachable;

#[async_trait]
impl Cache for Unreachable {
    async fn find(&self, _: &RepositoryName, _: Kind, _: &Digest) -> Result<Lookup, CacheError> {
        Err(unreachable())
    }

    async fn ticket(&self, _: &RepositoryName, _: &Digest) -> Result<Ticket, CacheError> {
        Err(unreachable())
    }

    async fn canonical(&self, _: &Digest) -> Result<Option<Digest>, CacheError> {
        Err(unreachable())
    }

    async fn remember(
        &self,
        _: &RepositoryName,
        _: Kind,
        _: &Digest,
        _: &Entry,
        _: Ticket,
    ) -> Result<(), CacheError> {
        Err(unreachable())
    }

    async fn forget(&self, _: &RepositoryName, _: Kind, _: &[Digest]) -> Result<(), CacheError> {
        Err(unreachable())
    }
}

fn unreachable() -> CacheError {
    CacheError { cache: "test", source: "nobody answers".into() }
}

#[tokio::test]
async fn a_cache_that_cannot_be_reached_stops_nothing() {
    let fixture = Fixture::memory();
    let storage = Storage::new(Arc::clone(&fixture.driver), Arc::new(Unreachable), deleting());
    let repository = repository(&storage, "a");
    let image = push_image(&*repository, "x", &["latest"]).await;
    repository.manifests().get(&Reference::Tag("latest".parse().unwrap())).await.unwrap();
    let layer = image.manifest.layers()[0].digest;
    assert_eq!(read_blob(&*repository, &layer).await, "layer of x");
    repository.manifests().delete(&image.digest).await.unwrap();
    repository.blobs().delete(&layer).await.unwrap();
    assert!(repository.blobs().open(&layer).await.is_err());
    assert_eq!(
        repository.blobs().mount(&Algorithm::Sha512.digest(b""), None).await.unwrap(),
        Mount::NotFound
    );
}
