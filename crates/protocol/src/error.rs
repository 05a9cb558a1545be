//! What a registry says when it refuses: codes, their statuses, and the JSON around them.

use std::fmt;

use http::StatusCode;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The one table of errors: each with its code, its status, what it says to people, and when it is said.
macro_rules! codes {
    ($($name:ident = $text:literal, $status:ident, $message:literal, $description:literal;)+) => {
        /// The identifier of an error.
        ///
        /// Sources: OCI distribution 1.1, section "Error Codes"; beyond it, what Distribution says.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = $description] $name,)+
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: [Self; [$($text),+].len()] = [$(Self::$name),+];

            /// The code as it is sent: `BLOB_UNKNOWN`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The status that an answer has when this is its first error. A few answers have another one on purpose, such
            /// as 413 for a manifest that is too large.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)+ }
            }

            /// What the code says to people.
            pub const fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)+ }
            }

            /// When it is said, as a sentence.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$name => $description,)+ }
            }
        }
    };
}

codes! {
    Unknown = "UNKNOWN", INTERNAL_SERVER_ERROR, "unknown error",
        "Something that the client can do nothing about.";
    Unsupported = "UNSUPPORTED", METHOD_NOT_ALLOWED, "The operation is unsupported.",
        "The operation is not offered here, or is switched off.";
    Unauthorized = "UNAUTHORIZED", UNAUTHORIZED, "authentication required",
        "The client has to say who it is.";
    Denied = "DENIED", FORBIDDEN, "requested access to the resource is denied",
        "The client may not do that.";
    Unavailable = "UNAVAILABLE", SERVICE_UNAVAILABLE, "service unavailable",
        "The registry cannot work at the moment.";
    TooManyRequests = "TOOMANYREQUESTS", TOO_MANY_REQUESTS, "too many requests",
        "The client should slow down.";
    DigestInvalid = "DIGEST_INVALID", BAD_REQUEST, "provided digest did not match uploaded content",
        "A digest is malformed, or is not that of the content.";
    SizeInvalid = "SIZE_INVALID", BAD_REQUEST, "provided length did not match content length",
        "A size is not that of the content.";
    RangeInvalid = "RANGE_INVALID", RANGE_NOT_SATISFIABLE, "invalid content range",
        "A chunk does not begin where the upload ends, or a range lies outside of the content.";
    NameInvalid = "NAME_INVALID", BAD_REQUEST, "invalid repository name",
        "A repository cannot have that name.";
    TagInvalid = "TAG_INVALID", BAD_REQUEST, "manifest tag did not match URI",
        "A tag cannot have that name.";
    NameUnknown = "NAME_UNKNOWN", NOT_FOUND, "repository name not known to registry",
        "There is no such repository.";
    ManifestUnknown = "MANIFEST_UNKNOWN", NOT_FOUND, "manifest unknown",
        "There is no such manifest.";
    ManifestInvalid = "MANIFEST_INVALID", BAD_REQUEST, "manifest invalid",
        "The manifest makes no sense.";
    ManifestUnverified = "MANIFEST_UNVERIFIED", BAD_REQUEST, "manifest failed signature verification",
        "The signature of a manifest is wrong.";
    ManifestBlobUnknown = "MANIFEST_BLOB_UNKNOWN", BAD_REQUEST, "blob unknown to registry",
        "The manifest points to content that the repository does not have.";
    BlobUnknown = "BLOB_UNKNOWN", NOT_FOUND, "blob unknown to registry",
        "There is no such blob.";
    BlobUploadUnknown = "BLOB_UPLOAD_UNKNOWN", NOT_FOUND, "blob upload unknown to registry",
        "There is no such upload.";
    BlobUploadInvalid = "BLOB_UPLOAD_INVALID", NOT_FOUND, "blob upload invalid",
        "The client speaks of an upload in a way that this registry never told it to.";
    PaginationNumberInvalid = "PAGINATION_NUMBER_INVALID", BAD_REQUEST, "invalid number of results requested",
        "The number of results on a page is no number that can be served.";
}

/// All errors of one answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ErrorBody {
    /// The errors, the most important one first.
    pub errors: Vec<ErrorEntry>,
}

