//! The list of tags, taken whole.

use super::suite;
use crate::case::{Case, tags_of};
use crate::check::{Verdict, ensure};

suite![
    the_tags_of_a_repository_are_listed,
    the_list_of_tags_has_its_form,
    tags_are_listed_in_order,
    a_repository_without_tags_is_an_empty_list_or_404,
    the_tags_of_an_unknown_repository_are_404,
    a_new_tag_is_listed_at_once,
    head_of_the_list_of_tags_is_its_get_without_a_body,
    the_tags_of_another_repository_are_not_listed,
];

/// In the order of their bytes; case-insensitive order is another one.
pub(super) const IN_ORDER: [&str; 12] =
    ["0", "1.0", "1.0-rc1", "1.0.1", "10", "A", "B", "_x", "a", "a-b", "a.b", "b"];

async fn the_tags_of_a_repository_are_listed(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_tags(&["b", "c", "a"]).await?;
    let mut tags = repository.tags().await?;
    tags.sort();
    ensure(tags == ["a", "b", "c"], || format!("the tags are {tags:?}"))
}

async fn the_list_of_tags_has_its_form(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_tags(&["a"]).await?;
    let answer = case.get(repository.tags_path()).send().await?;
    answer.must_be(200)?.header_must_be("content-type", "application/json")?;
    let right = answer.json()? == serde_json::json!({"name": repository.name, "tags": ["a"]});
    ensure(right, || answer.fault("the body is not {\"name\": …, \"tags\": […]}"))
}

async fn tags_are_listed_in_order(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut shuffled = IN_ORDER;
    shuffled.reverse();
    shuffled.swap(2, 7);
    repository.push_tags(&shuffled).await?;
    let tags = repository.tags().await?;
    let mut without_case = tags.clone();
    without_case.sort_by_key(|tag| tag.to_lowercase());
    let right = tags.len() == IN_ORDER.len() && (tags == IN_ORDER || tags == without_case);
    ensure(right, || format!("the tags are {tags:?}"))
}

async fn a_repository_without_tags_is_an_empty_list_or_404(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_untagged().await?;
    let answer = case.get(repository.tags_path()).send().await?;
    if answer.must_be_one_of(&[200, 404])?.status() == 200 {
        let tags = tags_of(&answer)?;
        return ensure(tags.is_empty(), || answer.fault("there should be no tags"));
    }
    answer.code_must_be(&["NAME_UNKNOWN"])?;
    Ok(())
}

async fn the_tags_of_an_unknown_repository_are_404(case: &Case) -> Verdict {
    let repository = case.repository();
    for query in ["", "?n=5", "?last=a", "?n=5&last=a"] {
        let answer = case.get(format!("{}{query}", repository.tags_path())).send().await?;
        answer.must_be(404)?.code_must_be(&["NAME_UNKNOWN"])?;
    }
    Ok(())
}

async fn a_new_tag_is_listed_at_once(case: &Case) -> Verdict {
    let repository = case.repository();
    let document = repository.push_tags(&["a"]).await?;
    ensure(repository.tags().await? == ["a"], || "the first tag is not listed")?;
    repository.push_manifest("b", &document).await?;
    let mut tags = repository.tags().await?;
    tags.sort();
    ensure(tags == ["a", "b"], || format!("the tags are {tags:?}"))
}

async fn head_of_the_list_of_tags_is_its_get_without_a_body(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_tags(&["a"]).await?;
    let head = case.head(repository.tags_path()).send().await?;
    let get = case.get(repository.tags_path()).send().await?;
    get.must_be(200)?;
    head.must_be(200)?.header_must_be("content-type", get.must_have("content-type")?)?;
    Ok(())
}

async fn the_tags_of_another_repository_are_not_listed(case: &Case) -> Verdict {
    let (outer, inner) = (case.repository_named("outer"), case.repository_named("outer/inner"));
    let beside = case.repository_named("outer-1");
    outer.push_tags(&["outer"]).await?;
    inner.push_tags(&["inner"]).await?;
    beside.push_tags(&["beside"]).await?;
    for (repository, tag) in [(outer, "outer"), (inner, "inner"), (beside, "beside")] {
        let tags = repository.tags().await?;
        ensure(tags == [tag], || format!("the tags of {} are {tags:?}", repository.name))?;
    }
    Ok(())
}
