//! One request and its answer.
//!
//! Every request opens a connection of its own, so that no test depends on what another one left on the wire. Nothing
//! is added to what a test says, except `Host`, `Authorization`, and the length of the body.

mod address;
mod answer;

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderName, HeaderValue, Method};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

pub(crate) use address::{Address, encode};
pub(crate) use answer::Answer;

use crate::case::Case;
use crate::check::{Stop, fail};

/// How long one request may take, from the first byte to the last.
pub(crate) const REQUEST_LIMIT: Duration = Duration::from_secs(60);

/// How many bytes of an answer are read.
const ANSWER_LIMIT: usize = 64 << 20;

/// How many redirects are followed for one request.
const REDIRECT_LIMIT: usize = 5;

/// A request that is being put together.
#[derive(Clone)]
pub(crate) struct Request<'a> {
    case: &'a Case,
    method: Method,
    address: Address,
    headers: Vec<(HeaderName, String)>,
    body: Body,
}

#[derive(Clone)]
enum Body {
    None,
    /// Sent with its length.
    Whole(Bytes),
    /// Sent in pieces whose sum is not announced.
    Streamed(Vec<Bytes>),
}

impl<'a> Request<'a> {
    pub(crate) fn new(case: &'a Case, method: Method, address: Address) -> Self {
        Request { case, method, address, headers: Vec::new(), body: Body::None }
    }

    /// Adds a header line; a name that was said before is said again.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((HeaderName::from_static(name), value.into()));
        self
    }

    /// Sends these bytes, with their length.
    pub(crate) fn body(mut self, bytes: impl Into<Bytes>) -> Self {
        self.body = Body::Whole(bytes.into());
        self
    }

    /// Sends these pieces with `Transfer-Encoding: chunked`.
    pub(crate) fn streamed(mut self, pieces: Vec<Bytes>) -> Self {
        self.body = Body::Streamed(pieces);
        self
    }

    /// Sends the request and follows redirects.
    pub(crate) async fn send(&self) -> Result<Answer, Stop> {
        let mut answer = self.send_once().await?;
        let mut hop = self.clone();
        for _ in 0..REDIRECT_LIMIT {
            if !matches!(answer.status(), 301 | 302 | 307 | 308) {
                return Ok(answer);
            }
            hop.address = answer.location()?;
            answer = hop.send_once().await?;
        }
        fail(answer.fault(format_args!("more than {REDIRECT_LIMIT} redirects")))
    }

    /// Sends the request and gives the answer as it is.
    pub(crate) async fn send_once(&self) -> Result<Answer, Stop> {
        let (head, body) = match tokio::time::timeout(REQUEST_LIMIT, self.exchange()).await {
            Ok(Ok(parts)) => parts,
            Ok(Err(error)) => {
                return fail(format_args!("{}\nno answer: {}", self.describe(), chain(&*error)));
            }
            Err(_) => return fail(format_args!("{}\nno answer in {REQUEST_LIMIT:?}", self.describe())),
        };
        let answer = Answer::new(self.describe(), self.address.clone(), head, body);
        self.case.watch().see(&answer);
        Ok(answer)
    }

    async fn exchange(&self) -> Result<(http::response::Parts, Bytes), Box<dyn StdError + Send + Sync>> {
        let stream = TcpStream::connect(self.address.authority()).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let (head, body) = sender.send_request(self.message()?).await?.into_parts();
        let body = Limited::new(body, ANSWER_LIMIT).collect().await?.to_bytes();
        connection.abort();
        Ok((head, body))
    }

    fn message(&self) -> Result<http::Request<BoxBody<Bytes, std::convert::Infallible>>, http::Error> {
        let mut builder =
            http::Request::builder().method(self.method.clone()).uri(self.address.path_and_query());
        builder = builder.header("host", self.address.authority());
        if let Some(value) = self.case.authorization(&self.address) {
            builder = builder.header("authorization", value);
        }
        for (name, value) in &self.headers {
            builder = builder.header(name, HeaderValue::from_str(value)?);
        }
        let takes_body = matches!(self.method, Method::POST | Method::PUT | Method::PATCH);
        match &self.body {
            Body::None if takes_body => builder.header("content-length", 0).body(Full::default().boxed()),
            Body::None => builder.body(Full::default().boxed()),
            Body::Whole(bytes) => {
                builder.header("content-length", bytes.len()).body(Full::new(bytes.clone()).boxed())
            }
            Body::Streamed(pieces) => {
                let frames: Vec<_> = pieces.iter().cloned().map(|piece| Ok(Frame::data(piece))).collect();
                builder.body(StreamBody::new(stream::iter(frames)).boxed())
            }
        }
    }

    /// Says in a line or two what was asked, without the credentials.
    fn describe(&self) -> String {
        let mut text = format!("{} {}", self.method, self.address.path_and_query());
        for (name, value) in &self.headers {
            text.push_str(&format!("\n  {name}: {value}"));
        }
        match &self.body {
            Body::None => {}
            Body::Whole(bytes) => text.push_str(&format!("\n  ({} bytes)", bytes.len())),
            Body::Streamed(pieces) => text.push_str(&format!("\n  ({} pieces, chunked)", pieces.len())),
        }
        text
    }
}

fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}
