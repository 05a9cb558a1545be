//! Pages of a list: what a client asks for, and how an answer points to the next one.

use std::fmt;
use std::num::IntErrorKind;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::json;

use crate::{ErrorCode, ErrorEntry, Excerpt, Query};

/// What cannot stand in a target as it is. Escapes that are there already stay as they are.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Which page of a list a client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageQuery {
    /// How many results at most; none when the client does not say.
    pub n: Option<usize>,
    /// What the page begins behind, whether or not that exists; none for the first page.
    pub last: Option<String>,
}

/// The lists that have pages by number. They differ in how they complain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Listing {
    /// The tags of a repository.
    Tags,
    /// The repositories.
    Catalog,
}

/// A number of results that cannot be served: 400 `PAGINATION_NUMBER_INVALID`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("number of results is {text}, which cannot be served")]
pub struct InvalidPageNumber {
    text: Excerpt,
    /// The number, where the answer shows a number.
    number: Option<i64>,
}

impl PageQuery {
    /// Reads `n` and `last`; an empty one is the same as none. Source: Distribution.
    ///
    /// # Errors
    ///
    /// When `n` is no integer or a negative one.
    pub fn parse(query: &Query, listing: Listing) -> Result<Self, InvalidPageNumber> {
        let given = |key| query.first(key).filter(|value| !value.is_empty());
        let n = given("n").map(|text| number(text, listing)).transpose()?;
        Ok(Self { n, last: given("last").map(str::to_owned) })
    }
}

fn number(text: &str, listing: Listing) -> Result<usize, InvalidPageNumber> {
    // As Go's `Atoi`: what is too large is the largest, what is no number is zero, and both are errors.
    let parsed = text.parse::<i64>();
    if let Some(n) = parsed.as_ref().ok().and_then(|n| usize::try_from(*n).ok()) {
        return Ok(n);
    }
    let shown = parsed.unwrap_or_else(|error| match error.kind() {
        IntErrorKind::PosOverflow => i64::MAX,
        IntErrorKind::NegOverflow => i64::MIN,
        _ => 0,
    });
    Err(InvalidPageNumber { text: Excerpt::of(text), number: (listing == Listing::Tags).then_some(shown) })
}

impl InvalidPageNumber {
    /// Complains about a number beyond what one page may hold.
    pub fn too_large(n: usize) -> Self {
        Self { text: Excerpt::of(&n.to_string()), number: Some(i64::try_from(n).unwrap_or(i64::MAX)) }
    }

    /// The error as it is sent. The detail is `{"n":…}`: the text as it came for a catalog, the number that was made of it for
    /// tags and for [`too_large`](Self::too_large). Source: Distribution.
    pub fn entry(&self) -> ErrorEntry {
        let detail = match self.number {
            Some(number) => json!({ "n": number }),
            None => json!({ "n": self.text.as_str() }),
        };
        ErrorEntry::new(ErrorCode::PaginationNumberInvalid).with_detail(detail)
    }
}

/// The `Link` header that leads to the next page of a list. Source: OCI distribution 1.1, section "Listing Tags"; RFC 8288.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link(String);

impl Link {
    /// A link to the same path with these parameters, which are put in the order of their keys, as Distribution does.
    ///
    /// The path may be a whole URL without a query. What cannot stand in a header is escaped in it.
    pub fn next<'a>(path: &str, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut pairs: Vec<_> = parameters.into_iter().collect();
        pairs.sort_by_key(|(key, _)| *key);
        let query: Query = pairs.into_iter().collect();
        Self(format!("{}?{query}", utf8_percent_encode(path, ESCAPED)))
    }

    /// A link to the page behind `last` of at most `n` results.
    pub fn next_page(path: &str, last: &str, n: usize) -> Self {
        Self::next(path, [("last", last), ("n", n.to_string().as_str())])
    }

    /// Finds the link to the next page in a header that may hold others; none when it holds none, or is malformed.
    pub fn parse(header: &str) -> Option<Self> {
        let mut rest = header;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            let (target, after) = rest.strip_prefix('<')?.split_once('>')?;
            let (parameters, others) = split_unquoted(after, ',');
            if leads_to_next(parameters) {
                return Some(Self(target.to_owned()));
            }
            rest = others;
        }
    }

    /// Where it leads: a URL, often a path only, which is relative to that of the request.
    pub fn target(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<{}>; rel=\"next\"", self.0)
    }
}

fn leads_to_next(parameters: &str) -> bool {
    let mut rest = parameters;
    while !rest.is_empty() {
        let (parameter, others) = split_unquoted(rest, ';');
        if let Some((name, value)) = parameter.split_once('=')
            && name.trim().eq_ignore_ascii_case("rel")
        {
            // Only the first one counts.
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            return relations.any(|relation| relation.eq_ignore_ascii_case("next"));
        }
        rest = others;
    }
    false
}

