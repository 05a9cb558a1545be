//! Content that a client names by sha512, or by sha384, is answered by that name everywhere: the name that was asked with
//! is the name that comes back.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use super::single_post::{post, supported};
use super::suite;
use crate::case::{Case, Repository};
use crate::check::{Stop, Verdict, ensure};
use crate::fixture::{Algorithm, Blob, Document, OCI_CONFIG, OCI_LAYER, image, index};

suite![
    a_blob_is_pushed_by_sha512_in_one_put,
    a_blob_is_pushed_by_sha512_in_a_single_post,
    a_blob_is_pushed_by_sha512_in_chunks_without_a_hint,
    a_blob_is_pushed_by_sha384,
    a_blob_pushed_by_two_algorithms_answers_to_both,
    a_manifest_is_pushed_by_sha512,
    a_manifest_is_pushed_by_sha384,
    a_manifest_of_two_digests_answers_with_the_one_asked,
    an_image_may_refer_to_its_parts_by_sha512,
    an_index_may_refer_to_its_images_by_sha512,
    a_range_of_a_blob_by_sha512_is_206,
    referrers_of_a_subject_by_sha512_are_listed,
    content_pushed_by_sha512_is_deleted_by_sha512,
];

const LONG: Algorithm = Algorithm::Sha512;

async fn a_blob_is_pushed_by_sha512_in_one_put(case: &Case) -> Verdict {
    one_put(case, LONG).await
}

async fn a_blob_is_pushed_by_sha384(case: &Case) -> Verdict {
    one_put(case, Algorithm::Sha384).await
}

async fn a_blob_is_pushed_by_sha512_in_a_single_post(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(1000));
    let digest = blob.digest_by(LONG);
    let answer = supported(post(&repository, &digest, &blob).await?)?;
    answer.must_be(201)?.header_may_be("docker-content-digest", &digest)?;
    let location = answer.location()?;
    case.follow(Method::GET, &location).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    must_answer_to(&repository, &blob, &digest).await
}

/// Nothing says which algorithm it will be before the last request.
async fn a_blob_is_pushed_by_sha512_in_chunks_without_a_hint(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut upload = repository.start().await?;
    let size = upload.chunk_len(70_001);
    let blob = case.blob(3 * size);
    for start in [0, size, 2 * size] {
        upload.push_chunk(start, blob.bytes.slice(start..start + size)).await?;
    }
    let digest = blob.digest_by(LONG);
    let answer = upload.close_bare(&digest).send().await?;
    answer.must_be(201)?.header_may_be("docker-content-digest", &digest)?;
    let location = answer.location()?;
    case.follow(Method::GET, &location).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    must_answer_to(&repository, &blob, &digest).await
}

async fn a_blob_pushed_by_two_algorithms_answers_to_both(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(1000));
    for algorithm in Algorithm::ALL {
        repository.push_blob_by(&blob, algorithm).await?;
    }
    for algorithm in Algorithm::ALL {
        must_answer_to(&repository, &blob, &blob.digest_by(algorithm)).await?;
    }
    Ok(())
}

async fn a_manifest_is_pushed_by_sha512(case: &Case) -> Verdict {
    manifest_by(case, LONG).await
}

async fn a_manifest_is_pushed_by_sha384(case: &Case) -> Verdict {
    manifest_by(case, Algorithm::Sha384).await
}

/// Two names may both be right, but each answer says the one that was asked with.
async fn a_manifest_of_two_digests_answers_with_the_one_asked(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = Document::of(&repository.new_image().await?);
    repository.push_manifest(&document.digest_by(LONG), &document).await?;
    repository.push_manifest("tag", &document).await?;
    for algorithm in [LONG, Algorithm::Sha256] {
        let digest = document.digest_by(algorithm);
        let answer = repository.get_manifest(&digest).send().await?;
        answer
            .must_be(200)?
            .header_must_be("docker-content-digest", &digest)?
            .body_must_be(&document.bytes)?;
    }
    let answer = repository.get_manifest("tag").send().await?;
    let named = answer.must_be(200)?.must_have("docker-content-digest")?;
    let right = [LONG, Algorithm::Sha256].iter().any(|algorithm| named == document.digest_by(*algorithm));
    ensure(right, || answer.fault("the digest is not that of the manifest"))
}

async fn an_image_may_refer_to_its_parts_by_sha512(case: &Case) -> Verdict {
    let repository = case.repository();
    let (config, layer) = (case.blob(100), case.blob(1000));
    repository.push_blob_by(&config, LONG).await?;
    repository.push_blob_by(&layer, LONG).await?;
    let image = image(named(&config, OCI_CONFIG), vec![named(&layer, OCI_LAYER)]);
    let document = Document::of(&image);
    for reference in ["image", &document.digest_by(LONG)] {
        repository.push_manifest(reference, &document).await?;
        repository.get_manifest(reference).send().await?.must_be(200)?.body_must_be(&document.bytes)?;
    }
    must_answer_to(&repository, &layer, &layer.digest_by(LONG)).await
}

