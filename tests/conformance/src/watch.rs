//! What must hold for every answer, whatever was asked: seen as the answers of a whole run pass by, judged at its end.

use std::sync::Mutex;

use serde_json::Value;

use crate::check::{Verdict, fail};
use crate::exchange::Answer;

/// The codes of "Error Codes", and those that the specification allows for older clients or that Distribution added.
pub(crate) const KNOWN_CODES: [&str; 21] = [
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "UNAUTHORIZED",
    "DENIED",
    "UNSUPPORTED",
    "TOOMANYREQUESTS",
    "MANIFEST_UNVERIFIED",
    "PAGINATION_NUMBER_INVALID",
    "RANGE_INVALID",
    "TAG_INVALID",
    "UNAVAILABLE",
    "UNKNOWN",
    "EXTENSION_UNKNOWN",
];

/// How many bytes of warnings one answer may carry; "Warnings".
const WARNING_LIMIT: usize = 4096;

/// How many findings of one kind are kept.
const FINDINGS: usize = 5;

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// No answer is a failure of the server.
    NoServerError,
    /// An error in JSON has the documented form.
    ErrorForm,
    /// Its codes are capital letters and underscores, and known.
    ErrorCode,
    /// A message is a text.
    ErrorMessage,
    /// A warning has the code 299, the agent `-`, and no date.
    WarningForm,
    /// All warnings of an answer together stay below the limit.
    WarningSize,
    /// 429 says when to come back.
    RetryAfter,
}

/// Remembers what was wrong with the answers of a run.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    findings: Mutex<Vec<(Rule, String)>>,
}

impl Watch {
    /// Looks at an answer.
    pub(crate) fn see(&self, answer: &Answer) {
        let Ok(mut findings) = self.findings.lock() else { return };
        for (rule, reason) in judge(answer) {
            if findings.iter().filter(|(known, _)| *known == rule).count() < FINDINGS {
                findings.push((rule, answer.fault(reason)));
            }
        }
    }

    /// Ends a test as failed when a rule was broken anywhere in the run so far.
    pub(crate) fn must_hold(&self, rule: Rule) -> Verdict {
        let Ok(findings) = self.findings.lock() else { return fail("the watch is broken") };
        let broken: Vec<&str> =
            findings.iter().filter(|(known, _)| *known == rule).map(|(_, text)| text.as_str()).collect();
        if broken.is_empty() { Ok(()) } else { fail(broken.join("\n\n")) }
    }
}

fn judge(answer: &Answer) -> Vec<(Rule, String)> {
    let mut findings = Vec::new();
    if answer.status() >= 500 {
        findings.push((Rule::NoServerError, "the server failed".to_owned()));
    }
    if answer.status() == 429 && answer.header("retry-after").is_none() {
        findings.push((Rule::RetryAfter, "429 without Retry-After".to_owned()));
    }
    judge_warnings(answer, &mut findings);
    if (400..500).contains(&answer.status()) {
        judge_errors(answer, &mut findings);
    }
    findings
}

fn judge_warnings(answer: &Answer, findings: &mut Vec<(Rule, String)>) {
    let mut size = 0;
    for value in answer.headers().get_all("warning") {
        size += value.len();
        let text = String::from_utf8_lossy(value.as_bytes());
        let quoted = text.strip_prefix("299 - \"").and_then(|rest| rest.strip_suffix('"'));
        // A quote within the text would end it; what follows could only be a date.
        if quoted.is_none_or(|text| text.replace("\\\\", "").replace("\\\"", "").contains('"')) {
            findings.push((Rule::WarningForm, format!("the warning {text:?} is not 299 - \"text\"")));
        }
    }
    if size > WARNING_LIMIT {
        findings.push((Rule::WarningSize, format!("{size} bytes of warnings")));
    }
}

fn judge_errors(answer: &Answer, findings: &mut Vec<(Rule, String)>) {
    let declared = answer.header("content-type").is_some_and(|value| value.contains("json"));
    let looks = answer.body().first() == Some(&b'{');
    if answer.body().is_empty() || !(declared || looks) {
        return;
    }
    let body: Value = match serde_json::from_slice(answer.body()) {
        Ok(body) => body,
        Err(error) => return findings.push((Rule::ErrorForm, format!("no single JSON document: {error}"))),
    };
    let Some(errors) = body["errors"].as_array().filter(|errors| !errors.is_empty()) else {
        return findings.push((Rule::ErrorForm, "no list of errors".to_owned()));
    };
    for error in errors {
        match error["code"].as_str() {
            None => findings.push((Rule::ErrorForm, "an error without a code".to_owned())),
            Some(code) if !KNOWN_CODES.contains(&code) => {
                findings.push((Rule::ErrorCode, format!("the code {code:?} is not known")));
            }
            Some(_) => {}
        }
        if !matches!(error["message"], Value::Null | Value::String(_)) {
            findings.push((Rule::ErrorMessage, "a message that is no text".to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::exchange::Address;

    fn rules(status: u16, header: (&str, &str), body: &str) -> Vec<Rule> {
        let response = http::Response::builder().status(status).header(header.0, header.1).body(()).unwrap();
        let address = Address::absolute("http://r/v2/").unwrap();
        let body = Bytes::from(body.to_owned());
        let answer = Answer::new(String::new(), address, response.into_parts().0, body);
        judge(&answer).into_iter().map(|(rule, _)| rule).collect()
    }

    #[test]
    fn a_warning_is_judged_by_its_form() {
        assert!(rules(200, ("warning", "299 - \"soon \\\"gone\\\"\""), "").is_empty());
        for bad in
            ["199 - \"x\"", "299 host \"x\"", "299 - x", "299 - \"x\" \"Wed, 21 Oct 2026 07:28:00 GMT\""]
        {
            assert_eq!(rules(200, ("warning", bad), ""), [Rule::WarningForm], "{bad}");
        }
        let long = format!("299 - \"{}\"", "x".repeat(WARNING_LIMIT));
        assert_eq!(rules(200, ("warning", &long), ""), [Rule::WarningSize]);
    }

    #[test]
    fn an_error_is_judged_when_it_is_json() {
        let json = ("content-type", "application/json");
        assert!(rules(404, ("content-type", "text/plain"), "nothing").is_empty());
        assert!(rules(404, json, r#"{"errors":[{"code":"BLOB_UNKNOWN"}]}"#).is_empty());
        assert_eq!(rules(404, json, "nothing"), [Rule::ErrorForm]);
        assert_eq!(rules(404, json, r#"{"errors":[]}"#), [Rule::ErrorForm]);
        assert_eq!(rules(404, json, r#"{"errors":[{"code":"blob"}]}"#), [Rule::ErrorCode]);
        assert_eq!(rules(404, json, r#"{"errors":[{"code":"DENIED","message":1}]}"#), [Rule::ErrorMessage]);
    }

    #[test]
    fn a_failing_server_and_an_impatient_one_are_seen() {
        assert_eq!(rules(500, ("x-a", "b"), ""), [Rule::NoServerError]);
        assert_eq!(rules(429, ("x-a", "b"), ""), [Rule::RetryAfter]);
        assert!(rules(429, ("retry-after", "3"), "").is_empty());
    }
}
