//! Blobs on their way in, whole: a session, then one request with all the bytes.

use http::Method;

use super::suite;
use crate::case::Case;
use crate::check::{Verdict, ensure};
use crate::fixture::{Algorithm, Blob};
use crate::upload::Upload;

suite![
    a_new_upload_is_202_with_a_location,
    the_location_of_an_upload_holds_a_uuid,
    every_upload_has_an_id_of_its_own,
    an_upload_location_may_be_absolute_or_relative_and_carry_parameters,
    a_closing_put_with_the_whole_blob_is_201,
    the_location_of_a_pushed_blob_is_that_blob,
    a_pushed_blob_answer_names_its_digest,
    the_empty_blob_is_pushed_and_pulled,
    a_large_blob_is_pushed_and_pulled,
    a_blob_is_accepted_again,
    one_blob_is_pushed_twice_at_the_same_time,
    a_closing_put_without_a_length_is_a_whole_blob_too,
    a_closing_put_in_the_clothes_of_a_form_is_a_blob,
    a_pushed_blob_is_there_at_once,
];

async fn a_new_upload_is_202_with_a_location(case: &Case) -> Verdict {
    let answer = case.post(case.repository().uploads_path()).send().await?;
    answer.must_be(202)?.location()?;
    Ok(())
}

async fn the_location_of_an_upload_holds_a_uuid(case: &Case) -> Verdict {
    let answer = case.post(case.repository().uploads_path()).send().await?;
    let location = answer.must_be(202)?.location()?;
    let found =
        location.path_and_query().split(['/', '?', '=', '&']).any(|part| uuid::Uuid::try_parse(part).is_ok());
    ensure(found, || answer.fault("no UUID in the location"))?;
    if let Some(id) = answer.header("docker-upload-uuid") {
        ensure(location.path_and_query().contains(id), || {
            answer.fault("Docker-Upload-UUID names another upload")
        })?;
    }
    Ok(())
}

async fn every_upload_has_an_id_of_its_own(case: &Case) -> Verdict {
    let repository = case.repository();
    let (mut first, mut second) = (repository.start().await?, repository.start().await?);
    ensure(first.address.path() != second.address.path(), || format!("two uploads at {}", first.address))?;
    let (one, two) = (case.blob(first.chunk_len(100)), case.blob(second.chunk_len(200)));
    first.push_chunk(0, one.bytes.clone()).await?;
    second.push_chunk(0, two.bytes.clone()).await?;
    first.close_bare(&one.digest()).send().await?.must_be(201)?;
    second.close_bare(&two.digest()).send().await?.must_be(201)?;
    repository.get_blob(&one.digest()).send().await?.must_be(200)?.body_must_be(&one.bytes)?;
    Ok(())
}

/// The location is followed to the letter, whatever its form, with `digest` as one more parameter.
async fn an_upload_location_may_be_absolute_or_relative_and_carry_parameters(case: &Case) -> Verdict {
    let repository = case.repository();
    let answer = case.post(repository.uploads_path()).send().await?;
    let text = answer.must_be(202)?.must_have("location")?;
    let form = text.starts_with("http://") || text.starts_with("https://") || text.starts_with('/');
    ensure(form, || answer.fault("the location is neither a URL nor an absolute path"))?;
    let (upload, blob) = (Upload::begun(case, &answer)?, case.blob(100));
    upload.close(&blob.digest(), blob.bytes.clone()).send().await?.must_be(201)?;
    Ok(())
}

async fn a_closing_put_with_the_whole_blob_is_201(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(1000));
    let upload = repository.start().await?;
    let answer = upload.close(&blob.digest(), blob.bytes.clone()).send().await?;
    answer.must_be(201)?.must_have("location")?;
    Ok(())
}

async fn the_location_of_a_pushed_blob_is_that_blob(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(1000));
    let upload = repository.start().await?;
    let answer = upload.close(&blob.digest(), blob.bytes.clone()).send().await?;
    let location = answer.must_be(201)?.location()?;
    case.follow(Method::GET, &location).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_pushed_blob_answer_names_its_digest(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(1000));
    let upload = repository.start().await?;
    let answer = upload.close(&blob.digest(), blob.bytes.clone()).send().await?;
    answer.must_be(201)?.header_must_be("docker-content-digest", &blob.digest())?;
    Ok(())
}

async fn the_empty_blob_is_pushed_and_pulled(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), Blob::new(""));
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        repository.push_blob_by(&blob, algorithm).await?;
        let answer = repository.get_blob(&blob.digest_by(algorithm)).send().await?;
        answer.must_be(200)?.body_must_be(b"")?.header_may_be("content-length", "0")?;
        let head = case.head(repository.blob_path(&blob.digest_by(algorithm))).send().await?;
        head.must_be(200)?.header_must_be("content-length", "0")?;
    }
    Ok(())
}

async fn a_large_blob_is_pushed_and_pulled(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(24 << 20));
    repository.push_blob(&blob).await?;
    repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_blob_is_accepted_again(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(1000));
    for _ in 0..3 {
        repository.push_blob(&blob).await?;
    }
    case.repository().push_blob(&blob).await?;
    repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn one_blob_is_pushed_twice_at_the_same_time(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(1 << 20));
    let (one, two) = tokio::join!(repository.push_blob(&blob), repository.push_blob(&blob));
    one?;
    two?;
    repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_closing_put_without_a_length_is_a_whole_blob_too(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(10_000));
    let upload = repository.start().await?;
    let pieces = blob.bytes.chunks(3000).map(bytes::Bytes::copy_from_slice).collect();
    let request = upload.close_bare(&blob.digest()).header("content-type", "application/octet-stream");
    request.streamed(pieces).send().await?.must_be(201)?;
    repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_closing_put_in_the_clothes_of_a_form_is_a_blob(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(1000));
    let upload = repository.start().await?;
    let request =
        upload.close_bare(&blob.digest()).header("content-type", "application/x-www-form-urlencoded");
    request.body(blob.bytes.clone()).send().await?.must_be(201)?;
    repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_pushed_blob_is_there_at_once(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(1000));
    case.head(repository.blob_path(&blob.digest())).send().await?.must_be(404)?;
    repository.push_blob(&blob).await?;
    case.head(repository.blob_path(&blob.digest())).send().await?.must_be(200)?;
    Ok(())
}
