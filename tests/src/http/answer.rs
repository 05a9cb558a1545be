//! What is heard.

use bytes::Bytes;
use serde_json::Value;

/// Is an answer, read whole.
#[derive(Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header lines in their order, names as they were sent.
    pub headers: Vec<(String, String)>,
    /// The body, without its transfer coding.
    pub body: Bytes,
}

impl Answer {
    /// Fails the test unless the status is this one.
    ///
    /// # Panics
    ///
    /// When it is another one.
    #[track_caller]
    #[must_use = "use `assert_status` where nothing else is looked at"]
    pub fn expect(self, status: u16) -> Answer {
        self.assert_status(status);
        self
    }

    /// Fails the test unless the status is this one.
    ///
    /// # Panics
    ///
    /// When it is another one.
    #[track_caller]
    pub fn assert_status(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
    }

    /// Fails the test unless status and error code are these, and the body is an error as clients expect it.
    ///
    /// # Panics
    ///
    /// When they are others.
    #[track_caller]
    pub fn assert_error(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code().as_str()), (status, code), "{self:?}");
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        let message = &self.json()["errors"][0]["message"];
        assert!(message.as_str().is_some_and(|text| !text.is_empty()), "{self:?}");
    }

    /// Gives the value of a header that may be there once.
    ///
    /// # Panics
    ///
    /// When it is there more often.
    #[track_caller]
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() < 2, "{name} is there {} times: {self:?}", values.len());
        values.first().copied()
    }

    /// Gives the value of a header that must be there once.
    ///
    /// # Panics
    ///
    /// When it is not.
    #[track_caller]
    #[must_use]
    pub fn the(&self, name: &str) -> &str {
        self.header(name).unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    /// Gives every value of a header.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        lines.map(|(_, value)| value.as_str()).collect()
    }

    /// Gives the header lines in alphabetical order, without those that differ between two answers that are the same.
    #[must_use]
    pub fn steady_headers(&self) -> Vec<(String, String)> {
        let steady = self.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
        let mut steady: Vec<_> =
            steady.filter(|(name, _)| !["date", "x-request-id"].contains(&name.as_str())).collect();
        steady.sort();
        steady
    }

    /// Reads the body as JSON.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Gives the body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Gives the code of the first error in the body; nothing when the body is no error.
    #[must_use]
    pub fn code(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Gives the path of the `Location`.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[track_caller]
    #[must_use]
    pub fn location(&self) -> String {
        super::path_of(self.the("location"))
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let excerpt: String = self.text().chars().take(600).collect();
        write!(f, "{} {:?} {excerpt:?} ({} bytes)", self.status, self.headers, self.body.len())
    }
}
