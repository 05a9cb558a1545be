//! `/v2/<name>/manifests/<reference>`: manifests, by tag and by digest.

use std::io;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use wharf_manifest::{Kind, Manifest, media_type};
use wharf_notifications::Action;
use wharf_protocol::condition::{Condition, entity_tag, evaluate};
use wharf_protocol::{Accept, ErrorCode, Route, header as names};
use wharf_reference::{Reference, RepositoryName, Tag};
use wharf_registry::{Digest, Error, Manifests, PutManifest, StoredManifest};

use crate::answer::{Outcome, add, empty, set};
use crate::body::Body;
use crate::drain::RequestBody;
use crate::error::Failure;
use crate::events;
use crate::request::Call;
use crate::schema1;

/// The query parameter that names a tag for a manifest that is pushed by digest.
const TAG: &str = "tag";
/// The platform that a client without lists is taken to run on.
const FALLBACK_PLATFORM: (&str, &str) = ("linux", "amd64");

/// Reads a manifest: GET and HEAD.
pub(crate) async fn get(call: &Call<'_>, name: &RepositoryName, reference: &Reference) -> Outcome {
    let repository = call.repository(name);
    let stored = repository.manifests().get(reference).await?;
    let kind = stored.manifest.kind();
    let by_tag = matches!(reference, Reference::Tag(_));
    let negotiable = by_tag && matches!(kind, Kind::DockerList | Kind::DockerManifest);
    let child = match negotiable && kind == Kind::DockerList && wants_a_child(call) {
        true => platform_child(repository.manifests(), &stored.manifest).await?,
        false => None,
    };
    let served = child.as_ref().unwrap_or(&stored);
    let old = schema1::instead_of(call, name, reference, served).await?;
    let digest = old.as_ref().map_or(served.digest, |old| old.digest);

    let status = match evaluate(call.headers(), &digest) {
        Condition::Proceed => StatusCode::OK,
        Condition::NotModified => StatusCode::NOT_MODIFIED,
        Condition::Failed => return Ok(empty(StatusCode::PRECONDITION_FAILED)),
    };
    let mut response = empty(status);
    let headers = response.headers_mut();
    set(headers, names::DOCKER_CONTENT_DIGEST, digest.to_string())?;
    set(headers, header::ETAG, entity_tag(&digest))?;
    if negotiable {
        headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    }
    if status == StatusCode::NOT_MODIFIED {
        return Ok(response);
    }
    let (media_type, bytes) = match old {
        Some(old) => (media_type::DOCKER_SCHEMA1_SIGNED, old.sign(call).await?),
        None => (served.manifest.media_type(), served.manifest.bytes().clone()),
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    *response.body_mut() = Body::from(bytes);
    let tag = match reference {
        Reference::Tag(tag) => Some(tag),
        Reference::Digest(_) => None,
    };
    events::manifest(call, Action::Pull, name, (stored.digest, &stored.manifest), tag);
    if let Some(child) = &child {
        events::manifest(call, Action::Pull, name, (child.digest, &child.manifest), tag);
    }
    Ok(response)
}

/// Whether a client would not know what to do with a list.
fn wants_a_child(call: &Call<'_>) -> bool {
    let accept = Accept::of(call.headers());
    accept.wants_an_image_only() || schema1::is_wanted(call, accept)
}

/// The manifest of a list for the platform that such a client most likely has; none when the list has none, or when it
/// was never pushed.
async fn platform_child(manifests: &dyn Manifests, list: &Manifest) -> Result<Option<StoredManifest>, Error> {
    let child = list.children().iter().find(|child| {
        let platform = child.platform.as_ref();
        platform.is_some_and(|platform| {
            (platform.os.as_str(), platform.architecture.as_str()) == FALLBACK_PLATFORM
        })
    });
    let Some(child) = child else { return Ok(None) };
    match manifests.get(&Reference::Digest(child.digest)).await {
        Ok(stored) => Ok(Some(stored)),
        Err(Error::ManifestUnknown { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Stores a manifest.
pub(crate) async fn put(
    call: &Call<'_>,
    name: &RepositoryName,
    reference: &Reference,
    body: RequestBody,
) -> Outcome {
    let media_type = media_type_of(call)?;
    let (digest, tags) = match reference {
        Reference::Tag(tag) => (None, vec![tag.clone()]),
        Reference::Digest(digest) => (Some(*digest), tag_parameters(call)?),
    };
    let bytes = collect(body, call.shared.options.limits.manifest_bytes).await?;
    let repository = call.repository(name);
    let classes = call.scopes.map(|scopes| scopes.classes(name)).filter(|classes| !classes.is_empty());
    let put = PutManifest { media_type, bytes, digest, tags: tags.clone(), classes };
    let stored = repository.manifests().put(put).await?;

    let mut response = empty(StatusCode::CREATED);
    let headers = response.headers_mut();
    let location = call.urls().to(&Route::Manifest(name.clone(), Reference::Digest(stored.digest)));
    set(headers, header::LOCATION, location)?;
    set(headers, names::DOCKER_CONTENT_DIGEST, stored.digest.to_string())?;
    if let Some(subject) = stored.subject {
        set(headers, names::OCI_SUBJECT, subject.to_string())?;
    }
    if digest.is_some() {
        for tag in &tags {
            add(headers, names::OCI_TAG, tag.to_string())?;
        }
    }
    announce_push(call, name, (stored.digest, &stored.manifest), &tags);
    Ok(response)
}

/// One event for each tag that was set, or one for the manifest when there was none.
fn announce_push(call: &Call<'_>, name: &RepositoryName, manifest: (Digest, &Manifest), tags: &[Tag]) {
    if tags.is_empty() {
        return events::manifest(call, Action::Push, name, manifest, None);
    }
    for tag in tags {
        events::manifest(call, Action::Push, name, manifest, Some(tag));
    }
}

/// The content type of the request without its parameters; none when there is none.
fn media_type_of(call: &Call<'_>) -> Result<Option<String>, Failure> {
    let Some(value) = call.headers().get(header::CONTENT_TYPE) else { return Ok(None) };
    let invalid = || Failure::with_detail(ErrorCode::ManifestInvalid, "the Content-Type is no text");
    let text = value.to_str().map_err(|_| invalid())?;
    let media_type = text.split(';').next().unwrap_or_default().trim();
    Ok((!media_type.is_empty()).then(|| media_type.to_ascii_lowercase()))
}

/// The tags that the query names, each once.
fn tag_parameters(call: &Call<'_>) -> Result<Vec<Tag>, Failure> {
    let limit = call.shared.options.limits.tag_parameters;
    let mut tags = Vec::new();
    for text in call.query.all(TAG) {
        let tag: Tag = text.parse().map_err(|error: wharf_reference::InvalidTag| {
            Failure::with_detail(ErrorCode::TagInvalid, error.to_string())
        })?;
        if !tags.contains(&tag) {
            tags.push(tag);
        }
        if tags.len() > limit {
            let detail = format!("more than {limit} tags");
            return Err(
                Failure::with_detail(ErrorCode::TagInvalid, detail).with_status(StatusCode::URI_TOO_LONG)
            );
        }
    }
    Ok(tags)
}

async fn collect(body: RequestBody, limit_bytes: usize) -> Result<Bytes, Failure> {
    body.collect(limit_bytes).await.map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => {
            let detail = format!("a manifest may have at most {limit_bytes} bytes");
            Failure::with_detail(ErrorCode::ManifestInvalid, detail)
                .with_status(StatusCode::PAYLOAD_TOO_LARGE)
        }
        _ => Error::Body(error).into(),
    })
}

/// Deletes a tag, or a manifest with all its tags.
pub(crate) async fn delete(call: &Call<'_>, name: &RepositoryName, reference: &Reference) -> Outcome {
    let repository = call.repository(name);
    match reference {
        Reference::Tag(tag) => {
            repository.tags().delete(tag).await?;
            events::untagged(call, name, tag);
        }
        Reference::Digest(digest) => {
            let deleted = repository.manifests().delete(digest).await?;
            events::deleted(call, name, digest);
            for tag in &deleted.tags {
                events::untagged(call, name, tag);
            }
        }
    }
    Ok(empty(StatusCode::ACCEPTED))
}
