//! Manifests of schema 1: taken apart when they are pushed, and their signatures kept beside them.
//!
//! What is stored, and known by its digest, is the payload; a document with signatures never reaches the data of a blob, nor
//! a cache. Registries from 2.0 to 2.4 kept the signatures as blobs of their own with links below the revision, and so do
//! we; later ones dropped them. Where none are found, whoever serves the manifest signs it.

use std::collections::HashSet;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use wharf_cache::Content;
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::{Manifest, media_type};
use wharf_manifest_schema1::{MAX_SIGNATURES, Signed, is_schema1};
use wharf_reference::Reference;
use wharf_registry::{Error, Signatures, TarSum};
use wharf_storage_driver::{ErrorKind, ListOptions, PutOptions};

use crate::error::{failed, found};
use crate::namespace::StoredRepository;
use crate::options::Schema1;
use crate::referrers::digest_of;
use crate::{layout, links};

/// The longest signature that is read, in bytes; one with a chain of certificates has a few thousand.
const SIGNATURE_LIMIT_BYTES: usize = 256 * 1024;
/// How many signatures are read, or written, together.
const CONCURRENCY: usize = 16;

/// The largest manifest that is parsed on the thread of its request, in bytes: a millisecond at worst for a usual one.
const PARSED_HERE_BYTES: usize = 128 * 1024;

/// What clients are told when schema 1 is switched off.
const REFUSED: &str =
    "manifests of schema 1 are not taken here; an operator allows them by compatibility.schema1.enabled";

/// What was pushed.
pub(crate) struct Pushed {
    pub(crate) manifest: Manifest,
    /// The signatures that are to be kept, each as it is stored.
    pub(crate) signatures: Vec<Bytes>,
}

impl StoredRepository {
    /// Parses what was pushed. The worst that a client can make of a large one takes a fifth of a second, which is too long
    /// for a thread that serves others.
    pub(crate) async fn parse_pushed(
        &self,
        media_type: Option<String>,
        bytes: Bytes,
    ) -> Result<Pushed, Error> {
        let schema1 = self.options().schema1;
        let here = bytes.len() <= PARSED_HERE_BYTES;
        let parse = move || parse(schema1, media_type.as_deref(), bytes);
        if here { parse() } else { tokio::task::spawn_blocking(parse).await.map_err(Error::internal)? }
    }

    /// Refuses a manifest whose layers by old names are not here.
    pub(crate) async fn check_old_layers(&self, manifest: &Manifest) -> Result<(), Error> {
        let names: HashSet<&String> = manifest.old_layers().iter().collect();
        let sums = names.into_iter().map(|name| name.parse::<TarSum>());
        let sums = sums.collect::<Result<Vec<_>, _>>().map_err(|error| invalid(error.into()))?;
        let looks = sums.into_iter().map(|sum| async move {
            let is_here = self.layer_of_tarsum(&sum).await?.is_some();
            Ok::<_, Error>((!is_here).then_some(sum))
        });
        let concurrency = self.options().reference_concurrency.get();
        let missing: Vec<_> = stream::iter(looks).buffered(concurrency).try_collect().await?;
        let missing: Vec<_> = missing.into_iter().flatten().collect();
        if missing.is_empty() { Ok(()) } else { Err(Error::ManifestLayers(missing)) }
    }

    /// Keeps signatures of a manifest whose link is written.
    pub(crate) async fn keep_signatures(
        &self,
        revision: &Digest,
        signatures: Vec<Bytes>,
    ) -> Result<(), Error> {
        let puts = signatures.into_iter().map(|bytes| async move {
            let digest = Algorithm::Sha256.digest(&bytes);
            let data = layout::blob_data(&digest);
            self.driver().put(&data, bytes, PutOptions::default()).await.map_err(failed)?;
            links::write(self.driver(), &self.layout.signature_link(revision, &digest), &digest).await
        });
        stream::iter(puts).buffer_unordered(CONCURRENCY).try_collect().await
    }

    async fn kept_signature(&self, revision: &Digest, name: Digest) -> Result<Option<Bytes>, Error> {
        let link = self.layout.signature_link(revision, &name);
        let Some(digest) = links::read_canonical(self.driver(), &link, &name).await? else { return Ok(None) };
        // What collected garbage without knowing signatures has left links that lead nowhere.
        match self.driver().get(&layout::blob_data(&digest), SIGNATURE_LIMIT_BYTES).await {
            Err(error) if error.kind() == ErrorKind::TooLarge => Ok(None),
            result => Ok(found(result)?.map(|object| object.bytes)),
        }
    }
}

#[async_trait]
impl Signatures for StoredRepository {
    async fn get(&self, revision: &Digest) -> Result<Vec<Bytes>, Error> {
        let Some(revision) = self.canonical(Content::Manifest, revision).await? else {
            return Ok(Vec::new());
        };
        let options = ListOptions { start_after: None, limit: MAX_SIGNATURES, holding: Some("link") };
        let listed = self.driver().list(&self.layout.signatures(&revision), options).await;
        let Some(page) = found(listed)? else { return Ok(Vec::new()) };
        let names = page.entries.iter().filter_map(|entry| digest_of(Algorithm::Sha256, &entry.name));
        let names: Vec<Digest> = names.collect();
        let reads = names.into_iter().map(|name| self.kept_signature(&revision, name));
        let kept: Vec<_> = stream::iter(reads).buffered(CONCURRENCY).try_collect().await?;
        Ok(kept.into_iter().flatten().collect())
    }

    async fn put(&self, revision: &Digest, signatures: Vec<Bytes>) -> Result<(), Error> {
        let unknown = || self.unknown(&Reference::Digest(*revision));
        let canonical = self.canonical(Content::Manifest, revision).await?.ok_or_else(unknown)?;
        self.link(Content::Manifest, &canonical).await?.ok_or_else(unknown)?;
        self.keep_signatures(&canonical, signatures).await
    }
}

fn parse(schema1: Schema1, media_type: Option<&str>, bytes: Bytes) -> Result<Pushed, Error> {
    if !is_schema1(media_type, &bytes) {
        let manifest = Manifest::parse(media_type, bytes).map_err(Error::ManifestInvalid)?;
        return Ok(Pushed { manifest, signatures: Vec::new() });
    }
    if schema1 == Schema1::Refused {
        return Err(invalid(REFUSED.into()));
    }
    let signed = Signed::parse(&bytes).map_err(|error| {
        if error.is_unverified() {
            Error::ManifestUnverified(vec![error.into()])
        } else {
            invalid(error.into())
        }
    })?;
    let payload = signed.payload().clone();
    let manifest =
        Manifest::parse(Some(media_type::DOCKER_SCHEMA1), payload).map_err(Error::ManifestInvalid)?;
    signed
        .verify()
        .map_err(|errors| Error::ManifestUnverified(errors.into_iter().map(Into::into).collect()))?;
    let kept = signed.signatures().iter().filter(|_| schema1 == Schema1::WithSignatures);
    Ok(Pushed { manifest, signatures: kept.map(|signature| signature.to_json().into()).collect() })
}

fn invalid(source: Box<dyn std::error::Error + Send + Sync>) -> Error {
    Error::SignedManifestInvalid(source)
}
