//! Tags that are set while a manifest is put by its digest.

use super::suite;
use crate::case::{Case, Repository};
use crate::check::{Stop, Verdict, ensure, skip};
use crate::exchange::{Answer, encode};
use crate::fixture::{Algorithm, Document};

suite![
    tag_parameters_set_tags_or_are_not_offered,
    ten_tag_parameters_are_accepted,
    every_accepted_tag_is_named_in_oci_tag,
    tags_set_by_parameters_are_listed_and_readable_at_once,
    a_tag_parameter_moves_a_tag,
    a_malformed_tag_parameter_is_400_and_sets_nothing,
    too_many_tag_parameters_are_414_and_set_nothing,
    an_endless_request_line_is_414_or_431,
    a_tag_parameter_works_with_a_sha512_digest,
];

async fn tag_parameters_set_tags_or_are_not_offered(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = Document::of(&repository.new_image().await?);
    let answer = put(&repository, &document, Algorithm::Sha256, &["one"]).await?;
    answer.must_be_one_of(&[201, 400, 405])?;
    let set = answer.list("oci-tag") == ["one"];
    repository.get_manifest("one").send().await?.must_be(if set { 200 } else { 404 })?;
    Ok(())
}

async fn ten_tag_parameters_are_accepted(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = Document::of(&repository.new_image().await?);
    let tags = numbered(10);
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    supported(put(&repository, &document, Algorithm::Sha256, &tags).await?)?.must_be(201)?;
    for tag in tags {
        repository.get_manifest(tag).send().await?.must_be(200)?.body_must_be(&document.bytes)?;
    }
    Ok(())
}

async fn every_accepted_tag_is_named_in_oci_tag(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = Document::of(&repository.new_image().await?);
    let tags = ["1.2.3", "1.2", "1", "latest", "A_b-c", "1.2"];
    let answer = supported(put(&repository, &document, Algorithm::Sha256, &tags).await?)?;
    let mut named = answer.must_be(201)?.list("oci-tag");
    named.sort_unstable();
    named.dedup();
    ensure(named == ["1", "1.2", "1.2.3", "A_b-c", "latest"], || {
        answer.fault("OCI-Tag does not name every tag")
    })?;
    answer.header_may_be("docker-content-digest", &document.digest())?;
    Ok(())
}

async fn tags_set_by_parameters_are_listed_and_readable_at_once(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = Document::of(&repository.new_image().await?);
    supported(put(&repository, &document, Algorithm::Sha256, &["b", "a"]).await?)?.must_be(201)?;
    let tags = repository.tags().await?;
    ensure(tags == ["a", "b"], || format!("the tags are {tags:?}"))?;
    for reference in ["a", "b", &document.digest()] {
        repository.get_manifest(reference).send().await?.must_be(200)?.body_must_be(&document.bytes)?;
    }
    Ok(())
}

async fn a_tag_parameter_moves_a_tag(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_image("latest").await?;
    let document = Document::of(&repository.new_image().await?);
    supported(put(&repository, &document, Algorithm::Sha256, &["latest"]).await?)?.must_be(201)?;
    repository.get_manifest("latest").send().await?.must_be(200)?.body_must_be(&document.bytes)?;
    Ok(())
}

async fn a_malformed_tag_parameter_is_400_and_sets_nothing(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_image("there").await?;
    supported(put(&repository, &document, Algorithm::Sha256, &["there"]).await?)?;
    let longer = "t".repeat(129);
    for bad in ["-a", ".a", "a b", "a/b", "a:b", "", &longer] {
        put(&repository, &document, Algorithm::Sha256, &["good", bad]).await?.must_be(400)?;
    }
    let tags = repository.tags().await?;
    ensure(tags == ["there"], || format!("the tags are {tags:?}"))
}

async fn too_many_tag_parameters_are_414_and_set_nothing(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_image("there").await?;
    supported(put(&repository, &document, Algorithm::Sha256, &["there"]).await?)?;
    let tags = numbered(2000);
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    let answer = put(&repository, &document, Algorithm::Sha256, &tags).await?;
    if answer.must_be_one_of(&[201, 414, 431])?.status() == 201 {
        ensure(answer.list("oci-tag").len() == tags.len(), || answer.fault("not every tag is in OCI-Tag"))?;
        repository.get_manifest(tags[1999]).send().await?.must_be(200)?;
        return Ok(());
    }
    let tags = repository.tags().await?;
    ensure(tags == ["there"], || format!("the tags are {tags:?}"))
}

async fn an_endless_request_line_is_414_or_431(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_image("there").await?;
    let path = format!("{}?tag={}", repository.manifest_path(&document.digest()), "t".repeat(60_000));
    let request =
        case.put(path).header("content-type", document.media_type.clone()).body(document.bytes.clone());
    request.send().await?.must_be_one_of(&[201, 400, 414, 431])?;
    let tags = repository.tags().await?;
    ensure(tags == ["there"], || format!("the tags are {tags:?}"))
}

async fn a_tag_parameter_works_with_a_sha512_digest(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = Document::of(&repository.new_image().await?);
    let sample = Document::of(&repository.new_image().await?);
    supported(put(&repository, &sample, Algorithm::Sha256, &["sample"]).await?)?;
    let answer = put(&repository, &document, Algorithm::Sha512, &["long"]).await?;
    answer.must_be(201)?.header_may_be("docker-content-digest", &document.digest_by(Algorithm::Sha512))?;
    ensure(answer.list("oci-tag") == ["long"], || answer.fault("OCI-Tag does not name the tag"))?;
    let read = repository.get_manifest("long").send().await?;
    read.must_be(200)?.body_must_be(&document.bytes)?;
    Ok(())
}

async fn put(
    repository: &Repository<'_>,
    document: &Document,
    by: Algorithm,
    tags: &[&str],
) -> Result<Answer, Stop> {
    let parameters: Vec<String> = tags.iter().map(|tag| format!("tag={}", encode(tag))).collect();
    let path = format!("{}?{}", repository.manifest_path(&document.digest_by(by)), parameters.join("&"));
    let request = repository.case.put(path).header("content-type", document.media_type.clone());
    request.body(document.bytes.clone()).send().await
}

fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("t{number:04}")).collect()
}

/// A success that names no tag is how a registry without tag parameters answers: it does not look at them.
fn supported(answer: Answer) -> Result<Answer, Stop> {
    match answer.status() {
        201 if !answer.headers().contains_key("oci-tag") => {
            skip("tag parameters are not read: 201 without OCI-Tag")
        }
        _ => Ok(answer),
    }
}
