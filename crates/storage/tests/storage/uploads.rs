//! Uploads: many requests, any process, and nothing that was acknowledged is ever lost.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::stream;
use wharf_registry::{Algorithm, ByteStream, Error, UploadId};

use crate::fixture::{Fixture, LARGE, broken, channel, content, once, pieces, read_blob, repository, sha256};

on_every_driver! {
    an_upload_grows_chunk_by_chunk
    every_request_may_reach_another_process
    a_large_upload_of_any_algorithm_is_hashed_however_it_was_announced
    a_new_upload_is_empty_and_has_just_begun
    a_chunk_at_the_wrong_place_is_refused_and_the_upload_survives
    a_wrong_digest_is_refused_and_the_right_one_still_works
    a_wrong_digest_of_another_algorithm_can_be_followed_by_more_bytes
    what_came_before_a_body_broke_off_is_kept
    what_came_before_the_client_went_away_is_kept
    a_body_of_another_length_is_refused_but_kept
    a_finished_upload_is_gone
    a_cancelled_upload_is_gone
    an_upload_is_unknown_in_another_repository
    an_upload_that_go_began_goes_on
    a_record_that_is_none_makes_no_upload
    hashes_of_other_bytes_are_never_believed
    what_another_process_did_to_an_upload_counts
}

async fn an_upload_grows_chunk_by_chunk(fixture: Fixture) {
    let repository = fixture.repository("a");
    for chunk in [100, 300 * 1024] {
        let bytes = content(chunk * 4, 1);
        let id = repository.uploads().start(None).await.unwrap().id;
        let mut offset = 0;
        for part in bytes[..chunk * 3].chunks(chunk) {
            let status = repository.uploads().append(&id, Some(offset), pieces(part, 7000)).await.unwrap();
            offset += part.len() as u64;
            assert_eq!(status.offset, offset);
            assert_eq!(repository.uploads().status(&id).await.unwrap(), status);
        }
        let last = pieces(&bytes[chunk * 3..], 7000);
        let pushed = repository.uploads().finish(&id, Some(offset), last, &sha256(&bytes)).await.unwrap();
        assert_eq!(pushed.size, bytes.len() as u64);
        assert_eq!(read_blob(&*repository, &sha256(&bytes)).await, bytes);
    }
}

async fn every_request_may_reach_another_process(fixture: Fixture) {
    let bytes = content(LARGE * 2, 2);
    let elsewhere = || repository(&fixture.elsewhere(), "a");
    let id = elsewhere().uploads().start(None).await.unwrap().id;
    for (at, part) in bytes.chunks(150_000).enumerate() {
        let at = at as u64 * 150_000;
        assert_eq!(elsewhere().uploads().status(&id).await.unwrap().offset, at);
        elsewhere().uploads().append(&id, Some(at), once(part)).await.unwrap();
    }
    elsewhere().uploads().finish(&id, None, ByteStream::empty(), &sha256(&bytes)).await.unwrap();
    assert_eq!(read_blob(&*elsewhere(), &sha256(&bytes)).await, bytes);
}

async fn a_large_upload_of_any_algorithm_is_hashed_however_it_was_announced(fixture: Fixture) {
    let bytes = content(LARGE, 3);
    for announced in [None, Some(Algorithm::Sha256), Some(Algorithm::Sha512)] {
        for algorithm in Algorithm::ALL {
            let repository = repository(&fixture.elsewhere(), "a");
            let id = repository.uploads().start(announced).await.unwrap().id;
            repository.uploads().append(&id, None, once(&bytes[..LARGE / 2])).await.unwrap();
            let digest = algorithm.digest(&bytes);
            repository.uploads().finish(&id, None, once(&bytes[LARGE / 2..]), &digest).await.unwrap();
            assert_eq!(read_blob(&*repository, &digest).await, bytes);
        }
    }
}

