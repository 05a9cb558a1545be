//! Pushes that must not succeed, and what is left when they did not.

use std::time::Duration;

use http::Method;

use super::suite;
use crate::case::Case;
use crate::check::{Verdict, ensure, fail, skip};
use crate::fixture::{Algorithm, Blob, unknown_digest};
use crate::raw::RawConnection;

suite![
    a_wrong_digest_is_400_and_stores_nothing,
    a_closing_put_without_a_digest_is_400,
    an_upload_outlives_a_bad_closing_digest,
    an_unknown_upload_is_404_blob_upload_unknown,
    an_upload_of_another_repository_is_404,
    a_closed_upload_is_gone,
    an_upload_that_was_never_closed_stores_nothing,
    a_young_upload_is_not_timed_out,
    a_closing_put_that_is_cut_off_stores_nothing,
    a_chunk_that_is_cut_off_can_be_resumed,
];

async fn a_wrong_digest_is_400_and_stores_nothing(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(1000));
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let upload = repository.start().await?;
        let wrong = unknown_digest(algorithm);
        let answer = upload.close(&wrong, blob.bytes.clone()).send().await?;
        answer.must_be(400)?.code_must_be(&["DIGEST_INVALID"])?;
        repository.get_blob(&wrong).send().await?.must_be(404)?;
        repository.get_blob(&blob.digest()).send().await?.must_be(404)?;
    }
    Ok(())
}

async fn a_closing_put_without_a_digest_is_400(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(100));
    let upload = repository.start().await?;
    let request = case.follow(Method::PUT, &upload.address).body(blob.bytes.clone());
    request.send().await?.must_be(400)?.code_must_be(&["DIGEST_INVALID"])?;
    let upload = repository.start().await?;
    let request = case.follow(Method::PUT, &upload.address.with_query("digest="));
    request.send().await?.must_be(400)?.code_must_be(&["DIGEST_INVALID"])?;
    repository.get_blob(&blob.digest()).send().await?.must_be(404)?;
    Ok(())
}

async fn an_upload_outlives_a_bad_closing_digest(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut upload = repository.start().await?;
    let blob = case.blob(upload.chunk_len(1000));
    upload.push_chunk(0, blob.bytes.clone()).await?;
    upload.close_bare("sha256:nonsense").send().await?.must_be(400)?;
    upload.close_bare("").send().await?.must_be(400)?;
    let position = upload.position().await?;
    ensure(position == blob.len(), || format!("{position} bytes of {} are left", blob.len()))?;
    upload.close_bare(&blob.digest()).send().await?.must_be(201)?;
    repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn an_unknown_upload_is_404_blob_upload_unknown(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_blob(&case.blob(10)).await?;
    let blob = case.blob(10);
    for id in [uuid::Uuid::new_v4().to_string(), "nonsense".to_owned(), "b=".to_owned()] {
        let path = format!("{}{id}", repository.uploads_path());
        let allowed = ["BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID"];
        case.get(&path).send().await?.must_be(404)?.code_must_be(&["BLOB_UPLOAD_UNKNOWN"])?;
        let patch = case.request(Method::PATCH, &path).header("content-type", "application/octet-stream");
        patch.body(blob.bytes.clone()).send().await?.must_be(404)?.code_must_be(&allowed)?;
        let put = case.put(format!("{path}?digest={}", blob.digest()));
        put.body(blob.bytes.clone()).send().await?.must_be(404)?.code_must_be(&allowed)?;
        case.delete(&path).send().await?.must_be(404)?.code_must_be(&allowed)?;
    }
    repository.get_blob(&blob.digest()).send().await?.must_be(404)?;
    Ok(())
}

async fn an_upload_of_another_repository_is_404(case: &Case) -> Verdict {
    let (here, there) = (case.repository(), case.repository());
    let (upload, blob) = (here.start().await?, case.blob(100));
    let place = upload.address.path_and_query();
    if !place.contains(&here.name) {
        return skip("the location of an upload does not name its repository");
    }
    let stolen = upload.address.resolve(&place.replace(&here.name, &there.name)).or_else(fail)?;
    let put = case.follow(Method::PUT, &stolen.with_query(&format!("digest={}", blob.digest())));
    put.body(blob.bytes.clone()).send().await?.must_be(404)?;
    there.get_blob(&blob.digest()).send().await?.must_be(404)?;
    Ok(())
}

async fn a_closed_upload_is_gone(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(100));
    let upload = repository.start().await?;
    upload.close(&blob.digest(), blob.bytes.clone()).send().await?.must_be(201)?;
    upload.must_be_gone().await?;
    upload.close(&blob.digest(), blob.bytes.clone()).send().await?.must_be(404)?;
    Ok(())
}

async fn an_upload_that_was_never_closed_stores_nothing(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut upload = repository.start().await?;
    let blob = case.blob(upload.chunk_len(1000));
    upload.push_chunk(0, blob.bytes.clone()).await?;
    repository.get_blob(&blob.digest()).send().await?.must_be(404)?;
    case.head(repository.blob_path(&blob.digest())).send().await?.must_be(404)?;
    Ok(())
}

/// When an upload ends by itself cannot be awaited here; that it does not end while it is used can.
async fn a_young_upload_is_not_timed_out(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut upload = repository.start().await?;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    upload.position().await?;
    let blob = case.blob(100);
    upload.close(&blob.digest(), blob.bytes.clone()).send().await?.must_be(201)?;
    Ok(())
}

async fn a_closing_put_that_is_cut_off_stores_nothing(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(100_000));
    let upload = repository.start().await?;
    let half = Blob::new(blob.bytes.slice(..50_000));
    for digest in [blob.digest(), half.digest()] {
        let address = upload.address.with_query(&format!("digest={digest}"));
        let mut connection = RawConnection::open(case, &address).await?;
        let length = format!("Content-Length: {}", blob.len());
        connection.head("PUT", &address, &["Content-Type: application/octet-stream", &length]).await?;
        connection.write(&half.bytes).await?;
        connection.finish().await;
        drop(connection);
        tokio::time::sleep(Duration::from_millis(200)).await;
        repository.get_blob(&digest).send().await?.must_be(404)?;
    }
    Ok(())
}

/// "Resumable Push": the line breaks within a chunk, the client asks how far it came, and sends the rest.
async fn a_chunk_that_is_cut_off_can_be_resumed(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(300_000));
    let mut upload = repository.start().await?;
    let mut connection = RawConnection::open(case, &upload.address).await?;
    let length = format!("Content-Length: {}", blob.len());
    connection.head("PATCH", &upload.address, &["Content-Type: application/octet-stream", &length]).await?;
    connection.write(&blob.bytes[..200_000]).await?;
    drop(connection);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let answer = upload.status().send().await?;
    let range = answer.must_be(204)?.must_have("range")?.to_owned();
    // `0-0` is an empty upload as well as a single byte; from there the whole blob is sent again.
    let position = if range == "0-0" { 0 } else { upload.position().await? };
    ensure(position <= 200_000, || answer.fault("the upload holds more than was sent"))?;
    upload.address = answer.location()?;
    upload.push_chunk(position, blob.bytes.slice(position..)).await?;
    upload.close_bare(&blob.digest()).send().await?.must_be(201)?;
    repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}
