//! The program's HTTP client, as the ACME library wants to have one.

use std::pin::Pin;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use instant_acme::{BodyWrapper, BytesResponse, Error};
use wharf_http_client::{HttpClient, full};

/// How large an answer of an ACME server may be, in bytes: a chain of certificates is the largest there is.
const ANSWER_BYTES: usize = 256 * 1024;

/// Sends requests to an ACME server.
#[derive(Debug, Clone)]
pub(crate) struct Client(pub(crate) HttpClient);

impl instant_acme::HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let client = self.0.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let what = format!("{} {}", head.method, head.uri);
            let body = match body.collect().await {
                Ok(body) => full(body.to_bytes()),
                Err(never) => match never {},
            };
            let sent = client.send(Request::from_parts(head, body)).await;
            let (head, body) = sent.map_err(|error| Error::Other(error.into()))?.into_parts();
            let failed = head.status.is_client_error() || head.status.is_server_error();
            if failed && !is_problem(&head.headers) {
                return Err(Error::Other(format!("{what} was answered by {}", head.status).into()));
            }
            let body = Limited::new(body, ANSWER_BYTES).collect().await.map_err(Error::Other)?.to_bytes();
            Ok(BytesResponse::from(Response::from_parts(head, Full::new(body))))
        })
    }
}

/// Whether an answer says what was wrong in the way that the library reads.
fn is_problem(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/problem+json"))
}
