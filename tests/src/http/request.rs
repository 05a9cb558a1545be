//! What is sent.

use bytes::Bytes;

/// Is a request to send. Nothing is added to it but `Host` and the length of the body, each only if it is not there.
#[derive(Clone)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Body,
}

/// Is the body of a request.
#[derive(Clone, Default)]
pub enum Body {
    /// No body, and no word about one.
    #[default]
    None,
    /// Sent with its length.
    Whole(Bytes),
    /// Sent in chunks, so that nobody knows the length.
    Pieces(Vec<Bytes>),
}

impl Request {
    /// Makes a request with any method and target, taken as they are.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Request {
        Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Body::None,
        }
    }

    /// Makes a GET.
    #[must_use]
    pub fn get(target: &str) -> Request {
        Request::new("GET", target)
    }

    /// Makes a HEAD.
    #[must_use]
    pub fn head(target: &str) -> Request {
        Request::new("HEAD", target)
    }

    /// Makes a DELETE.
    #[must_use]
    pub fn delete(target: &str) -> Request {
        Request::new("DELETE", target)
    }

    /// Makes a POST with an empty body.
    #[must_use]
    pub fn post(target: &str) -> Request {
        Request::new("POST", target).body(Bytes::new())
    }

    /// Makes a PUT with an empty body.
    #[must_use]
    pub fn put(target: &str) -> Request {
        Request::new("PUT", target).body(Bytes::new())
    }

    /// Makes a PATCH with an empty body.
    #[must_use]
    pub fn patch(target: &str) -> Request {
        Request::new("PATCH", target).body(Bytes::new())
    }

    /// Adds a header line.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Request {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the body, sent with its length.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Request {
        self.body = Body::Whole(body.into());
        self
    }

    /// Sets the body, sent in these chunks.
    #[must_use]
    pub fn pieces(mut self, pieces: Vec<Bytes>) -> Request {
        self.body = Body::Pieces(pieces);
        self
    }

    /// Gives the method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    pub(super) fn content(&self) -> &Body {
        &self.body
    }

    /// Prints the head, with `host` for a request that names none.
    pub(super) fn head_text(&self, host: &str) -> String {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.has("host") {
            text += &format!("Host: {host}\r\n");
        }
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        match &self.body {
            Body::Whole(bytes) if !self.has("content-length") && !self.has("transfer-encoding") => {
                text += &format!("Content-Length: {}\r\n", bytes.len());
            }
            Body::Pieces(_) if !self.has("transfer-encoding") => text += "Transfer-Encoding: chunked\r\n",
            _ => {}
        }
        text + "\r\n"
    }

    fn has(&self, wanted: &str) -> bool {
        self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted))
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let target: String = self.target.chars().take(200).collect();
        write!(f, "{} {target} {:.300}", self.method, format!("{:?}", self.headers))
    }
}
