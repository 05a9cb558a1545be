//! The service that a server calls with each request.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use hyper::service::Service;
use wharf_registry::Namespace;

use crate::body::Body;
use crate::dispatch::dispatch;
use crate::drain::{DrainLimits, RequestBody};
use crate::error::BoxError;
use crate::options::Options;
use crate::schema1::Signer;
use crate::state::StateSigner;

/// The distribution API of a registry. Cheap to clone: clones share everything.
///
/// It needs a tokio runtime with a timer. It finds a [`Peer`](crate::Peer) and a [`RequestId`](crate::RequestId) in the
/// extensions of a request when the listener put them there, and leaves an [`Answered`](crate::Answered) in those of the answer.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) namespace: Arc<dyn Namespace>,
    pub(crate) options: Options,
    pub(crate) signer: StateSigner,
    pub(crate) schema1: Signer,
    /// What stands before `/v2/`, without a slash at its end.
    pub(crate) prefix: String,
    /// The prefix with `/v2/` behind it.
    pub(crate) base_path: String,
}

impl Api {
    /// Serves a registry.
    pub fn new(namespace: Arc<dyn Namespace>, options: Options) -> Self {
        let prefix = match options.prefix.trim_matches('/') {
            "" => String::new(),
            prefix => format!("/{prefix}"),
        };
        let base_path = format!("{prefix}/v2/");
        let signer = StateSigner::new(&options.secret);
        let schema1 = Signer::new(options.schema1.key.clone());
        Self(Arc::new(Shared { namespace, options, signer, schema1, prefix, base_path }))
    }

    /// Answers a request. Whatever goes wrong is an answer too.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (head, body) = request.into_parts();
        let limits = &self.0.options.limits;
        let drain = DrainLimits { bytes: limits.drain_bytes, time: limits.drain_time };
        let body = RequestBody::new(body, &head.headers, drain);
        dispatch(&self.0, head, body).await
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Api").field("options", &self.0.options).finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for Api
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        let api = self.clone();
        Box::pin(async move { Ok(api.answer(request).await) })
    }
}
