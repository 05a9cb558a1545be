//! The endpoint that tells whether there is a registry at all, and the frame around all others.

use http::Method;

use super::suite;
use crate::case::Case;
use crate::check::{Verdict, ensure};
use crate::fixture::{Algorithm, OCI_EMPTY, unknown_digest};
use crate::target::Target;

suite![
    the_base_answers_200,
    the_base_with_head_is_its_get_without_a_body,
    the_base_without_its_slash_leads_to_the_base,
    the_base_asks_for_credentials_or_needs_none,
    the_legacy_version_header_tells_the_truth,
    every_category_of_the_api_is_there,
    reserved_names_are_no_repositories,
    an_unknown_path_is_404,
    a_method_that_a_path_does_not_have_is_405_and_says_which_it_has,
    a_redirect_leads_to_the_content,
];

async fn the_base_answers_200(case: &Case) -> Verdict {
    case.get("/v2/").send().await?.must_be(200)?;
    Ok(())
}

async fn the_base_with_head_is_its_get_without_a_body(case: &Case) -> Verdict {
    let get = case.get("/v2/").send().await?;
    let head = case.head("/v2/").send().await?;
    get.must_be(200)?;
    head.must_be(200)?;
    match get.header("content-type") {
        Some(value) => head.header_may_be("content-type", value).map(|_| ()),
        None => Ok(()),
    }
}

async fn the_base_without_its_slash_leads_to_the_base(case: &Case) -> Verdict {
    case.get("/v2").send().await?.must_be(200)?;
    Ok(())
}

async fn the_base_asks_for_credentials_or_needs_none(case: &Case) -> Verdict {
    let stranger = Target { credentials: None, ..case.target().clone() };
    let stranger = Case::new(&stranger, std::sync::Arc::default(), String::new());
    let answer = stranger.get("/v2/").send().await?;
    answer.must_be_one_of(&[200, 401])?;
    if answer.status() == 401 {
        answer.must_have("www-authenticate")?;
        answer.code_must_be(&["UNAUTHORIZED"])?;
    }
    Ok(())
}

async fn the_legacy_version_header_tells_the_truth(case: &Case) -> Verdict {
    let answer = case.get("/v2/").send().await?;
    answer.must_be(200)?.header_may_be("docker-distribution-api-version", "registry/2.0")?;
    Ok(())
}

/// One call of every endpoint; none may answer that there is no such thing.
async fn every_category_of_the_api_is_there(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_image("there").await?;
    repository.get_manifest("there").send().await?.must_be(200)?;
    repository.head_manifest(&document.digest()).send().await?.must_be(200)?;
    case.get(repository.tags_path()).send().await?.must_be(200)?;
    case.get(repository.referrers_path(&document.digest())).send().await?.must_be(200)?;
    let mut upload = repository.start().await?;
    upload.position().await?;
    upload.cancel().send().await?.must_be(204)?;
    let layer = repository.push_new(OCI_EMPTY).await?;
    let digest = layer["digest"].as_str().unwrap_or_default();
    case.head(repository.blob_path(digest)).send().await?.must_be(200)?;
    let deletions = [repository.blob_path(digest), repository.manifest_path("there")];
    for path in deletions {
        case.delete(path).send().await?.must_be_one_of(&[202, 400, 405])?;
    }
    Ok(())
}

async fn reserved_names_are_no_repositories(case: &Case) -> Verdict {
    for name in ["_oci", "_catalog", "_chainguard", "_docker"] {
        case.get(format!("/v2/{name}/tags/list")).send().await?.must_be_one_of(&[400, 404])?;
        case.post(format!("/v2/{name}/blobs/uploads/")).send().await?.must_be_one_of(&[400, 404])?;
    }
    let repository = case.repository();
    let path = format!("/v2/{}/_oci/ext/discover", repository.name);
    let answer = case.get(path).send().await?;
    answer.must_be_one_of(&[200, 404])?;
    let answer = case.get("/v2/_oci/ext/discover").send().await?;
    if answer.must_be_one_of(&[200, 404])?.status() == 200 {
        let list = answer.json()?["extensions"].is_array();
        ensure(list, || answer.fault("no list of extensions"))?;
    }
    Ok(())
}

async fn an_unknown_path_is_404(case: &Case) -> Verdict {
    let repository = case.repository();
    let digest = unknown_digest(Algorithm::Sha256);
    for path in [
        format!("/v2/{}", repository.name),
        format!("/v2/{}/", repository.name),
        format!("/v2/{}/layers/{digest}", repository.name),
        format!("/v2/{}/tags", repository.name),
        format!("/v2/{}/blobs", repository.name),
        format!("/v3/{}/tags/list", repository.name),
        "/v2/tags/list".to_owned(),
        "/v2//tags/list".to_owned(),
    ] {
        let answer = case.get(&path).send().await?;
        answer.must_be_one_of(&[400, 404])?;
    }
    Ok(())
}

async fn a_method_that_a_path_does_not_have_is_405_and_says_which_it_has(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_image("a").await?;
    for (method, path) in [
        (Method::DELETE, repository.tags_path()),
        (Method::PUT, repository.tags_path()),
        (Method::POST, repository.manifest_path("a")),
        (Method::PATCH, repository.manifest_path("a")),
        (Method::PUT, repository.blob_path(&document.digest())),
        (Method::POST, repository.referrers_path(&document.digest())),
    ] {
        let answer = case.request(method, path).send().await?;
        let allowed = answer.must_be(405)?.list("allow");
        ensure(!allowed.is_empty(), || answer.fault("Allow is missing"))?;
    }
    Ok(())
}

async fn a_redirect_leads_to_the_content(case: &Case) -> Verdict {
    let repository = case.repository();
    let blob = case.blob(1000);
    repository.push_blob(&blob).await?;
    let direct = repository.get_blob(&blob.digest()).send_once().await?;
    if direct.must_be_one_of(&[200, 301, 302, 307, 308])?.status() != 200 {
        direct.location()?;
    }
    let followed = repository.get_blob(&blob.digest()).send().await?;
    followed.must_be(200)?.body_must_be(&blob.bytes)?;
    Ok(())
}
