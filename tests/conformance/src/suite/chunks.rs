//! Blobs on their way in, piece by piece and in order.

use bytes::Bytes;
use http::Method;

use super::suite;
use crate::case::{Case, Repository};
use crate::check::{Stop, Verdict, ensure};
use crate::fixture::{Algorithm, Blob};
use crate::upload::Upload;

suite![
    every_chunk_is_202_with_a_location_and_the_range_so_far,
    a_session_is_closed_without_a_last_chunk,
    a_session_is_closed_with_the_last_chunk,
    the_location_after_closing_a_session_is_the_blob,
    the_last_chunk_may_have_any_length,
    a_minimum_chunk_length_is_a_number_and_enough,
    a_session_without_a_minimum_takes_the_smallest_chunks,
    the_status_of_a_session_is_204_with_location_and_range,
    the_status_of_an_empty_session_begins_with_0,
    every_answer_of_a_session_gives_a_location_that_goes_on,
    chunks_without_a_content_range_are_appended,
    a_chunk_without_a_length_is_appended,
    a_chunk_without_a_content_type_is_appended,
    an_empty_chunk_changes_nothing,
    a_digest_algorithm_is_accepted_when_an_upload_begins,
    an_unknown_digest_algorithm_is_400,
];

async fn every_chunk_is_202_with_a_location_and_the_range_so_far(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut upload = repository.start().await?;
    let size = upload.chunk_len(1000);
    let blob = case.blob(3 * size);
    for start in [0, size, 2 * size] {
        upload.push_chunk(start, blob.bytes.slice(start..start + size)).await?;
    }
    upload.close_bare(&blob.digest()).send().await?.must_be(201)?;
    repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_session_is_closed_without_a_last_chunk(case: &Case) -> Verdict {
    let repository = case.repository();
    let (upload, blob) = two_chunks(case, &repository).await?;
    let answer = upload.close_bare(&blob.digest()).send().await?;
    answer.must_be(201)?.must_have("location")?;
    answer.header_may_be("docker-content-digest", &blob.digest())?;
    repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_session_is_closed_with_the_last_chunk(case: &Case) -> Verdict {
    let repository = case.repository();
    for ranged in [true, false] {
        let (upload, start) = two_chunks(case, &repository).await?;
        let last = case.blob(77);
        let blob = Blob::new([&start.bytes[..], &last.bytes[..]].concat());
        let mut request = upload.close(&blob.digest(), last.bytes.clone());
        if ranged {
            request = request.header("content-range", format!("{}-{}", start.len(), blob.len() - 1));
        }
        request.send().await?.must_be(201)?;
        repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    }
    Ok(())
}

async fn the_location_after_closing_a_session_is_the_blob(case: &Case) -> Verdict {
    let repository = case.repository();
    let (upload, blob) = two_chunks(case, &repository).await?;
    let location = upload.close_bare(&blob.digest()).send().await?.must_be(201)?.location()?;
    case.follow(Method::GET, &location).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn the_last_chunk_may_have_any_length(case: &Case) -> Verdict {
    let repository = case.repository();
    for len in [1, 999] {
        let (mut upload, start) = two_chunks(case, &repository).await?;
        let last = case.blob(len);
        let blob = Blob::new([&start.bytes[..], &last.bytes[..]].concat());
        upload.push_chunk(start.len(), last.bytes.clone()).await?;
        upload.close_bare(&blob.digest()).send().await?.must_be(201)?;
        repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    }
    Ok(())
}

async fn a_minimum_chunk_length_is_a_number_and_enough(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut upload = repository.start().await?;
    let blob = case.blob(upload.chunk_len(1));
    upload.push_chunk(0, blob.bytes.clone()).await?;
    upload.close_bare(&blob.digest()).send().await?.must_be(201)?;
    Ok(())
}

async fn a_session_without_a_minimum_takes_the_smallest_chunks(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut upload = repository.start().await?;
    let size = upload.chunk_len(1);
    let blob = case.blob(5 * size);
    for start in (0..blob.len()).step_by(size) {
        upload.push_chunk(start, blob.bytes.slice(start..start + size)).await?;
    }
    upload.close_bare(&blob.digest()).send().await?.must_be(201)?;
    repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn the_status_of_a_session_is_204_with_location_and_range(case: &Case) -> Verdict {
    let repository = case.repository();
    let (mut upload, blob) = two_chunks(case, &repository).await?;
    let answer = upload.status().send().await?;
    answer.must_be(204)?.header_must_be("range", &format!("0-{}", blob.len() - 1))?;
    upload.address = answer.location()?;
    upload.close_bare(&blob.digest()).send().await?.must_be(201)?;
    Ok(())
}

async fn the_status_of_an_empty_session_begins_with_0(case: &Case) -> Verdict {
    let mut upload = case.repository().start().await?;
    let position = upload.position().await?;
    ensure(position <= 1, || format!("an empty upload claims {position} bytes"))
}

async fn every_answer_of_a_session_gives_a_location_that_goes_on(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut upload = repository.start().await?;
    let size = upload.chunk_len(100);
    let blob = case.blob(3 * size);
    for start in [0, size, 2 * size] {
        let before = upload.position().await?;
        ensure(before == start.max(1), || format!("{before} bytes are there, {start} were sent"))?;
        upload.push_chunk(start, blob.bytes.slice(start..start + size)).await?;
    }
    upload.position().await?;
    upload.close_bare(&blob.digest()).send().await?.must_be(201)?;
    Ok(())
}

async fn chunks_without_a_content_range_are_appended(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut upload = repository.start().await?;
    let size = upload.chunk_len(1000);
    let blob = case.blob(2 * size);
    for start in [0, size] {
        let answer = upload.patch().body(blob.bytes.slice(start..start + size)).send().await?;
        answer.must_be(202)?.header_must_be("range", &format!("0-{}", start + size - 1))?;
        upload.address = answer.location()?;
    }
    upload.close_bare(&blob.digest()).send().await?.must_be(201)?;
    Ok(())
}

async fn a_chunk_without_a_length_is_appended(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut upload = repository.start().await?;
    let blob = case.blob(upload.chunk_len(100_000));
    let pieces = blob.bytes.chunks(33_333).map(Bytes::copy_from_slice).collect();
    let answer = upload.patch().streamed(pieces).send().await?;
    answer.must_be(202)?.header_must_be("range", &format!("0-{}", blob.len() - 1))?;
    upload.address = answer.location()?;
    upload.close_bare(&blob.digest()).send().await?.must_be(201)?;
    repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_chunk_without_a_content_type_is_appended(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut upload = repository.start().await?;
    let blob = case.blob(upload.chunk_len(1000));
    let answer = case.follow(Method::PATCH, &upload.address).body(blob.bytes.clone()).send().await?;
    upload.address = answer.must_be(202)?.location()?;
    upload.close_bare(&blob.digest()).send().await?.must_be(201)?;
    Ok(())
}

async fn an_empty_chunk_changes_nothing(case: &Case) -> Verdict {
    let repository = case.repository();
    let (mut upload, blob) = two_chunks(case, &repository).await?;
    let answer = upload.patch().body("").send().await?;
    answer.must_be(202)?.header_must_be("range", &format!("0-{}", blob.len() - 1))?;
    upload.address = answer.location()?;
    upload.close_bare(&blob.digest()).send().await?.must_be(201)?;
    Ok(())
}

async fn a_digest_algorithm_is_accepted_when_an_upload_begins(case: &Case) -> Verdict {
    let repository = case.repository();
    for algorithm in Algorithm::ALL {
        let path = format!("{}?digest-algorithm={}", repository.uploads_path(), algorithm.name());
        let answer = case.post(path).send().await?;
        let mut upload = Upload::begun(case, answer.must_be(202)?)?;
        let blob = case.blob(upload.chunk_len(1000));
        upload.push_chunk(0, blob.bytes.clone()).await?;
        let digest = blob.digest_by(algorithm);
        let location = upload.close_bare(&digest).send().await?.must_be(201)?.location()?;
        case.follow(Method::GET, &location).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
        repository.get_blob(&digest).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    }
    Ok(())
}

async fn an_unknown_digest_algorithm_is_400(case: &Case) -> Verdict {
    let repository = case.repository();
    for algorithm in ["unheard", "md5", "sha1", "SHA256", "sha256:", "..%2F", "%00"] {
        let path = format!("{}?digest-algorithm={algorithm}", repository.uploads_path());
        case.post(path).send().await?.must_be(400)?;
    }
    Ok(())
}

/// A session that holds two chunks, and what they are together.
pub(super) async fn two_chunks<'a>(
    case: &'a Case,
    repository: &Repository<'a>,
) -> Result<(Upload<'a>, Blob), Stop> {
    let mut upload = repository.start().await?;
    let size = upload.chunk_len(1000);
    let blob = case.blob(2 * size);
    upload.push_chunk(0, blob.bytes.slice(..size)).await?;
    upload.push_chunk(size, blob.bytes.slice(size..)).await?;
    Ok((upload, blob))
}
