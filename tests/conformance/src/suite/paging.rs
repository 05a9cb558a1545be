//! The list of tags, taken in pages: nothing twice, nothing lost, whatever the page.

use http::Method;

use super::listing::IN_ORDER;
use super::suite;
use crate::case::{Case, Repository, tags_of};
use crate::check::{Stop, Verdict, ensure, fail};
use crate::exchange::Answer;

suite![
    a_page_holds_as_many_tags_as_asked_for,
    a_page_is_shorter_only_at_the_end_or_with_a_link,
    a_page_of_no_tags_is_empty_and_has_no_link,
    a_page_without_last_begins_at_the_beginning,
    a_page_after_last_begins_behind_it,
    last_without_n_gives_the_rest,
    last_that_is_no_tag_of_the_repository_is_still_a_place,
    last_is_a_tag_and_not_a_number,
    last_at_the_end_gives_an_empty_page,
    a_link_leads_to_the_next_page,
    every_size_of_page_gives_every_tag_once,
    every_size_of_page_gives_every_tag_once_by_last,
    a_page_larger_than_the_list_is_the_list,
    n_that_is_no_number_is_400,
    pages_are_in_order,
];

async fn a_page_holds_as_many_tags_as_asked_for(case: &Case) -> Verdict {
    let repository = tagged(case).await?;
    for n in [1, 2, 5, 11] {
        let answer = page(&repository, &format!("n={n}")).await?;
        must_hold(&answer, &IN_ORDER[..n])?;
    }
    Ok(())
}

async fn a_page_is_shorter_only_at_the_end_or_with_a_link(case: &Case) -> Verdict {
    let repository = tagged(case).await?;
    for n in [1, 5, 12, 13, 1000, 1_000_000] {
        let answer = page(&repository, &format!("n={n}")).await?;
        let found = tags_of(&answer)?.len();
        let complete = found == n.min(IN_ORDER.len());
        ensure(complete || answer.next_page()?.is_some(), || {
            answer.fault(format_args!("{found} tags and no Link"))
        })?;
        ensure(found <= n, || answer.fault("more tags than asked for"))?;
    }
    Ok(())
}

async fn a_page_of_no_tags_is_empty_and_has_no_link(case: &Case) -> Verdict {
    let repository = tagged(case).await?;
    for query in ["n=0", "n=0&last=A"] {
        let answer = page(&repository, query).await?;
        must_hold(&answer, &[])?;
        answer.must_not_have("link")?;
    }
    Ok(())
}

async fn a_page_without_last_begins_at_the_beginning(case: &Case) -> Verdict {
    let repository = tagged(case).await?;
    for query in ["n=3", "n=3&last="] {
        must_hold(&page(&repository, query).await?, &IN_ORDER[..3])?;
    }
    Ok(())
}

async fn a_page_after_last_begins_behind_it(case: &Case) -> Verdict {
    let repository = tagged(case).await?;
    for (at, last) in IN_ORDER.iter().enumerate() {
        let expected = &IN_ORDER[at + 1..IN_ORDER.len().min(at + 3)];
        must_hold(&page(&repository, &format!("n=2&last={last}")).await?, expected)?;
    }
    Ok(())
}

async fn last_without_n_gives_the_rest(case: &Case) -> Verdict {
    let repository = tagged(case).await?;
    for at in [0, 5, 10] {
        let answer = page(&repository, &format!("last={}", IN_ORDER[at])).await?;
        must_hold(&answer, &IN_ORDER[at + 1..])?;
    }
    Ok(())
}

async fn last_that_is_no_tag_of_the_repository_is_still_a_place(case: &Case) -> Verdict {
    let repository = tagged(case).await?;
    must_hold(&page(&repository, "n=2&last=1.0-rc").await?, &["1.0-rc1", "1.0.1"])?;
    must_hold(&page(&repository, "n=2&last=AA").await?, &["B", "_x"])?;
    must_hold(&page(&repository, "n=1&last=a-").await?, &["a-b"])
}

async fn last_is_a_tag_and_not_a_number(case: &Case) -> Verdict {
    let repository = case.repository();
    repository.push_tags(&["1", "2", "3", "a", "b"]).await?;
    must_hold(&page(&repository, "n=2&last=2").await?, &["3", "a"])?;
    must_hold(&page(&repository, "n=2&last=3").await?, &["a", "b"])
}

