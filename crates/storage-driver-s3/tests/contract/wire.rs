//! Requests as they come over a connection: enough of HTTP/1.1 to count them, and to answer them by a fake.

use tokio::io::{AsyncRead, AsyncReadExt};

/// A request, whole.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) query: String,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The next request of a connection; none when it ends.
    pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> Option<Self> {
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break at + 4;
            }
            if from.read_buf(buffer).await.ok()? == 0 {
                return None;
            }
        };
        let head = String::from_utf8(buffer.drain(..end).collect()).ok()?;
        let (method, target) = head.lines().next()?.rsplit_once(' ')?.0.split_once(' ')?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (method, path, query) = (method.to_owned(), path.to_owned(), query.to_owned());
        let mut request = Self { method, path, query, head, body: Vec::new() };
        let len = request.header("content-length").map_or(0, |len| len.parse().unwrap());
        while buffer.len() < len {
            if from.read_buf(buffer).await.ok()? == 0 {
                return None;
            }
        }
        request.body = buffer.drain(..len).collect();
        Some(request)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    /// A value of the query, decoded.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let value = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next()?;
        Some(percent_encoding::percent_decode_str(value).decode_utf8().unwrap().into_owned())
    }

    /// The request as it came.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [self.head.as_bytes(), &self.body].concat()
    }
}
