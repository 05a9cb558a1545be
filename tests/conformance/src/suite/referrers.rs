//! The list of what refers to a manifest: its form, what a descriptor says, filters, and pages.

use serde_json::{Value, json};

use super::suite;
use crate::case::{Case, Repository, referrers_of};
use crate::check::{Stop, Verdict, ensure, fail};
use crate::exchange::encode;
use crate::fixture::{
    ACCEPT_ALL, Algorithm, Blob, Document, OCI_CONFIG, OCI_EMPTY, OCI_IMAGE, OCI_INDEX, image, index,
    unknown_digest,
};

suite![
    referrers_are_an_image_index_through_and_through,
    a_referrer_is_described_by_type_size_and_digest,
    a_referrer_shows_its_artifact_type,
    an_image_without_an_artifact_type_shows_its_config_type,
    an_index_without_an_artifact_type_shows_none,
    a_referrer_shows_all_its_annotations,
    an_index_is_a_referrer_like_an_image,
    a_subject_without_referrers_is_an_empty_index,
    an_unknown_subject_is_an_empty_index_and_never_404,
    a_manifest_without_a_subject_is_no_referrer,
    a_reference_from_an_index_is_no_referrer,
    referrers_of_another_repository_are_not_listed,
    a_filter_gives_only_its_artifact_type,
    a_filter_is_named_in_the_answer,
    a_filter_that_matches_nothing_is_an_empty_index,
    a_filter_by_config_type_finds_images_without_artifact_type,
    only_filters_that_were_applied_are_named,
    head_of_referrers_is_their_get_without_a_body,
    many_referrers_are_listed_once_each,
    referrers_that_fill_more_than_a_manifest_come_in_pages,
    the_pages_of_a_filtered_list_are_filtered,
];

const SBOM: &str = "application/vnd.example.sbom.v1+json";
const SIGNATURE: &str = "application/vnd.example.signature";

async fn referrers_are_an_image_index_through_and_through(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    refer(&repository, &subject, Some(SBOM)).await?;
    let answer = case.get(repository.referrers_path(&subject.digest())).send().await?;
    let listed = referrers_of(&answer)?;
    ensure(listed.len() == 1, || answer.fault("expected one descriptor"))
}

async fn a_referrer_is_described_by_type_size_and_digest(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let referrer = refer(&repository, &subject, Some(SBOM)).await?;
    let found = find(&repository, &subject, &referrer).await?;
    let right = found["mediaType"] == OCI_IMAGE && found["size"] == referrer.bytes.len();
    ensure(right, || format!("{found} does not describe a referrer of {} bytes", referrer.bytes.len()))?;
    let digest = found["digest"].as_str().unwrap_or_default();
    repository.get_manifest(digest).send().await?.must_be(200)?.body_must_be(&referrer.bytes)?;
    Ok(())
}

async fn a_referrer_shows_its_artifact_type(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let referrer = refer(&repository, &subject, Some(SBOM)).await?;
    let found = find(&repository, &subject, &referrer).await?;
    ensure(found["artifactType"] == SBOM, || format!("the artifact type of {found} is not {SBOM}"))?;
    let mut list = index(Vec::new());
    list["artifactType"] = SIGNATURE.into();
    let referrer = push_with_subject(&repository, list, &subject).await?;
    let found = find(&repository, &subject, &referrer).await?;
    ensure(found["artifactType"] == SIGNATURE, || format!("the artifact type of {found} is not {SIGNATURE}"))
}

async fn an_image_without_an_artifact_type_shows_its_config_type(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    for (config, artifact_type) in
        [(OCI_CONFIG, None), ("application/vnd.example.config", None), (OCI_CONFIG, Some(""))]
    {
        let mut manifest = image(repository.push_new(config).await?, Vec::new());
        if let Some(artifact_type) = artifact_type {
            manifest["artifactType"] = json!(artifact_type);
        }
        let referrer = push_with_subject(&repository, manifest, &subject).await?;
        let found = find(&repository, &subject, &referrer).await?;
        ensure(found["artifactType"] == config, || format!("the artifact type of {found} is not {config}"))?;
    }
    Ok(())
}

async fn an_index_without_an_artifact_type_shows_none(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let referrer = push_with_subject(&repository, index(Vec::new()), &subject).await?;
    let found = find(&repository, &subject, &referrer).await?;
    ensure(found.get("artifactType").is_none(), || format!("{found} has an artifact type"))
}