async fn last_at_the_end_gives_an_empty_page(case: &Case) -> Verdict {
    let repository = tagged(case).await?;
    for last in ["b", "zzz"] {
        for query in [format!("n=5&last={last}"), format!("last={last}")] {
            let answer = page(&repository, &query).await?;
            must_hold(&answer, &[])?;
            answer.must_not_have("link")?;
        }
    }
    Ok(())
}

async fn a_link_leads_to_the_next_page(case: &Case) -> Verdict {
    let repository = tagged(case).await?;
    let first = page(&repository, "n=5").await?;
    must_hold(&first, &IN_ORDER[..5])?;
    let Some(next) = first.next_page()? else { return fail(first.fault("no Link to more tags")) };
    let second = case.follow(Method::GET, &next).send().await?;
    must_hold(&second, &IN_ORDER[5..10])
}

async fn every_size_of_page_gives_every_tag_once(case: &Case) -> Verdict {
    let repository = tagged(case).await?;
    for n in 1..=IN_ORDER.len() + 1 {
        let mut tags = Vec::new();
        for page in case.pages(&format!("{}?n={n}", repository.tags_path())).await? {
            tags.extend(tags_of(&page)?);
        }
        ensure(tags == IN_ORDER, || format!("in pages of {n} the tags are {tags:?}"))?;
    }
    Ok(())
}

async fn every_size_of_page_gives_every_tag_once_by_last(case: &Case) -> Verdict {
    let repository = tagged(case).await?;
    for n in [1, 2, 3, 5, 7] {
        let mut tags: Vec<String> = Vec::new();
        loop {
            let last = tags.last().map(|tag| format!("&last={tag}")).unwrap_or_default();
            let more = tags_of(&page(&repository, &format!("n={n}{last}")).await?)?;
            if more.is_empty() || tags.len() > IN_ORDER.len() {
                break;
            }
            tags.extend(more);
        }
        ensure(tags == IN_ORDER, || format!("in pages of {n} the tags are {tags:?}"))?;
    }
    Ok(())
}

async fn a_page_larger_than_the_list_is_the_list(case: &Case) -> Verdict {
    let repository = tagged(case).await?;
    for n in [13, 100] {
        let answer = page(&repository, &format!("n={n}")).await?;
        must_hold(&answer, &IN_ORDER)?;
        answer.must_not_have("link")?;
    }
    Ok(())
}

async fn n_that_is_no_number_is_400(case: &Case) -> Verdict {
    let repository = tagged(case).await?;
    for n in ["-1", "x", "1x", "1.5", "0x10", "99999999999999999999999"] {
        let answer = case.get(format!("{}?n={n}", repository.tags_path())).send().await?;
        answer.must_be(400)?.code_must_be(&["PAGINATION_NUMBER_INVALID", "UNSUPPORTED"])?;
    }
    Ok(())
}

async fn pages_are_in_order(case: &Case) -> Verdict {
    let repository = tagged(case).await?;
    for query in ["n=7", "n=7&last=1.0", "last=A"] {
        let tags = tags_of(&page(&repository, query).await?)?;
        let mut by_bytes = tags.clone();
        by_bytes.sort();
        let mut without_case = tags.clone();
        without_case.sort_by_key(|tag| tag.to_lowercase());
        ensure(tags == by_bytes || tags == without_case, || format!("{query}: {tags:?}"))?;
    }
    Ok(())
}

async fn tagged(case: &Case) -> Result<Repository<'_>, Stop> {
    let repository = case.repository();
    repository.push_tags(&IN_ORDER).await?;
    Ok(repository)
}

async fn page(repository: &Repository<'_>, query: &str) -> Result<Answer, Stop> {
    let answer = repository.case.get(format!("{}?{query}", repository.tags_path())).send().await?;
    answer.must_be(200)?;
    Ok(answer)
}

fn must_hold(answer: &Answer, expected: &[&str]) -> Verdict {
    let tags = tags_of(answer)?;
    ensure(tags == expected, || answer.fault(format_args!("expected the tags {expected:?}")))
}