/// One error of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorEntry {
    /// What went wrong, for programs.
    pub code: ErrorCode,
    /// What went wrong, for people.
    pub message: String,
    /// What it happened to, in a form that depends on the code; left out when there is nothing to say, which is not the same as
    /// a `null`.
    pub detail: Option<Value>,
}

impl ErrorCode {
    /// Finds a code by its text; none when it is not one of ours.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == text)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl ErrorEntry {
    /// An error with its code's own message.
    pub fn new(code: ErrorCode) -> Self {
        Self { code, message: code.message().to_owned(), detail: None }
    }

    /// The same with what it happened to.
    pub fn with_detail(self, detail: Value) -> Self {
        Self { detail: Some(detail), ..self }
    }
}

impl From<ErrorCode> for ErrorEntry {
    fn from(code: ErrorCode) -> Self {
        Self::new(code)
    }
}

impl From<ErrorEntry> for ErrorBody {
    fn from(entry: ErrorEntry) -> Self {
        Self { errors: vec![entry] }
    }
}

impl ErrorBody {
    /// The one JSON object of an answer and a newline, byte for byte as Go would encode it.
    pub fn to_json(&self) -> String {
        let entries: Vec<_> = self.errors.iter().map(entry_json).collect();
        escape_as_go(&format!("{{\"errors\":[{}]}}\n", entries.join(",")))
    }

    /// Reads what a registry said.
    ///
    /// Unknown fields are ignored, and what is missing is taken as empty. A code that is not one of ours becomes
    /// [`ErrorCode::Unknown`] and goes in front of the message, so that it is not lost.
    ///
    /// # Errors
    ///
    /// When the bytes are no JSON, or none of this form.
    pub fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        let body: WireBody = serde_json::from_slice(json)?;
        Ok(Self { errors: body.errors.unwrap_or_default().into_iter().map(ErrorEntry::from).collect() })
    }
}

fn entry_json(entry: &ErrorEntry) -> String {
    let message = Value::from(entry.message.as_str());
    let detail = entry.detail.as_ref().map(|detail| format!(",\"detail\":{detail}")).unwrap_or_default();
    format!("{{\"code\":\"{}\",\"message\":{message}{detail}}}", entry.code)
}

