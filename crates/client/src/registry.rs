//! A registry from afar, and its repositories.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::AtomicU8;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use http::{HeaderValue, Method, Response, Uri};
use tokio::sync::Semaphore;
use wharf_digest::Digest;
use wharf_http_client::{HttpClient, Incoming};
use wharf_manifest::media_type;
use wharf_protocol::Route;
use wharf_protocol::header::DOCKER_CONTENT_DIGEST;
use wharf_reference::RepositoryName;
use wharf_registry::{
    Blobs, Error as RegistryError, Manifests, Namespace, Page, PageRequest, Referrers, Repository,
    Signatures, Tags, Uploads,
};

use crate::auth::Scopes;
use crate::listing::{self, List};
use crate::recent::Recent;
use crate::session::Session;
use crate::transport::Transport;
use crate::{Credentials, Endpoint, Error, ErrorKind, Options};

/// A registry that is spoken to over HTTP. Cheap to clone: all clones share connections, tokens and limits.
#[derive(Clone)]
pub struct RemoteRegistry {
    remote: Arc<Remote>,
}

/// What all repositories of a registry share.
pub(crate) struct Remote {
    pub(crate) transport: Transport,
    /// Uploads that were begun, and where they go on.
    pub(crate) sessions: Recent<(RepositoryName, String), Session>,
    /// Uploads that a registry began instead of mounting, for the blob that is to be pushed now.
    pub(crate) unmounted: Recent<(RepositoryName, Digest), Uri>,
    /// Links to next pages, by the list and what its page ended with.
    pub(crate) links: Recent<(String, String), Uri>,
    pub(crate) downloads: Arc<Semaphore>,
    pub(crate) uploads: Arc<Semaphore>,
    /// Whether the registry takes a blob in one POST; see [`uploads`](crate::uploads).
    pub(crate) single_post: AtomicU8,
    /// Who keeps the fallback tag of a subject at the moment.
    pub(crate) keepers: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
}

impl RemoteRegistry {
    /// A registry at an address. Nothing is sent until something is asked for.
    pub fn new(endpoint: Endpoint, http: HttpClient, credentials: Credentials, options: Options) -> Self {
        let sessions = options.sessions.get();
        let remote = Remote {
            sessions: Recent::new(sessions),
            unmounted: Recent::new(sessions),
            links: Recent::new(sessions),
            downloads: Arc::new(Semaphore::new(options.downloads.get())),
            uploads: Arc::new(Semaphore::new(options.uploads.get())),
            single_post: AtomicU8::new(0),
            keepers: Mutex::default(),
            transport: Transport::new(endpoint, http, credentials, options),
        };
        Self { remote: Arc::new(remote) }
    }

    /// Where it is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.remote.transport.endpoint
    }
}

impl fmt::Debug for RemoteRegistry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RemoteRegistry").field("endpoint", self.endpoint()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Namespace for RemoteRegistry {
    fn repository(&self, name: &RepositoryName) -> Arc<dyn Repository> {
        Arc::new(RemoteRepository { remote: Arc::clone(&self.remote), name: name.clone() })
    }

    async fn repositories(
        &self,
        page: PageRequest<RepositoryName>,
    ) -> Result<Page<RepositoryName>, RegistryError> {
        let list = List { route: Route::Catalog, scopes: Scopes::catalog(), field: "repositories" };
        Ok(listing::page(&self.remote, &list, page).await?)
    }
}

/// One repository of a registry from afar.
#[derive(Clone)]
pub(crate) struct RemoteRepository {
    pub(crate) remote: Arc<Remote>,
    pub(crate) name: RepositoryName,
}

impl RemoteRepository {
    pub(crate) fn transport(&self) -> &Transport {
        &self.remote.transport
    }

    pub(crate) fn url(&self, route: &Route, query: &str) -> Result<Uri, Error> {
        self.remote.url(route, query)
    }
}

impl Repository for RemoteRepository {
    fn name(&self) -> &RepositoryName {
        &self.name
    }

    fn blobs(&self) -> &dyn Blobs {
        self
    }

    fn uploads(&self) -> &dyn Uploads {
        self
    }

    fn manifests(&self) -> &dyn Manifests {
        self
    }

    fn tags(&self) -> &dyn Tags {
        self
    }

    fn referrers(&self) -> &dyn Referrers {
        self
    }

    fn signatures(&self) -> &dyn Signatures {
        self
    }
}

impl Remote {
    pub(crate) fn url(&self, route: &Route, query: &str) -> Result<Uri, Error> {
        let endpoint = &self.transport.endpoint;
        let too_long =
            || Error::new(ErrorKind::Nonsense, &Method::GET, &Uri::default(), "the URL is too long");
        endpoint.url(route, query).ok_or_else(too_long)
    }

    /// The turn of whoever keeps the fallback tag of this subject.
    pub(crate) fn keeper(&self, subject: &Digest) -> Arc<tokio::sync::Mutex<()>> {
        let mut keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        keepers.retain(|_, keeper| Arc::strong_count(keeper) > 1);
        Arc::clone(keepers.entry(*subject).or_default())
    }
}

/// The digest that an answer says its content has, if it says one that can be read.
pub(crate) fn digest_of(response: &Response<Incoming>) -> Option<Digest> {
    response.headers().get(DOCKER_CONTENT_DIGEST)?.to_str().ok()?.parse().ok()
}

/// The media type of bytes of which nothing is known.
pub(crate) const fn octet_stream() -> HeaderValue {
    HeaderValue::from_static(media_type::OCTET_STREAM)
}
