//! Texts that are no digest, wherever a digest belongs.

use super::suite;
use crate::case::Case;
use crate::check::Verdict;
use crate::fixture::{Algorithm, Document, malformed_digests, unknown_digest};

suite![
    a_malformed_digest_of_a_blob_is_400_or_404,
    a_malformed_digest_of_a_manifest_is_400_or_404,
    a_malformed_digest_in_a_closing_put_is_400,
    a_malformed_digest_in_a_manifest_put_is_400_or_404,
    a_malformed_digest_in_a_delete_is_400_or_404,
    a_malformed_digest_of_a_subject_is_400,
    an_unsupported_algorithm_is_400_on_a_push,
    a_digest_is_not_read_in_capitals,
];

async fn a_malformed_digest_of_a_blob_is_400_or_404(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_blob(&case.blob(10)).await?;
    // An encoded slash makes it another path altogether; that is not there either.
    for digest in malformed_digests().into_iter().chain(["sha256:%2e%2e%2fetc".to_owned()]) {
        repository.get_blob(&digest).send().await?.must_be_one_of(&[400, 404])?;
        case.head(repository.blob_path(&digest)).send().await?.must_be_one_of(&[400, 404])?;
    }
    Ok(())
}

async fn a_malformed_digest_of_a_manifest_is_400_or_404(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_image("latest").await?;
    for digest in malformed_digests() {
        repository.get_manifest(&digest).send().await?.must_be_one_of(&[400, 404])?;
        repository.head_manifest(&digest).send().await?.must_be_one_of(&[400, 404])?;
    }
    Ok(())
}

async fn a_malformed_digest_in_a_closing_put_is_400(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(100));
    for digest in malformed_digests() {
        let upload = repository.start().await?;
        let answer = upload.close(&digest, blob.bytes.clone()).send().await?;
        answer.must_be(400)?.code_must_be(&["DIGEST_INVALID"])?;
    }
    repository.get_blob(&blob.digest()).send().await?.must_be(404)?;
    Ok(())
}

async fn a_malformed_digest_in_a_manifest_put_is_400_or_404(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = Document::of(&repository.new_image().await?);
    for digest in malformed_digests() {
        repository.put_manifest(&digest, &document).send().await?.must_be_one_of(&[400, 404])?;
    }
    repository.get_manifest(&document.digest()).send().await?.must_be(404)?;
    Ok(())
}

async fn a_malformed_digest_in_a_delete_is_400_or_404(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_image("latest").await?;
    for digest in malformed_digests() {
        repository.delete_manifest(&digest).send().await?.must_be_one_of(&[400, 404, 405])?;
        case.delete(repository.blob_path(&digest)).send().await?.must_be_one_of(&[400, 404, 405])?;
    }
    repository.get_manifest("latest").send().await?.must_be(200)?;
    Ok(())
}

async fn a_malformed_digest_of_a_subject_is_400(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_image("latest").await?;
    for digest in malformed_digests() {
        case.get(repository.referrers_path(&digest)).send().await?.must_be(400)?;
    }
    Ok(())
}

async fn an_unsupported_algorithm_is_400_on_a_push(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(100));
    let hex = "0123456789abcdef".repeat(4);
    for digest in [format!("blake3:{hex}"), format!("sha3-256:{hex}"), format!("md5:{}", &hex[..32])] {
        let upload = repository.start().await?;
        let answer = upload.close(&digest, blob.bytes.clone()).send().await?;
        answer.must_be(400)?.code_must_be(&["DIGEST_INVALID", "UNSUPPORTED"])?;
    }
    Ok(())
}

async fn a_digest_is_not_read_in_capitals(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(100));
    repository.push_blob(&blob).await?;
    let digest = blob.digest();
    let capitals = digest.to_uppercase().replace("SHA256", "sha256");
    repository.get_blob(&capitals).send().await?.must_be_one_of(&[400, 404])?;
    repository.get_blob(&unknown_digest(Algorithm::Sha256)).send().await?.must_be(404)?;
    Ok(())
}
