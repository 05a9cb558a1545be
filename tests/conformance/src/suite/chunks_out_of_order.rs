//! Chunks that do not begin where the last one ended, or that lie about themselves; and the session that survives them.

use super::chunks::two_chunks;
use super::suite;
use crate::case::{Case, Repository};
use crate::check::{Stop, Verdict, ensure};
use crate::fixture::Blob;
use crate::upload::Upload;

suite![
    a_first_chunk_that_does_not_begin_at_0_is_416,
    a_chunk_that_leaves_a_gap_is_416,
    a_chunk_that_is_sent_again_is_416,
    a_chunk_that_overlaps_the_last_one_is_416,
    a_last_chunk_out_of_order_in_the_closing_put_is_416,
    a_session_survives_a_chunk_out_of_order,
    an_empty_session_survives_a_chunk_out_of_order,
    a_session_survives_a_closing_put_out_of_order,
    a_malformed_content_range_is_refused,
    a_content_range_that_contradicts_the_length_is_refused,
];

async fn a_first_chunk_that_does_not_begin_at_0_is_416(case: &Case) -> Verdict {
    let upload = case.repository().start().await?;
    let blob = case.blob(upload.chunk_len(1000));
    for start in [1, 1000, 1_000_000_000] {
        upload.chunk(start, blob.bytes.clone()).send().await?.must_be(416)?;
    }
    Ok(())
}

async fn a_chunk_that_leaves_a_gap_is_416(case: &Case) -> Verdict {
    let repository = case.repository();
    let (upload, blob) = two_chunks(case, &repository).await?;
    for gap in [1, 1000] {
        upload.chunk(blob.len() + gap, case.blob(1000).bytes).send().await?.must_be(416)?;
    }
    Ok(())
}

async fn a_chunk_that_is_sent_again_is_416(case: &Case) -> Verdict {
    let repository = case.repository();
    let (upload, blob) = two_chunks(case, &repository).await?;
    let half = blob.len() / 2;
    upload.chunk(0, blob.bytes.slice(..half)).send().await?.must_be(416)?;
    upload.chunk(half, blob.bytes.slice(half..)).send().await?.must_be(416)?;
    Ok(())
}

async fn a_chunk_that_overlaps_the_last_one_is_416(case: &Case) -> Verdict {
    let repository = case.repository();
    let (upload, blob) = two_chunks(case, &repository).await?;
    upload.chunk(blob.len() - 1, case.blob(1000).bytes).send().await?.must_be(416)?;
    Ok(())
}

async fn a_last_chunk_out_of_order_in_the_closing_put_is_416(case: &Case) -> Verdict {
    let repository = case.repository();
    for shift in [-1, 1, 500] {
        let (upload, last, blob) = before_the_last(case, &repository).await?;
        let start = (blob.len() - last.len()).saturating_add_signed(shift);
        let range = format!("{start}-{}", start + last.len() - 1);
        let request = upload.close(&blob.digest(), last.bytes.clone()).header("content-range", range);
        request.send().await?.must_be(416)?;
        repository.get_blob(&blob.digest()).send().await?.must_be(404)?;
    }
    Ok(())
}

async fn a_session_survives_a_chunk_out_of_order(case: &Case) -> Verdict {
    let repository = case.repository();
    let (mut upload, last, blob) = before_the_last(case, &repository).await?;
    upload.chunk(0, last.bytes.clone()).send().await?.must_be(416)?;
    upload.chunk(blob.len(), last.bytes.clone()).send().await?.must_be(416)?;
    finish(&mut upload, &repository, &last, &blob).await
}

async fn an_empty_session_survives_a_chunk_out_of_order(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut upload = repository.start().await?;
    let blob = case.blob(upload.chunk_len(1000));
    upload.chunk(5, blob.bytes.clone()).send().await?.must_be(416)?;
    let answer = upload.status().send().await?;
    let range = answer.must_be(204)?.must_have("range")?.starts_with("0-");
    ensure(range, || answer.fault("Range does not begin with 0-"))?;
    upload.position().await?;
    upload.push_chunk(0, blob.bytes.clone()).await?;
    upload.close_bare(&blob.digest()).send().await?.must_be(201)?;
    repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_session_survives_a_closing_put_out_of_order(case: &Case) -> Verdict {
    let repository = case.repository();
    let (mut upload, last, blob) = before_the_last(case, &repository).await?;
    let range = format!("{}-{}", blob.len(), blob.len() + last.len() - 1);
    let request = upload.close(&blob.digest(), last.bytes.clone()).header("content-range", range);
    request.send().await?.must_be(416)?;
    finish(&mut upload, &repository, &last, &blob).await
}

async fn a_malformed_content_range_is_refused(case: &Case) -> Verdict {
    let repository = case.repository();
    let (mut upload, last, blob) = before_the_last(case, &repository).await?;
    for range in
        ["-", "a-b", "2000", "2000-", "-2999", "2999-2000", "2000-2999-3000", "99999999999999999999-1"]
    {
        let answer = upload.patch().header("content-range", range).body(last.bytes.clone()).send().await?;
        answer.must_be_one_of(&[400, 416])?;
    }
    finish(&mut upload, &repository, &last, &blob).await
}

async fn a_content_range_that_contradicts_the_length_is_refused(case: &Case) -> Verdict {
    let repository = case.repository();
    let (mut upload, last, blob) = before_the_last(case, &repository).await?;
    let start = blob.len() - last.len();
    for end in [start, blob.len() - 2, blob.len(), blob.len() + 100] {
        let request =
            upload.patch().header("content-range", format!("{start}-{end}")).body(last.bytes.clone());
        request.send().await?.must_be_one_of(&[400, 416])?;
    }
    finish(&mut upload, &repository, &last, &blob).await
}

/// A session that lacks one more chunk: the session, that chunk, and the whole.
async fn before_the_last<'a>(
    case: &'a Case,
    repository: &Repository<'a>,
) -> Result<(Upload<'a>, Blob, Blob), Stop> {
    let (upload, start) = two_chunks(case, repository).await?;
    let last = case.blob(upload.chunk_len(1000));
    let whole = Blob::new([&start.bytes[..], &last.bytes[..]].concat());
    Ok((upload, last, whole))
}

/// Asks where the session stands, which must be before the last chunk, and brings it to its end.
async fn finish(upload: &mut Upload<'_>, repository: &Repository<'_>, last: &Blob, whole: &Blob) -> Verdict {
    let start = whole.len() - last.len();
    let position = upload.position().await?;
    ensure(position == start, || format!("the session holds {position} bytes instead of {start}"))?;
    upload.push_chunk(start, last.bytes.clone()).await?;
    upload.close_bare(&whole.digest()).send().await?.must_be(201)?;
    repository.get_blob(&whole.digest()).send().await?.must_be(200)?.body_must_be(&whole.bytes)?;
    Ok(())
}