/// Escapes what Go's encoder escapes so that JSON can stand in a script. In JSON these characters only stand in strings.
fn escape_as_go(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[derive(Deserialize)]
struct WireBody {
    errors: Option<Vec<WireEntry>>,
}

#[derive(Deserialize)]
struct WireEntry {
    code: Option<String>,
    message: Option<String>,
    #[serde(default, deserialize_with = "present")]
    detail: Option<Value>,
}

/// Keeps a `null` apart from nothing.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl From<WireEntry> for ErrorEntry {
    fn from(WireEntry { code, message, detail }: WireEntry) -> Self {
        let (code, message) = (code.unwrap_or_default(), message.unwrap_or_default());
        match ErrorCode::from_text(&code) {
            Some(code) => Self { code, message, detail },
            None if code.is_empty() => Self { code: ErrorCode::Unknown, message, detail },
            None => Self { code: ErrorCode::Unknown, message: format!("{code}: {message}"), detail },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_without_detail_has_no_such_field() {
        assert_eq!(
            ErrorBody::from(ErrorEntry::new(ErrorCode::BlobUploadUnknown)).to_json(),
            "{\"errors\":[{\"code\":\"BLOB_UPLOAD_UNKNOWN\",\"message\":\"blob upload unknown to registry\"}]}\n"
        );
    }

    #[test]
    fn code_and_message_come_before_the_detail() {
        let access = json!([{ "Type": "repository", "Class": "", "Name": "x", "Action": "pull" }]);
        assert_eq!(
            ErrorBody::from(ErrorEntry::new(ErrorCode::Unauthorized).with_detail(access)).to_json(),
            "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\",\
             \"detail\":[{\"Action\":\"pull\",\"Class\":\"\",\"Name\":\"x\",\"Type\":\"repository\"}]}]}\n"
        );
    }

    #[test]
    fn a_null_is_a_detail() {
        let body = ErrorBody::from(ErrorEntry::new(ErrorCode::Unauthorized).with_detail(Value::Null));
        assert_eq!(
            body.to_json(),
            "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\",\"detail\":null}]}\n"
        );
        assert_eq!(ErrorBody::parse(body.to_json().as_bytes()).unwrap(), body);
    }

    #[test]
    fn several_errors_share_one_object() {
        let entry =
            |digest: &str| ErrorEntry::new(ErrorCode::ManifestBlobUnknown).with_detail(Value::from(digest));
        assert_eq!(
            ErrorBody { errors: vec![entry("sha256:a"), entry("sha256:b")] }.to_json(),
            "{\"errors\":[\
             {\"code\":\"MANIFEST_BLOB_UNKNOWN\",\"message\":\"blob unknown to registry\",\"detail\":\"sha256:a\"},\
             {\"code\":\"MANIFEST_BLOB_UNKNOWN\",\"message\":\"blob unknown to registry\",\"detail\":\"sha256:b\"}]}\n"
        );
        assert_eq!(ErrorBody::default().to_json(), "{\"errors\":[]}\n");
    }

    #[test]
    fn what_go_escapes_is_escaped() {
        let detail = json!({ "<k>": "a&b\u{2028}\u{2029}\"\\\n\t\u{1}ä" });
        assert_eq!(
            ErrorBody::from(ErrorEntry::new(ErrorCode::NameInvalid).with_detail(detail)).to_json(),
            "{\"errors\":[{\"code\":\"NAME_INVALID\",\"message\":\"invalid repository name\",\"detail\":\
             {\"\\u003ck\\u003e\":\"a\\u0026b\\u2028\\u2029\\\"\\\\\\n\\t\\u0001ä\"}}]}\n"
        );
    }

    #[test]
    fn what_others_say_is_understood() {
        let parse = |json: &str| ErrorBody::parse(json.as_bytes()).unwrap().errors;
        assert_eq!(
            parse(r#"{"errors":[{"code":"LIMITED","message":"come back","more":1}],"version":2}"#),
            [ErrorEntry { code: ErrorCode::Unknown, message: "LIMITED: come back".into(), detail: None }]
        );
        let unknown = ErrorEntry { code: ErrorCode::Unknown, message: String::new(), detail: None };
        assert_eq!(parse(r#"{"errors":[{}]}"#), [unknown]);
        assert_eq!(parse(r#"{"errors":null}"#), []);
        assert_eq!(parse("{}"), []);
        for json in ["", "[", "404 page not found", "<html>", r#"{"errors":[1]}"#, r#"{"errors":{}}"#] {
            assert!(ErrorBody::parse(json.as_bytes()).is_err(), "{json}");
        }
    }

    #[test]
    fn the_table_is_that_of_the_contract() {
        let table: Vec<_> =
            ErrorCode::ALL.iter().map(|code| format!("{code} {}", code.status().as_u16())).collect();
        let expected = [
            "UNKNOWN 500",
            "UNSUPPORTED 405",
            "UNAUTHORIZED 401",
            "DENIED 403",
            "UNAVAILABLE 503",
            "TOOMANYREQUESTS 429",
            "DIGEST_INVALID 400",
            "SIZE_INVALID 400",
            "RANGE_INVALID 416",
            "NAME_INVALID 400",
            "TAG_INVALID 400",
            "NAME_UNKNOWN 404",
            "MANIFEST_UNKNOWN 404",
            "MANIFEST_INVALID 400",
            "MANIFEST_UNVERIFIED 400",
            "MANIFEST_BLOB_UNKNOWN 400",
            "BLOB_UNKNOWN 404",
            "BLOB_UPLOAD_UNKNOWN 404",
            "BLOB_UPLOAD_INVALID 404",
            "PAGINATION_NUMBER_INVALID 400",
        ];
        assert_eq!(table, expected);
    }

    #[test]
    fn codes_are_found_by_their_text() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_text(code.as_str()), Some(code));
        }
        assert_eq!(ErrorCode::from_text("unknown"), None);
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read(texts in prop::collection::vec(("\\PC{0,20}", prop::option::of(".{0,20}")), 0..4)) {
            let entries = texts.into_iter().enumerate().map(|(index, (message, detail))| {
                ErrorEntry { code: ErrorCode::ALL[index], message, detail: detail.map(Value::from) }
            });
            let body = ErrorBody { errors: entries.collect() };
            prop_assert_eq!(ErrorBody::parse(body.to_json().as_bytes()).unwrap(), body);
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = ErrorBody::parse(&bytes);
        }
    }
}
