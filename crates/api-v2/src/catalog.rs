//! `/v2/_catalog`: the names of all repositories, in byte order.

use std::num::NonZeroUsize;

use serde::Serialize;
use wharf_protocol::{ErrorCode, Listing};
use wharf_reference::{InvalidName, RepositoryName};
use wharf_registry::{Error, Page, PageRequest};

use crate::answer::{JSON, Outcome, json};
use crate::error::Failure;
use crate::pages::{Excess, Wanted, wanted, with_next};
use crate::request::Call;

#[derive(Serialize)]
struct Catalog<'a> {
    repositories: Vec<&'a str>,
}

/// Lists a page of repositories. A wish for nothing is granted without looking.
pub(crate) async fn list(call: &Call<'_>) -> Outcome {
    let limits = &call.shared.options.limits;
    let default = limits.catalog_page.min(limits.catalog_max);
    let Wanted { limit, after } =
        wanted(call.query, Listing::Catalog, (default, limits.catalog_max, Excess::Refused), |last| {
            last.parse()
                .map_err(|error: InvalidName| Failure::with_detail(ErrorCode::NameInvalid, error.to_string()))
        })?;
    let Some(limit) = limit else { return json(JSON, &Catalog { repositories: Vec::new() }) };
    let page = visible(call, PageRequest { after, limit }).await?;
    let answer =
        json(JSON, &Catalog { repositories: page.items.iter().map(RepositoryName::as_str).collect() });
    match page.items.last() {
        Some(last) if page.more => with_next(call, answer, last.as_str(), limit),
        _ => answer,
    }
}

/// How many names are looked at together for a caller who may not see all of them.
const LOOK: NonZeroUsize = NonZeroUsize::new(1000).unwrap();

/// The page of those repositories that the caller may pull from. What is hidden leaves no trace: pages are as long as for a
/// registry that has nothing else, so one that holds little for this caller is read on, a thousand names at a time.
async fn visible(
    call: &Call<'_>,
    wanted: PageRequest<RepositoryName>,
) -> Result<Page<RepositoryName>, Error> {
    let namespace = &call.shared.namespace;
    if call.view.is_everything() {
        return namespace.repositories(wanted).await;
    }
    let limit = wanted.limit.get();
    let (mut after, mut items) = (wanted.after, Vec::new());
    loop {
        let page = namespace.repositories(PageRequest { after, limit: LOOK }).await?;
        after = page.items.last().cloned();
        // One more than fits is enough to know that there is a next page.
        let room = limit.saturating_add(1) - items.len();
        items.extend(page.items.into_iter().filter(|name| call.view.shows(name)).take(room));
        if items.len() > limit {
            items.truncate(limit);
            return Ok(Page { items, more: true });
        }
        if !page.more || after.is_none() {
            return Ok(Page { items, more: false });
        }
    }
}