async fn a_new_upload_is_empty_and_has_just_begun(fixture: Fixture) {
    let repository = fixture.repository("a");
    let status = repository.uploads().start(None).await.unwrap();
    assert_eq!(status.offset, 0);
    assert_eq!(repository.uploads().status(&status.id).await.unwrap(), status);
    let age = SystemTime::now().duration_since(status.started_at).unwrap();
    assert!(age < Duration::from_secs(60), "{age:?}");
    assert_ne!(repository.uploads().start(None).await.unwrap().id, status.id);
}

async fn a_chunk_at_the_wrong_place_is_refused_and_the_upload_survives(fixture: Fixture) {
    let repository = fixture.repository("a");
    for len in [10, LARGE] {
        let bytes = content(len, 4);
        let id = repository.uploads().start(None).await.unwrap().id;
        repository.uploads().append(&id, Some(0), once(&bytes)).await.unwrap();
        for at in [0, len as u64 - 1, len as u64 + 1] {
            let error = repository.uploads().append(&id, Some(at), once(b"x")).await.unwrap_err();
            assert!(
                matches!(error, Error::UploadOffset { given, actual } if given == at && actual == len as u64)
            );
            let error =
                repository.uploads().finish(&id, Some(at), once(b"x"), &sha256(&bytes)).await.unwrap_err();
            assert!(matches!(error, Error::UploadOffset { .. }));
        }
        assert_eq!(repository.uploads().status(&id).await.unwrap().offset, len as u64);
        repository.uploads().finish(&id, Some(len as u64), once(b""), &sha256(&bytes)).await.unwrap();
    }
}

async fn a_wrong_digest_is_refused_and_the_right_one_still_works(fixture: Fixture) {
    let repository = fixture.repository("a");
    for len in [10, LARGE] {
        for algorithm in Algorithm::ALL {
            let bytes = content(len, 5);
            let id = repository.uploads().start(None).await.unwrap().id;
            repository.uploads().append(&id, None, once(&bytes)).await.unwrap();
            let wrong = algorithm.digest(b"something else");
            let error = repository.uploads().finish(&id, None, once(b""), &wrong).await.unwrap_err();
            assert!(
                matches!(error, Error::DigestMismatch { expected, actual } if expected == wrong && actual == algorithm.digest(&bytes))
            );
            assert!(matches!(repository.blobs().open(&wrong).await.err(), Some(Error::BlobUnknown(_))));
            assert_eq!(repository.uploads().status(&id).await.unwrap().offset, len as u64);
            repository.uploads().finish(&id, None, once(b""), &algorithm.digest(&bytes)).await.unwrap();
        }
    }
}

async fn a_wrong_digest_of_another_algorithm_can_be_followed_by_more_bytes(fixture: Fixture) {
    let repository = fixture.repository("a");
    let bytes = content(LARGE, 6);
    let half = LARGE / 2;
    let id = repository.uploads().start(None).await.unwrap().id;
    repository.uploads().append(&id, None, once(&bytes[..half])).await.unwrap();
    let wrong = Algorithm::Sha512.digest(b"");
    assert!(repository.uploads().finish(&id, None, once(b""), &wrong).await.is_err());
    assert_eq!(repository.uploads().status(&id).await.unwrap().offset, half as u64);
    assert!(matches!(
        repository.uploads().append(&id, Some(1), once(b"x")).await,
        Err(Error::UploadOffset { .. })
    ));
    repository.uploads().append(&id, Some(half as u64), once(&bytes[half..])).await.unwrap();
    repository.uploads().finish(&id, None, once(b""), &sha256(&bytes)).await.unwrap();
    assert_eq!(read_blob(&*repository, &sha256(&bytes)).await, bytes);
}

