//! Manifests to push.

use bytes::Bytes;
use serde_json::{Value, json};
use wharf_manifest::media_type;
use wharf_registry::{Descriptor, Digest, ManifestPut, PutManifest, Repository};

use crate::fixture::{push_blob, sha256};

pub(crate) fn put(document: &Value, tags: &[&str]) -> PutManifest {
    PutManifest {
        media_type: None,
        bytes: Bytes::from(serde_json::to_vec(document).unwrap()),
        digest: None,
        tags: tags.iter().map(|tag| tag.parse().unwrap()).collect(),
        classes: None,
    }
}

pub(crate) fn image(config: &Descriptor, layers: &[Descriptor]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": Descriptor { media_type: media_type::OCI_CONFIG.into(), ..config.clone() },
        "layers": layers.iter().map(|layer| Descriptor { media_type: media_type::OCI_LAYER_GZIP.into(), ..layer.clone() }).collect::<Vec<_>>(),
    })
}

pub(crate) fn index(children: &[Descriptor]) -> Value {
    json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": children })
}

pub(crate) fn with_subject(mut document: Value, subject: &Digest) -> Value {
    document["subject"] = json!({ "mediaType": media_type::OCI_MANIFEST, "digest": subject, "size": 2 });
    document
}

pub(crate) fn descriptor(put: &ManifestPut) -> Descriptor {
    put.manifest.descriptor(put.digest)
}

/// A descriptor of what was never pushed.
pub(crate) fn missing(media_type: &str, seed: &str) -> Descriptor {
    Descriptor::new(media_type, sha256(seed.as_bytes()), 17)
}

/// Pushes an image of its own, with a configuration and a layer.
pub(crate) async fn push_image(repository: &dyn Repository, seed: &str, tags: &[&str]) -> ManifestPut {
    let config = push_blob(repository, format!("{{\"config\":\"{seed}\"}}").as_bytes()).await;
    let layer = push_blob(repository, format!("layer of {seed}").as_bytes()).await;
    repository.manifests().put(put(&image(&config, &[layer]), tags)).await.unwrap()
}

/// Pushes an artifact about something.
pub(crate) async fn push_referrer(
    repository: &dyn Repository,
    seed: &str,
    subject: &Digest,
    artifact_type: &str,
) -> ManifestPut {
    let config = push_blob(repository, b"{}").await;
    let layer = push_blob(repository, seed.as_bytes()).await;
    let mut document = with_subject(image(&config, &[layer]), subject);
    document["artifactType"] = json!(artifact_type);
    document["annotations"] = json!({ "seed": seed });
    repository.manifests().put(put(&document, &[])).await.unwrap()
}
