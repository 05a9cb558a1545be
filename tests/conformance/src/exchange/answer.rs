//! What came back, and the questions that tests ask of it. Each question ends the test when the answer is the wrong one,
//! with the request and the beginning of the answer beside the reason.

use std::fmt::Display;

use bytes::Bytes;
use http::HeaderMap;
use http::response::Parts;
use serde_json::Value;

use super::Address;
use crate::check::{Stop, Verdict, fail};

/// How many characters of a body are shown with a failure.
const EXCERPT: usize = 400;

/// An answer, and what it answers.
#[derive(Debug)]
pub(crate) struct Answer {
    request: String,
    address: Address,
    head: Parts,
    body: Bytes,
}

impl Answer {
    pub(crate) fn new(request: String, address: Address, head: Parts, body: Bytes) -> Self {
        Answer { request, address, head, body }
    }

    pub(crate) fn status(&self) -> u16 {
        self.head.status.as_u16()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.head.headers
    }

    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    /// Puts the request, the reason, and an excerpt of the answer into one text.
    pub(crate) fn fault(&self, reason: impl Display) -> String {
        let mut text = format!("{reason}\n{}\n{}", self.request, self.head.status);
        for (name, value) in &self.head.headers {
            text.push_str(&format!("\n  {name}: {}", String::from_utf8_lossy(value.as_bytes())));
        }
        if !self.body.is_empty() {
            let shown: String = String::from_utf8_lossy(&self.body).chars().take(EXCERPT).collect();
            text.push_str(&format!("\n  {shown:?} ({} bytes)", self.body.len()));
        }
        text
    }

    pub(crate) fn must_be(&self, status: u16) -> Result<&Self, Stop> {
        self.must_be_one_of(&[status])
    }

    pub(crate) fn must_be_one_of(&self, statuses: &[u16]) -> Result<&Self, Stop> {
        if statuses.contains(&self.status()) {
            return Ok(self);
        }
        let wanted: Vec<String> = statuses.iter().map(u16::to_string).collect();
        fail(self.fault(format_args!("expected {}", wanted.join(" or "))))
    }

    /// The value of a header, when it is there.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The value of a header that must be there, once.
    pub(crate) fn must_have(&self, name: &str) -> Result<&str, Stop> {
        let mut lines = self.head.headers.get_all(name).iter();
        match (lines.next().and_then(|value| value.to_str().ok()), lines.next()) {
            (Some(value), None) => Ok(value),
            (Some(_), Some(_)) => fail(self.fault(format_args!("{name} is there twice"))),
            (None, _) => fail(self.fault(format_args!("{name} is missing"))),
        }
    }

    pub(crate) fn header_must_be(&self, name: &str, expected: &str) -> Result<&Self, Stop> {
        if self.must_have(name)? == expected {
            return Ok(self);
        }
        fail(self.fault(format_args!("{name} should be {expected:?}")))
    }

    /// A header may be missing, but it may not say something else.
    pub(crate) fn header_may_be(&self, name: &str, expected: &str) -> Result<&Self, Stop> {
        match self.header(name) {
            Some(_) => self.header_must_be(name, expected),
            None => Ok(self),
        }
    }

    pub(crate) fn must_not_have(&self, name: &str) -> Verdict {
        match self.head.headers.contains_key(name) {
            true => fail(self.fault(format_args!("{name} should not be there"))),
            false => Ok(()),
        }
    }

