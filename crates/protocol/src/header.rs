//! The names of headers that this protocol has beside those of HTTP, so that both ends spell them alike.

use http::{HeaderName, HeaderValue};

/// The digest of the content that an answer holds or is about.
pub const DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// The version of the API; always [`API_VERSION`].
pub const DOCKER_DISTRIBUTION_API_VERSION: HeaderName =
    HeaderName::from_static("docker-distribution-api-version");

/// The id of an upload.
pub const DOCKER_UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");

/// The smallest chunk that the registry wants to be sent, in bytes, the last one excepted.
pub const OCI_CHUNK_MIN_LENGTH: HeaderName = HeaderName::from_static("oci-chunk-min-length");

/// Which filters a list of referrers went through, separated by commas.
pub const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// For which upstream registry a proxy answered.
pub const OCI_NAMESPACE: HeaderName = HeaderName::from_static("oci-namespace");

/// The subject of the manifest that was pushed: says that the registry keeps its referrers.
pub const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

/// A tag that was set along with a manifest pushed by digest, one header for each.
pub const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");

/// The first address of a client before any proxy, then those of the proxies.
pub const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The host that the client spoke to.
pub const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The scheme that the client used.
pub const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The address of the client, as some proxies give it.
pub const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// The name of a request, the same in the answer and in the logs.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What [`DOCKER_DISTRIBUTION_API_VERSION`] says.
pub const API_VERSION: HeaderValue = HeaderValue::from_static("registry/2.0");
