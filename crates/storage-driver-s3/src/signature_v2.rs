//! Signature version 2, for old stores that know nothing newer: an HMAC-SHA-1 of the method, a few headers, the path and
//! those parts of the query that name what is meant; in a header, or in the query of a URL that is given away.
//!
//! It takes the place of version 4 in the SDK as a whole: the same name, another signer. The rules are those of Amazon's
//! "Signing and Authenticating REST Requests".

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_lc_rs::hmac;
use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_sdk_s3::config::http::HttpRequest;
use aws_sdk_s3::config::{ConfigBag, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::{AuthScheme, AuthSchemeEndpointConfig, AuthSchemeId, Sign};
use aws_smithy_runtime_api::client::identity::{Identity, SharedIdentityResolver};
use aws_smithy_runtime_api::client::runtime_components::GetIdentityResolver;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use http::Uri;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The name under which the SDK looks for the scheme that signs.
const SCHEME: AuthSchemeId = AuthSchemeId::new("sigv4");

const TOKEN: &str = "x-amz-security-token";

/// The parts of a query that name what is meant, and so are signed.
const SIGNED_QUERY: [&str; 27] = [
    "accelerate",
    "acl",
    "cors",
    "delete",
    "lifecycle",
    "location",
    "logging",
    "notification",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// The scheme, in the place of version 4.
#[derive(Debug)]
pub(crate) struct SignatureV2 {
    signer: Signer,
}

impl SignatureV2 {
    pub(crate) fn for_bucket(bucket: &str) -> Self {
        Self { signer: Signer { bucket: bucket.to_owned() } }
    }
}

impl AuthScheme for SignatureV2 {
    fn scheme_id(&self) -> AuthSchemeId {
        SCHEME
    }

    fn identity_resolver(&self, resolvers: &dyn GetIdentityResolver) -> Option<SharedIdentityResolver> {
        resolvers.identity_resolver(SCHEME)
    }

    fn signer(&self) -> &dyn Sign {
        &self.signer
    }
}

#[derive(Debug)]
struct Signer {
    bucket: String,
}

impl Sign for Signer {
    fn sign_http_request(
        &self,
        request: &mut HttpRequest,
        identity: &Identity,
        _: AuthSchemeEndpointConfig<'_>,
        components: &RuntimeComponents,
        bag: &ConfigBag,
    ) -> Result<(), BoxError> {
        let credentials =
            identity.data::<Credentials>().ok_or("what signs version 2 is a key and its secret")?;
        let now = components.time_source().unwrap_or_default().now();
        // Only a URL that is given away has a lifetime.
        let lifetime = bag
            .load::<SigV4OperationSigningConfig>()
            .and_then(|operation| operation.signing_options.expires_in);
        match lifetime {
            Some(lifetime) => self.sign_url(request, credentials, seconds(now + lifetime)),
            None => self.sign_headers(request, credentials, seconds(now)),
        }
    }
}

impl Signer {
    fn sign_headers(&self, request: &mut HttpRequest, who: &Credentials, now: i64) -> Result<(), BoxError> {
        let date = DateTime::from_secs(now).fmt(Format::HttpDate)?;
        request.headers_mut().try_insert("date", date.clone())?;
        if let Some(token) = who.session_token() {
            request.headers_mut().try_insert(TOKEN, token.to_owned())?;
        }
        let signature = sign(who, &self.text(request, &date)?);
        let authorization = format!("AWS {}:{signature}", who.access_key_id());
        request.headers_mut().try_insert("authorization", authorization)?;
        Ok(())
    }

    fn sign_url(&self, request: &mut HttpRequest, who: &Credentials, expires: i64) -> Result<(), BoxError> {
        // In a URL the token stands in the query, but it is signed as the header that it would be.
        if let Some(token) = who.session_token() {
            request.headers_mut().try_insert(TOKEN, token.to_owned())?;
        }
        let signature = sign(who, &self.text(request, &expires.to_string())?);
        request.headers_mut().remove(TOKEN);
        let mut uri = request.uri().to_owned();
        let mut append = |name: &str, value: &str| {
            uri.push(if uri.contains('?') { '&' } else { '?' });
            uri.push_str(name);
            uri.push('=');
            uri.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
        };
        append("AWSAccessKeyId", who.access_key_id());
        append("Expires", &expires.to_string());
        append("Signature", &signature);
        if let Some(token) = who.session_token() {
            append(TOKEN, token);
        }
        request.set_uri(uri)?;
        Ok(())
    }

    /// What is signed. `time` is the date of the request or the end of a URL's life.
    fn text(&self, request: &HttpRequest, time: &str) -> Result<String, BoxError> {
        let header = |name: &str| request.headers().get(name).unwrap_or_default();
        let mut text =
            format!("{}\n{}\n{}\n{time}\n", request.method(), header("content-md5"), header("content-type"));
        let mut amazon = BTreeMap::<&str, Vec<&str>>::new();
        for (name, value) in request.headers().iter().filter(|(name, _)| name.starts_with("x-amz-")) {
            amazon.entry(name).or_default().push(value.trim());
        }
        for (name, values) in amazon {
            text.push_str(&format!("{name}:{}\n", values.join(",")));
        }
        text.push_str(&self.resource(&request.uri().parse()?));
        Ok(text)
    }

    /// The path with the bucket, wherever the request has it, and what is signed of the query.
    fn resource(&self, uri: &Uri) -> String {
        let mut resource = String::new();
        if !self.is_in_path(uri) {
            resource.push('/');
            resource.push_str(&self.bucket);
        }
        resource.push_str(uri.path());
        let mut signed: Vec<(&str, Option<&str>)> = uri
            .query()
            .unwrap_or_default()
            .split('&')
            .map(|pair| pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value))))
            .filter(|(name, _)| SIGNED_QUERY.contains(name))
            .collect();
        signed.sort_unstable();
        for (index, (name, value)) in signed.into_iter().enumerate() {
            resource.push(if index == 0 { '?' } else { '&' });
            resource.push_str(name);
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                resource.push('=');
                resource.push_str(&percent_decode_str(value).decode_utf8_lossy());
            }
        }
        resource
    }

    fn is_in_path(&self, uri: &Uri) -> bool {
        let host = uri.host().unwrap_or_default();
        let is_in_host = host.strip_prefix(&self.bucket).is_some_and(|rest| rest.starts_with('.'));
        let rest = uri.path().strip_prefix('/').and_then(|path| path.strip_prefix(&self.bucket));
        !is_in_host && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

fn sign(who: &Credentials, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, who.secret_access_key().as_bytes());
    aws_smithy_types::base64::encode(hmac::sign(&key, text.as_bytes()))
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of Amazon's own examples.
    fn who(token: Option<&str>) -> Credentials {
        Credentials::new(
            "AKIAIOSFODNN7EXAMPLE",
            "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            token.map(str::to_owned),
            None,
            "test",
        )
    }

    fn signer() -> Signer {
        Signer { bucket: "johnsmith".into() }
    }

    fn request(method: &str, uri: &str, headers: &[(&'static str, &'static str)]) -> HttpRequest {
        let mut request = HttpRequest::get(uri).unwrap();
        request.set_method(method).unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, *value);
        }
        request
    }

    const TIME: &str = "Tue, 27 Mar 2007 19:36:42 +0000";

    #[test]
    fn a_read_is_signed_as_in_the_published_example() {
        let request = request("GET", "https://johnsmith.s3.amazonaws.com/photos/puppy.jpg", &[]);
        let text = signer().text(&request, TIME).unwrap();
        assert_eq!(text, format!("GET\n\n\n{TIME}\n/johnsmith/photos/puppy.jpg"));
        assert_eq!(sign(&who(None), &text), "bWq2s1WEIj+Ydj0vQ697zp+IXMU=");
    }

    #[test]
    fn a_write_is_signed_with_its_type_as_in_the_published_example() {
        let time = "Tue, 27 Mar 2007 21:15:45 +0000";
        let request = request(
            "PUT",
            "https://johnsmith.s3.amazonaws.com/photos/puppy.jpg",
            &[("content-type", "image/jpeg")],
        );
        let text = signer().text(&request, time).unwrap();
        assert_eq!(text, format!("PUT\n\nimage/jpeg\n{time}\n/johnsmith/photos/puppy.jpg"));
        assert_eq!(sign(&who(None), &text), "MyyxeRY7whkBe+bq8fHCL/2kKUg=");
    }

    #[test]
    fn a_listing_signs_its_path_alone_as_in_the_published_example() {
        let time = "Tue, 27 Mar 2007 19:42:41 +0000";
        let request =
            request("GET", "https://johnsmith.s3.amazonaws.com/?prefix=photos&max-keys=50&marker=puppy", &[]);
        let text = signer().text(&request, time).unwrap();
        assert_eq!(text, format!("GET\n\n\n{time}\n/johnsmith/"));
        assert_eq!(sign(&who(None), &text), "htDYFYduRNen8P9ZfE/s9SuKy0U=");
    }

    #[test]
    fn a_sub_resource_is_signed_as_in_the_published_example() {
        let time = "Tue, 27 Mar 2007 19:44:46 +0000";
        let request = request("GET", "https://johnsmith.s3.amazonaws.com/?acl", &[]);
        let text = signer().text(&request, time).unwrap();
        assert_eq!(text, format!("GET\n\n\n{time}\n/johnsmith/?acl"));
        assert_eq!(sign(&who(None), &text), "c2WLPFtWHVgbEmeEG93a4cG37dM=");
    }

    #[test]
    fn the_bucket_is_named_once_wherever_it_stands() {
        let resource = |uri: &str| signer().resource(&uri.parse().unwrap());
        assert_eq!(resource("http://store.test/johnsmith/a/b"), "/johnsmith/a/b");
        assert_eq!(resource("http://store.test/johnsmith?delete"), "/johnsmith?delete");
        assert_eq!(resource("http://johnsmith.store.test/johnsmith/a"), "/johnsmith/johnsmith/a");
        assert_eq!(resource("http://files.test/a"), "/johnsmith/a");
        assert_eq!(resource("http://files.test/johnsmithy/a"), "/johnsmith/johnsmithy/a");
    }

    #[test]
    fn parts_of_the_query_are_sorted_and_decoded() {
        let uri = "http://store.test/johnsmith/a?x-id=UploadPart&uploadId=2%7Eab%2Fc&partNumber=3&uploads=";
        assert_eq!(
            signer().resource(&uri.parse().unwrap()),
            "/johnsmith/a?partNumber=3&uploadId=2~ab/c&uploads"
        );
    }

    #[test]
    fn headers_of_amazon_are_sorted_and_joined() {
        let request = request(
            "PUT",
            "http://store.test/johnsmith/a",
            &[("x-amz-meta-b", " two "), ("x-amz-acl", "private"), ("x-amz-meta-b", "three")],
        );
        let text = signer().text(&request, TIME).unwrap();
        assert_eq!(text, format!("PUT\n\n\n{TIME}\nx-amz-acl:private\nx-amz-meta-b:two,three\n/johnsmith/a"));
    }

    #[test]
    fn a_request_carries_its_date_and_its_token() {
        let mut request = request("GET", "http://store.test/johnsmith/a", &[]);
        signer().sign_headers(&mut request, &who(Some("token")), 1_175_024_202).unwrap();
        let headers = request.headers();
        assert_eq!(headers.get("date").unwrap(), "Tue, 27 Mar 2007 19:36:42 GMT");
        assert_eq!(headers.get(TOKEN).unwrap(), "token");
        assert!(headers.get("authorization").unwrap().starts_with("AWS AKIAIOSFODNN7EXAMPLE:"));
    }

    #[test]
    fn a_url_is_signed_in_its_query_as_in_the_published_example() {
        let mut request = request("GET", "https://johnsmith.s3.amazonaws.com/photos/puppy.jpg", &[]);
        signer().sign_url(&mut request, &who(None), 1_175_139_620).unwrap();
        let query = "AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Expires=1175139620&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D";
        assert_eq!(request.uri(), format!("https://johnsmith.s3.amazonaws.com/photos/puppy.jpg?{query}"));
    }

    #[test]
    fn the_token_of_a_url_stands_in_its_query_only() {
        let mut request = request("GET", "http://store.test/johnsmith/a?x-id=GetObject", &[]);
        signer().sign_url(&mut request, &who(Some("to/ken")), 1).unwrap();
        assert!(request.uri().contains("?x-id=GetObject&AWSAccessKeyId="));
        assert!(request.uri().ends_with("&x-amz-security-token=to%2Fken"));
        assert_eq!(request.headers().get(TOKEN), None);
    }
}
