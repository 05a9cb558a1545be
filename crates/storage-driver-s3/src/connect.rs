//! The SDK's client, from a configuration: where the store is, who we are, how often and how long things are tried.
//!
//! With keys and a region in the configuration nothing else is looked at. Only where one of them is missing the machine is
//! asked, by the SDK's own chain: environment, profile, web identity, container, instance.

use aws_config::BehaviorVersion;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::retry::{ReconnectMode, RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, ConfigBag, Intercept, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    RuntimeComponents, SharedCredentialsProvider, StalledStreamProtectionConfig,
};
use aws_smithy_runtime_api::box_error::BoxError;
use wharf_http_client::HttpClient;

use crate::config::{Config, Credentials, Signature};
use crate::presign::{Elsewhere, ElsewhereError};
use crate::signature_v2::SignatureV2;
use crate::transport::Transport;

/// The region of stores that know none: signatures need some word there.
const ANY_REGION: &str = "us-east-1";

const USER_AGENT: &str = "user-agent";

/// How much of the budget for retries comes back each second: the price of one retry.
const BUDGET_PER_SECOND: f32 = 5.0;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConnectError {
    /// Neither the configuration nor the machine names one.
    #[error("no region: neither the configuration nor this machine names one")]
    Region,
    /// It has no host, or its scheme is not HTTP's.
    #[error("not an address of a store: {0}")]
    Endpoint(String),
    /// Amazon's accelerated endpoints are only Amazon's, and know buckets by host name only.
    #[error("acceleration needs Amazon's own endpoint, and the bucket in the host name")]
    Accelerate,
    /// It cannot take the place of the endpoint.
    #[error(transparent)]
    Redirect(#[from] ElsewhereError),
}

/// Makes a client. It sends no request to the store yet.
pub(crate) async fn connect(config: &Config, http: HttpClient) -> Result<Client, ConnectError> {
    let transport = Transport(http);
    let endpoint = config.endpoint.as_deref().map(|endpoint| url(endpoint, config.secure)).transpose()?;
    Elsewhere::of(config)?;
    if config.accelerate && (endpoint.is_some() || config.force_path_style) {
        return Err(ConnectError::Accelerate);
    }
    let (credentials, region) = identity(config, &transport).await?;
    let amazon = endpoint.is_none();
    let mut builder = aws_sdk_s3::Config::builder();
    builder.set_credentials_provider(credentials).set_endpoint_url(endpoint);
    let builder = builder
        .behavior_version(BehaviorVersion::v2026_01_12())
        .http_client(transport)
        .region(region)
        .force_path_style(config.force_path_style)
        .use_dual_stack(config.dual_stack && amazon)
        .use_fips(config.fips && amazon)
        .accelerate(config.accelerate)
        .interceptor(Named(config.user_agent.clone()));
    let builder = match config.signature {
        Signature::V4 => builder,
        Signature::V2 => builder.push_auth_scheme(SignatureV2::for_bucket(&config.bucket)),
    };
    Ok(Client::from_conf(patience(quiet(builder), config).build()))
}

/// Appends a name of ours to those of the SDK.
#[derive(Debug)]
struct Named(Option<String>);

impl Intercept for Named {
    fn name(&self) -> &'static str {
        "user agent"
    }

    // The header is not signed, so it may still change here.
    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Some(ours) = &self.0 else { return Ok(()) };
        let headers = context.request_mut().headers_mut();
        // A URL that is given away has none.
        if let Some(theirs) = headers.get(USER_AGENT) {
            let both = format!("{theirs} {ours}");
            headers.try_insert(USER_AGENT, both)?;
        }
        Ok(())
    }
}

/// Leaves out what only Amazon understands, and what watches streams in a way that a slow client of ours would trip.
fn quiet(builder: Builder) -> Builder {
    builder
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
}

/// Says how often and how long things are tried; requests that carry much override the time.
fn patience(builder: Builder, config: &Config) -> Builder {
    let retries = &config.retries;
    let retry = RetryConfig::standard()
        .with_max_attempts(retries.max_attempts.max(1))
        .with_initial_backoff(retries.first_backoff)
        .with_max_backoff(retries.max_backoff)
        .with_reconnect_mode(ReconnectMode::ReuseAllConnections);
    // A budget of this driver's own: the SDK would share one among all clients of a region in the process.
    let budget = TokenBucket::builder()
        .capacity(retries.budget)
        .success_reward(1.0)
        .refill_rate(BUDGET_PER_SECOND)
        .build();
    builder
        .retry_config(retry)
        .retry_partition(RetryPartition::custom("wharf-storage-driver-s3").token_bucket(budget).build())
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(config.timeouts.small).build())
}

