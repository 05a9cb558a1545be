//! URLs under which a client may read an object itself, signed by us, for a while.

use std::time::Duration;

use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::presigning::PresigningConfig;
use http::Uri;
use http::uri::{Authority, Scheme};
use wharf_storage_driver::{ErrorKind, RedirectMethod, RedirectRequest};

use crate::bucket::Bucket;
use crate::config::Config;
use crate::failure::Failure;

/// The longest that a signature may work. A rule of S3.
const MAX_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Makes a URL that works for the request's method. No request is sent; whether the object is there nobody looks.
pub(crate) async fn presigned(
    bucket: &Bucket,
    key: &str,
    request: &RedirectRequest,
) -> Result<String, Failure> {
    let lifetime = request.lifetime.unwrap_or(bucket.config.redirect_lifetime);
    let lifetime = lifetime.clamp(Duration::from_secs(1), MAX_LIFETIME);
    let presigning = PresigningConfig::expires_in(lifetime)
        .map_err(|error| Failure::new(ErrorKind::Other).because(error))?;
    let elsewhere =
        Elsewhere::of(&bucket.config).map_err(|error| Failure::new(ErrorKind::Other).because(error))?;
    let signed = match request.method {
        RedirectMethod::Get => bucket
            .get_object(key)
            .customize()
            .interceptor(elsewhere)
            .presigned(presigning)
            .await?
            .uri()
            .to_owned(),
        RedirectMethod::Head => bucket
            .head_object(key)
            .customize()
            .interceptor(elsewhere)
            .presigned(presigning)
            .await?
            .uri()
            .to_owned(),
    };
    Ok(signed)
}

/// Why an address cannot take the endpoint's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ElsewhereError {
    /// It cannot be read as a URL.
    #[error("the redirect endpoint is no URL")]
    Url,
    /// It does not say how to get there, or not by HTTP.
    #[error("no scheme specified for the redirect endpoint")]
    Scheme,
    /// It does not say where.
    #[error("no host specified for the redirect endpoint")]
    Host,
    /// Paths are the store's.
    #[error("the redirect endpoint cannot contain a base path")]
    Path,
    /// Queries are the signature's.
    #[error("the redirect endpoint cannot contain query parameters")]
    Query,
}

/// Puts the scheme and host that clients are to use into a request before it is signed: the signature covers the host.
#[derive(Debug, Clone)]
pub(crate) struct Elsewhere(Option<(Scheme, Authority)>);

impl Elsewhere {
    pub(crate) fn of(config: &Config) -> Result<Self, ElsewhereError> {
        config.redirect_endpoint.as_deref().map(parse).transpose().map(Self)
    }
}

impl Intercept for Elsewhere {
    fn name(&self) -> &'static str {
        "redirect endpoint"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), aws_smithy_runtime_api::box_error::BoxError> {
        let Some((scheme, authority)) = &self.0 else { return Ok(()) };
        let request = context.request_mut();
        let mut parts = request.uri().parse::<Uri>()?.into_parts();
        parts.scheme = Some(scheme.clone());
        parts.authority = Some(authority.clone());
        request.set_uri(Uri::from_parts(parts)?)?;
        Ok(())
    }
}

fn parse(endpoint: &str) -> Result<(Scheme, Authority), ElsewhereError> {
    let (scheme, rest) = endpoint.split_once("://").ok_or(ElsewhereError::Scheme)?;
    let scheme = match scheme {
        "http" => Scheme::HTTP,
        "https" => Scheme::HTTPS,
        _ => return Err(ElsewhereError::Scheme),
    };
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, query)| (rest, query));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if host.is_empty() {
        return Err(ElsewhereError::Host);
    }
    if !path.is_empty() {
        return Err(ElsewhereError::Path);
    }
    if !query.is_empty() {
        return Err(ElsewhereError::Query);
    }
    Ok((scheme, host.parse().map_err(|_| ElsewhereError::Url)?))
}

#[cfg(test)]
mod tests {
    use wharf_http_client::{HttpClient, Options};

    use super::*;
    use crate::config::{Credentials, Signature};

    async fn signed(change: impl FnOnce(&mut Config), method: RedirectMethod) -> String {
        let mut config = Config::new("bucket");
        config.endpoint = Some("http://store.test:9000".into());
        config.force_path_style = true;
        config.user_agent = Some("wharf".into());
        config.credentials = Credentials::Static {
            access_key: "KEY".into(),
            secret_key: "secret".into(),
            session_token: None,
        };
        change(&mut config);
        let http = HttpClient::new(Options::default()).unwrap();
        let client = crate::connect::connect(&config, http).await.unwrap();
        let request = RedirectRequest { method, client: None, lifetime: None };
        presigned(&Bucket::new(client, config), "root/a b", &request).await.unwrap()
    }

    #[tokio::test]
    async fn a_url_holds_its_signature_and_its_time() {
        let url = signed(|_| {}, RedirectMethod::Get).await;
        assert!(url.starts_with("http://store.test:9000/bucket/root/a%20b?"), "{url}");
        assert!(url.contains("X-Amz-Expires=1200"), "{url}");
        assert!(url.contains("X-Amz-SignedHeaders=host&"), "{url}");
        assert!(!url.contains("checksum"), "{url}");
        assert_ne!(url, signed(|_| {}, RedirectMethod::Head).await);
    }

    #[tokio::test]
    async fn the_redirect_endpoint_takes_the_place_of_the_store() {
        let url = |url: &'static str| {
            signed(move |config| config.redirect_endpoint = Some(url.into()), RedirectMethod::Get)
        };
        assert!(url("https://files.test").await.starts_with("https://files.test/bucket/root/a%20b?"));
        assert!(url("http://files.test:81/").await.starts_with("http://files.test:81/bucket/root/a%20b?"));
    }

    #[tokio::test]
    async fn a_lifetime_has_the_stores_limits() {
        let url = |seconds| {
            signed(move |config| config.redirect_lifetime = Duration::from_secs(seconds), RedirectMethod::Get)
        };
        assert!(url(0).await.contains("X-Amz-Expires=1&"));
        assert!(url(90).await.contains("X-Amz-Expires=90&"));
        assert!(url(8 * 24 * 60 * 60).await.contains("X-Amz-Expires=604800&"));
    }

    #[tokio::test]
    async fn an_old_signature_stands_in_the_query_too() {
        let url = signed(|config| config.signature = Signature::V2, RedirectMethod::Get).await;
        assert!(url.contains("AWSAccessKeyId=KEY&Expires="), "{url}");
        assert!(!url.contains("X-Amz-"), "{url}");
    }

    #[test]
    fn an_impossible_endpoint_is_named() {
        for (endpoint, error) in [
            ("files.test", ElsewhereError::Scheme),
            ("://files.test", ElsewhereError::Scheme),
            ("https://", ElsewhereError::Host),
            ("https:///path", ElsewhereError::Host),
            ("https://files.test/base", ElsewhereError::Path),
            ("https://files.test?a=b", ElsewhereError::Query),
            ("https://fi les.test", ElsewhereError::Url),
        ] {
            assert_eq!(parse(endpoint).unwrap_err(), error, "{endpoint}");
        }
    }
}
