//! Conditional requests over entity tags; RFC 9110, section 13.
//!
//! What a registry serves is named by its digest and never changes under it, so the entity tag is the digest in quotes,
//! always strong. Dates play no part: content has no date of its own.

use http::HeaderMap;
use http::header::{HeaderValue, IF_MATCH, IF_NONE_MATCH, IF_RANGE};
use wharf_digest::Digest;

/// What the conditions of a request come to for content that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// Answer as if there were none.
    Proceed,
    /// 304: the client has it already.
    NotModified,
    /// 412: the client wants another one.
    Failed,
}

/// The entity tag of content: its digest in quotes.
pub fn entity_tag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// Evaluates `If-Match` and `If-None-Match` of a read in the order of RFC 9110, section 13.2.2.
///
/// An unquoted digest is taken for the tag too, as Distribution does.
pub fn evaluate(headers: &HeaderMap, digest: &Digest) -> Condition {
    if headers.contains_key(IF_MATCH) && !any_matches(headers.get_all(IF_MATCH), digest, Comparison::Strong) {
        return Condition::Failed;
    }
    if any_matches(headers.get_all(IF_NONE_MATCH), digest, Comparison::Weak) {
        return Condition::NotModified;
    }
    Condition::Proceed
}

/// Whether a `Range` header counts: only when `If-Range`, if there is one, names this very content. A date never does.
pub fn range_counts(headers: &HeaderMap, digest: &Digest) -> bool {
    let Some(value) = headers.get(IF_RANGE) else { return true };
    value.to_str().is_ok_and(|text| matches(text.trim(), digest, Comparison::Strong))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

fn any_matches<'a>(
    values: impl IntoIterator<Item = &'a HeaderValue>,
    digest: &Digest,
    comparison: Comparison,
) -> bool {
    let mut texts = values.into_iter().filter_map(|value| value.to_str().ok());
    // Digests hold no comma, so splitting inside quotes can only cut tags that are not ours.
    texts.any(|text| text.split(',').map(str::trim).any(|tag| tag == "*" || matches(tag, digest, comparison)))
}

fn matches(tag: &str, digest: &Digest, comparison: Comparison) -> bool {
    let opaque = match tag.strip_prefix("W/") {
        Some(_) if comparison == Comparison::Strong => return false,
        Some(opaque) => opaque,
        None => tag,
    };
    let text = opaque.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(opaque);
    text.parse::<Digest>().is_ok_and(|given| given == *digest)
}

#[cfg(test)]
mod tests {
    use wharf_digest::Algorithm;

    use super::*;

    fn headers(pairs: &[(&'static str, String)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_client_that_has_it_is_told_so() {
        let digest = Algorithm::Sha256.digest(b"a");
        let other = Algorithm::Sha256.digest(b"b");
        let forms = [
            format!("\"{digest}\""),
            format!("W/\"{digest}\""),
            "*".into(),
            digest.to_string(),
            format!("\"{other}\", \"{digest}\""),
        ];
        for form in forms {
            assert_eq!(
                evaluate(&headers(&[("if-none-match", form.clone())]), &digest),
                Condition::NotModified,
                "{form}"
            );
        }
        let twice =
            headers(&[("if-none-match", format!("\"{other}\"")), ("if-none-match", format!("\"{digest}\""))]);
        assert_eq!(evaluate(&twice, &digest), Condition::NotModified);
        assert_eq!(
            evaluate(&headers(&[("if-none-match", format!("\"{other}\""))]), &digest),
            Condition::Proceed
        );
    }

    #[test]
    fn a_client_that_wants_another_one_gets_nothing() {
        let digest = Algorithm::Sha256.digest(b"a");
        assert_eq!(evaluate(&headers(&[("if-match", "\"x\"".into())]), &digest), Condition::Failed);
        assert_eq!(
            evaluate(&headers(&[("if-match", format!("W/\"{digest}\""))]), &digest),
            Condition::Failed
        );
        assert_eq!(evaluate(&headers(&[("if-match", format!("\"{digest}\""))]), &digest), Condition::Proceed);
        assert_eq!(evaluate(&headers(&[("if-match", "*".into())]), &digest), Condition::Proceed);
    }

    #[test]
    fn a_range_of_other_content_does_not_count() {
        let digest = Algorithm::Sha256.digest(b"a");
        assert!(range_counts(&HeaderMap::new(), &digest));
        assert!(range_counts(&headers(&[("if-range", format!("\"{digest}\""))]), &digest));
        assert!(!range_counts(&headers(&[("if-range", format!("W/\"{digest}\""))]), &digest));
        assert!(!range_counts(&headers(&[("if-range", "Wed, 21 Oct 2015 07:28:00 GMT".into())]), &digest));
    }
}
