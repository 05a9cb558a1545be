//! Parts of blobs, as RFC 9110 section 14 has them.

use super::suite;
use crate::case::{Case, Repository};
use crate::check::{Stop, Verdict, ensure, fail};
use crate::exchange::Answer;
use crate::fixture::Blob;

suite![
    a_range_from_first_to_last_is_206,
    a_range_without_an_end_reaches_the_end,
    a_range_of_the_last_bytes_is_206,
    a_range_that_ends_past_the_end_is_cut,
    a_range_that_begins_past_the_end_is_416,
    a_range_that_ends_before_it_begins_is_416,
    a_range_of_the_last_zero_bytes_is_never_content,
    several_ranges_are_one_multipart_answer,
    several_ranges_of_which_some_are_past_the_end_give_the_others,
    a_blob_is_put_together_from_ranges,
    a_range_in_another_unit_is_ignored,
    a_range_of_an_empty_blob_is_the_blob_or_416,
    if_range_asks_for_the_whole_of_what_has_changed,
    a_range_of_a_missing_blob_is_404,
];

const LEN: usize = 2000;

async fn a_range_from_first_to_last_is_206(case: &Case) -> Verdict {
    check_ranges(
        case,
        &[("500-1499", 500, 1500), ("0-0", 0, 1), ("0-1999", 0, LEN), ("1999-1999", 1999, LEN)],
    )
    .await
}

async fn a_range_without_an_end_reaches_the_end(case: &Case) -> Verdict {
    check_ranges(case, &[("500-", 500, LEN), ("0-", 0, LEN), ("1999-", 1999, LEN)]).await
}

async fn a_range_of_the_last_bytes_is_206(case: &Case) -> Verdict {
    check_ranges(case, &[("-500", 1500, LEN), ("-1", 1999, LEN), ("-2000", 0, LEN), ("-9000", 0, LEN)]).await
}

async fn a_range_that_ends_past_the_end_is_cut(case: &Case) -> Verdict {
    check_ranges(case, &[("1500-2000", 1500, LEN), ("1999-999999999", 1999, LEN), ("0-5000", 0, LEN)]).await
}

async fn a_range_that_begins_past_the_end_is_416(case: &Case) -> Verdict {
    let (repository, blob) = pushed(case).await?;
    for range in ["2000-", "2000-2001", "999999999-", "99999999999999999999-"] {
        let answer = part(&repository, &blob, range).await?;
        answer.must_be(416)?.header_must_be("content-range", &format!("bytes */{LEN}"))?;
    }
    Ok(())
}

async fn a_range_that_ends_before_it_begins_is_416(case: &Case) -> Verdict {
    let (repository, blob) = pushed(case).await?;
    for range in ["1499-500", "1-0"] {
        part(&repository, &blob, range).await?.must_be(416)?;
    }
    Ok(())
}

async fn a_range_of_the_last_zero_bytes_is_never_content(case: &Case) -> Verdict {
    let (repository, blob) = pushed(case).await?;
    let answer = part(&repository, &blob, "-0").await?;
    answer.must_be_one_of(&[200, 416])?;
    if answer.status() == 200 {
        answer.body_must_be(&blob.bytes)?;
    }
    Ok(())
}

async fn several_ranges_are_one_multipart_answer(case: &Case) -> Verdict {
    let (repository, blob) = pushed(case).await?;
    let answer = part(&repository, &blob, "0-99, 500-599,-10").await?;
    must_hold_parts(&answer, &blob, &[(0, 100), (500, 600), (1990, 2000)])
}

async fn several_ranges_of_which_some_are_past_the_end_give_the_others(case: &Case) -> Verdict {
    let (repository, blob) = pushed(case).await?;
    let answer = part(&repository, &blob, "0-99,700-799,5000-5999").await?;
    must_hold_parts(&answer, &blob, &[(0, 100), (700, 800)])?;
    let answer = part(&repository, &blob, "5000-5999,6000-").await?;
    answer.must_be(416)?;
    Ok(())
}

async fn a_blob_is_put_together_from_ranges(case: &Case) -> Verdict {
    let repository = case.repository();
    let blob = case.blob(1 << 20);
    repository.push_blob(&blob).await?;
    let mut whole = Vec::new();
    while whole.len() < blob.len() {
        let range = format!("{}-{}", whole.len(), whole.len() + 300_000);
        let answer = part(&repository, &blob, &range).await?;
        ensure(!answer.must_be(206)?.body().is_empty(), || answer.fault("206 without content"))?;
        whole.extend_from_slice(answer.body());
    }
    ensure(whole == blob.bytes, || "the parts are not the blob")
}

