//! Content that tests push: bytes nobody has seen before, and the documents that point to them.

use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

pub(crate) const OCI_IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
pub(crate) const OCI_FOREIGN_LAYER: &str = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
pub(crate) const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
pub(crate) const DOCKER_IMAGE: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(crate) const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
pub(crate) const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
pub(crate) const DOCKER_FOREIGN_LAYER: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

/// Every type of document that clients push today.
pub(crate) const ACCEPT_ALL: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// How content is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    pub(crate) const ALL: [Algorithm; 3] = [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha384 => "sha384",
            Algorithm::Sha512 => "sha512",
        }
    }

    pub(crate) fn digest(self, bytes: &[u8]) -> String {
        let hash = match self {
            Algorithm::Sha256 => Sha256::digest(bytes).to_vec(),
            Algorithm::Sha384 => Sha384::digest(bytes).to_vec(),
            Algorithm::Sha512 => Sha512::digest(bytes).to_vec(),
        };
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}:{hex}", self.name())
    }
}

/// Bytes of no particular kind.
#[derive(Clone, Debug)]
pub(crate) struct Blob {
    pub(crate) bytes: Bytes,
}

impl Blob {
    /// Bytes that look random, that no compressor shortens, and that the same seed gives again.
    pub(crate) fn random(seed: u64, len: usize) -> Blob {
        let mut state = seed;
        let words = (0..len.div_ceil(8)).flat_map(|_| split_mix(&mut state).to_le_bytes());
        Blob { bytes: words.take(len).collect() }
    }

    pub(crate) fn new(bytes: impl Into<Bytes>) -> Blob {
        Blob { bytes: bytes.into() }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The sha256 digest.
    pub(crate) fn digest(&self) -> String {
        self.digest_by(Algorithm::Sha256)
    }

    pub(crate) fn digest_by(&self, algorithm: Algorithm) -> String {
        algorithm.digest(&self.bytes)
    }

    pub(crate) fn descriptor(&self, media_type: &str) -> Value {
        json!({"mediaType": media_type, "digest": self.digest(), "size": self.len()})
    }
}

/// A manifest or an index: bytes, and the type they are pushed with.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) media_type: String,
    pub(crate) bytes: Bytes,
}

impl Document {
    pub(crate) fn new(media_type: &str, bytes: impl Into<Bytes>) -> Document {
        Document { media_type: media_type.to_owned(), bytes: bytes.into() }
    }

    /// Prints JSON, with the type that it says of itself.
    pub(crate) fn of(value: &Value) -> Document {
        Document::new(value["mediaType"].as_str().unwrap_or(OCI_IMAGE), value.to_string())
    }

    pub(crate) fn digest(&self) -> String {
        self.digest_by(Algorithm::Sha256)
    }

    pub(crate) fn digest_by(&self, algorithm: Algorithm) -> String {
        algorithm.digest(&self.bytes)
    }

    pub(crate) fn descriptor(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest(), "size": self.bytes.len()})
    }

    /// A descriptor as an index has it, for the platform that most clients have.
    pub(crate) fn child(&self, architecture: &str) -> Value {
        let mut descriptor = self.descriptor();
        descriptor["platform"] = json!({"os": "linux", "architecture": architecture});
        descriptor
    }
}

/// An OCI image of these parts.
pub(crate) fn image(config: Value, layers: Vec<Value>) -> Value {
    json!({"schemaVersion": 2, "mediaType": OCI_IMAGE, "config": config, "layers": layers})
}

/// An OCI index of these children.
pub(crate) fn index(children: Vec<Value>) -> Value {
    json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": children})
}

/// The digest of something that exists nowhere.
pub(crate) fn unknown_digest(algorithm: Algorithm) -> String {
    algorithm.digest(uuid::Uuid::new_v4().as_bytes())
}

/// Texts where a digest belongs that are none, or none that a registry can know.
pub(crate) fn malformed_digests() -> Vec<String> {
    let hex = "a".repeat(64);
    vec![
        "sha256:".to_owned(),
        format!("sha256:{}", &hex[1..]),
        format!("sha256:{hex}a"),
        format!("sha256:{}", hex.to_uppercase()),
        format!("sha256:{}g", &hex[1..]),
        format!("sha512:{hex}"),
        format!("sha1:{}", &hex[..40]),
        format!("md5:{}", &hex[..32]),
        format!("unheard+of:{hex}"),
        format!(":{hex}"),
        format!("SHA256:{hex}"),
        format!("sha256:sha256:{hex}"),
        format!("sha256:{}..", &hex[2..]),
        "sha256:%2e%2e".to_owned(),
    ]
}

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_that_everybody_knows() {
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Blob::new("").digest(), empty);
        assert_eq!(Blob::new("").digest_by(Algorithm::Sha512).len(), "sha512:".len() + 128);
    }

    #[test]
    fn random_bytes_have_the_length_asked_for_and_differ_by_seed() {
        assert_eq!(Blob::random(1, 13).len(), 13);
        assert_eq!(Blob::random(1, 13).bytes, Blob::random(1, 13).bytes);
        assert_ne!(Blob::random(1, 13).bytes, Blob::random(2, 13).bytes);
    }
}
