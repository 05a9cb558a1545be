//! What a server decides about the API: who may, who listens, under which addresses, and every limit by its name.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use wharf_auth::{AccessController, Open};
use wharf_manifest::Manifest;
use wharf_notifications::{Listener, Silence, SourceRecord};
use wharf_protocol::ExternalHost;

use crate::schema1::Schema1;

/// How an [`Api`](crate::Api) behaves. The default serves everyone, tells nobody, and signs with a key of its own.
#[derive(Clone)]
pub struct Options {
    /// Who may do what. Default: [`Open`]. Key: `auth`.
    pub access: Arc<dyn AccessController>,
    /// Who hears of pulls, pushes, mounts and deletes. Default: [`Silence`]. Key: `notifications.endpoints`.
    pub listener: Arc<dyn Listener>,
    /// The key that signs the state of uploads, of any length. All replicas behind one address need the same. Default: 32
    /// random bytes. Key: `http.secret`.
    pub secret: Vec<u8>,
    /// The address under which clients reach the registry; none to tell it from each request. Default: none. Key: `http.host`.
    pub host: Option<ExternalHost>,
    /// What stands before `/v2/` in every path, beginning with a slash: `/registry/`. Default: empty. Key: `http.prefix`.
    pub prefix: String,
    /// Whether a `Location` is a path only. It has no effect when `host` is set. Default: no. Key: `http.relativeurls`.
    pub relative_urls: bool,
    /// Added to every answer of a route. Default: none. Key: `http.headers`.
    pub headers: HeaderMap,
    /// Whether everything that changes something is answered with 405. Default: no. Key: `storage.maintenance.readonly`.
    pub read_only: bool,
    /// How much is too much.
    pub limits: Limits,
    /// The smallest chunk that clients are asked to push, in bytes, the last one excepted; it is announced and not
    /// enforced. Default: none. Key: `http.chunkminlength`.
    pub chunk_min_bytes: Option<u64>,
    /// How manifests of schema 1 are served. Whether they may be pushed is the registry's to say.
    pub schema1: Schema1,
    /// Whether events of manifests carry what the manifest points to. Default: no. Key: `notifications.events.includereferences`.
    pub include_references: bool,
    /// The server, as events name it. Default: nameless.
    pub source: SourceRecord,
}

/// How much is too much. Nothing that a client sends makes the API use more than this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The largest manifest, in bytes. Beyond: 413. Default: 4 MiB. Key: `http.limits.manifestbytes`.
    pub manifest_bytes: usize,
    /// Tags on a page when the client names no number. Default: 10,000. Key: `tags.page`.
    pub tags_page: usize,
    /// The most tags on a page; a larger wish is cut to it. Default: 1000. Key: `tags.maxtags`.
    pub tags_max: usize,
    /// Repositories on a page when the client names no number, `catalog_max` at most. Default: 100. Key: `catalog.page`.
    pub catalog_page: usize,
    /// The most repositories on a page; a larger wish is refused with 400. Default: 1000. Key: `catalog.maxentries`.
    pub catalog_max: usize,
    /// The most `tag` parameters on a pushed manifest. Beyond: 414. Default: 64. Key: `http.limits.tagparameters`.
    pub tag_parameters: usize,
    /// The most ranges that one request may ask for. Beyond: the whole blob. Default: 16. Key: `http.limits.ranges`.
    pub ranges: usize,
    /// The longest query string, in bytes. Beyond: 414. Default: 16 KiB. Key: `http.limits.querybytes`.
    pub query_bytes: usize,
    /// How much of a body that nobody wants is read so that the client sees the answer, in bytes. Beyond: the connection is
    /// closed. Default: 16 MiB. Key: `http.limits.drainbytes`.
    pub drain_bytes: u64,
    /// For how long such a body is read. Default: 5 s. Key: `http.limits.draintime`.
    pub drain_time: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            access: Arc::new(Open),
            listener: Arc::new(Silence),
            secret: random_secret(),
            host: None,
            prefix: String::new(),
            relative_urls: false,
            headers: HeaderMap::new(),
            read_only: false,
            limits: Limits::default(),
            chunk_min_bytes: None,
            schema1: Schema1::default(),
            include_references: false,
            source: SourceRecord::default(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest_bytes: Manifest::MAX_BYTES,
            tags_page: 10_000,
            tags_max: 1000,
            catalog_page: 100,
            catalog_max: 1000,
            tag_parameters: 64,
            ranges: 16,
            query_bytes: 16 * 1024,
            drain_bytes: 16 * 1024 * 1024,
            drain_time: Duration::from_secs(5),
        }
    }
}

impl fmt::Debug for Options {
    /// Prints everything but the secret and what cannot be printed.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("prefix", &self.prefix)
            .field("relative_urls", &self.relative_urls)
            .field("read_only", &self.read_only)
            .field("limits", &self.limits)
            .field("chunk_min_bytes", &self.chunk_min_bytes)
            .field("include_references", &self.include_references)
            .finish_non_exhaustive()
    }
}

fn random_secret() -> Vec<u8> {
    let (first, second) = (uuid::Uuid::new_v4(), uuid::Uuid::new_v4());
    [first.into_bytes(), second.into_bytes()].concat()
}
