//! `/v2/<name>/tags/list`: the tags of a repository, in byte order.

use serde::Serialize;
use wharf_protocol::{ErrorCode, Listing};
use wharf_reference::{InvalidTag, RepositoryName, Tag};
use wharf_registry::PageRequest;

use crate::answer::{JSON, Outcome, json};
use crate::error::Failure;
use crate::pages::{Excess, Wanted, wanted, with_next};
use crate::request::Call;

#[derive(Serialize)]
struct TagList<'a> {
    name: &'a str,
    tags: Vec<&'a str>,
}

/// Lists a page of tags. A wish for nothing is granted without looking.
pub(crate) async fn list(call: &Call<'_>, name: &RepositoryName) -> Outcome {
    let limits = &call.shared.options.limits;
    let Wanted { limit, after } =
        wanted(call.query, Listing::Tags, (limits.tags_page, limits.tags_max, Excess::Cut), |last| {
            last.parse()
                .map_err(|error: InvalidTag| Failure::with_detail(ErrorCode::TagInvalid, error.to_string()))
        })?;
    let Some(limit) = limit else { return json(JSON, &TagList { name: name.as_str(), tags: Vec::new() }) };
    let page = call.repository(name).tags().list(PageRequest { after, limit }).await?;
    let tags = page.items.iter().map(Tag::as_str).collect();
    let answer = json(JSON, &TagList { name: name.as_str(), tags });
    match page.items.last() {
        Some(last) if page.more => with_next(call, answer, last.as_str(), limit),
        _ => answer,
    }
}
