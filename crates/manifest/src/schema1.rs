//! What a manifest of schema 1 says, as far as a registry has to know: which layers it is made of.
//!
//! These documents are older than descriptors. A layer is only a sum, newest first, and the sum need not be a digest: the
//! first registries knew tarsums as well. Which of those name what, only the repository can tell, so they are kept as they
//! are.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::descriptor::{Descriptor, MAX_REFERENCES};
use crate::document::fault;
use crate::error::{Error, ErrorKind};
use crate::media_type;

/// The longest name of a repository, in bytes. Distribution 2.x.
const MAX_NAME_BYTES: usize = 255;

/// The members that matter.
#[derive(Deserialize)]
pub(crate) struct Schema1 {
    name: Option<String>,
    #[serde(rename = "fsLayers")]
    layers: Option<Vec<Layer>>,
    history: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "blobSum")]
    sum: String,
}

impl Schema1 {
    /// Reads a document that was found to be JSON.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Error> {
        let text = str::from_utf8(bytes).unwrap_or_default();
        let read: Self = serde_json::from_str(text).map_err(|error| fault(&error, text, ""))?;
        let layers = read.layers.as_ref().map_or(0, Vec::len);
        if layers > MAX_REFERENCES {
            return Err(Error::new(
                ErrorKind::Field,
                "fsLayers",
                format!("more than {MAX_REFERENCES} layers"),
            ));
        }
        Ok(read)
    }

    /// Checks what Distribution 2.3 and later demand of a pushed one.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let name = self.name.as_deref().unwrap_or_default();
        if name.len() > MAX_NAME_BYTES {
            return Err(Error::new(ErrorKind::Name, "name", format!("longer than {MAX_NAME_BYTES} bytes")));
        }
        // Distribution looks for a name anywhere in the text, and the shortest name is one letter or digit.
        if !name.bytes().any(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
            return Err(Error::new(ErrorKind::Name, "name", "cannot be the name of a repository"));
        }
        let layers = self.layers.as_ref().map_or(0, Vec::len);
        let history = self.history.as_ref().map_or(0, Vec::len);
        if layers != history {
            let detail = format!("mismatched history and fslayer cardinality {history} != {layers}");
            return Err(Error::new(ErrorKind::Field, "history", detail));
        }
        Ok(())
    }

    /// The layers, lowest first: those with digests, and the sums of the others.
    pub(crate) fn into_layers(self) -> (Vec<Descriptor>, Vec<String>) {
        let (mut descriptors, mut others) = (Vec::new(), Vec::new());
        for layer in self.layers.unwrap_or_default().into_iter().rev() {
            match layer.sum.parse() {
                Ok(digest) => descriptors.push(Descriptor::new(media_type::DOCKER_SCHEMA1_LAYER, digest, 0)),
                Err(_) => others.push(layer.sum),
            }
        }
        (descriptors, others)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{Kind, Manifest, Role};

    const OLD: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const NEW: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    fn document(name: &str, history: &str) -> Bytes {
        let layers =
            format!(r#"[{{"blobSum":"{NEW}"}},{{"blobSum":"tarsum.v1+sha256:ab"}},{{"blobSum":"{OLD}"}}]"#);
        Bytes::from(format!(
            r#"{{"schemaVersion":1,"name":"{name}","tag":"t","fsLayers":{layers},"history":{history}}}"#
        ))
    }

    fn pushed(bytes: Bytes) -> Result<Manifest, Error> {
        Manifest::parse(Some(media_type::DOCKER_SCHEMA1), bytes)
    }

    #[test]
    fn layers_come_lowest_first_and_sums_that_are_no_digests_apart() {
        for manifest in [pushed(document("a/b", "[{},{},{}]")), Manifest::parse_stored(document("", "[]"))] {
            let manifest = manifest.unwrap();
            assert_eq!((manifest.kind(), manifest.media_type()), (Kind::Schema1, media_type::DOCKER_SCHEMA1));
            let digests: Vec<_> = manifest.layers().iter().map(|layer| layer.digest.to_string()).collect();
            assert_eq!(digests, [OLD, NEW]);
            assert_eq!(manifest.old_layers(), ["tarsum.v1+sha256:ab"]);
            assert!(manifest.references().all(|(role, _)| role == Role::Layer));
            assert!(manifest.config().is_none() && manifest.subject().is_none());
        }
    }

    #[test]
    fn what_distribution_would_not_take_is_refused_when_it_is_pushed() {
        let long = "a".repeat(256);
        for (name, history, kind, message) in [
            ("a", "[{}]", ErrorKind::Field, "history: mismatched history and fslayer cardinality 1 != 3"),
            ("a", "null", ErrorKind::Field, "history: mismatched history and fslayer cardinality 0 != 3"),
            ("", "[{},{},{}]", ErrorKind::Name, "name: cannot be the name of a repository"),
            ("A/B", "[{},{},{}]", ErrorKind::Name, "name: cannot be the name of a repository"),
            (&long, "[{},{},{}]", ErrorKind::Name, "name: longer than 255 bytes"),
        ] {
            let error = pushed(document(name, history)).unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (kind, message));
        }
        let layers =
            pushed(Bytes::from_static(br#"{"schemaVersion":1,"name":"a","fsLayers":[{"blobSum":7}]}"#));
        assert_eq!(layers.unwrap_err().path(), Some("fsLayers[0].blobSum"));
    }

    #[test]
    fn there_is_an_end_to_layers() {
        let layers = vec![r#"{"blobSum":"x"}"#; MAX_REFERENCES + 1].join(",");
        let text = format!(r#"{{"schemaVersion":1,"fsLayers":[{layers}]}}"#);
        assert_eq!(Manifest::parse_stored(text.into()).unwrap_err().path(), Some("fsLayers"));
    }
}
