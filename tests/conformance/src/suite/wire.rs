//! HTTP itself, as far as clients of registries lean on it: what RFC 9110 asks where the specification says nothing.

use super::suite;
use crate::case::Case;
use crate::check::{Verdict, ensure};
use crate::fixture::{ACCEPT_ALL, Algorithm, unknown_digest};
use crate::raw::{Asked, RawConnection};

suite![
    a_body_is_asked_for_with_100_continue,
    header_names_are_read_in_any_case,
    one_connection_serves_many_requests,
    two_requests_at_once_are_answered_in_order,
    an_unread_body_does_not_become_the_next_request,
    an_answer_to_head_has_no_body,
    a_request_that_is_no_http_ends_politely,
    an_absolute_request_target_is_understood,
];

async fn a_body_is_asked_for_with_100_continue(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(10_000));
    let upload = repository.start().await?;
    let address = upload.address.with_query(&format!("digest={}", blob.digest()));
    let mut connection = RawConnection::open(case, &address).await?;
    let length = format!("Content-Length: {}", blob.len());
    connection
        .head("PUT", &address, &["Content-Type: application/octet-stream", &length, "Expect: 100-continue"])
        .await?;
    connection.answer(Asked::Body).await?.must_be(100)?;
    connection.body_and_answer(&blob.bytes).await?.must_be(201)?;
    repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn header_names_are_read_in_any_case(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(1000));
    repository.push_blob(&blob).await?;
    let address = case.at(&repository.blob_path(&blob.digest()));
    for line in ["range: bytes=1-9", "RANGE: bytes=1-9", "Range:bytes=1-9", "rAnGe: \t bytes=1-9 "] {
        let mut connection = RawConnection::open(case, &address).await?;
        connection.head("GET", &address, &[line]).await?;
        let answer = connection.answer(Asked::Body).await?;
        if answer.must_be_one_of(&[206, 307])?.status() == 206 {
            answer.body_must_be(&blob.bytes[1..10])?;
        }
    }
    Ok(())
}

async fn one_connection_serves_many_requests(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_image("latest").await?;
    let missing = unknown_digest(Algorithm::Sha256);
    let address = case.at("/v2/");
    let mut connection = RawConnection::open(case, &address).await?;
    let accept = format!("Accept: {ACCEPT_ALL}");
    for (method, path, statuses) in [
        ("GET", "/v2/".to_owned(), &[200][..]),
        ("HEAD", repository.blob_path(&missing), &[404]),
        ("GET", repository.blob_path(&missing), &[404]),
        ("GET", repository.blob_path("nonsense"), &[400, 404]),
        ("HEAD", repository.manifest_path("latest"), &[200]),
        ("GET", repository.manifest_path(&document.digest()), &[200]),
        ("GET", "/v2/".to_owned(), &[200]),
    ] {
        connection.head(method, &case.at(&path), &[&accept]).await?;
        let asked = if method == "HEAD" { Asked::Head } else { Asked::Body };
        connection.answer(asked).await?.must_be_one_of(statuses)?;
    }
    Ok(())
}

async fn two_requests_at_once_are_answered_in_order(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_image("latest").await?;
    let (first, second) = (case.at(&repository.tags_path()), case.at("/v2/"));
    let mut connection = RawConnection::open(case, &first).await?;
    connection.head("GET", &first, &[]).await?;
    connection.head("GET", &second, &[]).await?;
    let list = connection.answer(Asked::Body).await?;
    let right = list.must_be(200)?.json()?["tags"].is_array();
    ensure(right, || list.fault("the first answer is not the list of tags"))?;
    let base = connection.answer(Asked::Body).await?;
    let right = !base.must_be(200)?.body().starts_with(b"{\"name\"");
    ensure(right, || base.fault("the second answer is not that of /v2/"))
}

/// The body of a request that nobody wanted holds what looks like a request.
async fn an_unread_body_does_not_become_the_next_request(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_image("latest").await?;
    let smuggled = format!("DELETE {} HTTP/1.1\r\nHost: x\r\n\r\n", repository.manifest_path("latest"));
    let address = case.at(&format!("{}{}", repository.uploads_path(), uuid::Uuid::new_v4()));
    let mut connection = RawConnection::open(case, &address).await?;
    let length = format!("Content-Length: {}", smuggled.len());
    connection.head("PATCH", &address, &["Content-Type: application/octet-stream", &length]).await?;
    connection.write(smuggled.as_bytes()).await?;
    connection.answer(Asked::Body).await?.must_be(404)?;
    connection.finish().await;
    repository.get_manifest("latest").send().await?.must_be(200)?;
    Ok(())
}

async fn an_answer_to_head_has_no_body(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(5000));
    repository.push_blob(&blob).await?;
    let address = case.at(&repository.blob_path(&blob.digest()));
    let base = case.at("/v2/");
    let mut connection = RawConnection::open(case, &address).await?;
    connection.head("HEAD", &address, &[]).await?;
    connection.head("GET", &base, &[]).await?;
    connection.answer(Asked::Head).await?.must_be_one_of(&[200, 307])?;
    connection.answer(Asked::Body).await?.must_be(200)?;
    Ok(())
}

async fn a_request_that_is_no_http_ends_politely(case: &Case) -> Verdict {
    let address = case.at("/v2/");
    for text in ["nonsense\r\n\r\n", "GET /v2/ HTTP/9.9\r\n\r\n", "GET\r\n\r\n"] {
        let mut connection = RawConnection::open(case, &address).await?;
        connection.write(text.as_bytes()).await?;
        // Hanging up is polite enough.
        if let Ok(answer) = connection.answer(Asked::Body).await {
            answer.must_be_one_of(&[400, 414, 431, 505])?;
        }
    }
    case.get("/v2/").send().await?.must_be(200)?;
    Ok(())
}

async fn an_absolute_request_target_is_understood(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_image("latest").await?;
    let address = case.at(&repository.tags_path());
    let mut connection = RawConnection::open(case, &address).await?;
    let line = format!("GET {address} HTTP/1.1\r\nHost: {}\r\n", address.authority());
    let secret =
        case.authorization(&address).map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
    connection.write(format!("{line}{secret}\r\n").as_bytes()).await?;
    connection.answer(Asked::Body).await?.must_be(200)?;
    Ok(())
}