async fn a_range_in_another_unit_is_ignored(case: &Case) -> Verdict {
    let (repository, blob) = pushed(case).await?;
    let answer = repository.get_blob(&blob.digest()).header("range", "lines=1-2").send().await?;
    answer.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_range_of_an_empty_blob_is_the_blob_or_416(case: &Case) -> Verdict {
    let repository = case.repository();
    let blob = Blob::new("");
    repository.push_blob(&blob).await?;
    for range in ["0-", "0-10", "-5"] {
        let answer = part(&repository, &blob, range).await?;
        answer.must_be_one_of(&[200, 416])?;
    }
    Ok(())
}

async fn if_range_asks_for_the_whole_of_what_has_changed(case: &Case) -> Verdict {
    let (repository, blob) = pushed(case).await?;
    let first = repository.get_blob(&blob.digest()).send().await?;
    let tag = first.must_be(200)?.must_have("etag")?.to_owned();
    let request = repository.get_blob(&blob.digest()).header("range", "bytes=0-9");
    request.clone().header("if-range", tag).send().await?.must_be(206)?.body_must_be(&blob.bytes[..10])?;
    request.header("if-range", "\"other\"").send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_range_of_a_missing_blob_is_404(case: &Case) -> Verdict {
    let repository = case.repository();
    part(&repository, &case.blob(10), "0-5").await?.must_be(404)?;
    Ok(())
}

async fn check_ranges(case: &Case, ranges: &[(&str, usize, usize)]) -> Verdict {
    let (repository, blob) = pushed(case).await?;
    for (range, start, end) in ranges {
        let answer = part(&repository, &blob, range).await?;
        answer.must_be(206)?.body_must_be(&blob.bytes[*start..*end])?;
        answer.header_must_be("content-length", &(end - start).to_string())?;
        answer.header_must_be("content-range", &format!("bytes {start}-{}/{LEN}", end - 1))?;
    }
    Ok(())
}

async fn pushed(case: &Case) -> Result<(Repository<'_>, Blob), Stop> {
    let (repository, blob) = (case.repository(), case.blob(LEN));
    repository.push_blob(&blob).await?;
    Ok((repository, blob))
}

async fn part(repository: &Repository<'_>, blob: &Blob, range: &str) -> Result<Answer, Stop> {
    repository.get_blob(&blob.digest()).header("range", format!("bytes={range}")).send().await
}

/// Checks a `multipart/byteranges` answer part by part.
fn must_hold_parts(answer: &Answer, blob: &Blob, expected: &[(usize, usize)]) -> Verdict {
    answer.must_be(206)?.header_must_be("content-length", &answer.body().len().to_string())?;
    let content_type = answer.must_have("content-type")?;
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=");
    let boundary = boundary.or_else(|| content_type.strip_prefix("multipart/byteranges;boundary="));
    let Some(boundary) = boundary.map(|text| text.trim_matches('"')) else {
        return fail(answer.fault("the content type is not multipart/byteranges with a boundary"));
    };
    let mut body = Vec::from(&b"\r\n"[..]);
    body.extend_from_slice(answer.body());
    let mut rest = body.as_slice();
    for (start, end) in expected {
        let head =
            split(&mut rest, b"\r\n\r\n").map(|head| String::from_utf8_lossy(head).to_ascii_lowercase());
        let range = format!("content-range: bytes {start}-{}/{}", end - 1, blob.len());
        let right = head.is_some_and(|head| {
            head.starts_with(&format!("\r\n--{boundary}").to_ascii_lowercase())
                && head.lines().any(|line| line == range)
        });
        ensure(right, || answer.fault(format_args!("no part with {range}")))?;
        let content = rest.get(..end - start);
        ensure(content == Some(&blob.bytes[*start..*end]), || {
            answer.fault(format_args!("wrong bytes for {range}"))
        })?;
        rest = &rest[end - start..];
    }
    let end = format!("\r\n--{boundary}--");
    ensure(rest.starts_with(end.as_bytes()), || answer.fault("the parts have no end, or there are more"))
}

fn split<'a>(rest: &mut &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    let at = rest.windows(mark.len()).position(|window| window == mark)?;
    let head = &rest[..at];
    *rest = &rest[at + mark.len()..];
    Some(head)
}
