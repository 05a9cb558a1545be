//! The SDK's way out: our own HTTP client under its traits, so that there is one TLS stack and one pool in the program.

use std::time::Duration;

use aws_sdk_s3::config::http::{HttpRequest, HttpResponse};
use aws_sdk_s3::config::{HttpClient as SdkHttpClient, RuntimeComponents};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method};
use http_body_util::BodyExt;
use wharf_http_client::{ErrorKind, HttpClient};

/// Our HTTP client, as the SDK wants it.
#[derive(Debug, Clone)]
pub(crate) struct Transport(pub(crate) HttpClient);

impl SdkHttpClient for Transport {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        // Those who find out credentials ask for short times, since what they ask is often not there at all.
        let limit = settings.read_timeout().map(|read| read + settings.connect_timeout().unwrap_or_default());
        SharedHttpConnector::new(Connector { http: self.0.clone(), limit })
    }
}

#[derive(Debug)]
struct Connector {
    http: HttpClient,
    /// How long the head of an answer may take, where the SDK has an opinion.
    limit: Option<Duration>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let sending = send(self.http.clone(), request);
        let limit = self.limit;
        HttpConnectorFuture::new(async move {
            let Some(limit) = limit else { return sending.await };
            match tokio::time::timeout(limit, sending).await {
                Ok(answer) => answer,
                Err(elapsed) => Err(ConnectorError::timeout(elapsed.into())),
            }
        })
    }
}

async fn send(http: HttpClient, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let mut request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    // Hyper leaves it out where there is no body; some stores (Ceph, for a part that is copied) insist.
    if matches!(*request.method(), Method::PUT | Method::POST) && request.body().content_length() == Some(0) {
        request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let response = http.send(request.map(BodyExt::boxed_unsync)).await.map_err(connector_error)?;
    HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
        .map_err(|error| ConnectorError::other(error.into(), None))
}

/// The SDK tries again what it is told is a timeout or input and output.
fn connector_error(error: wharf_http_client::Error) -> ConnectorError {
    match error.kind() {
        ErrorKind::Timeout => ConnectorError::timeout(error.into()).never_connected(),
        ErrorKind::Connect => ConnectorError::io(error.into()).never_connected(),
        ErrorKind::Broken => ConnectorError::io(error.into()),
        ErrorKind::Request => ConnectorError::user(error.into()),
        _ => ConnectorError::other(error.into(), None),
    }
}
