//! Blobs that come from another repository instead of the client.

use http::Method;

use super::suite;
use crate::case::{Case, Repository};
use crate::check::{Stop, Verdict, ensure, skip};
use crate::exchange::{Answer, encode};
use crate::fixture::{Algorithm, Blob, Document, OCI_CONFIG, OCI_LAYER, image, malformed_digests};
use crate::upload::Upload;

suite![
    a_mount_is_201_with_the_location_of_the_blob,
    a_mounted_blob_is_there_at_once,
    a_mounted_blob_answer_names_its_digest,
    a_mount_without_from_is_201_or_begins_an_upload,
    a_mount_without_from_finds_the_blob,
    a_mount_of_a_missing_blob_begins_an_upload_that_works,
    a_mount_from_an_unknown_repository_begins_an_upload_that_works,
    a_mount_without_from_of_a_missing_blob_begins_an_upload_that_works,
    a_mount_of_a_deleted_blob_begins_an_upload,
    a_mount_of_a_malformed_digest_is_400_or_an_upload,
    a_mount_from_a_malformed_name_is_400_or_an_upload,
    a_mount_within_one_repository_is_201,
    a_mounted_blob_outlives_the_one_it_came_from,
    a_manifest_may_refer_to_mounted_blobs,
];

async fn a_mount_is_201_with_the_location_of_the_blob(case: &Case) -> Verdict {
    let (from, to, blob) = pushed(case).await?;
    let answer = supported(mount(&to, &blob.digest(), Some(&from.name)).await?)?;
    let location = answer.must_be(201)?.location()?;
    ensure(location.path().contains(&to.name), || {
        answer.fault("the location is not in the target repository")
    })?;
    case.follow(Method::GET, &location).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_mounted_blob_is_there_at_once(case: &Case) -> Verdict {
    let (from, to, blob) = pushed(case).await?;
    to.get_blob(&blob.digest()).send().await?.must_be(404)?;
    supported(mount(&to, &blob.digest(), Some(&from.name)).await?)?.must_be(201)?;
    case.head(to.blob_path(&blob.digest())).send().await?.must_be(200)?;
    to.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_mounted_blob_answer_names_its_digest(case: &Case) -> Verdict {
    let (from, to, blob) = pushed(case).await?;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        let digest = blob.digest_by(algorithm);
        from.push_blob_by(&blob, algorithm).await?;
        let answer = supported(mount(&to, &digest, Some(&from.name)).await?)?;
        answer.must_be(201)?.header_may_be("docker-content-digest", &digest)?;
        to.get_blob(&digest).send().await?.must_be(200)?.header_must_be("docker-content-digest", &digest)?;
    }
    Ok(())
}

async fn a_mount_without_from_is_201_or_begins_an_upload(case: &Case) -> Verdict {
    let (_, to, blob) = pushed(case).await?;
    let answer = mount(&to, &blob.digest(), None).await?;
    if answer.must_be_one_of(&[201, 202])?.status() == 202 {
        return upload_works(case, &to, &answer, &blob).await;
    }
    to.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_mount_without_from_finds_the_blob(case: &Case) -> Verdict {
    let (_, to, blob) = pushed(case).await?;
    let answer = supported(mount(&to, &blob.digest(), None).await?)?;
    let location = answer.must_be(201)?.location()?;
    case.follow(Method::GET, &location).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_mount_of_a_missing_blob_begins_an_upload_that_works(case: &Case) -> Verdict {
    let (from, to, _) = pushed(case).await?;
    let missing = case.blob(500);
    let answer = mount(&to, &missing.digest(), Some(&from.name)).await?;
    upload_works(case, &to, answer.must_be(202)?, &missing).await
}

async fn a_mount_from_an_unknown_repository_begins_an_upload_that_works(case: &Case) -> Verdict {
    let (_, to, _) = pushed(case).await?;
    let missing = case.blob(500);
    let answer = mount(&to, &missing.digest(), Some(&case.repository().name)).await?;
    upload_works(case, &to, answer.must_be(202)?, &missing).await
}

async fn a_mount_without_from_of_a_missing_blob_begins_an_upload_that_works(case: &Case) -> Verdict {
    let (to, missing) = (case.repository(), case.blob(500));
    let answer = mount(&to, &missing.digest(), None).await?;
    upload_works(case, &to, answer.must_be(202)?, &missing).await
}

async fn a_mount_of_a_deleted_blob_begins_an_upload(case: &Case) -> Verdict {
    let (from, to, blob) = pushed(case).await?;
    let deleted = case.delete(from.blob_path(&blob.digest())).send().await?;
    if matches!(deleted.status(), 400 | 405) {
        return skip("blobs cannot be deleted");
    }
    deleted.must_be(202)?;
    let answer = mount(&to, &blob.digest(), Some(&from.name)).await?;
    upload_works(case, &to, answer.must_be(202)?, &blob).await
}

async fn a_mount_of_a_malformed_digest_is_400_or_an_upload(case: &Case) -> Verdict {
    let (from, to, _) = pushed(case).await?;
    for digest in malformed_digests() {
        mount(&to, &digest, Some(&from.name)).await?.must_be_one_of(&[202, 400])?;
        mount(&to, &digest, None).await?.must_be_one_of(&[202, 400])?;
    }
    Ok(())
}

async fn a_mount_from_a_malformed_name_is_400_or_an_upload(case: &Case) -> Verdict {
    let (_, to, _) = pushed(case).await?;
    let missing = case.blob(500);
    for name in ["UPPER/case", "a//b", "../../etc", "", &"n".repeat(300)] {
        mount(&to, &missing.digest(), Some(name)).await?.must_be_one_of(&[202, 400])?;
    }
    Ok(())
}

async fn a_mount_within_one_repository_is_201(case: &Case) -> Verdict {
    let (from, _, blob) = pushed(case).await?;
    supported(mount(&from, &blob.digest(), Some(&from.name)).await?)?.must_be(201)?;
    from.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_mounted_blob_outlives_the_one_it_came_from(case: &Case) -> Verdict {
    let (from, to, blob) = pushed(case).await?;
    supported(mount(&to, &blob.digest(), Some(&from.name)).await?)?.must_be(201)?;
    let deleted = case.delete(from.blob_path(&blob.digest())).send().await?;
    if matches!(deleted.status(), 400 | 405) {
        return skip("blobs cannot be deleted");
    }
    deleted.must_be(202)?;
    to.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

async fn a_manifest_may_refer_to_mounted_blobs(case: &Case) -> Verdict {
    let (from, to, blob) = pushed(case).await?;
    supported(mount(&to, &blob.digest(), Some(&from.name)).await?)?.must_be(201)?;
    let config = to.push_new(OCI_CONFIG).await?;
    let document = Document::of(&image(config, vec![blob.descriptor(OCI_LAYER)]));
    to.push_manifest("mounted", &document).await
}

async fn pushed(case: &Case) -> Result<(Repository<'_>, Repository<'_>, Blob), Stop> {
    let (from, to, blob) = (case.repository(), case.repository(), case.blob(1000));
    from.push_blob(&blob).await?;
    Ok((from, to, blob))
}

pub(super) async fn mount(to: &Repository<'_>, digest: &str, from: Option<&str>) -> Result<Answer, Stop> {
    let mut path = format!("{}?mount={}", to.uploads_path(), encode(digest));
    if let Some(name) = from {
        path.push_str(&format!("&from={}", encode(name)));
    }
    to.case.post(path).send().await
}

async fn upload_works(case: &Case, to: &Repository<'_>, answer: &Answer, blob: &Blob) -> Verdict {
    to.get_blob(&blob.digest()).send().await?.must_be(404)?;
    let upload = Upload::begun(case, answer)?;
    upload.close(&blob.digest(), blob.bytes.clone()).send().await?.must_be(201)?;
    to.get_blob(&blob.digest()).send().await?.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}

/// 202 with a location is how a registry says that it does not mount.
fn supported(answer: Answer) -> Result<Answer, Stop> {
    match (answer.status(), answer.header("location")) {
        (202, Some(_)) => skip("a mount begins an upload (202)"),
        _ => Ok(answer),
    }
}