async fn a_referrer_shows_all_its_annotations(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let annotations =
        json!({"org.example.a": "1", "org.opencontainers.image.created": "2026-01-01T00:00:00Z", "ä": "<&>"});
    for mut manifest in [repository.new_image().await?, index(Vec::new())] {
        manifest["annotations"] = annotations.clone();
        let referrer = push_with_subject(&repository, manifest, &subject).await?;
        let found = find(&repository, &subject, &referrer).await?;
        ensure(found["annotations"] == annotations, || {
            format!("{found} has other annotations than {annotations}")
        })?;
    }
    Ok(())
}

async fn an_index_is_a_referrer_like_an_image(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let child = repository.push_untagged().await?.child("amd64");
    let referrer = push_with_subject(&repository, index(vec![child]), &subject).await?;
    let found = find(&repository, &subject, &referrer).await?;
    ensure(found["mediaType"] == OCI_INDEX, || format!("{found} is not described as an index"))
}

async fn a_subject_without_referrers_is_an_empty_index(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let listed = repository.referrers(&subject.digest()).await?;
    ensure(listed.is_empty(), || format!("nothing refers to it, but listed are {listed:?}"))
}

async fn an_unknown_subject_is_an_empty_index_and_never_404(case: &Case) -> Verdict {
    let (known, unknown) = (case.repository(), case.repository());
    known.push_image("latest").await?;
    for repository in [known, unknown] {
        for algorithm in Algorithm::ALL {
            let listed = repository.referrers(&unknown_digest(algorithm)).await?;
            ensure(listed.is_empty(), || format!("referrers of nothing: {listed:?}"))?;
        }
    }
    Ok(())
}

async fn a_manifest_without_a_subject_is_no_referrer(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    repository.push_image("other").await?;
    let listed = repository.referrers(&subject.digest()).await?;
    ensure(listed.is_empty(), || format!("nothing refers to it, but listed are {listed:?}"))
}

async fn a_reference_from_an_index_is_no_referrer(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    repository.push_manifest("index", &Document::of(&index(vec![subject.child("amd64")]))).await?;
    let listed = repository.referrers(&subject.digest()).await?;
    ensure(listed.is_empty(), || format!("only an index holds it, but listed are {listed:?}"))
}

async fn referrers_of_another_repository_are_not_listed(case: &Case) -> Verdict {
    let (here, subject) = subject(case).await?;
    let there = case.repository();
    refer(&here, &subject, Some(SBOM)).await?;
    let listed = there.referrers(&subject.digest()).await?;
    ensure(listed.is_empty(), || {
        format!("the referrers are in another repository, but listed are {listed:?}")
    })
}

async fn a_filter_gives_only_its_artifact_type(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let sbom = refer(&repository, &subject, Some(SBOM)).await?;
    refer(&repository, &subject, Some(SIGNATURE)).await?;
    refer(&repository, &subject, None).await?;
    push_with_subject(&repository, index(Vec::new()), &subject).await?;
    let listed = filtered(&repository, &subject, SBOM).await?;
    let right = listed.len() == 1 && listed[0]["digest"] == sbom.digest().as_str();
    ensure(right, || format!("filtered by {SBOM}, listed are {listed:?}"))
}

async fn a_filter_is_named_in_the_answer(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    refer(&repository, &subject, Some(SBOM)).await?;
    let path = repository.referrers_path(&subject.digest());
    for artifact_type in [SBOM, SIGNATURE] {
        let answer = case.get(format!("{path}?artifactType={}", encode(artifact_type))).send().await?;
        answer.must_be(200)?.header_must_be("oci-filters-applied", "artifactType")?;
    }
    let answer = case.get(path).send().await?;
    answer.must_be(200)?.must_not_have("oci-filters-applied")
}

async fn a_filter_that_matches_nothing_is_an_empty_index(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    refer(&repository, &subject, Some(SBOM)).await?;
    let listed = filtered(&repository, &subject, "application/vnd.example.nothing").await?;
    ensure(listed.is_empty(), || format!("no such type, but listed are {listed:?}"))
}

async fn a_filter_by_config_type_finds_images_without_artifact_type(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let plain = refer(&repository, &subject, None).await?;
    refer(&repository, &subject, Some(SBOM)).await?;
    let listed = filtered(&repository, &subject, OCI_CONFIG).await?;
    let right = listed.len() == 1 && listed[0]["digest"] == plain.digest().as_str();
    ensure(right, || format!("filtered by {OCI_CONFIG}, listed are {listed:?}"))
}

async fn only_filters_that_were_applied_are_named(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    refer(&repository, &subject, Some(SBOM)).await?;
    let query = format!("artifactType={}&org.example.unknown=x", encode(SBOM));
    let answer = case.get(format!("{}?{query}", repository.referrers_path(&subject.digest()))).send().await?;
    referrers_of(&answer)?;
    answer.header_must_be("oci-filters-applied", "artifactType")?;
    Ok(())
}

