//! A blob in one request.

use http::Method;

use super::suite;
use crate::case::{Case, Repository};
use crate::check::{Stop, Verdict, skip};
use crate::exchange::{Answer, encode};
use crate::fixture::{Algorithm, Blob, malformed_digests, unknown_digest};
use crate::upload::Upload;

suite![
    a_single_post_stores_the_blob_or_begins_an_upload,
    a_single_post_is_201_with_a_location,
    the_location_of_a_single_post_is_that_blob,
    a_single_post_of_the_empty_blob_is_201,
    a_single_post_with_a_wrong_digest_is_400,
    a_single_post_with_a_malformed_digest_is_400,
    a_single_post_that_is_cut_off_stores_nothing,
    a_single_post_without_a_length_is_a_whole_blob_too,
];

async fn a_single_post_stores_the_blob_or_begins_an_upload(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(1000));
    let answer = post(&repository, &blob.digest(), &blob).await?;
    if answer.must_be_one_of(&[201, 202])?.status() == 202 {
        let upload = Upload::begun(case, &answer)?;
        upload.close(&blob.digest(), blob.bytes.clone()).send().await?.must_be(201)?;
    }
    repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_single_post_is_201_with_a_location(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(1000));
    let answer = supported(post(&repository, &blob.digest(), &blob).await?)?;
    answer.must_be(201)?.must_have("location")?;
    answer.header_may_be("docker-content-digest", &blob.digest())?;
    Ok(())
}

async fn the_location_of_a_single_post_is_that_blob(case: &Case) -> Verdict {
    let repository = case.repository();
    for len in [1, 1000, 5 << 20] {
        let blob = case.blob(len);
        let answer = supported(post(&repository, &blob.digest(), &blob).await?)?;
        let location = answer.must_be(201)?.location()?;
        case.follow(Method::GET, &location).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    }
    Ok(())
}

async fn a_single_post_of_the_empty_blob_is_201(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), Blob::new(""));
    supported(post(&repository, &blob.digest(), &blob).await?)?.must_be(201)?;
    repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(b"")?;
    Ok(())
}

async fn a_single_post_with_a_wrong_digest_is_400(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(1000));
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let wrong = unknown_digest(algorithm);
        let answer = supported(post(&repository, &wrong, &blob).await?)?;
        answer.must_be(400)?.code_must_be(&["DIGEST_INVALID"])?;
        repository.get_blob(&wrong).send().await?.must_be(404)?;
        repository.get_blob(&blob.digest()).send().await?.must_be(404)?;
    }
    Ok(())
}

async fn a_single_post_with_a_malformed_digest_is_400(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(100));
    for digest in malformed_digests() {
        let answer = supported(post(&repository, &digest, &blob).await?)?;
        answer.must_be(400)?.code_must_be(&["DIGEST_INVALID"])?;
    }
    Ok(())
}

async fn a_single_post_that_is_cut_off_stores_nothing(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(100_000));
    let half = Blob::new(blob.bytes.slice(..50_000));
    let address = case.at(&format!("{}?digest={}", repository.uploads_path(), half.digest()));
    let mut connection = crate::raw::RawConnection::open(case, &address).await?;
    connection
        .head("POST", &address, &["Content-Type: application/octet-stream", "Content-Length: 100000"])
        .await?;
    connection.write(&half.bytes).await?;
    drop(connection);
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    repository.get_blob(&half.digest()).send().await?.must_be(404)?;
    Ok(())
}

async fn a_single_post_without_a_length_is_a_whole_blob_too(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(10_000));
    let pieces = blob.bytes.chunks(3000).map(bytes::Bytes::copy_from_slice).collect();
    let path = format!("{}?digest={}", repository.uploads_path(), blob.digest());
    let request = case.post(path).header("content-type", "application/octet-stream").streamed(pieces);
    supported(request.send().await?)?.must_be(201)?;
    repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

pub(super) async fn post(repository: &Repository<'_>, digest: &str, blob: &Blob) -> Result<Answer, Stop> {
    let path = format!("{}?digest={}", repository.uploads_path(), encode(digest));
    let request = repository.case.post(path).header("content-type", "application/octet-stream");
    request.body(blob.bytes.clone()).send().await
}

/// 202 with a location is how a registry says that it wants the blob in two requests.
pub(super) fn supported(answer: Answer) -> Result<Answer, Stop> {
    match (answer.status(), answer.header("location")) {
        (202, Some(_)) => skip("a single POST begins an upload (202)"),
        _ => Ok(answer),
    }
}
