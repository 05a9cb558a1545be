//! The real stores that tests are given.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::{HttpRequest, HttpResponse};
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials as Keys, HttpClient as SdkHttpClient, Region, RuntimeComponents,
};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt;
use wharf_http_client::{HttpClient, Options};
use wharf_storage_driver_s3::{Config, Credentials};

/// A bucket at some store.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) endpoint: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) bucket: String,
    /// What all keys of this test begin with.
    pub(crate) root: String,
}

impl Place {
    /// The place that a variable names, if it is set.
    #[allow(clippy::disallowed_methods, reason = "tests are told by their environment where the stores are")]
    pub(crate) fn given(variable: &str) -> Option<Self> {
        std::env::var(variable).ok().filter(|url| !url.is_empty()).map(|url| Self::at(&url))
    }

    /// The place at `http://ACCESSKEY:SECRETKEY@HOST:PORT/BUCKET`; a part of it that nobody else uses.
    pub(crate) fn at(url: &str) -> Self {
        let (keys, rest) = url.strip_prefix("http://").unwrap().split_once('@').unwrap();
        let (access_key, secret_key) = keys.split_once(':').unwrap();
        let (host, bucket) = rest.split_once('/').unwrap();
        Self {
            endpoint: format!("http://{host}"),
            access_key: access_key.to_owned(),
            secret_key: secret_key.to_owned(),
            bucket: bucket.trim_end_matches('/').to_owned(),
            root: format!("tests/{}", uuid::Uuid::new_v4()),
        }
    }

    /// The same place by another address.
    pub(crate) fn by(&self, endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), ..self.clone() }
    }

    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new(&self.bucket);
        config.endpoint = Some(self.endpoint.clone());
        config.force_path_style = true;
        config.root_directory.clone_from(&self.root);
        config.credentials = Credentials::Static {
            access_key: self.access_key.clone(),
            secret_key: self.secret_key.clone(),
            session_token: None,
        };
        config
    }

    /// The SDK alone, without anything of ours between.
    pub(crate) fn client(&self) -> Client {
        let keys = Keys::new(&self.access_key, &self.secret_key, None, None, "test");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(keys)
            .endpoint_url(&self.endpoint)
            .force_path_style(true)
            .http_client(Plain(HttpClient::new(Options::default()).unwrap()));
        Client::from_conf(config.build())
    }
}

/// Our HTTP client under the SDK's traits, without any of the driver's own.
#[derive(Debug, Clone)]
struct Plain(HttpClient);

impl SdkHttpClient for Plain {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Plain {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let http = self.0.clone();
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let sent = http.send(request.map(BodyExt::boxed_unsync)).await;
            let response = sent.map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(response.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}
