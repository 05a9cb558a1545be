//! The `ns` parameter, which a registry may read or ignore.

use super::suite;
use crate::case::Case;
use crate::check::Verdict;
use crate::fixture::ACCEPT_ALL;

suite![a_source_host_is_ignored_or_named_in_the_answer, a_source_host_does_not_change_what_is_missing];

async fn a_source_host_is_ignored_or_named_in_the_answer(case: &Case) -> Verdict {
    let (repository, blob) = (case.repository(), case.blob(100));
    repository.push_blob(&blob).await?;
    let document = repository.push_image("latest").await?;
    let (digest, host) = (document.digest(), "registry.example");
    for (path, body) in [
        (repository.blob_path(&blob.digest()), &blob.bytes),
        (repository.manifest_path("latest"), &document.bytes),
        (repository.manifest_path(&digest), &document.bytes),
    ] {
        let request = case.get(format!("{path}?ns={host}")).header("accept", ACCEPT_ALL);
        request.send().await?.must_be(200)?.body_must_be(body)?.header_may_be("oci-namespace", host)?;
    }
    Ok(())
}

async fn a_source_host_does_not_change_what_is_missing(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_image("latest").await?;
    let request = case.get(format!("{}?ns=registry.example", repository.manifest_path("missing")));
    request.send().await?.must_be(404)?;
    Ok(())
}
