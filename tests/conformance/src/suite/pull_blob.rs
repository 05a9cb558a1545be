//! Blobs on their way out.

use super::pull_manifest::lasting;
use super::suite;
use crate::case::Case;
use crate::check::{Verdict, ensure};
use crate::fixture::{Algorithm, unknown_digest};

suite![
    a_blob_is_pulled_whole,
    a_blob_answer_names_the_digest_of_what_it_holds,
    a_blob_answer_says_its_length,
    an_unknown_blob_is_404_blob_unknown,
    a_blob_of_an_unknown_repository_is_404,
    head_of_a_blob_is_200_with_digest_and_length,
    head_of_a_blob_has_the_headers_of_its_get,
    head_of_a_missing_blob_is_404,
    a_blob_of_one_repository_is_not_in_another,
    a_manifest_is_not_readable_as_a_blob,
    a_digest_is_read_percent_encoded_too,
    a_blob_that_the_client_has_is_304,
];

async fn a_blob_is_pulled_whole(case: &Case) -> Verdict {
    let repository = case.repository();
    for len in [1, 1000, 70_000, 3 << 20] {
        let blob = case.blob(len);
        repository.push_blob(&blob).await?;
        repository.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    }
    Ok(())
}

async fn a_blob_answer_names_the_digest_of_what_it_holds(case: &Case) -> Verdict {
    let repository = case.repository();
    let blob = case.blob(1000);
    repository.push_blob(&blob).await?;
    let answer = repository.get_blob(&blob.digest()).send().await?;
    answer.must_be(200)?.header_must_be("docker-content-digest", &blob.digest())?;
    Ok(())
}

async fn a_blob_answer_says_its_length(case: &Case) -> Verdict {
    let repository = case.repository();
    for len in [10, 100_000] {
        let blob = case.blob(len);
        repository.push_blob(&blob).await?;
        let answer = repository.get_blob(&blob.digest()).send().await?;
        answer.must_be(200)?.header_must_be("content-length", &len.to_string())?;
        answer.header_must_be("content-type", "application/octet-stream")?;
    }
    Ok(())
}

async fn an_unknown_blob_is_404_blob_unknown(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_blob(&case.blob(10)).await?;
    for algorithm in Algorithm::ALL {
        let answer = repository.get_blob(&unknown_digest(algorithm)).send().await?;
        answer.must_be(404)?.code_must_be(&["BLOB_UNKNOWN"])?;
    }
    Ok(())
}

async fn a_blob_of_an_unknown_repository_is_404(case: &Case) -> Verdict {
    let answer = case.repository().get_blob(&unknown_digest(Algorithm::Sha256)).send().await?;
    answer.must_be(404)?.code_must_be(&["BLOB_UNKNOWN", "NAME_UNKNOWN"])?;
    Ok(())
}

async fn head_of_a_blob_is_200_with_digest_and_length(case: &Case) -> Verdict {
    let repository = case.repository();
    for len in [1, 100_000] {
        let blob = case.blob(len);
        repository.push_blob(&blob).await?;
        let answer = case.head(repository.blob_path(&blob.digest())).send().await?;
        answer.must_be(200)?.header_must_be("docker-content-digest", &blob.digest())?;
        answer.header_must_be("content-length", &len.to_string())?;
    }
    Ok(())
}

async fn head_of_a_blob_has_the_headers_of_its_get(case: &Case) -> Verdict {
    let repository = case.repository();
    let blob = case.blob(5000);
    repository.push_blob(&blob).await?;
    for _ in ["cold", "warm"] {
        let get = repository.get_blob(&blob.digest()).send().await?;
        let head = case.head(repository.blob_path(&blob.digest())).send().await?;
        get.must_be(200)?;
        let same = lasting(get.headers()) == lasting(head.must_be(200)?.headers());
        ensure(same, || {
            format!("{}\n{}", head.fault("HEAD and GET differ"), get.fault("and this is the GET"))
        })?;
    }
    Ok(())
}

async fn head_of_a_missing_blob_is_404(case: &Case) -> Verdict {
    let repository = case.repository();
    let path = repository.blob_path(&unknown_digest(Algorithm::Sha256));
    case.head(&path).send().await?.must_be(404)?;
    repository.push_blob(&case.blob(10)).await?;
    case.head(&path).send().await?.must_be(404)?;
    Ok(())
}

async fn a_blob_of_one_repository_is_not_in_another(case: &Case) -> Verdict {
    let (here, there) = (case.repository(), case.repository());
    let blob = case.blob(1000);
    here.push_blob(&blob).await?;
    there.push_blob(&case.blob(10)).await?;
    for _ in ["cold", "warm"] {
        here.get_blob(&blob.digest()).send().await?.must_be(200)?;
        there.get_blob(&blob.digest()).send().await?.must_be(404)?;
        case.head(there.blob_path(&blob.digest())).send().await?.must_be(404)?;
    }
    Ok(())
}

async fn a_manifest_is_not_readable_as_a_blob(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_image("latest").await?;
    for _ in ["cold", "warm"] {
        repository.get_manifest(&document.digest()).send().await?.must_be(200)?;
        repository.get_blob(&document.digest()).send().await?.must_be(404)?;
    }
    Ok(())
}

async fn a_digest_is_read_percent_encoded_too(case: &Case) -> Verdict {
    let repository = case.repository();
    let blob = case.blob(100);
    repository.push_blob(&blob).await?;
    let encoded = blob.digest().replace(':', "%3A");
    repository.get_blob(&encoded).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_blob_that_the_client_has_is_304(case: &Case) -> Verdict {
    let repository = case.repository();
    let blob = case.blob(1000);
    repository.push_blob(&blob).await?;
    let first = repository.get_blob(&blob.digest()).send().await?;
    let tag = first.must_be(200)?.must_have("etag")?.to_owned();
    for value in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
        repository.get_blob(&blob.digest()).header("if-none-match", value).send().await?.must_be(304)?;
    }
    let answer = repository.get_blob(&blob.digest()).header("if-none-match", "\"other\"").send().await?;
    answer.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}