async fn what_came_before_a_body_broke_off_is_kept(fixture: Fixture) {
    let repository = fixture.repository("a");
    for len in [10, LARGE] {
        let bytes = content(len * 2, 7);
        let id = repository.uploads().start(None).await.unwrap().id;
        let error = repository.uploads().append(&id, None, broken(&bytes[..len])).await.unwrap_err();
        assert!(matches!(error, Error::Body(_)));
        assert_eq!(repository.uploads().status(&id).await.unwrap().offset, len as u64);
        repository
            .uploads()
            .finish(&id, Some(len as u64), once(&bytes[len..]), &sha256(&bytes))
            .await
            .unwrap();
        assert_eq!(read_blob(&*repository, &sha256(&bytes)).await, bytes);
    }
}

async fn what_came_before_the_client_went_away_is_kept(fixture: Fixture) {
    let holder = fixture.repository("a");
    let bytes = content(LARGE, 8);
    let id = holder.uploads().start(None).await.unwrap().id;
    let (send, receive) = channel();
    send.send(Ok(Bytes::copy_from_slice(&bytes))).unwrap();
    let append = holder.uploads().append(&id, None, receive);
    let given_up = tokio::time::timeout(Duration::from_millis(200), append).await;
    assert!(given_up.is_err(), "the body has not ended");
    send.send(Err(std::io::ErrorKind::ConnectionReset.into())).unwrap();

    let elsewhere = repository(&fixture.elsewhere(), "a");
    elsewhere.uploads().append(&id, Some(LARGE as u64), once(b"!")).await.unwrap();
    let whole = [bytes.as_slice(), b"!"].concat();
    elsewhere.uploads().finish(&id, None, once(b""), &sha256(&whole)).await.unwrap();
}

async fn a_body_of_another_length_is_refused_but_kept(fixture: Fixture) {
    let repository = fixture.repository("a");
    let id = repository.uploads().start(None).await.unwrap().id;
    let short = ByteStream::new(Some(5), stream::iter([Ok(Bytes::from_static(b"abc"))]));
    let error = repository.uploads().append(&id, None, short).await.unwrap_err();
    assert!(matches!(error, Error::SizeMismatch { expected: 5, actual: 3 }));
    assert_eq!(repository.uploads().status(&id).await.unwrap().offset, 3);
}

async fn a_finished_upload_is_gone(fixture: Fixture) {
    let repository = fixture.repository("a");
    let id = repository.uploads().start(None).await.unwrap().id;
    repository.uploads().finish(&id, None, once(b"x"), &sha256(b"x")).await.unwrap();
    is_unknown(&fixture, "a", &id).await;
    assert!(!fixture.tree().await.keys().any(|path| path.contains("_uploads")));
}

async fn a_cancelled_upload_is_gone(fixture: Fixture) {
    let repository = fixture.repository("a");
    for len in [0, 10, LARGE] {
        let id = repository.uploads().start(None).await.unwrap().id;
        repository.uploads().append(&id, None, once(&content(len, 9))).await.unwrap();
        repository.uploads().cancel(&id).await.unwrap();
        is_unknown(&fixture, "a", &id).await;
    }
    assert!(fixture.tree().await.is_empty());
}

async fn an_upload_is_unknown_in_another_repository(fixture: Fixture) {
    let id = fixture.repository("a").uploads().start(None).await.unwrap().id;
    is_unknown(&fixture, "b", &id).await;
}

async fn is_unknown(fixture: &Fixture, name: &str, id: &UploadId) {
    let repository = fixture.repository(name);
    let uploads = repository.uploads();
    assert!(matches!(uploads.status(id).await, Err(Error::UploadUnknown(_))));
    assert!(matches!(uploads.append(id, None, once(b"x")).await, Err(Error::UploadUnknown(_))));
    assert!(matches!(
        uploads.finish(id, None, once(b"x"), &sha256(b"x")).await,
        Err(Error::UploadUnknown(_))
    ));
    assert!(matches!(uploads.cancel(id).await, Err(Error::UploadUnknown(_))));
}

