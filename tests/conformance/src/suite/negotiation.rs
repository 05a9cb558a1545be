//! What `Accept` does. Stored bytes are what a client gets; only a list asked for by tag, by a client that cannot read
//! lists, becomes one of its images.

use serde_json::json;

use super::suite;
use crate::case::{Case, Repository};
use crate::check::{Stop, Verdict};
use crate::fixture::{
    DOCKER_CONFIG, DOCKER_IMAGE, DOCKER_LAYER, DOCKER_LIST, Document, OCI_IMAGE, OCI_INDEX, index,
};

suite![
    without_accept_the_stored_manifest_is_answered,
    a_wildcard_accepts_every_manifest,
    accept_is_read_with_weights_and_over_several_lines,
    accept_with_both_oci_types_gets_images_and_indexes,
    an_index_is_answered_to_whoever_accepts_it,
    a_list_by_tag_becomes_its_linux_amd64_image_for_a_client_without_lists,
    a_list_by_digest_stays_a_list_for_every_client,
];

async fn without_accept_the_stored_manifest_is_answered(case: &Case) -> Verdict {
    let repository = case.repository();
    for document in some_of_each_kind(&repository).await? {
        for reference in ["kind", &document.digest()] {
            repository.push_manifest("kind", &document).await?;
            let answer = case.get(repository.manifest_path(reference)).send().await?;
            answer.must_be(200)?.body_must_be(&document.bytes)?;
            answer.header_must_be("content-type", &document.media_type)?;
        }
    }
    Ok(())
}

async fn a_wildcard_accepts_every_manifest(case: &Case) -> Verdict {
    let repository = case.repository();
    for document in some_of_each_kind(&repository).await? {
        repository.push_manifest("kind", &document).await?;
        let only_images = format!("{DOCKER_IMAGE}, */*;q=0.1");
        for accept in ["*/*", "application/*", &only_images] {
            let answer = case.get(repository.manifest_path("kind")).header("accept", accept).send().await?;
            answer.must_be(200)?.body_must_be(&document.bytes)?;
        }
    }
    Ok(())
}

async fn accept_is_read_with_weights_and_over_several_lines(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = list(&repository).await?;
    repository.push_manifest("list", &document).await?;
    let path = repository.manifest_path("list");
    let weighted = format!("{DOCKER_IMAGE};q=0.9,{DOCKER_LIST};q=0.8");
    let lines = case.get(&path).header("accept", DOCKER_IMAGE).header("accept", DOCKER_LIST);
    for request in [case.get(&path).header("accept", weighted), lines] {
        request.send().await?.must_be(200)?.header_must_be("content-type", DOCKER_LIST)?;
    }
    Ok(())
}

async fn accept_with_both_oci_types_gets_images_and_indexes(case: &Case) -> Verdict {
    let repository = case.repository();
    let image = repository.push_image("image").await?;
    let index = Document::of(&index(vec![image.child("amd64")]));
    repository.push_manifest("index", &index).await?;
    for (tag, document) in [("image", &image), ("index", &index)] {
        for reference in [tag, &document.digest()] {
            let accept = format!("{OCI_IMAGE}, {OCI_INDEX}");
            let answer =
                case.get(repository.manifest_path(reference)).header("accept", accept).send().await?;
            answer.must_be(200)?.body_must_be(&document.bytes)?;
            answer.header_must_be("content-type", &document.media_type)?;
        }
    }
    Ok(())
}

async fn an_index_is_answered_to_whoever_accepts_it(case: &Case) -> Verdict {
    let repository = case.repository();
    let image = repository.push_untagged().await?;
    let index = Document::of(&index(vec![image.child("arm64")]));
    repository.push_manifest("index", &index).await?;
    for accept in
        [OCI_INDEX, "application/vnd.oci.image.manifest.v1+json,application/vnd.oci.image.index.v1+json"]
    {
        let answer = case.get(repository.manifest_path("index")).header("accept", accept).send().await?;
        answer
            .must_be(200)?
            .body_must_be(&index.bytes)?
            .header_must_be("docker-content-digest", &index.digest())?;
    }
    Ok(())
}

async fn a_list_by_tag_becomes_its_linux_amd64_image_for_a_client_without_lists(case: &Case) -> Verdict {
    let repository = case.repository();
    let (arm, amd) = (docker_image(&repository).await?, docker_image(&repository).await?);
    for image in [&arm, &amd] {
        repository.push_manifest(&image.digest(), image).await?;
    }
    let children = [arm.child("arm64"), amd.child("amd64")];
    let list = json!({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": children});
    repository.push_manifest("list", &Document::of(&list)).await?;
    for request in [case.get(repository.manifest_path("list")), case.head(repository.manifest_path("list"))] {
        let answer = request.header("accept", DOCKER_IMAGE).send().await?;
        answer.must_be(200)?.header_must_be("docker-content-digest", &amd.digest())?;
        answer.header_must_be("content-type", DOCKER_IMAGE)?;
    }
    let answer = case.get(repository.manifest_path("list")).header("accept", DOCKER_IMAGE).send().await?;
    answer.body_must_be(&amd.bytes)?;
    Ok(())
}

async fn a_list_by_digest_stays_a_list_for_every_client(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = list(&repository).await?;
    repository.push_manifest("list", &document).await?;
    let answer =
        case.get(repository.manifest_path(&document.digest())).header("accept", DOCKER_IMAGE).send().await?;
    answer.must_be(200)?.body_must_be(&document.bytes)?.header_must_be("content-type", DOCKER_LIST)?;
    Ok(())
}

async fn some_of_each_kind(repository: &Repository<'_>) -> Result<Vec<Document>, Stop> {
    let image = repository.push_untagged().await?;
    let index = Document::of(&index(vec![image.child("amd64")]));
    Ok(vec![docker_image(repository).await?, list(repository).await?, image, index])
}

async fn list(repository: &Repository<'_>) -> Result<Document, Stop> {
    let image = docker_image(repository).await?;
    repository.push_manifest(&image.digest(), &image).await?;
    let list = json!({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [image.child("amd64")]});
    Ok(Document::of(&list))
}

pub(super) async fn docker_image(repository: &Repository<'_>) -> Result<Document, Stop> {
    let config = repository.push_new(DOCKER_CONFIG).await?;
    let layer = repository.push_new(DOCKER_LAYER).await?;
    let image = json!({"schemaVersion": 2, "mediaType": DOCKER_IMAGE, "config": config, "layers": [layer]});
    Ok(Document::of(&image))
}