async fn an_index_may_refer_to_its_images_by_sha512(case: &Case) -> Verdict {
    let repository = case.repository();
    let image = Document::of(&repository.new_image().await?);
    repository.push_manifest(&image.digest_by(LONG), &image).await?;
    let mut child = image.child("amd64");
    child["digest"] = image.digest_by(LONG).into();
    let document = Document::of(&index(vec![child]));
    repository.push_manifest("index", &document).await?;
    repository.get_manifest("index").send().await?.must_be(200)?.body_must_be(&document.bytes)?;
    Ok(())
}

async fn a_range_of_a_blob_by_sha512_is_206(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(1000));
    repository.push_blob_by(&blob, LONG).await?;
    let answer = repository.get_blob(&blob.digest_by(LONG)).header("range", "bytes=10-19").send().await?;
    answer.must_be(206)?.body_must_be(&blob.bytes[10..20])?;
    answer.header_may_be("docker-content-digest", &blob.digest_by(LONG))?;
    Ok(())
}

async fn referrers_of_a_subject_by_sha512_are_listed(case: &Case) -> Verdict {
    let repository = case.repository();
    let subject = Document::of(&repository.new_image().await?);
    let digest = subject.digest_by(LONG);
    repository.push_manifest(&digest, &subject).await?;
    let mut referrer = repository.new_image().await?;
    referrer["subject"] = subject.descriptor();
    referrer["subject"]["digest"] = digest.clone().into();
    let referrer = Document::of(&referrer);
    let answer = repository.put_manifest("referrer", &referrer).send().await?;
    answer.must_be(201)?.header_must_be("oci-subject", &digest)?;
    let listed = repository.referrers(&digest).await?;
    let right = listed.len() == 1 && listed[0]["digest"] == referrer.digest().as_str();
    ensure(right, || format!("the referrers are {listed:?}"))
}

async fn content_pushed_by_sha512_is_deleted_by_sha512(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = Document::of(&repository.new_image().await?);
    let manifest = document.digest_by(LONG);
    repository.push_manifest(&manifest, &document).await?;
    super::deletion::supported(&repository.delete_manifest(&manifest).send().await?)?;
    repository.get_manifest(&manifest).send().await?.must_be(404)?;
    let blob = case.blob(100);
    repository.push_blob_by(&blob, LONG).await?;
    super::deletion::supported(&case.delete(repository.blob_path(&blob.digest_by(LONG))).send().await?)?;
    repository.get_blob(&blob.digest_by(LONG)).send().await?.must_be(404)?;
    Ok(())
}

async fn one_put(case: &Case, algorithm: Algorithm) -> Verdict {
    let repository = case.repository();
    for len in [0, 1000, 2 << 20] {
        let blob = if len == 0 { Blob::new(Bytes::new()) } else { case.blob(len) };
        let digest = blob.digest_by(algorithm);
        let answer = repository.start().await?.close(&digest, blob.bytes.clone()).send().await?;
        answer.must_be(201)?.header_may_be("docker-content-digest", &digest)?;
        let location = answer.location()?;
        let read = case.follow(Method::GET, &location).send().await?;
        read.must_be(200)?.body_must_be(&blob.bytes)?.header_must_be("docker-content-digest", &digest)?;
        must_answer_to(&repository, &blob, &digest).await?;
    }
    Ok(())
}

async fn manifest_by(case: &Case, algorithm: Algorithm) -> Verdict {
    let repository = case.repository();
    let document = Document::of(&repository.new_image().await?);
    let digest = document.digest_by(algorithm);
    let answer = repository.put_manifest(&digest, &document).send().await?;
    answer.must_be(201)?.header_must_be("docker-content-digest", &digest)?;
    let location = answer.location()?;
    let read =
        case.follow(Method::GET, &location).header("accept", crate::fixture::ACCEPT_ALL).send().await?;
    read.must_be(200)?.body_must_be(&document.bytes)?.header_must_be("docker-content-digest", &digest)?;
    let read = repository.get_manifest(&digest).send().await?;
    read.must_be(200)?.body_must_be(&document.bytes)?.header_must_be("docker-content-digest", &digest)?;
    let head = repository.head_manifest(&digest).send().await?;
    head.must_be(200)?.header_must_be("docker-content-digest", &digest)?;
    Ok(())
}

async fn must_answer_to(repository: &Repository<'_>, blob: &Blob, digest: &str) -> Result<(), Stop> {
    let answer = repository.get_blob(digest).send().await?;
    answer.must_be(200)?.body_must_be(&blob.bytes)?.header_must_be("docker-content-digest", digest)?;
    let head = repository.case.head(repository.blob_path(digest)).send().await?;
    head.must_be(200)?.header_must_be("docker-content-digest", digest)?;
    head.header_must_be("content-length", &blob.len().to_string())?;
    Ok(())
}

fn named(blob: &Blob, media_type: &str) -> Value {
    json!({"mediaType": media_type, "digest": blob.digest_by(LONG), "size": blob.len()})
}