async fn an_upload_that_go_began_goes_on(fixture: Fixture) {
    let folder = "/docker/registry/v2/repositories/a/_uploads/0190163d-8694-739b-aea5-966c26f8ad90";
    fixture.write(&format!("{folder}/startedat"), "2024-05-01T12:00:00Z").await;
    let repository = fixture.repository("a");
    let id: UploadId = "0190163d-8694-739b-aea5-966c26f8ad90".parse().unwrap();
    let status = repository.uploads().status(&id).await.unwrap();
    assert_eq!(status.started_at, SystemTime::UNIX_EPOCH + Duration::from_secs(1_714_564_800));
    repository.uploads().append(&id, Some(0), once(b"x")).await.unwrap();
    repository.uploads().finish(&id, Some(1), once(b"y"), &sha256(b"xy")).await.unwrap();
}

async fn a_record_that_is_none_makes_no_upload(fixture: Fixture) {
    for record in ["", "yesterday", "2024-05-01T12:00:00Z\nlarge many"] {
        fixture.write("/docker/registry/v2/repositories/a/_uploads/x/startedat", record).await;
        let error = fixture.repository("a").uploads().status(&"x".parse().unwrap()).await.unwrap_err();
        assert!(matches!(error, Error::UploadUnknown(_)), "{record:?}");
    }
}

/// Whoever overwrites a record with an older one cannot make the store believe its hashes.
async fn hashes_of_other_bytes_are_never_believed(fixture: Fixture) {
    let repository = fixture.repository("a");
    let id = repository.uploads().start(None).await.unwrap().id;
    let path = format!("/docker/registry/v2/repositories/a/_uploads/{id}/startedat");
    let bytes = content(LARGE, 10);
    repository.uploads().append(&id, None, once(&bytes)).await.unwrap();
    let old = fixture.tree().await[&path].clone();
    repository.uploads().append(&id, None, once(b"more")).await.unwrap();
    fixture.write(&path, str::from_utf8(&old).unwrap()).await;

    let error = repository.uploads().finish(&id, None, once(b""), &sha256(&bytes)).await.unwrap_err();
    assert!(matches!(error, Error::DigestMismatch { .. }));
    let whole = [bytes.as_slice(), b"more"].concat();
    repository.uploads().finish(&id, None, once(b""), &sha256(&whole)).await.unwrap();
    assert_eq!(read_blob(&*repository, &sha256(&whole)).await, whole);
}

async fn what_another_process_did_to_an_upload_counts(fixture: Fixture) {
    let (here, there) = (fixture.repository("a"), repository(&fixture.elsewhere(), "a"));
    let begin = async || {
        let id = here.uploads().start(None).await.unwrap().id;
        there.uploads().append(&id, Some(0), once(b"x")).await.unwrap();
        id
    };
    let id = begin().await;
    here.uploads().finish(&id, Some(1), once(b"y"), &sha256(b"xy")).await.unwrap();
    let id = begin().await;
    here.uploads().finish(&id, None, once(b"y"), &sha256(b"xy")).await.unwrap();
    for body in [&b"y"[..], &content(LARGE, 1)] {
        let id = begin().await;
        let error = here.uploads().append(&id, Some(0), once(body)).await.unwrap_err();
        assert!(matches!(error, Error::UploadOffset { given: 0, actual: 1 }), "{error:?}");
        here.uploads().append(&id, Some(1), once(b"y")).await.unwrap();
        there.uploads().cancel(&id).await.unwrap();
        is_unknown(&fixture, "a", &id).await;
    }
    for is_cancelled in [true, false] {
        let id = here.uploads().start(None).await.unwrap().id;
        if is_cancelled {
            there.uploads().cancel(&id).await.unwrap();
        } else {
            there.uploads().finish(&id, Some(0), once(b"x"), &sha256(b"x")).await.unwrap();
        }
        let error = here.uploads().finish(&id, Some(0), once(b"z"), &sha256(b"z")).await.unwrap_err();
        assert!(matches!(error, Error::UploadUnknown(_)), "{error:?}");
    }
}
