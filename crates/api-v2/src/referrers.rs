//! `/v2/<name>/referrers/<digest>`: which manifests name another as their subject.
//!
//! OCI distribution 1.1, section "Listing Referrers". An unknown subject has an empty list, never a 404: a client that sees
//! 404 would conclude that there is no referrers API here.

use http::{HeaderValue, header};
use serde::Serialize;
use wharf_manifest::{Descriptor, media_type};
use wharf_protocol::{ErrorCode, Link, header as names};
use wharf_reference::RepositoryName;
use wharf_registry::{Digest, ReferrerRequest};

use crate::answer::{Outcome, json, set};
use crate::error::Failure;
use crate::request::Call;

/// The query parameter that filters the list.
const ARTIFACT_TYPE: &str = "artifactType";
/// The query parameter that says after which digest a page begins.
const LAST: &str = "last";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u8,
    media_type: &'static str,
    manifests: &'a [Descriptor],
}

/// Lists the referrers of a digest.
pub(crate) async fn list(call: &Call<'_>, name: &RepositoryName, subject: &Digest) -> Outcome {
    let filter = call.query.first(ARTIFACT_TYPE).filter(|value| !value.is_empty());
    let after = match call.query.first(LAST).filter(|last| !last.is_empty()) {
        Some(last) => Some(last.parse().map_err(|error: wharf_digest::ParseDigestError| {
            Failure::with_detail(ErrorCode::DigestInvalid, error.to_string())
        })?),
        None => None,
    };
    let request = ReferrerRequest { artifact_type: filter.map(str::to_owned), after };
    let page = call.repository(name).referrers().list(subject, request).await?;

    let index = Index { schema_version: 2, media_type: media_type::OCI_INDEX, manifests: &page.descriptors };
    let mut response = json(media_type::OCI_INDEX, &index)?;
    let headers = response.headers_mut();
    if filter.is_some() {
        headers.insert(names::OCI_FILTERS_APPLIED, HeaderValue::from_static(ARTIFACT_TYPE));
    }
    if let Some(next) = page.next {
        let last = next.to_string();
        let parameters =
            filter.map(|filter| (ARTIFACT_TYPE, filter)).into_iter().chain([(LAST, last.as_str())]);
        set(headers, header::LINK, Link::next(&call.path(), parameters).to_string())?;
    }
    Ok(response)
}
