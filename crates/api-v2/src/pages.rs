//! What all lists have in common: how long a page is, and how it leads to the next.

use std::num::NonZeroUsize;

use http::header;
use wharf_protocol::{InvalidPageNumber, Link, Listing, PageQuery, Query};

use crate::answer::{Outcome, set};
use crate::error::Failure;
use crate::request::Call;

/// Which page of a list is wanted; `None` for the length of a page that holds nothing.
pub(crate) struct Wanted<T> {
    pub(crate) limit: Option<NonZeroUsize>,
    pub(crate) after: Option<T>,
}

/// What becomes of a wish for more than one page may hold.
pub(crate) enum Excess {
    /// The page is as long as it may be.
    Cut,
    /// 400.
    Refused,
}

/// Reads which page is wanted.
pub(crate) fn wanted<T>(
    query: &Query,
    listing: Listing,
    (default, max, excess): (usize, usize, Excess),
    parse: impl FnOnce(&str) -> Result<T, Failure>,
) -> Result<Wanted<T>, Failure> {
    let page = PageQuery::parse(query, listing).map_err(|error| refused(&error))?;
    let n = match (page.n, excess) {
        (None, _) => default,
        (Some(n), Excess::Refused) if n > max => return Err(refused(&InvalidPageNumber::too_large(n))),
        (Some(n), _) => n.min(max),
    };
    let after = page.last.as_deref().map(parse).transpose()?;
    Ok(Wanted { limit: NonZeroUsize::new(n), after })
}

fn refused(error: &InvalidPageNumber) -> Failure {
    Failure::from(error.entry())
}

/// Adds the link to the page behind `last`.
pub(crate) fn with_next(call: &Call<'_>, outcome: Outcome, last: &str, n: NonZeroUsize) -> Outcome {
    let mut response = outcome?;
    let link = Link::next_page(&call.path(), last, n.get());
    set(response.headers_mut(), header::LINK, link.to_string())?;
    Ok(response)
}
