//! What a request wants, and whether it gets it.

use http::header;
use http::request::Parts;
use wharf_auth::{Access, AccessRequest, Action, Grant, Refusal, Scopes, View};
use wharf_protocol::{Needs, Operation, Query, Route, forwarded_scheme};
use wharf_reference::RepositoryName;

use crate::api::Shared;
use crate::error::Failure;
use crate::request::host;

/// What was granted to a request.
#[derive(Debug, Default)]
pub(crate) struct Granted {
    /// Who asks, where that is known.
    pub(crate) user: Option<String>,
    /// Which repositories a list may show.
    pub(crate) view: View,
    /// All that the client's credentials allow, where they say so.
    pub(crate) scopes: Option<Scopes>,
    /// Whether the repository that a mount names may be pulled from.
    pub(crate) mount_source: MountSource,
}

/// What came of a request's wish to mount from a repository.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum MountSource {
    /// The client may pull from it, or named none.
    #[default]
    Open,
    /// The client may not pull from it: the blob has to be pushed.
    Closed,
}

/// Asks the access controller.
///
/// A mount also wants to pull from its source. A client that may push but may not pull from there is not refused: it is let
/// in without the mount, as one whose blob was not found. But a client that may do neither is told of both wishes, so that
/// the token it fetches is good for both.
pub(crate) async fn authorize(
    shared: &Shared,
    head: &Parts,
    (route, operation): (&Route, &Operation),
    query: &Query,
) -> Result<Granted, Failure> {
    let wanted = wanted(route, operation.needs);
    let Some(source) = mount_source(route, query) else {
        return ask(shared, head, &wanted)
            .await
            .map(Granted::from)
            .map_err(|refusal| refused(refusal, &wanted));
    };
    let mut all = wanted.clone();
    all.push(Access::repository(source, Action::Pull));
    let refusal = match ask(shared, head, &all).await {
        Ok(grant) => return Ok(grant.into()),
        Err(refusal) => refusal,
    };
    match ask(shared, head, &wanted).await {
        Ok(grant) => Ok(Granted { mount_source: MountSource::Closed, ..grant.into() }),
        Err(_) => Err(refused(refusal, &all)),
    }
}

async fn ask(shared: &Shared, head: &Parts, access: &[Access]) -> Result<Grant, Refusal> {
    // A header that is no text is no good, but it is not nothing either: who sends it is not anonymous.
    let authorization = head.headers.get(header::AUTHORIZATION);
    let authorization = authorization.map(|value| String::from_utf8_lossy(value.as_bytes()));
    let request = AccessRequest {
        authorization: authorization.as_deref(),
        access,
        host: host(head),
        forwarded_scheme: forwarded_scheme(&head.headers),
    };
    shared.options.access.authorize(&request).await
}

fn refused(refusal: Refusal, access: &[Access]) -> Failure {
    Failure::from_refusal(refusal, access)
}

impl From<Grant> for Granted {
    fn from(grant: Grant) -> Self {
        let Grant { user, view, scopes } = grant;
        Self { user, view, scopes, mount_source: MountSource::default() }
    }
}

/// What a request wants.
fn wanted(route: &Route, needs: Needs) -> Vec<Access> {
    let actions: &[Action] = match needs {
        Needs::Nothing => return Vec::new(),
        Needs::Catalog => return vec![Access::catalog()],
        Needs::Pull => &[Action::Pull],
        Needs::PullAndPush => &[Action::Pull, Action::Push],
        Needs::Delete => &[Action::Delete],
    };
    let access = |name: &RepositoryName| {
        actions.iter().map(|action| Access::repository(name.clone(), *action)).collect()
    };
    route.repository().map(access).unwrap_or_default()
}

/// The repository that a request wants to mount from.
fn mount_source(route: &Route, query: &Query) -> Option<RepositoryName> {
    let mounts = matches!(route, Route::Uploads(_)) && query.first("mount").is_some();
    if mounts { query.first("from")?.parse().ok() } else { None }
}
