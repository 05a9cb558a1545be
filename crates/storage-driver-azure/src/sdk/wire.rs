//! How the SDK's requests get out.
//!
//! The SDK would log every request with its `Authorization` header (RUSTSEC-2026-0275: its redaction is the wrong way
//! round) in the step that hands it to a transport, and again after it succeeded. So this is a step of its own, the
//! last one that ever runs: it takes the request away, key, signature and all, before anything of the SDK could show
//! it.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::error::{Error, ErrorKind};
use azure_core::headers::{CONTENT_LENGTH, HeaderName, HeaderValue, Headers};
use azure_core::{Body, Context, Method, Policy, PolicyResult, Request, Response, StatusCode, Url};
use futures_util::TryStreamExt;
use http_body_util::{BodyExt, Limited};
use wharf_http_client::{HttpClient, Incoming};

use crate::failure::{Failure, FailureKind, Refusal};
use crate::segments::Segments;
use crate::token::TokenError;

/// The most bytes of an answer that is no blob: a page of names, each as long as it can be.
const ANSWER_MAX_BYTES: usize = 32 * 1024 * 1024;

/// The most bytes of a refusal that are read.
const REFUSAL_MAX_BYTES: usize = 64 * 1024;

/// A body in pieces, handed on beside the request: the SDK takes only bodies that are one buffer, or are copied.
pub(super) struct Outgoing(pub(super) Segments);

/// Says beside a request that the answer is a blob and may be of any size.
pub(super) struct AnswerIsBlob;

/// Tells the SDK how long a body in pieces is, before it signs the request.
#[derive(Debug)]
pub(super) struct Measure;

#[async_trait]
impl Policy for Measure {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        if let Some(Outgoing(segments)) = context.get() {
            request.insert_header(CONTENT_LENGTH, segments.len().to_string());
        }
        next[0].send(context, request, &next[1..]).await
    }
}

/// Sends requests.
#[derive(Debug)]
pub(super) struct Wire(pub(super) HttpClient);

#[async_trait]
impl Policy for Wire {
    async fn send(&self, context: &Context, request: &mut Request, _: &[Arc<dyn Policy>]) -> PolicyResult {
        let sent = take(context, request)?;
        let io = |error: wharf_http_client::Error| Error::full(ErrorKind::Other, error, "no answer");
        let answer = self.0.send(sent).await.map_err(io)?;
        let is_blob = context.get::<AnswerIsBlob>().is_some();
        receive(answer, if is_blob { usize::MAX } else { ANSWER_MAX_BYTES }).await
    }
}

/// Takes a request away from the SDK; what is left holds no secret.
fn take(
    context: &Context,
    request: &mut Request,
) -> azure_core::Result<http::Request<wharf_http_client::Body>> {
    let mut bare = request.url().clone();
    bare.set_query(None);
    let bare = Request::new(bare, *request.method());
    let signed = std::mem::replace(request, bare);
    let body = match (context.get(), signed.body()) {
        (Some(Outgoing(segments)), _) => wharf_http_client::segments(segments.clone().into_pieces()),
        (None, Body::Bytes(bytes)) => wharf_http_client::full(bytes.clone()),
        (None, Body::SeekableStream(_)) => {
            return Err(Error::message(ErrorKind::Other, "no such body is sent"));
        }
    };
    let method: &str = signed.method().as_ref();
    let mut sent = http::Request::builder().method(method).uri(signed.url().as_str());
    for (name, value) in signed.headers().iter() {
        sent = sent.header(name.as_str(), value.as_str());
    }
    sent.body(body).map_err(|_| Error::message(ErrorKind::DataConversion, "the request cannot be sent"))
}

async fn receive(answer: http::Response<Incoming>, limit_bytes: usize) -> PolicyResult {
    let (head, body) = answer.into_parts();
    if !head.status.is_success() {
        let refusal = refusal(&head);
        // What is read to its end leaves a connection that can be used again.
        let _ = Limited::new(body, REFUSAL_MAX_BYTES).collect().await;
        return Err(Error::new(ErrorKind::Other, refusal));
    }
    let status = StatusCode::try_from(head.status.as_u16())
        .map_err(|_| Error::message(ErrorKind::DataConversion, "an unknown status"))?;
    let body = Limited::new(body, limit_bytes).into_data_stream();
    let body = body.map_err(|error| Error::full(ErrorKind::Other, error, "the answer broke off"));
    Ok(Response::new(status, headers(&head.headers), Box::pin(body)))
}

fn refusal(head: &http::response::Parts) -> Refusal {
    let text = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Refusal {
        status: head.status.as_u16(),
        code: text("x-ms-error-code").to_owned(),
        request: text("x-ms-request-id").to_owned(),
        retry_after: text("retry-after").parse().ok().map(Duration::from_secs),
    }
}

fn headers(map: &http::HeaderMap) -> Headers {
    let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let value = value.to_str().ok()?.to_owned();
        Some((HeaderName::from(name.as_str().to_owned()), HeaderValue::from(value)))
    };
    map.iter().filter_map(text).collect::<HashMap<_, _>>().into()
}

/// What an error of the SDK means. It never shows more than the SDK says of itself, and that holds no secret.
pub(super) fn failure(error: Error) -> Failure {
    let failure = meaning(&error);
    if failure.cause.is_some() { failure } else { failure.because(error) }
}

fn meaning(error: &(dyn StdError + 'static)) -> Failure {
    let mut cause = Some(error);
    while let Some(link) = cause {
        if let Some(refusal) = link.downcast_ref::<Refusal>() {
            return refusal.clone().into();
        }
        if let Some(error) = link.downcast_ref::<wharf_http_client::Error>() {
            return Failure { is_unsent: error.is_connect(), ..Failure::new(FailureKind::Unavailable) };
        }
        if let Some(error) = link.downcast_ref::<TokenError>() {
            let kind = if error.is_temporary() { FailureKind::Unavailable } else { FailureKind::Denied };
            return Failure { is_unsent: true, ..Failure::new(kind) };
        }
        cause = link.source();
    }
    Failure::new(FailureKind::Other)
}

/// A request of our own, for what the SDK cannot do.
pub(super) fn request(url: Url, method: Method, headers: Headers) -> azure_core::Result<Request> {
    azure_storage::clients::finalize_request(url, method, headers, None)
}
