//! Manifests on their way out: what is answered, under which headers, and what is not there.

use http::HeaderMap;
use serde_json::json;

use super::negotiation::docker_image;
use super::suite;
use crate::case::Case;
use crate::check::{Verdict, ensure};
use crate::fixture::{Algorithm, DOCKER_LIST, Document, OCI_LAYER, index, unknown_digest};

suite![
    a_manifest_is_pulled_by_tag,
    a_manifest_is_pulled_by_digest,
    a_manifest_answer_names_the_digest_of_what_it_holds,
    every_kind_of_manifest_comes_back_as_it_was_pushed,
    the_content_type_of_a_manifest_has_no_parameters,
    an_unknown_tag_is_404_manifest_unknown,
    an_unknown_manifest_digest_is_404_manifest_unknown,
    a_manifest_of_an_unknown_repository_is_404,
    head_of_a_manifest_is_200_with_digest_and_length,
    head_of_a_manifest_has_the_headers_of_its_get,
    head_of_a_missing_manifest_is_404,
    a_manifest_of_one_repository_is_not_in_another,
    a_layer_is_not_readable_as_a_manifest,
    a_manifest_that_the_client_has_is_304,
];

async fn a_manifest_is_pulled_by_tag(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_image("latest").await?;
    let answer = repository.get_manifest("latest").send().await?;
    answer
        .must_be(200)?
        .body_must_be(&document.bytes)?
        .header_must_be("content-type", &document.media_type)?;
    Ok(())
}

async fn a_manifest_is_pulled_by_digest(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_untagged().await?;
    let answer = repository.get_manifest(&document.digest()).send().await?;
    answer
        .must_be(200)?
        .body_must_be(&document.bytes)?
        .header_must_be("content-type", &document.media_type)?;
    Ok(())
}

async fn a_manifest_answer_names_the_digest_of_what_it_holds(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_image("latest").await?;
    for reference in ["latest", &document.digest()] {
        let answer = repository.get_manifest(reference).send().await?;
        answer.must_be(200)?.header_must_be("docker-content-digest", &document.digest())?;
        let length = document.bytes.len().to_string();
        answer.header_may_be("content-length", &length)?;
    }
    Ok(())
}

async fn every_kind_of_manifest_comes_back_as_it_was_pushed(case: &Case) -> Verdict {
    let repository = case.repository();
    let image = repository.push_untagged().await?;
    let docker = docker_image(&repository).await?;
    repository.push_manifest(&docker.digest(), &docker).await?;
    let list = json!({"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": [docker.child("amd64")]});
    let documents = [docker, Document::of(&list), Document::of(&index(vec![image.child("amd64")])), image];
    for (number, document) in documents.iter().enumerate() {
        let tag = format!("kind{number}");
        repository.push_manifest(&tag, document).await?;
        for reference in [tag, document.digest()] {
            let answer = repository.get_manifest(&reference).send().await?;
            answer.must_be(200)?.body_must_be(&document.bytes)?;
            answer.header_must_be("content-type", &document.media_type)?;
        }
    }
    Ok(())
}

async fn the_content_type_of_a_manifest_has_no_parameters(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_image("latest").await?;
    for request in [repository.get_manifest("latest"), repository.head_manifest(&document.digest())] {
        let answer = request.send().await?;
        let plain = !answer.must_be(200)?.must_have("content-type")?.contains([';', ' ']);
        ensure(plain, || answer.fault("the content type has a parameter"))?;
    }
    Ok(())
}

async fn an_unknown_tag_is_404_manifest_unknown(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_image("latest").await?;
    let answer = repository.get_manifest("newest").send().await?;
    answer.must_be(404)?.code_must_be(&["MANIFEST_UNKNOWN"])?;
    Ok(())
}

async fn an_unknown_manifest_digest_is_404_manifest_unknown(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_image("latest").await?;
    for algorithm in Algorithm::ALL {
        let answer = repository.get_manifest(&unknown_digest(algorithm)).send().await?;
        answer.must_be(404)?.code_must_be(&["MANIFEST_UNKNOWN"])?;
    }
    Ok(())
}

async fn a_manifest_of_an_unknown_repository_is_404(case: &Case) -> Verdict {
    let repository = case.repository();
    for reference in ["latest", &unknown_digest(Algorithm::Sha256)] {
        let answer = repository.get_manifest(reference).send().await?;
        answer.must_be(404)?.code_must_be(&["NAME_UNKNOWN", "MANIFEST_UNKNOWN"])?;
    }
    Ok(())
}

async fn head_of_a_manifest_is_200_with_digest_and_length(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_image("latest").await?;
    for reference in ["latest", &document.digest()] {
        let answer = repository.head_manifest(reference).send().await?;
        answer.must_be(200)?.header_must_be("docker-content-digest", &document.digest())?;
        answer.header_must_be("content-length", &document.bytes.len().to_string())?;
    }
    Ok(())
}

async fn head_of_a_manifest_has_the_headers_of_its_get(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_image("latest").await?;
    for reference in ["latest", &document.digest()] {
        let get = repository.get_manifest(reference).send().await?;
        let head = repository.head_manifest(reference).send().await?;
        get.must_be(200)?;
        let same = lasting(get.headers()) == lasting(head.must_be(200)?.headers());
        ensure(same, || {
            format!("{}\n{}", head.fault("HEAD and GET differ"), get.fault("and this is the GET"))
        })?;
    }
    Ok(())
}

async fn head_of_a_missing_manifest_is_404(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.head_manifest("latest").send().await?.must_be(404)?;
    repository.push_image("latest").await?;
    repository.head_manifest("newest").send().await?.must_be(404)?;
    repository.head_manifest(&unknown_digest(Algorithm::Sha256)).send().await?.must_be(404)?;
    Ok(())
}

async fn a_manifest_of_one_repository_is_not_in_another(case: &Case) -> Verdict {
    let (here, there) = (case.repository(), case.repository());
    let document = here.push_image("latest").await?;
    there.push_image("other").await?;
    for _ in ["cold", "warm"] {
        here.get_manifest(&document.digest()).send().await?.must_be(200)?;
        there.get_manifest(&document.digest()).send().await?.must_be(404)?;
        there.head_manifest("latest").send().await?.must_be(404)?;
    }
    Ok(())
}

async fn a_layer_is_not_readable_as_a_manifest(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_image("latest").await?;
    let layer = repository.push_new(OCI_LAYER).await?;
    let digest = layer["digest"].as_str().unwrap_or_default();
    for _ in ["cold", "warm"] {
        repository.get_blob(digest).send().await?.must_be(200)?;
        repository.get_manifest(digest).send().await?.must_be(404)?;
    }
    Ok(())
}

async fn a_manifest_that_the_client_has_is_304(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_image("latest").await?;
    let first = repository.get_manifest("latest").send().await?;
    let tag = first.must_be(200)?.must_have("etag")?.to_owned();
    for value in [tag.clone(), format!("\"other\", {tag}")] {
        repository.get_manifest("latest").header("if-none-match", value).send().await?.must_be(304)?;
    }
    let answer = repository.get_manifest("latest").header("if-none-match", "\"other\"").send().await?;
    answer.must_be(200)?.body_must_be(&document.bytes)?;
    Ok(())
}

/// Headers that are the same for every answer with the same content.
pub(super) fn lasting(headers: &HeaderMap) -> Vec<(String, String)> {
    let passing = ["date", "connection", "keep-alive", "transfer-encoding", "x-request-id"];
    let mut lines: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !passing.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    lines.sort();
    lines
}
