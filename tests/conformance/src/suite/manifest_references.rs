//! Manifests that point to what is not there, and the one pointer that may.

use serde_json::{Value, json};

use super::suite;
use crate::case::{Case, Repository};
use crate::check::{Verdict, ensure};
use crate::exchange::Answer;
use crate::fixture::{Algorithm, Document, OCI_CONFIG, OCI_IMAGE, OCI_LAYER, image, index, unknown_digest};
use crate::target::Sparse;

suite![
    an_image_whose_layer_is_missing_is_refused_unless_sparse,
    an_image_whose_config_is_missing_is_refused_unless_sparse,
    an_index_whose_image_is_missing_is_refused_unless_sparse,
    every_missing_part_is_one_error,
    a_refused_manifest_is_not_stored,
    a_part_in_another_repository_is_missing,
    a_descriptor_with_a_wrong_size_is_400,
    a_descriptor_with_a_malformed_digest_is_400,
    a_missing_subject_is_accepted,
    a_manifest_and_its_referrer_come_in_either_order,
];

async fn an_image_whose_layer_is_missing_is_refused_unless_sparse(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut image = repository.new_image().await?;
    image["layers"] = json!([image["layers"][0], nowhere(OCI_LAYER)]);
    must_be_sparse(&repository, &Document::of(&image)).await
}

async fn an_image_whose_config_is_missing_is_refused_unless_sparse(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut image = repository.new_image().await?;
    image["config"] = nowhere(OCI_CONFIG);
    must_be_sparse(&repository, &Document::of(&image)).await
}

async fn an_index_whose_image_is_missing_is_refused_unless_sparse(case: &Case) -> Verdict {
    let repository = case.repository();
    let there = repository.push_untagged().await?;
    let mut missing = nowhere(OCI_IMAGE);
    missing["platform"] = json!({"os": "linux", "architecture": "arm64"});
    must_be_sparse(&repository, &Document::of(&index(vec![there.child("amd64"), missing]))).await
}

async fn every_missing_part_is_one_error(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_image("there").await?;
    let parts = [nowhere(OCI_CONFIG), nowhere(OCI_LAYER), nowhere(OCI_LAYER)];
    let document = Document::of(&image(parts[0].clone(), parts[1..].to_vec()));
    let answer = repository.put_manifest("three", &document).send().await?;
    if case.sparse() == Sparse::Accepted {
        answer.must_be(201)?;
        return Ok(());
    }
    let codes = answer.must_be_one_of(&[400, 404])?.error_codes()?;
    ensure(codes == ["MANIFEST_BLOB_UNKNOWN"; 3], || {
        answer.fault("not one MANIFEST_BLOB_UNKNOWN for each part")
    })?;
    let text = String::from_utf8_lossy(answer.body());
    let named = parts.iter().all(|part| text.contains(part["digest"].as_str().unwrap_or("?")));
    ensure(named, || answer.fault("a missing digest is not named"))
}

async fn a_refused_manifest_is_not_stored(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_image("there").await?;
    let mut image = repository.new_image().await?;
    image["layers"][0]["digest"] = "sha256:nonsense".into();
    let document = Document::of(&image);
    repository.put_manifest("refused", &document).send().await?.must_be_one_of(&[400, 404])?;
    repository.get_manifest("refused").send().await?.must_be(404)?;
    repository.get_manifest(&document.digest()).send().await?.must_be(404)?;
    let tags = repository.tags().await?;
    ensure(tags == ["there"], || format!("the tags are {tags:?}"))
}

async fn a_part_in_another_repository_is_missing(case: &Case) -> Verdict {
    let (here, there) = (case.repository(), case.repository());
    let mut image = here.new_image().await?;
    image["layers"] = json!([there.push_new(OCI_LAYER).await?]);
    must_be_sparse(&here, &Document::of(&image)).await
}

async fn a_descriptor_with_a_wrong_size_is_400(case: &Case) -> Verdict {
    let repository = case.repository();
    for part in ["config", "layer"] {
        let mut image = repository.new_image().await?;
        let descriptor = if part == "config" { &mut image["config"] } else { &mut image["layers"][0] };
        descriptor["size"] = json!(descriptor["size"].as_u64().unwrap_or_default() + 1);
        repository.put_manifest("liar", &Document::of(&image)).send().await?.must_be(400)?;
    }
    let mut child = repository.push_untagged().await?.child("amd64");
    child["size"] = json!(7);
    repository.put_manifest("liar", &Document::of(&index(vec![child]))).send().await?.must_be(400)?;
    repository.get_manifest("liar").send().await?.must_be(404)?;
    Ok(())
}

async fn a_descriptor_with_a_malformed_digest_is_400(case: &Case) -> Verdict {
    let repository = case.repository();
    for digest in [json!("sha256:nonsense"), json!("nonsense"), json!(""), json!(7), json!(null)] {
        let mut image = repository.new_image().await?;
        image["layers"][0]["digest"] = digest;
        repository.put_manifest("broken", &Document::of(&image)).send().await?.must_be(400)?;
    }
    repository.get_manifest("broken").send().await?.must_be(404)?;
    Ok(())
}

async fn a_missing_subject_is_accepted(case: &Case) -> Verdict {
    let repository = case.repository();
    for algorithm in Algorithm::ALL {
        let mut image = repository.new_image().await?;
        image["subject"] = json!({"mediaType": OCI_IMAGE, "digest": unknown_digest(algorithm), "size": 500});
        let document = Document::of(&image);
        repository.push_manifest("referrer", &document).await?;
        repository
            .get_manifest(&document.digest())
            .send()
            .await?
            .must_be(200)?
            .body_must_be(&document.bytes)?;
    }
    Ok(())
}

async fn a_manifest_and_its_referrer_come_in_either_order(case: &Case) -> Verdict {
    let repository = case.repository();
    let subject = Document::of(&repository.new_image().await?);
    let (mut before, mut after) = (repository.new_image().await?, repository.new_image().await?);
    before["subject"] = subject.descriptor();
    after["subject"] = subject.descriptor();
    let (before, after) = (Document::of(&before), Document::of(&after));
    repository.push_manifest("before", &before).await?;
    repository.push_manifest("subject", &subject).await?;
    repository.push_manifest("after", &after).await?;
    let listed = repository.referrers(&subject.digest()).await?;
    for document in [before, after] {
        let found = listed.iter().any(|descriptor| descriptor["digest"] == document.digest().as_str());
        ensure(found, || format!("{} is not listed as a referrer", document.digest()))?;
    }
    Ok(())
}

fn nowhere(media_type: &str) -> Value {
    json!({"mediaType": media_type, "digest": unknown_digest(Algorithm::Sha256), "size": 100})
}

/// A manifest with missing parts is refused with the right code and leaves nothing, or it is taken, as configured.
async fn must_be_sparse(repository: &Repository<'_>, document: &Document) -> Verdict {
    let answer: Answer = repository.put_manifest("sparse", document).send().await?;
    let read = repository.get_manifest("sparse").send().await?;
    match repository.case.sparse() {
        Sparse::Accepted => {
            answer.must_be(201)?;
            read.must_be(200)?.body_must_be(&document.bytes)?;
        }
        Sparse::Refused => {
            answer.must_be_one_of(&[400, 404])?.code_must_be(&["MANIFEST_BLOB_UNKNOWN"])?;
            read.must_be(404)?;
        }
    }
    Ok(())
}
