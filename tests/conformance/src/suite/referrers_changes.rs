//! Referrers that come and go, and the tag under which clients kept them before there was an API.

use serde_json::json;

use super::deletion::supported;
use super::referrers::{refer, subject};
use super::suite;
use crate::case::{Case, Repository};
use crate::check::{Stop, Verdict, ensure};
use crate::fixture::{Algorithm, Document, OCI_IMAGE, index, unknown_digest};

suite![
    a_put_by_tag_answers_with_the_subject,
    a_put_by_digest_answers_with_the_subject,
    an_index_put_answers_with_the_subject,
    a_put_without_a_subject_does_not_answer_with_one,
    a_referrer_is_listed_at_once,
    a_referrer_of_a_missing_subject_is_listed,
    a_referrer_that_is_pushed_again_is_listed_once,
    a_referrer_may_be_referred_to,
    a_deleted_referrer_is_off_the_list_at_once,
    a_deleted_tag_leaves_the_referrer_listed,
    a_deleted_subject_leaves_its_referrers,
    a_referrer_pushed_again_after_deletion_is_listed,
    the_fallback_tag_is_what_clients_made_it,
    a_referrer_of_the_fallback_tag_is_listed_once,
    a_fallback_tag_adds_nothing_that_does_not_refer,
];

async fn a_put_by_tag_answers_with_the_subject(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let referrer = with_subject(&repository, &subject).await?;
    let answer = repository.put_manifest("referrer", &referrer).send().await?;
    answer.must_be(201)?.header_must_be("oci-subject", &subject.digest())?;
    Ok(())
}

async fn a_put_by_digest_answers_with_the_subject(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let referrer = with_subject(&repository, &subject).await?;
    for _ in ["first", "again"] {
        let answer = repository.put_manifest(&referrer.digest(), &referrer).send().await?;
        answer.must_be(201)?.header_must_be("oci-subject", &subject.digest())?;
    }
    Ok(())
}

async fn an_index_put_answers_with_the_subject(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let mut list = index(Vec::new());
    list["subject"] = subject.descriptor();
    let answer = repository.put_manifest("index", &Document::of(&list)).send().await?;
    answer.must_be(201)?.header_must_be("oci-subject", &subject.digest())?;
    Ok(())
}

async fn a_put_without_a_subject_does_not_answer_with_one(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = Document::of(&repository.new_image().await?);
    repository.put_manifest("plain", &document).send().await?.must_be(201)?.must_not_have("oci-subject")
}

async fn a_referrer_is_listed_at_once(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    for _ in 0..3 {
        let referrer = refer(&repository, &subject, None).await?;
        must_be_listed(&repository, &subject.digest(), &referrer, 1).await?;
    }
    Ok(())
}

async fn a_referrer_of_a_missing_subject_is_listed(case: &Case) -> Verdict {
    let repository = case.repository();
    let digest = unknown_digest(Algorithm::Sha256);
    let mut manifest = repository.new_image().await?;
    manifest["subject"] = json!({"mediaType": OCI_IMAGE, "digest": digest, "size": 500});
    let referrer = Document::of(&manifest);
    let answer = repository.put_manifest("referrer", &referrer).send().await?;
    answer.must_be(201)?.header_must_be("oci-subject", &digest)?;
    must_be_listed(&repository, &digest, &referrer, 1).await
}

async fn a_referrer_that_is_pushed_again_is_listed_once(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let referrer = refer(&repository, &subject, None).await?;
    for reference in ["one", "two", &referrer.digest()] {
        repository.push_manifest(reference, &referrer).await?;
    }
    must_be_listed(&repository, &subject.digest(), &referrer, 1).await
}

async fn a_referrer_may_be_referred_to(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let middle = refer(&repository, &subject, None).await?;
    let outer = refer(&repository, &middle, None).await?;
    must_be_listed(&repository, &subject.digest(), &middle, 1).await?;
    must_be_listed(&repository, &middle.digest(), &outer, 1).await?;
    must_be_listed(&repository, &subject.digest(), &outer, 0).await
}