/// Who we are and where: from the configuration, and what it leaves open from the machine.
async fn identity(
    config: &Config,
    transport: &Transport,
) -> Result<(Option<SharedCredentialsProvider>, Region), ConnectError> {
    let ours = match &config.credentials {
        Credentials::Static { access_key, secret_key, session_token } => {
            Some(SharedCredentialsProvider::new(aws_sdk_s3::config::Credentials::new(
                access_key,
                secret_key,
                session_token.clone(),
                None,
                "configuration",
            )))
        }
        Credentials::Chain => None,
    };
    let region = match (&config.region, &config.endpoint) {
        (Some(region), _) => Some(Region::new(region.clone())),
        (None, Some(_)) => Some(Region::from_static(ANY_REGION)),
        (None, None) => None,
    };
    if let (Some(ours), Some(region)) = (&ours, &region) {
        return Ok((Some(ours.clone()), region.clone()));
    }
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).http_client(transport.clone());
    if let Some(region) = region {
        loader = loader.region(region);
    }
    let machine = loader.load().await;
    let region = machine.region().cloned().ok_or(ConnectError::Region)?;
    Ok((ours.or_else(|| machine.credentials_provider()), region))
}

/// The URL of an endpoint that may come without a scheme.
pub(crate) fn url(endpoint: &str, secure: bool) -> Result<String, ConnectError> {
    let scheme = if secure { "https" } else { "http" };
    let whole = if endpoint.contains("://") { endpoint.to_owned() } else { format!("{scheme}://{endpoint}") };
    let refused = || ConnectError::Endpoint(endpoint.to_owned());
    let parsed: http::Uri = whole.parse().map_err(|_| refused())?;
    let known = matches!(parsed.scheme_str(), Some("http" | "https"));
    if !known || parsed.host().is_none_or(str::is_empty) || parsed.query().is_some() {
        return Err(refused());
    }
    Ok(whole.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use aws_sdk_s3::primitives::ByteStream;
    use aws_smithy_types::body::SdkBody;
    use bytes::Bytes;
    use http_body_util::Full;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use wharf_http_client::Options;
    use wharf_storage_driver::ErrorKind;

    use super::*;
    use crate::failure::Failure;

    const WELL: &str = "HTTP/1.1 200 OK\r\netag: \"e\"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

    const BUSY: &str = "HTTP/1.1 503 Slow Down\r\ncontent-length: 38\r\nconnection: close\r\n\r\n\
        <Error><Code>SlowDown</Code></Error>\r\n";

    /// A store that takes everything and remembers what it was sent, byte for byte.
    async fn sink() -> (Config, Arc<Mutex<Vec<String>>>) {
        store(WELL).await
    }

    /// A store that always answers the same, or not at all if that is empty.
    async fn store(answer: &'static str) -> (Config, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = Config::new("bucket");
        config.endpoint = Some(format!("http://{}", listener.local_addr().unwrap()));
        config.force_path_style = true;
        config.credentials = Credentials::Static {
            access_key: "key".into(),
            secret_key: "secret".into(),
            session_token: None,
        };
        let seen = Arc::new(Mutex::new(Vec::new()));
        let requests = seen.clone();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !is_whole(&request) {
                    assert_ne!(socket.read_buf(&mut request).await.unwrap(), 0, "half a request");
                }
                requests.lock().unwrap().push(String::from_utf8(request).unwrap());
                if answer.is_empty() {
                    let _ = socket.read_buf(&mut Vec::new()).await;
                }
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        });
        (config, seen)
    }

    fn is_whole(request: &[u8]) -> bool {
        let text = String::from_utf8_lossy(request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
        let length = head
            .to_ascii_lowercase()
            .split_once("content-length: ")
            .map_or(0, |(_, rest)| rest.split("\r\n").next().unwrap().parse::<usize>().unwrap());
        body.len() >= length
    }

    fn http() -> HttpClient {
        HttpClient::new(Options::default()).unwrap()
    }

    fn streamed(text: &'static str) -> ByteStream {
        let body = move || SdkBody::from_body_1_x(Full::new(Bytes::from_static(text.as_bytes())));
        ByteStream::new(SdkBody::retryable(body))
    }

    #[tokio::test]
    async fn bodies_go_out_bare_and_unsigned() {
        let (config, seen) = sink().await;
        let client = connect(&config, http()).await.unwrap();
        for body in [ByteStream::from_static(b"onetwo"), streamed("onetwo")] {
            let put = client.put_object().bucket("bucket").key("a/b").body(body);
            put.customize().disable_payload_signing().send().await.unwrap();
        }
        let part = client.upload_part().bucket("bucket").key("a/b").upload_id("u").part_number(1);
        part.body(streamed("onetwo")).customize().disable_payload_signing().send().await.unwrap();
        let seen = seen.lock().unwrap();
        assert_eq!(seen.len(), 3);
        for request in seen.iter() {
            let head = request.to_ascii_lowercase();
            assert!(head.contains("x-amz-content-sha256: unsigned-payload\r\n"), "{request}");
            assert!(head.contains("content-length: 6\r\n"), "{request}");
            assert!(request.ends_with("\r\n\r\nonetwo"), "{request}");
            for never in [
                "aws-chunked",
                "trailer",
                "x-amz-checksum",
                "x-amz-sdk-checksum",
                "expect:",
                "transfer-encoding",
            ] {
                assert!(!head.contains(never), "{never} in {request}");
            }
        }
    }

    #[tokio::test]
    async fn a_read_asks_for_no_checksum() {
        let (config, seen) = sink().await;
        let client = connect(&config, http()).await.unwrap();
        client.get_object().bucket("bucket").key("a").send().await.unwrap();
        assert!(!seen.lock().unwrap()[0].to_ascii_lowercase().contains("checksum"));
    }

    #[tokio::test]
    async fn a_token_and_a_name_of_ours_go_along() {
        let (mut config, seen) = sink().await;
        config.user_agent = Some("wharf/1.0 (a ship)".into());
        config.credentials = Credentials::Static {
            access_key: "key".into(),
            secret_key: "secret".into(),
            session_token: Some("the-token".into()),
        };
        let client = connect(&config, http()).await.unwrap();
        client.head_object().bucket("bucket").key("a").send().await.unwrap();
        let request = seen.lock().unwrap()[0].to_ascii_lowercase();
        assert!(request.contains("x-amz-security-token: the-token\r\n"), "{request}");
        let agent = request.lines().find(|line| line.starts_with("user-agent: ")).unwrap();
        assert!(agent.ends_with(" wharf/1.0 (a ship)"), "{agent}");
        assert!(request.contains("/us-east-1/s3/aws4_request"), "{request}");
    }

    async fn fails(config: &Config) -> Failure {
        let client = connect(config, http()).await.unwrap();
        client.list_objects_v2().bucket("bucket").send().await.unwrap_err().into()
    }

    #[tokio::test]
    async fn a_store_that_is_busy_is_asked_again_as_often_as_we_may() {
        let (mut config, seen) = store(BUSY).await;
        config.retries.max_attempts = 4;
        config.retries.first_backoff = Duration::from_millis(1);
        let failure = fails(&config).await;
        assert_eq!(
            (failure.kind, failure.status(), failure.code()),
            (ErrorKind::Unavailable, Some(503), "SlowDown")
        );
        assert_eq!(seen.lock().unwrap().len(), 4);
    }

    #[tokio::test]
    async fn a_budget_that_is_used_up_ends_it_sooner() {
        let (mut config, seen) = store(BUSY).await;
        config.retries.first_backoff = Duration::from_millis(1);
        config.retries.budget = 5;
        assert_eq!(fails(&config).await.kind, ErrorKind::Unavailable);
        assert_eq!(seen.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_store_that_says_nothing_is_asked_again_too() {
        let (mut config, seen) = store("").await;
        config.retries.max_attempts = 2;
        config.retries.first_backoff = Duration::from_millis(1);
        config.timeouts.small = Duration::from_millis(200);
        assert_eq!(fails(&config).await.kind, ErrorKind::Unavailable);
        assert_eq!(seen.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_store_that_is_not_there_is_not_available() {
        let mut config = sink().await.0;
        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        config.endpoint = Some(format!("http://{nobody}"));
        config.retries.max_attempts = 2;
        config.retries.first_backoff = Duration::from_millis(1);
        assert_eq!(fails(&config).await.kind, ErrorKind::Unavailable);
    }

    #[tokio::test]
    async fn the_old_signature_takes_the_place_of_the_new() {
        let (mut config, seen) = sink().await;
        config.signature = Signature::V2;
        let client = connect(&config, http()).await.unwrap();
        let put = client.put_object().bucket("bucket").key("a").body(streamed("onetwo"));
        put.customize().disable_payload_signing().send().await.unwrap();
        let request = seen.lock().unwrap()[0].to_ascii_lowercase();
        assert!(request.contains("\r\nauthorization: aws key:"), "{request}");
        for never in ["aws4", "x-amz-content-sha256", "x-amz-date"] {
            assert!(!request.contains(never), "{never} in {request}");
        }
    }

    #[test]
    fn an_endpoint_may_leave_out_its_scheme() {
        assert_eq!(url("store.test:9000", true).unwrap(), "https://store.test:9000");
        assert_eq!(url("store.test", false).unwrap(), "http://store.test");
        assert_eq!(url("http://store.test/", true).unwrap(), "http://store.test");
        assert_eq!(url("https://store.test/s3", false).unwrap(), "https://store.test/s3");
        for wrong in ["", "ftp://store.test", "https://", "https://store.test?a=b", "a b"] {
            assert!(url(wrong, true).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn acceleration_is_refused_where_it_cannot_be() {
        let mut config = sink().await.0;
        config.accelerate = true;
        assert!(matches!(connect(&config, http()).await, Err(ConnectError::Accelerate)));
    }

    #[tokio::test]
    async fn an_impossible_redirect_endpoint_is_refused() {
        let mut config = sink().await.0;
        config.redirect_endpoint = Some("files.test".into());
        assert!(matches!(connect(&config, http()).await, Err(ConnectError::Redirect(_))));
    }
}
