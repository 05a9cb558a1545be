//! `/v2/_catalog`: the names of all repositories, in byte order.

use serde::Serialize;
use wharf_protocol::{ErrorCode, Listing};
use wharf_reference::{InvalidName, RepositoryName};
use wharf_registry::PageRequest;

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
    let page = call.shared.namespace.repositories(PageRequest { after, limit }).await?;
    let answer =
        json(JSON, &Catalog { repositories: page.items.iter().map(RepositoryName::as_str).collect() });
    match page.items.last() {
        Some(last) if page.more => with_next(call, answer, last.as_str(), limit),
        _ => answer,
    }
}
