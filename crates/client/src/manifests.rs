//! Manifests and tags of a registry from afar. A manifest is what its bytes say: whatever a registry claims is held against them.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method};
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::Manifest;
use wharf_protocol::header::{OCI_SUBJECT, OCI_TAG};
use wharf_protocol::{ErrorCode, Query, Route};
use wharf_reference::{Reference, Tag};
use wharf_registry::{
    DeletedManifest, Error as RegistryError, ManifestPut, Manifests, Page, PageRequest, PutManifest,
    StoredManifest, Tags,
};

use crate::auth::Scopes;
use crate::body::Payload;
use crate::call::{Call, Repeat};
use crate::document::{Document, Received};
use crate::listing::{self, List};
use crate::registry::{RemoteRepository, digest_of};
use crate::transport::Answer;
use crate::{Error, ErrorKind};

/// Every kind of manifest that we read, the newest first.
pub(crate) const ACCEPT_MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.artifact.manifest.v1+json, */*;q=0.1";

#[async_trait]
impl Manifests for RemoteRepository {
    async fn get(&self, reference: &Reference) -> Result<StoredManifest, RegistryError> {
        let (answer, bytes) = self.read(reference).await.map_err(|error| self.unknown(error, reference))?;
        let received = Received::read(answer.header(&CONTENT_TYPE), bytes)?;
        let digest = held_against(reference, &answer, received.content())?;
        let manifest = received.document(answer.header(&CONTENT_TYPE))?.manifest;
        Ok(StoredManifest { digest, manifest: Arc::new(manifest) })
    }

    async fn put(&self, put: PutManifest) -> Result<ManifestPut, RegistryError> {
        let media_type = put.media_type.as_deref();
        let document = Received::read(media_type, put.bytes)?.document(media_type)?;
        let algorithm = put.digest.map_or(Algorithm::Sha256, |digest| digest.algorithm());
        let digest = algorithm.digest(document.manifest.bytes());
        if let Some(expected) = put.digest.filter(|expected| *expected != digest) {
            return Err(RegistryError::DigestMismatch { expected, actual: digest });
        }
        let indexed = self.push(&document, &digest, &put.tags).await?;
        let manifest = document.manifest;
        let subject = manifest.subject().map(|subject| subject.digest);
        if let Some(subject) = subject.filter(|_| !indexed) {
            self.add_to_fallback(&subject, manifest.descriptor(digest)).await?;
        }
        Ok(ManifestPut { digest, manifest: Arc::new(manifest), subject })
    }

    async fn delete(&self, digest: &Digest) -> Result<DeletedManifest, RegistryError> {
        let reference = Reference::Digest(*digest);
        self.remove(&reference).await?;
        // Which tags went with it, no registry says.
        Ok(DeletedManifest { tags: Vec::new() })
    }
}

#[async_trait]
impl Tags for RemoteRepository {
    async fn resolve(&self, tag: &Tag) -> Result<Digest, RegistryError> {
        let reference = Reference::Tag(tag.clone());
        let url = self.url(&Route::Manifest(self.name.clone(), reference.clone()), "")?;
        let call = Call::new(Method::HEAD, url, Scopes::pull(&self.name)).accept(ACCEPT_MANIFESTS);
        let answer = self.transport().send(call).await.map_err(|error| self.unknown(error, &reference))?;
        match digest_of(&answer.response) {
            Some(digest) => Ok(digest),
            None => Ok(Manifests::get(self, &reference).await?.digest),
        }
    }

    async fn list(&self, page: PageRequest<Tag>) -> Result<Page<Tag>, RegistryError> {
        let route = Route::Tags(self.name.clone());
        let list = List { route, scopes: Scopes::pull(&self.name), field: "tags" };
        listing::page(&self.remote, &list, page).await.map_err(|error| match error.is_not_found() {
            true => RegistryError::RepositoryUnknown(self.name.clone()),
            false => error.into(),
        })
    }

    async fn delete(&self, tag: &Tag) -> Result<(), RegistryError> {
        self.remove(&Reference::Tag(tag.clone())).await
    }
}

impl RemoteRepository {
    /// The bytes of a manifest, unchecked.
    pub(crate) async fn read(&self, reference: &Reference) -> Result<(Answer, Bytes), Error> {
        let url = self.url(&Route::Manifest(self.name.clone(), reference.clone()), "")?;
        let call = Call::new(Method::GET, url, Scopes::pull(&self.name)).accept(ACCEPT_MANIFESTS);
        self.transport().fetch(call, Manifest::MAX_BYTES).await
    }

    /// Pushes a manifest under its tags, and says whether the registry keeps lists of referrers.
    async fn push(&self, document: &Document, digest: &Digest, tags: &[Tag]) -> Result<bool, Error> {
        if let ([tag], Algorithm::Sha256) = (tags, digest.algorithm()) {
            return Ok(self.send_manifest(document, digest, &Reference::Tag(tag.clone()), "").await?.indexed);
        }
        let query: Query = tags.iter().map(|tag| ("tag", tag.as_str())).collect();
        let reference = Reference::Digest(*digest);
        let sent = self.send_manifest(document, digest, &reference, &query.to_string()).await?;
        for tag in tags.iter().filter(|tag| !sent.tags.iter().any(|set| set == tag.as_str())) {
            self.send_manifest(document, digest, &Reference::Tag(tag.clone()), "").await?;
        }
        Ok(sent.indexed)
    }

    async fn send_manifest(
        &self,
        document: &Document,
        digest: &Digest,
        reference: &Reference,
        query: &str,
    ) -> Result<Sent, Error> {
        let url = self.url(&Route::Manifest(self.name.clone(), reference.clone()), query)?;
        let payload = Payload::Bytes(document.sent.clone());
        let media_type = HeaderValue::from_static(document.media_type);
        let call = Call::new(Method::PUT, url.clone(), Scopes::push(&self.name)).payload(payload, media_type);
        let answer = self.transport().send(call).await?;
        if let Some(said) = digest_of(&answer.response).filter(|said| said != digest) {
            let detail = format!("it stored {said} instead of {digest}");
            return Err(Error::new(ErrorKind::Nonsense, &Method::PUT, &url, detail));
        }
        let headers = answer.response.headers();
        let tags = headers.get_all(OCI_TAG).iter().filter_map(|value| Some(value.to_str().ok()?.to_owned()));
        Ok(Sent { indexed: headers.contains_key(OCI_SUBJECT), tags: tags.collect() })
    }

    async fn remove(&self, reference: &Reference) -> Result<(), RegistryError> {
        let url = self.url(&Route::Manifest(self.name.clone(), reference.clone()), "")?;
        let call = Call::new(Method::DELETE, url, Scopes::delete(&self.name)).repeat(Repeat::Undone);
        self.transport().send(call).await.map_err(|error| match reference {
            // Distribution of 2.x deletes by digest only, and says so in this way.
            Reference::Tag(_) if error.says(ErrorCode::DigestInvalid) => {
                RegistryError::Unsupported("the registry deletes no tags, only manifests by digest")
            }
            _ => self.unknown(error, reference),
        })?;
        Ok(())
    }

    /// A manifest that is not there, or whatever else went wrong.
    pub(crate) fn unknown(&self, error: Error, reference: &Reference) -> RegistryError {
        if !error.is_not_found() {
            return error.into();
        }
        RegistryError::ManifestUnknown { repository: self.name.clone(), reference: reference.clone() }
    }
}

/// What a registry answered to a manifest.
struct Sent {
    /// It keeps lists of referrers.
    indexed: bool,
    /// The tags that it set along.
    tags: Vec<String>,
}

/// The digest of bytes, by what they were asked for; or what is wrong with them.
fn held_against(reference: &Reference, answer: &Answer, bytes: &[u8]) -> Result<Digest, RegistryError> {
    let said = digest_of(&answer.response);
    let (expected, actual) = match (reference, said) {
        (Reference::Digest(expected), _) => (*expected, expected.algorithm().digest(bytes)),
        (Reference::Tag(_), Some(said)) => (said, said.algorithm().digest(bytes)),
        (Reference::Tag(_), None) => return Ok(Algorithm::Sha256.digest(bytes)),
    };
    if expected == actual { Ok(actual) } else { Err(RegistryError::DigestMismatch { expected, actual }) }
}
