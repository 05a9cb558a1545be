//! Two who do the same thing at once, here or in two processes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use wharf_registry::{Algorithm, Error, Reference, Repository};
use wharf_storage::Options;
use wharf_storage_driver::WriterStart;

use crate::fixture::{
    Fixture, LARGE, channel, content, deleting, once, pieces, push_blob, read_blob, repository, sha256,
};
use crate::images::push_image;

on_every_driver! {
    many_pushes_of_one_digest_all_succeed
    of_two_appends_at_once_one_wins_and_nothing_is_mixed
    one_writer_is_waited_for_but_not_for_ever
    an_upload_that_is_being_written_has_a_status
    reading_while_deleting_leaves_no_ghost
}

async fn many_pushes_of_one_digest_all_succeed(fixture: Fixture) {
    for len in [100, LARGE] {
        let bytes = content(len, 1);
        let pushes = (0..8).map(|index| {
            let storage = if index % 2 == 0 { fixture.storage.clone() } else { fixture.elsewhere() };
            let bytes = &bytes;
            async move {
                let repository = repository(&storage, &format!("a{index}"));
                let digest = Algorithm::ALL[index % 3].digest(bytes);
                repository.uploads().put(&digest, pieces(bytes, 20_000)).await.unwrap();
                read_blob(&*repository, &digest).await
            }
        });
        assert!(join_all(pushes).await.iter().all(|read| read == bytes.as_slice()));
    }
    assert!(!fixture.tree().await.keys().any(|path| path.contains("_uploads")));
}

async fn of_two_appends_at_once_one_wins_and_nothing_is_mixed(fixture: Fixture) {
    for len in [1000, LARGE] {
        for start in [0, 10, LARGE] {
            let (holder, other) = (fixture.repository("a"), repository(&fixture.elsewhere(), "a"));
            let begun = content(start, 1);
            let id = holder.uploads().start(None).await.unwrap().id;
            holder.uploads().append(&id, None, once(&begun)).await.unwrap();
            let bodies = [content(len, 2), content(len, 3)];
            let at = Some(start as u64);
            let results = tokio::join!(
                holder.uploads().append(&id, at, pieces(&bodies[0], 900)),
                other.uploads().append(&id, at, pieces(&bodies[1], 900)),
            );
            let wins: Vec<usize> = [results.0, results.1]
                .into_iter()
                .enumerate()
                .filter_map(|(index, result)| match result {
                    Ok(status) => {
                        assert_eq!(status.offset, (start + len) as u64);
                        Some(index)
                    }
                    Err(Error::UploadBusy(_) | Error::UploadOffset { .. }) => None,
                    Err(other) => panic!("{other:?}"),
                })
                .collect();
            assert!(wins.len() <= 1, "both were acknowledged");
            let Some(winner) = wins.first() else { continue };
            let whole = [begun.as_slice(), &bodies[*winner]].concat();
            holder.uploads().finish(&id, None, once(b""), &sha256(&whole)).await.unwrap();
            assert_eq!(read_blob(&*holder, &sha256(&whole)).await, whole);
        }
    }
}

async fn large_upload(repository: &dyn Repository) -> wharf_registry::UploadId {
    let id = repository.uploads().start(None).await.unwrap().id;
    repository.uploads().append(&id, None, once(&content(LARGE, 1))).await.unwrap();
    id
}

async fn one_writer_is_waited_for_but_not_for_ever(fixture: Fixture) {
    let impatient = Options { upload_wait: Duration::from_millis(100), ..deleting() };
    let impatient = repository(&fixture.with(impatient), "a");
    let id = large_upload(&*impatient).await;
    let data = format!("/docker/registry/v2/repositories/a/_uploads/{id}/data").parse().unwrap();
    let writer = fixture.driver.writer(&data, WriterStart::Resume).await.unwrap();
    assert!(matches!(impatient.uploads().append(&id, None, once(b"x")).await, Err(Error::UploadBusy(_))));

    let patient = fixture.repository("a");
    let let_go = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(writer);
    };
    let (appended, ()) = tokio::join!(patient.uploads().append(&id, None, once(b"x")), let_go);
    assert_eq!(appended.unwrap().offset, LARGE as u64 + 1);
}

async fn an_upload_that_is_being_written_has_a_status(fixture: Fixture) {
    let repository = fixture.repository("a");
    let id = large_upload(&*repository).await;
    let (send, receive) = channel();
    send.send(Ok(bytes::Bytes::from_static(b"more"))).unwrap();
    let append = repository.uploads().append(&id, None, receive);
    let look = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let status = repository.uploads().status(&id).await.unwrap();
        drop(send);
        status
    };
    let (appended, status) = tokio::join!(append, look);
    assert_eq!(status.offset, LARGE as u64);
    assert_eq!(appended.unwrap().offset, LARGE as u64 + 4);
}

async fn reading_while_deleting_leaves_no_ghost(fixture: Fixture) {
    let repository: Arc<dyn Repository> = fixture.repository("a");
    for round in 0..20 {
        let blob = push_blob(&*repository, format!("blob {round}").as_bytes()).await.digest;
        let manifest = push_image(&*repository, &round.to_string(), &["latest"]).await.digest;
        // Whoever comes from a cache that was emptied looks at the store while the link is being deleted.
        let fresh = crate::fixture::repository(&fixture.with(deleting()), "a");
        let reference = Reference::Digest(manifest);
        let reads = join_all((0..8).map(|_| async {
            drop(fresh.blobs().open(&blob).await);
            drop(fresh.manifests().get(&reference).await);
        }));
        let deletes = async {
            fresh.blobs().delete(&blob).await.unwrap();
            fresh.manifests().delete(&manifest).await.unwrap();
        };
        tokio::join!(reads, deletes);
        assert!(fresh.blobs().open(&blob).await.is_err());
        assert!(fresh.manifests().get(&reference).await.is_err());
    }
}

/// A tag that moves while the manifest that it pointed to is deleted elsewhere is not lost with it.
#[tokio::test]
async fn a_tag_that_moves_on_survives_its_old_manifest() {
    let fixture = Fixture::memory();
    let (here, there) = (fixture.repository("a"), repository(&fixture.elsewhere(), "a"));
    for round in 0..50_u32 {
        let old = push_image(&*here, &format!("old{round}"), &["latest"]).await.digest;
        let delay = async {
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            push_image(&*there, "new", &["latest"]).await.digest
        };
        let manifests = here.manifests();
        let (deleted, new) = tokio::join!(manifests.delete(&old), delay);
        deleted.unwrap();
        assert_eq!(here.tags().resolve(&"latest".parse().unwrap()).await.unwrap(), new, "round {round}");
    }
}
