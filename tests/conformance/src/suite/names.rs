//! What may be the name of a repository or of a tag, and what a reference to a manifest may look like.

use super::suite;
use crate::case::{Case, Repository};
use crate::check::{Verdict, ensure};
use crate::exchange::encode;
use crate::fixture::{Document, malformed_digests};

suite![
    names_of_the_grammar_are_accepted,
    names_that_hold_the_words_of_routes_are_accepted,
    names_outside_the_grammar_are_refused,
    a_name_of_255_characters_is_accepted,
    a_name_that_is_too_long_is_400_or_404,
    tags_of_the_grammar_are_accepted,
    tags_outside_the_grammar_are_refused,
    tags_that_differ_in_case_differ,
    a_reference_that_is_neither_tag_nor_digest_is_refused,
];

/// The longest name, in characters, with every client's host in mind; what Distribution takes.
const LONGEST: usize = 255;

async fn names_of_the_grammar_are_accepted(case: &Case) -> Verdict {
    for name in ["a", "0", "a.b", "a_b", "a__b", "a-b", "a----b", "a/b/c/d/e/f", "a.b_c__d-e/0.1", "64hex"] {
        push_and_pull(&case.repository_named(name)).await?;
    }
    Ok(())
}

async fn names_that_hold_the_words_of_routes_are_accepted(case: &Case) -> Verdict {
    for name in [
        "blobs",
        "manifests",
        "tags",
        "uploads",
        "referrers",
        "list",
        "v2",
        "x/blobs/y",
        "x/manifests/y/tags",
    ] {
        push_and_pull(&case.repository_named(name)).await?;
    }
    Ok(())
}

async fn names_outside_the_grammar_are_refused(case: &Case) -> Verdict {
    for name in [
        "A", "aB", "a..b", "a___b", "a._b", "a.-b", "-a", "a-", ".a", "a.", "_a", "a_", "a+b", "a%20b",
        "%C3%A4",
    ] {
        let repository = case.repository_named(name);
        case.get(repository.tags_path()).send().await?.must_be_one_of(&[400, 404])?;
        case.get(repository.manifest_path("latest")).send().await?.must_be_one_of(&[400, 404])?;
        case.post(repository.uploads_path()).send().await?.must_be_one_of(&[400, 404])?;
    }
    Ok(())
}

async fn a_name_of_255_characters_is_accepted(case: &Case) -> Verdict {
    let repository = name_of_length(case, LONGEST);
    push_and_pull(&repository).await
}

async fn a_name_that_is_too_long_is_400_or_404(case: &Case) -> Verdict {
    for len in [LONGEST + 1, 300, 2000] {
        let repository = name_of_length(case, len);
        case.get(repository.tags_path()).send().await?.must_be_one_of(&[400, 404, 414])?;
        case.post(repository.uploads_path()).send().await?.must_be_one_of(&[400, 404, 414])?;
    }
    Ok(())
}

async fn tags_of_the_grammar_are_accepted(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = Document::of(&repository.new_image().await?);
    let longest = "t".repeat(128);
    for tag in ["a", "_", "0", "A", "_a", "a.b-c_D", "1.2.3", "a--", "a..", "v1.0-rc.1", "sha256", &longest] {
        repository.push_manifest(tag, &document).await?;
        repository.get_manifest(tag).send().await?.must_be(200)?.body_must_be(&document.bytes)?;
    }
    Ok(())
}

async fn tags_outside_the_grammar_are_refused(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_image("good").await?;
    let longer = "t".repeat(129);
    for tag in [".a", "-a", "a b", "a!", "a+b", "a@b", "ä", "a\nb", &longer] {
        let tag = encode(tag);
        repository.put_manifest(&tag, &document).send().await?.must_be_one_of(&[400, 404])?;
        repository.get_manifest(&tag).send().await?.must_be_one_of(&[400, 404])?;
    }
    let listed = repository.tags().await?;
    ensure(listed == ["good"], || format!("only the tag \"good\" was accepted, but listed are {listed:?}"))
}

async fn tags_that_differ_in_case_differ(case: &Case) -> Verdict {
    let repository = case.repository();
    let lower = repository.push_image("tag").await?;
    let upper = repository.push_image("TAG").await?;
    repository.get_manifest("tag").send().await?.must_be(200)?.body_must_be(&lower.bytes)?;
    repository.get_manifest("TAG").send().await?.must_be(200)?.body_must_be(&upper.bytes)?;
    Ok(())
}

async fn a_reference_that_is_neither_tag_nor_digest_is_refused(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_image("good").await?;
    let strange = ["a:b", "good@x", "@", ":"].map(encode);
    for reference in strange.into_iter().chain(malformed_digests()) {
        repository.get_manifest(&reference).send().await?.must_be_one_of(&[400, 404])?;
        repository.head_manifest(&reference).send().await?.must_be_one_of(&[400, 404])?;
        repository.put_manifest(&reference, &document).send().await?.must_be_one_of(&[400, 404])?;
    }
    Ok(())
}

async fn push_and_pull(repository: &Repository<'_>) -> Verdict {
    let document = repository.push_image("latest").await?;
    repository.get_manifest("latest").send().await?.must_be(200)?.body_must_be(&document.bytes)?;
    let answer = repository.case.get(repository.tags_path()).send().await?;
    let name = answer.must_be(200)?.json()?["name"] == repository.name.as_str();
    ensure(name, || answer.fault(format_args!("the list is not that of {}", repository.name)))
}

fn name_of_length(case: &Case, len: usize) -> Repository<'_> {
    let start = case.repository_named("").name.len();
    let rest: String = (0..len - start).map(|at| if at % 40 == 39 { '/' } else { 'n' }).collect();
    let rest = rest.strip_suffix('/').map_or(rest.clone(), |short| format!("{short}n"));
    case.repository_named(&rest)
}