/// Splits at the first separator that is not between quotes; without one, nothing is behind it.
fn split_unquoted(text: &str, separator: char) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    for (index, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if character == separator && !quoted => return (&text[..index], &text[index + 1..]),
            _ => {}
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ErrorBody;

    fn page(query: &str, listing: Listing) -> Result<PageQuery, InvalidPageNumber> {
        PageQuery::parse(&Query::parse(query).unwrap(), listing)
    }

    fn body(error: &InvalidPageNumber) -> String {
        ErrorBody::from(error.entry()).to_json()
    }

    #[test]
    fn n_and_last_are_read() {
        let first = PageQuery { n: None, last: None };
        assert_eq!(page("", Listing::Tags), Ok(first.clone()));
        assert_eq!(page("n=&last=", Listing::Catalog), Ok(first));
        assert_eq!(
            page("n=%2B10&last=v1+0&n=x", Listing::Tags),
            Ok(PageQuery { n: Some(10), last: Some("v1 0".into()) })
        );
        assert_eq!(page("n=0", Listing::Tags).unwrap().n, Some(0));
        assert_eq!(page("n=-0", Listing::Tags).unwrap().n, Some(0));
    }

    #[test]
    fn tags_complain_with_a_number() {
        for (query, shown) in [
            ("n=x", "0"),
            ("n=1.5", "0"),
            ("n=-3", "-3"),
            ("n=99999999999999999999", "9223372036854775807"),
            ("n=-99999999999999999999", "-9223372036854775808"),
        ] {
            let expected = format!(
                "{{\"errors\":[{{\"code\":\"PAGINATION_NUMBER_INVALID\",\
                 \"message\":\"invalid number of results requested\",\"detail\":{{\"n\":{shown}}}}}]}}\n"
            );
            assert_eq!(body(&page(query, Listing::Tags).unwrap_err()), expected);
        }
    }

    #[test]
    fn the_catalog_complains_with_the_text_or_with_the_number_that_is_too_large() {
        let detail = |error: &InvalidPageNumber| error.entry().detail.unwrap().to_string();
        assert_eq!(detail(&page("n=-3", Listing::Catalog).unwrap_err()), r#"{"n":"-3"}"#);
        assert_eq!(detail(&page("n=x", Listing::Catalog).unwrap_err()), r#"{"n":"x"}"#);
        assert_eq!(detail(&InvalidPageNumber::too_large(1001)), r#"{"n":1001}"#);
    }

    #[test]
    fn a_link_is_printed_as_distribution_prints_it() {
        assert_eq!(
            Link::next_page("/v2/a/b/tags/list", "v1", 10).to_string(),
            "</v2/a/b/tags/list?last=v1&n=10>; rel=\"next\""
        );
        let parameters = [("last", "sha256:ab"), ("artifactType", "application/x+json")];
        assert_eq!(
            Link::next("/v2/a/referrers/sha256:ab", parameters).to_string(),
            "</v2/a/referrers/sha256:ab?artifactType=application%2Fx%2Bjson&last=sha256%3Aab>; rel=\"next\""
        );
    }

    #[test]
    fn nothing_in_a_path_breaks_out_of_the_link() {
        assert_eq!(
            Link::next("/a>; rel=\"x\"\r\nä%20", [("n", "1")]).to_string(),
            "</a%3E;%20rel=%22x%22%0D%0A%C3%A4%20?n=1>; rel=\"next\""
        );
    }

    #[test]
    fn links_of_others_are_understood() {
        for header in [
            "</x?n=1>; rel=\"next\"",
            "</x?n=1>;rel=next",
            "</x?n=1> ; title=\"a, <b>; rel=prev \\\"\" ; REL=\"prev Next\"",
            "</a>; rel=\"prev\", </x?n=1>; rel=\"next\"",
            "</a,b;c>, </b>; rel=first; rel=next,, </x?n=1>; rel=next, </y>; rel=next",
        ] {
            assert_eq!(Link::parse(header).as_ref().map(Link::target), Some("/x?n=1"), "{header}");
        }
        for header in [
            "",
            "/x; rel=next",
            "</x>",
            "</x; rel=next",
            "</x>; rel=prev",
            "</x>; rel",
            "</x>; title=\"; rel=next",
        ] {
            assert_eq!(Link::parse(header), None, "{header}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(path in "/\\PC{0,20}", last in ".{0,20}", n in any::<usize>()) {
            let link = Link::next_page(&path, &last, n);
            let header = link.to_string();
            prop_assert!(header.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{:?}", header);
            let parsed = Link::parse(&header).unwrap();
            prop_assert_eq!(&parsed, &link);
            let query = parsed.target().rsplit_once('?').unwrap().1;
            let page = PageQuery::parse(&Query::parse(query).unwrap(), Listing::Tags);
            let readable = i64::try_from(n).is_ok();
            prop_assert_eq!(page.ok(), readable.then_some(PageQuery { n: Some(n), last: Some(last).filter(|last| !last.is_empty()) }));
        }

        #[test]
        fn any_text_is_survived(text in "([<>;,=\"\\\\ ]|rel|next|.){0,40}") {
            let _ = Link::parse(&text);
        }
    }
}
