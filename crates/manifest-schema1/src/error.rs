//! Why a document, a key or a configuration was refused.

use wharf_manifest::Manifest;

use crate::limits::{MAX_CONFIG_BYTES, MAX_SIGNATURES};

/// Why something is no signed manifest, or not a truly signed one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The document is longer than a manifest may be.
    #[error("manifest of {0} bytes is beyond {max} bytes", max = Manifest::MAX_BYTES)]
    TooLarge(usize),
    /// The document is no JSON object with a list of signatures.
    #[error("manifest is no signed JSON document")]
    Json(#[source] serde_json::Error),
    /// The document has no member `signatures`, or an empty one.
    #[error("manifest has no signatures")]
    NoSignatures,
    /// The document has more than [`MAX_SIGNATURES`].
    #[error("manifest has {0} signatures, more than {MAX_SIGNATURES}")]
    TooManySignatures(usize),
    /// The part that a signature protects beside the payload cannot be read.
    #[error("invalid protected header")]
    Protected,
    /// A length lies outside of the document.
    #[error("invalid format length {0}")]
    FormatLength(i64),
    /// Two signatures are over different payloads.
    #[error("conflicting format of two signatures")]
    Conflict,
    /// What was signed is no manifest.
    #[error("signed content is no manifest")]
    Payload(#[source] wharf_manifest::Error),
    /// What is to be signed is no JSON object with members.
    #[error("invalid JSON content")]
    Content,
    /// A key in the document is none.
    #[error("invalid key")]
    Key(#[source] KeyError),
    /// A signature says nothing of the key that made it.
    #[error("missing public key")]
    MissingKey,
    /// A signature is not that of its key over the payload.
    #[error("invalid signature by {0}")]
    Signature(String),
    /// Signing failed, which only a broken source of random numbers explains.
    #[error("signing failed")]
    Signing,
}

impl Error {
    /// Whether the document can be read, but nobody stands for it.
    pub fn is_unverified(&self) -> bool {
        matches!(self, Self::MissingKey | Self::Signature(_))
    }
}

/// Why a key is none, or none that signs manifests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Keys are RSA of 1024 to 8192 bits, or EC on P-256, P-384 or P-521.
    #[error("a key is RSA of 1024 to 8192 bits, or EC on P-256, P-384 or P-521")]
    Kind,
    /// A member is missing or no text.
    #[error("member {0:?} is missing or no text")]
    Member(&'static str),
    /// A number has too few or too many bytes, or is not written in base64url.
    #[error("member {0:?} is no number of the right length")]
    Number(&'static str),
    /// The numbers belong to no key.
    #[error("the numbers are no key")]
    Numbers,
    /// The id in the key is another than the one that follows from its numbers.
    #[error("key id does not match: it is {computed}")]
    Id {
        /// The id that follows from the numbers.
        computed: String,
    },
    /// A public key holds the private one.
    #[error("a public key must not hold a private one")]
    Private,
    /// A certificate cannot be read.
    #[error("the certificate cannot be read")]
    Certificate,
    /// The text of a key is no JSON object.
    #[error("the key is no JSON object")]
    Json,
    /// The text of a key is no PEM with a private key in it.
    #[error("the file holds no PEM block of a private key")]
    Pem,
}

/// Why an image cannot be shown as schema 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConversionError {
    /// The configuration is longer than [`MAX_CONFIG_BYTES`].
    #[error("configuration is beyond {MAX_CONFIG_BYTES} bytes")]
    ConfigSize,
    /// The configuration is none.
    #[error("configuration of the image cannot be read")]
    Config(#[source] serde_json::Error),
    /// The configuration has no history.
    #[error("empty history when trying to create schema1 manifest")]
    History,
    /// The configuration counts other layers than the manifest.
    #[error("number of descriptors and number of layers in rootfs must match: {manifest} != {config}")]
    Layers {
        /// How many the configuration knows.
        config: usize,
        /// How many the manifest lists.
        manifest: usize,
    },
    /// The history makes more layers than there are.
    #[error("too many non-empty layers in History section")]
    NonEmptyLayers,
    /// A time is not written as RFC 3339 says.
    #[error("{0:?} is no time")]
    Time(String),
    /// The document would be longer than a manifest may be.
    #[error("converted manifest is beyond {max} bytes", max = Manifest::MAX_BYTES)]
    TooLarge,
}
