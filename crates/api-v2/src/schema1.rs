//! Manifests as clients of 2014 to 2016 read them: signed, and an image of today made into one of theirs.
//!
//! What is stored is a payload without signatures, or an image of schema 2. Signed documents are made for each answer and kept
//! nowhere: their bytes are other than those that a digest is of.

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use bytes::Bytes;
use wharf_content::ByteStream;
use wharf_manifest::{Kind, Manifest};
use wharf_manifest_schema1::{
    Conversion, Converted, EMPTY_LAYER_BYTES, MAX_CONFIG_BYTES, Signature, Signed, SigningKey, convert,
    empty_layer,
};
use wharf_protocol::{Accept, ErrorCode};
use wharf_reference::{Reference, RepositoryName, Tag};
use wharf_registry::{Digest, Error, StoredManifest};

use crate::error::Failure;
use crate::request::Call;

/// How manifests of schema 1 are served.
#[derive(Debug, Clone, Default)]
pub struct Schema1 {
    /// What signs them, where no signature was stored. Default: a key that is made when it is first needed. Key:
    /// `compatibility.schema1.signingkeyfile`.
    pub key: Option<Arc<SigningKey>>,
    /// Which clients are shown images of schema 2 as schema 1. Default: those that ask for nothing else. Key:
    /// `compatibility.schema1.enabled`.
    pub audience: Audience,
}

/// Which clients are taken to understand nothing newer than schema 1. Never one whose `Accept` has anything newer, or a
/// wildcard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Audience {
    /// Those whose `Accept` names schema 1.
    #[default]
    Named,
    /// Those that name nothing that is newer, or nothing at all, as Distribution 2.3 to 2.8 has it.
    Unnamed,
}

/// A key that is made when it is first needed, unless there is one.
#[derive(Debug, Default)]
pub(crate) struct Signer {
    given: Option<Arc<SigningKey>>,
    made: OnceLock<Arc<SigningKey>>,
}

impl Signer {
    pub(crate) fn new(given: Option<Arc<SigningKey>>) -> Self {
        Self { given, made: OnceLock::new() }
    }

    fn key(&self) -> Result<Arc<SigningKey>, wharf_manifest_schema1::Error> {
        if let Some(key) = self.given.as_ref().or_else(|| self.made.get()) {
            return Ok(Arc::clone(key));
        }
        let made = Arc::new(SigningKey::generate()?);
        Ok(Arc::clone(self.made.get_or_init(|| made)))
    }
}

/// A manifest of schema 1 that is not signed yet.
pub(crate) struct Unsigned {
    /// The digest by which it is known.
    pub(crate) digest: Digest,
    payload: Bytes,
    signatures: Vec<Bytes>,
}

/// Whether a client is to be shown schema 1 where there is something newer.
pub(crate) fn is_wanted(call: &Call<'_>, accept: Accept) -> bool {
    match call.shared.options.schema1.audience {
        Audience::Named => accept.wants_schema1_only(),
        Audience::Unnamed => accept.names_nothing_newer(),
    }
}

/// What a client is shown instead of what is stored; none when that is shown as it is.
pub(crate) async fn instead_of(
    call: &Call<'_>,
    name: &RepositoryName,
    reference: &Reference,
    stored: &StoredManifest,
) -> Result<Option<Unsigned>, Failure> {
    match (stored.manifest.kind(), reference) {
        (Kind::Schema1, _) => {
            let signatures = call.repository(name).signatures().get(&stored.digest).await?;
            let payload = stored.manifest.bytes().clone();
            Ok(Some(Unsigned { digest: stored.digest, payload, signatures }))
        }
        (Kind::DockerManifest, Reference::Tag(tag)) if is_wanted(call, Accept::of(call.headers())) => {
            let payload = converted(call, name, tag, &stored.manifest).await?;
            let digest = wharf_registry::Algorithm::Sha256.digest(&payload);
            Ok(Some(Unsigned { digest, payload, signatures: Vec::new() }))
        }
        _ => Ok(None),
    }
}

impl Unsigned {
    /// The document with the signatures that were stored, else with ours.
    pub(crate) async fn sign(self, call: &Call<'_>) -> Result<Bytes, Failure> {
        let key = call.shared.schema1.key().map_err(Error::internal)?;
        let signed = tokio::task::spawn_blocking(move || {
            let stored = self.signatures.iter().filter_map(|bytes| Signature::parse(bytes).ok());
            match Signed::join(self.payload.clone(), stored) {
                Err(wharf_manifest_schema1::Error::NoSignatures) => {
                    Signed::sign(self.payload, &key, SystemTime::now())
                }
                joined => joined,
            }?
            .to_document()
        });
        Ok(signed.await.map_err(Error::internal)?.map_err(Error::internal)?)
    }
}

async fn converted(
    call: &Call<'_>,
    name: &RepositoryName,
    tag: &Tag,
    image: &Manifest,
) -> Result<Bytes, Failure> {
    let config = config_of(call, name, image).await?;
    let layers: Vec<Digest> = image.layers().iter().map(|layer| layer.digest).collect();
    let (name_text, tag_text) = (name.to_string(), tag.to_string());
    let converting = tokio::task::spawn_blocking(move || {
        convert(Conversion { name: &name_text, tag: &tag_text, config: &config, layers: &layers })
    });
    let result = converting.await.map_err(Error::internal)?;
    let Converted { payload, names_empty_layer } =
        result.map_err(|error| Failure::of_chain(ErrorCode::ManifestInvalid, &error))?;
    if names_empty_layer {
        provide_empty_layer(call, name).await?;
    }
    Ok(payload)
}

/// The configuration of an image, which has to be what its digest says.
async fn config_of(call: &Call<'_>, name: &RepositoryName, image: &Manifest) -> Result<Bytes, Failure> {
    let invalid = |detail: String| Failure::with_detail(ErrorCode::ManifestInvalid, detail);
    let digest = image.config().map(|config| config.digest);
    let digest = digest.ok_or_else(|| invalid("the image has no configuration".to_owned()))?;
    let repository = call.repository(name);
    let blob = match repository.blobs().open(&digest).await {
        Err(Error::BlobUnknown(_)) => return Err(invalid(format!("unknown blob {digest} on manifest"))),
        opened => opened?,
    };
    let size = blob.descriptor().size;
    if size > MAX_CONFIG_BYTES as u64 {
        return Err(invalid(format!("configuration {digest} is beyond {MAX_CONFIG_BYTES} bytes")));
    }
    let content = blob.read(0..size).await?;
    let bytes = content.collect(MAX_CONFIG_BYTES).await.map_err(Error::internal)?;
    if digest.algorithm().digest(&bytes) != digest {
        return Err(Error::internal(format!("the data of {digest} is damaged")).into());
    }
    Ok(bytes)
}

/// Sees to it that the layer which changes nothing can be pulled. A registry that takes no pushes is left as it is.
async fn provide_empty_layer(call: &Call<'_>, name: &RepositoryName) -> Result<(), Failure> {
    let repository = call.repository(name);
    let digest = empty_layer();
    if repository.blobs().exists(&digest).await? || call.shared.options.read_only {
        return Ok(());
    }
    let bytes = ByteStream::once(Bytes::from_static(EMPTY_LAYER_BYTES));
    match repository.uploads().put(&digest, bytes).await {
        Ok(_) | Err(Error::Unsupported(_) | Error::Denied(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
