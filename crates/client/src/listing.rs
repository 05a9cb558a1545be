//! Lists with pages: tags and repositories, in byte order whatever the registry makes of pages.
//!
//! A registry may take `n` and `last`, ignore both, sort as it likes, or lead to the next page by a link of its own. What it
//! sends is sorted and cut here; a link is remembered for whoever asks for what comes after the page that it came with.

use std::fmt::Display;
use std::str::FromStr;

use http::header::LINK;
use http::{Method, Uri};
use serde_json::Value;
use wharf_protocol::{Link, Query, Route};
use wharf_registry::{Page, PageRequest};

use crate::auth::Scopes;
use crate::call::Call;
use crate::endpoint::{Endpoint, resolve};
use crate::registry::Remote;
use crate::transport::Answer;
use crate::{Error, ErrorKind};

/// How many pages in a row may hold nothing that we can read.
const MAX_EMPTY_PAGES: usize = 100;

/// Which list is read.
pub(crate) struct List {
    pub(crate) route: Route,
    pub(crate) scopes: Scopes,
    /// Where in the answer the entries are.
    pub(crate) field: &'static str,
}

/// Reads a page.
pub(crate) async fn page<T>(remote: &Remote, list: &List, request: PageRequest<T>) -> Result<Page<T>, Error>
where
    T: FromStr + Display + Ord + Clone,
{
    let limit = request.limit.get();
    let after = request.after.as_ref().map(T::to_string);
    let link = after.as_ref().and_then(|after| remote.links.get(&(list.route.path(), after.clone())));
    let is_linked = link.is_some();
    let mut url = match link {
        Some(url) => url,
        None => first(remote, list, limit, after.as_deref())?,
    };
    for _ in 0..MAX_EMPTY_PAGES {
        let call = Call::new(Method::GET, url.clone(), list.scopes.clone());
        let (answer, body) = remote.transport.fetch(call, remote.transport.options.list_bytes).await?;
        let mut items: Vec<T> = entries(&body, list.field)
            .ok_or_else(|| Error::new(ErrorKind::Nonsense, &Method::GET, &url, "it is no list"))?;
        if !is_linked {
            items.retain(|item| request.after.as_ref().is_none_or(|after| item > after));
        }
        items.sort_unstable();
        items.dedup();
        let next = next(&remote.transport.endpoint, &answer);
        match (items.get(limit.saturating_sub(1)), next) {
            (Some(_), None) => {
                let more = items.len() > limit;
                items.truncate(limit);
                return Ok(Page { items, more });
            }
            (_, None) => return Ok(Page { items, more: false }),
            (_, Some(next)) if items.is_empty() => url = next,
            (_, Some(next)) => return Ok(linked(remote, list, items, limit, next)),
        }
    }
    Err(Error::new(ErrorKind::Nonsense, &Method::GET, &url, "page after page holds nothing"))
}

/// A page that leads on. When it holds more than was asked for, the rest is asked for by its name and not by the link.
fn linked<T: Display>(remote: &Remote, list: &List, mut items: Vec<T>, limit: usize, next: Uri) -> Page<T> {
    if items.len() <= limit
        && let Some(last) = items.last()
    {
        remote.links.insert((list.route.path(), last.to_string()), next);
    }
    items.truncate(limit);
    Page { items, more: true }
}

fn first(remote: &Remote, list: &List, limit: usize, after: Option<&str>) -> Result<Uri, Error> {
    let n = limit.to_string();
    let last = after.map(|after| ("last", after));
    let query: Query = [("n", n.as_str())].into_iter().chain(last).collect();
    remote.url(&list.route, &query.to_string())
}

/// Where an answer says that the next page is, if that is at the same registry.
pub(crate) fn next(endpoint: &Endpoint, answer: &Answer) -> Option<Uri> {
    let links = answer.response.headers().get_all(LINK);
    let link = links.iter().filter_map(|value| value.to_str().ok()).find_map(Link::parse)?;
    let next = endpoint.secured(resolve(&answer.url, link.target())?);
    Some(next).filter(|next| endpoint.owns(next))
}

/// The entries of a list; those that cannot be names are passed over.
fn entries<T: FromStr>(body: &[u8], field: &str) -> Option<Vec<T>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    match value.as_object()?.get(field) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::Array(entries)) => {
            Some(entries.iter().filter_map(|entry| entry.as_str()?.parse().ok()).collect())
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use wharf_reference::Tag;

    use super::*;

    fn tags(body: &str) -> Option<Vec<String>> {
        let tags: Option<Vec<Tag>> = entries(body.as_bytes(), "tags");
        tags.map(|tags| tags.iter().map(Tag::to_string).collect())
    }

    #[test]
    fn entries_that_are_no_names_are_passed_over() {
        assert_eq!(tags(r#"{"name":"a","tags":["b","a","..",7,"c"]}"#).unwrap(), ["b", "a", "c"]);
        assert_eq!(tags(r#"{"name":"a","tags":null}"#), Some(Vec::new()));
        assert_eq!(tags(r#"{"name":"a"}"#), Some(Vec::new()));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for body in ["", "[]", "<html>", r#"{"tags":"a"}"#, r#"{"tags":{}}"#] {
            assert_eq!(tags(body), None, "{body}");
        }
    }
}