    /// All values of a list header: every line, split at commas.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        let lines = self.head.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        lines.flat_map(|line| line.split(',')).map(str::trim).filter(|item| !item.is_empty()).collect()
    }

    /// Where `Location` points to.
    pub(crate) fn location(&self) -> Result<Address, Stop> {
        let text = self.must_have("location")?;
        self.address
            .resolve(text)
            .or_else(|reason| fail(self.fault(format_args!("Location {text:?} leads nowhere: {reason}"))))
    }

    /// Where the next page is, when there is one. A `Link` that says anything else than `rel="next"` is a failure.
    pub(crate) fn next_page(&self) -> Result<Option<Address>, Stop> {
        if !self.head.headers.contains_key("link") {
            return Ok(None);
        }
        let link = self.must_have("link")?;
        let next = link.strip_prefix('<').and_then(|rest| rest.split_once('>')).filter(|(_, parameters)| {
            parameters.split(';').any(|parameter| matches!(parameter.trim(), "rel=\"next\"" | "rel=next"))
        });
        match next.map(|(url, _)| self.address.resolve(url)) {
            Some(Ok(address)) => Ok(Some(address)),
            _ => fail(self.fault(format_args!("Link {link:?} is no `<url>; rel=\"next\"`"))),
        }
    }

    pub(crate) fn body_must_be(&self, expected: &[u8]) -> Result<&Self, Stop> {
        if self.body == expected {
            return Ok(self);
        }
        fail(self.fault(format_args!("the body is not the {} bytes that were expected", expected.len())))
    }

    pub(crate) fn json(&self) -> Result<Value, Stop> {
        serde_json::from_slice(&self.body)
            .or_else(|error| fail(self.fault(format_args!("the body is not one JSON document: {error}"))))
    }

    /// The codes of a body in the form of "Error Codes".
    pub(crate) fn error_codes(&self) -> Result<Vec<String>, Stop> {
        let body = self.json()?;
        let Some(errors) = body["errors"].as_array().filter(|errors| !errors.is_empty()) else {
            return fail(self.fault("the body has no list of errors"));
        };
        errors
            .iter()
            .map(|error| match error["code"].as_str() {
                Some(code) => Ok(code.to_owned()),
                None => fail(self.fault("an error has no code")),
            })
            .collect()
    }

    /// The first error's code is one of these.
    pub(crate) fn code_must_be(&self, allowed: &[&str]) -> Result<&Self, Stop> {
        let codes = self.error_codes()?;
        if codes.first().is_some_and(|code| allowed.contains(&code.as_str())) {
            return Ok(self);
        }
        fail(self.fault(format_args!("expected the code {}", allowed.join(" or "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(&str, &str)], body: &'static str) -> Answer {
        let mut response = http::Response::builder().status(404);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let (head, ()) = response.body(()).unwrap().into_parts();
        let address = Address::absolute("http://r/v2/a/tags/list").unwrap();
        Answer::new("GET /v2/".to_owned(), address, head, Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn a_next_page_is_read_and_a_strange_link_is_a_failure() {
        let page = answer(&[("link", "</v2/a/tags/list?n=1&last=b>; rel=\"next\"")], "").next_page().unwrap();
        assert_eq!(page.unwrap().path_and_query(), "/v2/a/tags/list?n=1&last=b");
        assert!(answer(&[], "").next_page().unwrap().is_none());
        assert!(answer(&[("link", "</v2/>; rel=\"prev\"")], "").next_page().is_err());
        assert!(answer(&[("link", "/v2/; rel=\"next\"")], "").next_page().is_err());
    }

    #[test]
    fn two_documents_in_one_body_are_no_json() {
        assert!(answer(&[], "{\"errors\":[{\"code\":\"A\"}]}").error_codes().is_ok());
        assert!(answer(&[], "{\"errors\":[{\"code\":\"A\"}]}{\"errors\":[]}").error_codes().is_err());
    }

    #[test]
    fn a_failure_shows_what_was_asked_and_answered() {
        let Err(Stop::Fail(text)) = answer(&[("x-a", "b")], "nothing here").must_be(200).map(|_| ()) else {
            panic!("404 is not 200")
        };
        for part in ["expected 200", "GET /v2/", "404 Not Found", "x-a: b", "nothing here"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn a_list_header_is_read_over_all_its_lines() {
        assert_eq!(answer(&[("oci-tag", "a, b"), ("oci-tag", "c")], "").list("oci-tag"), ["a", "b", "c"]);
    }
}
