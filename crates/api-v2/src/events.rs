//! Telling whoever listens what a request did.

use wharf_manifest::{Descriptor, Kind, Manifest, media_type};
use wharf_notifications::{Action, Actor, Event, RequestRecord, Target};
use wharf_protocol::{Credentials, Route, client_address};
use wharf_reference::{Reference, RepositoryName, Tag};
use wharf_registry::Digest;

use crate::request::{Call, host, peer, text};
use crate::urls::Urls;

/// A manifest was read or stored; by tag when `tag` is there.
pub(crate) fn manifest(
    call: &Call<'_>,
    action: Action,
    name: &RepositoryName,
    (digest, manifest): (Digest, &Manifest),
    tag: Option<&Tag>,
) {
    if !call.shared.options.listener.listens() {
        return;
    }
    // Listeners know these by the type that they travel as.
    let media_type = match manifest.kind() {
        Kind::Schema1 => media_type::DOCKER_SCHEMA1_SIGNED,
        kind => kind.media_type(),
    };
    let descriptor = Descriptor::new(media_type, digest, manifest.bytes().len() as u64);
    let route = Route::Manifest(name.clone(), Reference::Digest(digest));
    let mut target = stored(call, &descriptor, &route, name);
    target.tag = tag.map(Tag::to_string);
    if call.shared.options.include_references {
        target.references = references(manifest);
    }
    tell(call, action, target);
}

/// A blob was read or stored.
pub(crate) fn blob(call: &Call<'_>, action: Action, name: &RepositoryName, descriptor: &Descriptor) {
    if call.shared.options.listener.listens() {
        tell(call, action, blob_target(call, name, descriptor));
    }
}

/// A blob of `from` was made one of `name`.
pub(crate) fn mounted(
    call: &Call<'_>,
    name: &RepositoryName,
    descriptor: &Descriptor,
    from: Option<&RepositoryName>,
) {
    if call.shared.options.listener.listens() {
        let from_repository = from.map(RepositoryName::to_string);
        tell(call, Action::Mount, Target { from_repository, ..blob_target(call, name, descriptor) });
    }
}

/// A manifest or a blob was deleted.
pub(crate) fn deleted(call: &Call<'_>, name: &RepositoryName, digest: &Digest) {
    if call.shared.options.listener.listens() {
        let target =
            Target { digest: digest.to_string(), repository: Some(name.to_string()), ..Target::default() };
        tell(call, Action::Delete, target);
    }
}

/// A tag was deleted.
pub(crate) fn untagged(call: &Call<'_>, name: &RepositoryName, tag: &Tag) {
    if call.shared.options.listener.listens() {
        let target =
            Target { tag: Some(tag.to_string()), repository: Some(name.to_string()), ..Target::default() };
        tell(call, Action::Delete, target);
    }
}

fn blob_target(call: &Call<'_>, name: &RepositoryName, descriptor: &Descriptor) -> Target {
    let route = Route::Blob(name.clone(), descriptor.digest);
    let target = stored(call, descriptor, &route, name);
    Target { media_type: media_type::OCTET_STREAM.to_owned(), ..target }
}

fn stored(call: &Call<'_>, descriptor: &Descriptor, route: &Route, name: &RepositoryName) -> Target {
    Target {
        media_type: descriptor.media_type.clone(),
        digest: descriptor.digest.to_string(),
        size: descriptor.size,
        length: Some(descriptor.size),
        repository: Some(name.to_string()),
        url: Some(Urls::absolute(call.shared, call.head).to(route)),
        ..Target::default()
    }
}

/// What a manifest is made of: its config and layers, or the manifests of an index.
fn references(manifest: &Manifest) -> Vec<Descriptor> {
    if manifest.kind().is_index() {
        return manifest.children().to_vec();
    }
    manifest.config().into_iter().chain(manifest.layers()).cloned().collect()
}

fn tell(call: &Call<'_>, action: Action, target: Target) {
    let mut event = Event::new(action, target);
    let headers = call.headers();
    event.request = RequestRecord {
        id: call.id.to_string(),
        addr: address(call),
        host: host(call.head).unwrap_or_default().to_owned(),
        method: call.head.method.to_string(),
        useragent: text(headers, http::header::USER_AGENT).unwrap_or_default().to_owned(),
    };
    event.actor = Actor { name: actor(call) };
    event.source = call.shared.options.source.clone();
    call.shared.options.listener.hear(event);
}

/// The client's address: what a proxy said of it, else the other end of the connection with its port.
fn address(call: &Call<'_>) -> String {
    let forwarded = client_address(call.headers(), None).map(|address| address.to_string());
    let peer = || peer(call.head).address.map(|address| address.to_string());
    forwarded.or_else(peer).unwrap_or_default()
}

/// The user that was recognised, else the one that the client said it is.
fn actor(call: &Call<'_>) -> Option<String> {
    if let Some(user) = call.user {
        return Some(user.to_owned());
    }
    match text(call.headers(), http::header::AUTHORIZATION).map(Credentials::parse) {
        Some(Credentials::Basic { user, .. }) => Some(user),
        _ => None,
    }
}
