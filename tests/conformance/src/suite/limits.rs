//! How large things may be. Manifests of four megabytes are accepted, and somewhere above is an end.

use bytes::Bytes;
use serde_json::json;

use super::suite;
use crate::case::{Case, Repository};
use crate::check::{Stop, Verdict, ensure};
use crate::exchange::Answer;
use crate::fixture::{Document, OCI_IMAGE};
use crate::raw::{Asked, RawConnection};

suite![
    a_manifest_of_3900000_bytes_is_accepted,
    a_manifest_of_4_megabytes_is_accepted,
    a_manifest_of_4_mebibytes_is_accepted,
    a_manifest_over_4_mebibytes_is_413,
    a_manifest_without_end_is_413,
    a_client_that_asks_first_is_told_413,
    a_refused_giant_is_not_stored,
    an_image_of_a_thousand_layers_is_accepted,
];

/// What Wharf takes, in bytes.
const LIMIT: usize = 4 << 20;

async fn a_manifest_of_3900000_bytes_is_accepted(case: &Case) -> Verdict {
    accept(case, 3_900_000).await
}

async fn a_manifest_of_4_megabytes_is_accepted(case: &Case) -> Verdict {
    accept(case, 4_000_000).await
}

async fn a_manifest_of_4_mebibytes_is_accepted(case: &Case) -> Verdict {
    accept(case, LIMIT).await
}

async fn a_manifest_over_4_mebibytes_is_413(case: &Case) -> Verdict {
    let repository = case.repository();
    for len in [LIMIT + 1, LIMIT + 100_000, 2 * LIMIT] {
        let document = padded(&repository, len).await?;
        let length = format!("Content-Length: {len}");
        let answer = push(&repository, &length, &document.bytes).await?;
        answer.must_be(413)?.code_must_be(&["MANIFEST_INVALID", "SIZE_INVALID", "UNSUPPORTED", "DENIED"])?;
    }
    Ok(())
}

async fn a_manifest_without_end_is_413(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = padded(&repository, LIMIT + (1 << 20)).await?;
    let mut body = Vec::new();
    for piece in document.bytes.chunks(1 << 16) {
        body.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        body.extend_from_slice(piece);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    push(&repository, "Transfer-Encoding: chunked", &Bytes::from(body)).await?.must_be(413)?;
    Ok(())
}

/// A polite client says how much it has and waits to be asked for it; it hears the refusal with or without sending.
async fn a_client_that_asks_first_is_told_413(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = padded(&repository, LIMIT + 1).await?;
    let address = case.at(&repository.manifest_path("giant"));
    let mut connection = RawConnection::open(case, &address).await?;
    let (kind, length) = (format!("Content-Type: {OCI_IMAGE}"), format!("Content-Length: {}", LIMIT + 1));
    connection.head("PUT", &address, &[&kind, &length, "Expect: 100-continue"]).await?;
    let mut answer = connection.answer(Asked::Body).await?;
    if answer.status() == 100 {
        answer = connection.body_and_answer(&document.bytes).await?;
    }
    answer.must_be(413)?;
    Ok(())
}

async fn a_refused_giant_is_not_stored(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_image("small").await?;
    let document = padded(&repository, LIMIT + 1).await?;
    let answer = push(&repository, &format!("Content-Length: {}", LIMIT + 1), &document.bytes).await?;
    answer.must_be_one_of(&[400, 413])?;
    repository.get_manifest("giant").send().await?.must_be(404)?;
    repository.get_manifest(&document.digest()).send().await?.must_be(404)?;
    let tags = repository.tags().await?;
    ensure(tags == ["small"], || format!("the tags are {tags:?}"))
}

async fn an_image_of_a_thousand_layers_is_accepted(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut image = repository.new_image().await?;
    image["layers"] = vec![image["layers"][0].clone(); 1000].into();
    let document = Document::of(&image);
    repository.push_manifest("layers", &document).await?;
    repository.get_manifest("layers").send().await?.must_be(200)?.body_must_be(&document.bytes)?;
    Ok(())
}

async fn accept(case: &Case, len: usize) -> Verdict {
    let repository = case.repository();
    let document = padded(&repository, len).await?;
    for reference in ["large", &document.digest()] {
        repository.push_manifest(reference, &document).await?;
        let answer = repository.get_manifest(reference).send().await?;
        answer.must_be(200)?.body_must_be(&document.bytes)?;
    }
    Ok(())
}

/// An image of exactly this length, by an annotation that says nothing.
async fn padded(repository: &Repository<'_>, len: usize) -> Result<Document, Stop> {
    let mut image = repository.new_image().await?;
    image["annotations"] = json!({"org.example.padding": ""});
    let missing = len - image.to_string().len();
    image["annotations"]["org.example.padding"] = "p".repeat(missing).into();
    Ok(Document::of(&image))
}

async fn push(repository: &Repository<'_>, length: &str, body: &Bytes) -> Result<Answer, Stop> {
    let address = repository.case.at(&repository.manifest_path("giant"));
    let mut connection = RawConnection::open(repository.case, &address).await?;
    connection.head("PUT", &address, &[&format!("Content-Type: {OCI_IMAGE}"), length]).await?;
    connection.body_and_answer(body).await
}