async fn a_deleted_referrer_is_off_the_list_at_once(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let stays = refer(&repository, &subject, None).await?;
    let goes = refer(&repository, &subject, None).await?;
    must_be_listed(&repository, &subject.digest(), &goes, 1).await?;
    supported(&repository.delete_manifest(&goes.digest()).send().await?)?;
    must_be_listed(&repository, &subject.digest(), &goes, 0).await?;
    must_be_listed(&repository, &subject.digest(), &stays, 1).await
}

async fn a_deleted_tag_leaves_the_referrer_listed(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let referrer = refer(&repository, &subject, None).await?;
    repository.push_manifest("referrer", &referrer).await?;
    supported(&repository.delete_manifest("referrer").send().await?)?;
    must_be_listed(&repository, &subject.digest(), &referrer, 1).await
}

async fn a_deleted_subject_leaves_its_referrers(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let referrer = refer(&repository, &subject, None).await?;
    supported(&repository.delete_manifest(&subject.digest()).send().await?)?;
    must_be_listed(&repository, &subject.digest(), &referrer, 1).await?;
    repository.get_manifest(&referrer.digest()).send().await?.must_be(200)?.body_must_be(&referrer.bytes)?;
    Ok(())
}

async fn a_referrer_pushed_again_after_deletion_is_listed(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let referrer = refer(&repository, &subject, None).await?;
    supported(&repository.delete_manifest(&referrer.digest()).send().await?)?;
    must_be_listed(&repository, &subject.digest(), &referrer, 0).await?;
    repository.push_manifest(&referrer.digest(), &referrer).await?;
    must_be_listed(&repository, &subject.digest(), &referrer, 1).await
}

async fn the_fallback_tag_is_what_clients_made_it(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let referrer = refer(&repository, &subject, None).await?;
    let tag = subject.digest().replace(':', "-");
    let fallback = Document::of(&index(vec![referrer.descriptor()]));
    repository.push_manifest(&tag, &fallback).await?;
    repository.push_manifest(&referrer.digest(), &referrer).await?;
    refer(&repository, &subject, None).await?;
    repository.get_manifest(&tag).send().await?.must_be(200)?.body_must_be(&fallback.bytes)?;
    supported(&repository.delete_manifest(&referrer.digest()).send().await?)?;
    repository.get_manifest(&tag).send().await?.must_be(200)?.body_must_be(&fallback.bytes)?;
    Ok(())
}

/// What an older client leaves behind: the referrer, and an index under the fallback tag that names it.
async fn a_referrer_of_the_fallback_tag_is_listed_once(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let referrer = refer(&repository, &subject, None).await?;
    let fallback = Document::of(&index(vec![referrer.descriptor()]));
    repository.push_manifest(&subject.digest().replace(':', "-"), &fallback).await?;
    let newer = refer(&repository, &subject, None).await?;
    must_be_listed(&repository, &subject.digest(), &referrer, 1).await?;
    must_be_listed(&repository, &subject.digest(), &newer, 1).await
}

async fn a_fallback_tag_adds_nothing_that_does_not_refer(case: &Case) -> Verdict {
    let (repository, subject) = subject(case).await?;
    let stranger = repository.push_untagged().await?;
    let fallback = Document::of(&index(vec![stranger.descriptor()]));
    repository.push_manifest(&subject.digest().replace(':', "-"), &fallback).await?;
    must_be_listed(&repository, &subject.digest(), &stranger, 0).await
}

async fn with_subject(repository: &Repository<'_>, subject: &Document) -> Result<Document, Stop> {
    let mut manifest = repository.new_image().await?;
    manifest["subject"] = subject.descriptor();
    Ok(Document::of(&manifest))
}

async fn must_be_listed(repository: &Repository<'_>, of: &str, referrer: &Document, times: usize) -> Verdict {
    let listed = repository.referrers(of).await?;
    let found = listed.iter().filter(|descriptor| descriptor["digest"] == referrer.digest().as_str()).count();
    ensure(found == times, || {
        format!("{} is listed {found} times instead of {times}: {listed:?}", referrer.digest())
    })
}
