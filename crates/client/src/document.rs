//! A manifest on its way. Of schema 1, what travels is a manifest with its signatures, and its digest is of what is left without them.

use async_trait::async_trait;
use bytes::Bytes;
use http::Method;
use http::header::CONTENT_TYPE;
use wharf_digest::Digest;
use wharf_manifest::{ErrorKind as ManifestErrorKind, Manifest, media_type};
use wharf_manifest_schema1::{Error as SignedError, Signed, is_schema1};
use wharf_protocol::Route;
use wharf_reference::Reference;
use wharf_registry::{Error as RegistryError, Signatures};

use crate::auth::Scopes;
use crate::call::Call;
use crate::registry::RemoteRepository;

/// A manifest as it is sent, and as it is known.
pub(crate) struct Document {
    /// What is sent.
    pub(crate) sent: Bytes,
    /// The media type that it is sent as.
    pub(crate) media_type: &'static str,
    /// What it says; its bytes are what the digest is of.
    pub(crate) manifest: Manifest,
}

/// What was sent under a media type, before anything but its signatures was looked at.
pub(crate) enum Received {
    /// A manifest of schema 1 whose signatures are true.
    Signed(Signed, Bytes),
    /// Any other.
    Plain(Bytes),
}

impl Received {
    /// Tells the two apart.
    pub(crate) fn read(media_type: Option<&str>, bytes: Bytes) -> Result<Self, RegistryError> {
        if !is_schema1(media_type.map(without_parameters), &bytes) {
            return Ok(Self::Plain(bytes));
        }
        let signed = Signed::parse(&bytes).map_err(refused)?;
        signed.verify().map_err(|errors| {
            RegistryError::ManifestUnverified(errors.into_iter().map(Into::into).collect())
        })?;
        Ok(Self::Signed(signed, bytes))
    }

    /// What the digest is of.
    pub(crate) fn content(&self) -> &Bytes {
        match self {
            Self::Signed(signed, _) => signed.payload(),
            Self::Plain(bytes) => bytes,
        }
    }

    /// Reads what it says, under the media type that it came with, or what it says itself where that is none: some registries
    /// keep manifests in stores that know no media types.
    pub(crate) fn document(self, media_type: Option<&str>) -> Result<Document, RegistryError> {
        match self {
            Self::Signed(signed, sent) => {
                let manifest = signed.manifest().map_err(refused)?;
                Ok(Document { sent, media_type: media_type::DOCKER_SCHEMA1_SIGNED, manifest })
            }
            Self::Plain(bytes) => {
                let manifest = parse(media_type, bytes).map_err(RegistryError::ManifestInvalid)?;
                Ok(Document { sent: manifest.bytes().clone(), media_type: manifest.media_type(), manifest })
            }
        }
    }
}

pub(crate) fn parse(media_type: Option<&str>, bytes: Bytes) -> Result<Manifest, wharf_manifest::Error> {
    match Manifest::parse(media_type.map(without_parameters), bytes.clone()) {
        Err(error) if error.kind() == ManifestErrorKind::MediaType => {
            Manifest::parse_stored(bytes).map_err(|_| error)
        }
        outcome => outcome,
    }
}

fn without_parameters(media_type: &str) -> &str {
    media_type.split(';').next().unwrap_or_default()
}

/// What is wrong with a signature, or with the document that it is in.
fn refused(error: SignedError) -> RegistryError {
    if error.is_unverified() {
        RegistryError::ManifestUnverified(vec![error.into()])
    } else {
        RegistryError::SignedManifestInvalid(error.into())
    }
}

#[async_trait]
impl Signatures for RemoteRepository {
    /// A registry shows signatures only with the manifest, and only to who asks for schema 1.
    async fn get(&self, revision: &Digest) -> Result<Vec<Bytes>, RegistryError> {
        let reference = Reference::Digest(*revision);
        let url = self.url(&Route::Manifest(self.name.clone(), reference.clone()), "")?;
        let call =
            Call::new(Method::GET, url, Scopes::pull(&self.name)).accept(media_type::DOCKER_SCHEMA1_SIGNED);
        let fetched = self.transport().fetch(call, Manifest::MAX_BYTES).await;
        let (answer, bytes) = fetched.map_err(|error| self.unknown(error, &reference))?;
        match Received::read(answer.header(&CONTENT_TYPE), bytes)? {
            Received::Signed(signed, _) if signed.digest() == *revision => {
                Ok(signed.signatures().iter().map(|signature| signature.to_json().into()).collect())
            }
            Received::Signed(signed, _) => {
                Err(RegistryError::DigestMismatch { expected: *revision, actual: signed.digest() })
            }
            Received::Plain(_) => Ok(Vec::new()),
        }
    }

    async fn put(&self, _: &Digest, _: Vec<Bytes>) -> Result<(), RegistryError> {
        Err(RegistryError::Unsupported("a registry takes signatures only with the manifest"))
    }
}