async fn head_of_referrers_is_their_get_without_a_body(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    refer(&repository, &subject, Some(SBOM)).await?;
    let head = case.head(repository.referrers_path(&subject.digest())).send().await?;
    head.must_be(200)?.header_must_be("content-type", OCI_INDEX)?;
    Ok(())
}

async fn many_referrers_are_listed_once_each(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let mut expected = Vec::new();
    for _ in 0..25 {
        expected.push(refer(&repository, &subject, Some(SBOM)).await?.digest());
    }
    must_list(&repository.referrers(&subject.digest()).await?, expected)
}

/// More than any client takes in one manifest: five megabytes of annotations.
async fn referrers_that_fill_more_than_a_manifest_come_in_pages(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let expected = push_large(&repository, &subject, 25).await?;
    let pages = case.pages(&repository.referrers_path(&subject.digest())).await?;
    let mut listed = Vec::new();
    for page in &pages {
        let small = page.body().len() <= 4 << 20;
        ensure(small, || page.fault(format_args!("a page of {} bytes", page.body().len())))?;
        listed.extend(referrers_of(page)?);
    }
    must_list(&listed, expected)
}

async fn the_pages_of_a_filtered_list_are_filtered(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let expected = push_large(&repository, &subject, 25).await?;
    for _ in 0..3 {
        refer(&repository, &subject, Some(SIGNATURE)).await?;
    }
    let path = format!("{}?artifactType={}", repository.referrers_path(&subject.digest()), encode(SBOM));
    let mut listed = Vec::new();
    for page in case.pages(&path).await? {
        page.header_must_be("oci-filters-applied", "artifactType")?;
        listed.extend(referrers_of(&page)?);
    }
    must_list(&listed, expected)
}

/// A repository with an image to refer to.
pub(super) async fn subject(case: &Case) -> Result<(Repository<'_>, Document), Stop> {
    let repository = case.repository();
    let subject = repository.push_image("subject").await?;
    Ok((repository, subject))
}

/// Pushes an artifact of this type that refers to the subject, by its digest only.
pub(super) async fn refer(
    repository: &Repository<'_>,
    to: &Document,
    kind: Option<&str>,
) -> Result<Document, Stop> {
    let mut manifest = repository.new_image().await?;
    if let Some(artifact_type) = kind {
        let config = Blob::new("{}");
        repository.push_blob(&config).await?;
        manifest["config"] = config.descriptor(OCI_EMPTY);
        manifest["artifactType"] = artifact_type.into();
    }
    push_with_subject(repository, manifest, to).await
}

pub(super) async fn push_with_subject(
    repository: &Repository<'_>,
    mut manifest: Value,
    subject: &Document,
) -> Result<Document, Stop> {
    manifest["subject"] = subject.descriptor();
    let document = Document::of(&manifest);
    repository.push_manifest(&document.digest(), &document).await?;
    Ok(document)
}

async fn push_large(repository: &Repository<'_>, to: &Document, count: usize) -> Result<Vec<String>, Stop> {
    let mut digests = Vec::new();
    for number in 0..count {
        let mut manifest = repository.new_image().await?;
        manifest["artifactType"] = SBOM.into();
        manifest["annotations"] = json!({"number": number.to_string(), "padding": "p".repeat(200_000)});
        digests.push(push_with_subject(repository, manifest, to).await?.digest());
    }
    Ok(digests)
}

async fn find(repository: &Repository<'_>, subject: &Document, referrer: &Document) -> Result<Value, Stop> {
    let listed = repository.referrers(&subject.digest()).await?;
    let mut found = listed.iter().filter(|descriptor| descriptor["digest"] == referrer.digest().as_str());
    match (found.next(), found.next()) {
        (Some(descriptor), None) => Ok(descriptor.clone()),
        _ => fail(format_args!("{} is not listed once in {listed:?}", referrer.digest())),
    }
}

async fn filtered(repository: &Repository<'_>, subject: &Document, by: &str) -> Result<Vec<Value>, Stop> {
    let path = format!("{}?artifactType={}", repository.referrers_path(&subject.digest()), encode(by));
    let request = repository.case.get(path).header("accept", ACCEPT_ALL);
    let answer = request.send().await?;
    let listed = referrers_of(&answer)?;
    answer.header_must_be("oci-filters-applied", "artifactType")?;
    Ok(listed)
}

fn must_list(listed: &[Value], mut expected: Vec<String>) -> Verdict {
    let mut digests: Vec<_> = listed.iter().filter_map(|descriptor| descriptor["digest"].as_str()).collect();
    digests.sort_unstable();
    expected.sort_unstable();
    ensure(digests == expected, || {
        format!("{} referrers are listed, {} were pushed", digests.len(), expected.len())
    })
}
