//! Descriptors: how manifests point to content. OCI image specification 1.1, "Content Descriptors"; Docker's are a subset.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use wharf_digest::Digest;

use crate::{
    media_type,
    object::{self, Object, Text, replace, required, reset},
};

/// The longest list of descriptors that a manifest may have, in entries. A full-sized index ([`Manifest::MAX_BYTES`])
/// whose entries carry a digest, a size and OCI's media type stays below.
///
/// [`Manifest::MAX_BYTES`]: crate::Manifest::MAX_BYTES
pub const MAX_REFERENCES: usize = 32_768;

/// The largest size that a descriptor may state, in bytes: Go's clients read it into a signed number.
const MAX_SIZE: u64 = i64::MAX as u64;

/// Points to content: what it is, its digest and its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is. Empty when the manifest did not say, which the specification forbids and Go lets pass.
    pub media_type: String,
    /// The digest of the content.
    pub digest: Digest,
    /// The size of the content in bytes.
    pub size: u64,
    /// Where else the content may be had, unchecked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// What somebody wrote about the content.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The content itself in base64, as it was written. Whoever uses it must hold it against digest and size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// What the content runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// What an artifact is, when the content is a manifest of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

/// Says what an image runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Platform {
    /// The architecture, in Go's words: `amd64`.
    pub architecture: String,
    /// The operating system, in Go's words: `linux`.
    pub os: String,
    /// The version of the operating system.
    #[serde(rename = "os.version", skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// What the operating system must offer.
    #[serde(rename = "os.features", skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
    /// The variant of the architecture: `v8`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// What the processor must offer. Docker's lists have it; OCI reserves it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
}

impl Descriptor {
    /// Makes a descriptor that says no more than it must.
    pub fn new(media_type: impl Into<String>, digest: Digest, size: u64) -> Descriptor {
        Descriptor {
            media_type: media_type.into(),
            digest,
            size,
            urls: Vec::new(),
            annotations: BTreeMap::new(),
            data: None,
            platform: None,
            artifact_type: None,
        }
    }

    /// Tells whether the content is a layer that its licence keeps out of registries: Docker's foreign layer, or OCI's
    /// non-distributable ones.
    ///
    /// Such a layer with [`urls`](Descriptor::urls) need not exist. Without any, Docker's is an error and OCI's must exist
    /// like every other layer.
    pub fn is_foreign(&self) -> bool {
        matches!(
            self.media_type.as_str(),
            media_type::DOCKER_FOREIGN_LAYER
                | media_type::OCI_NONDISTRIBUTABLE_LAYER
                | media_type::OCI_NONDISTRIBUTABLE_LAYER_GZIP
                | media_type::OCI_NONDISTRIBUTABLE_LAYER_ZSTD
        )
    }

    /// Tells whether a registry's rules about URLs apply: to foreign layers, and to OCI's layers of every compression.
    pub fn are_urls_checked(&self) -> bool {
        self.is_foreign()
            || matches!(
                self.media_type.as_str(),
                media_type::OCI_LAYER | media_type::OCI_LAYER_GZIP | media_type::OCI_LAYER_ZSTD
            )
    }
}

impl<'de> Deserialize<'de> for Descriptor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object::read::<DescriptorFields, D>(deserializer)
    }
}

impl<'de> Deserialize<'de> for Platform {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object::read::<Platform, D>(deserializer)
    }
}

/// A descriptor of which not everything was read yet.
#[derive(Default)]
struct DescriptorFields {
    media_type: String,
    digest: Option<Digest>,
    size: Option<u64>,
    urls: Vec<String>,
    annotations: Annotations,
    data: Option<String>,
    platform: Option<Platform>,
    artifact_type: Option<String>,
}

impl<'de> Object<'de> for DescriptorFields {
    type Value = Descriptor;
    const EXPECTED: &'static str = "a descriptor";
    const KEYS: &'static [&'static str] =
        &["mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"];

    fn field<A: MapAccess<'de>>(&mut self, key: &'static str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "mediaType" => replace(&mut self.media_type, map),
            "digest" => replace(&mut self.digest, map),
            "size" => replace(&mut self.size, map),
            "urls" => texts(&mut self.urls, map),
            "annotations" => reset(&mut self.annotations, map),
            "data" => reset(&mut self.data, map),
            "platform" => reset(&mut self.platform, map),
            _ => replace(&mut self.artifact_type, map),
        }
    }

    fn finish<E: serde::de::Error>(self) -> Result<Descriptor, E> {
        let size = required(self.size, "size")?;
        if size > MAX_SIZE {
            return Err(E::custom(format_args!("size {size} is beyond {MAX_SIZE}")));
        }
        Ok(Descriptor {
            media_type: self.media_type,
            digest: required(self.digest, "digest")?,
            size,
            urls: self.urls,
            annotations: self.annotations.0,
            data: self.data,
            platform: self.platform,
            artifact_type: self.artifact_type.filter(|text| !text.is_empty()),
        })
    }
}

impl<'de> Object<'de> for Platform {
    type Value = Platform;
    const EXPECTED: &'static str = "a platform";
    const KEYS: &'static [&'static str] =
        &["architecture", "os", "os.version", "os.features", "variant", "features"];

    fn field<A: MapAccess<'de>>(&mut self, key: &'static str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "architecture" => replace(&mut self.architecture, map),
            "os" => replace(&mut self.os, map),
            "os.version" => replace(&mut self.os_version, map),
            "os.features" => texts(&mut self.os_features, map),
            "variant" => replace(&mut self.variant, map),
            _ => texts(&mut self.features, map),
        }
    }

    fn finish<E: serde::de::Error>(mut self) -> Result<Platform, E> {
        self.os_version = self.os_version.filter(|text| !text.is_empty());
        self.variant = self.variant.filter(|text| !text.is_empty());
        Ok(self)
    }
}

fn texts<'de, A: MapAccess<'de>>(slot: &mut Vec<String>, map: &mut A) -> Result<(), A::Error> {
    let mut list: Vec<Text> = Vec::new();
    reset(&mut list, map)?;
    *slot = list.into_iter().map(|text| text.0).collect();
    Ok(())
}

/// Strings by name.
#[derive(Default)]
pub(crate) struct Annotations(pub(crate) BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map: BTreeMap<String, Text> = BTreeMap::deserialize(deserializer)?;
        Ok(Annotations(map.into_iter().map(|(key, text)| (key, text.0)).collect()))
    }
}

/// A list of descriptors, no longer than [`MAX_REFERENCES`].
#[derive(Default)]
pub(crate) struct Descriptors(pub(crate) Vec<Descriptor>);

impl<'de> Deserialize<'de> for Descriptors {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Descriptors;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of descriptors")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Descriptors, A::Error> {
                let mut descriptors = Descriptors::default();
                while let Some(descriptor) = list.next_element()? {
                    if descriptors.0.len() == MAX_REFERENCES {
                        return Err(A::Error::custom(format_args!("more than {MAX_REFERENCES} descriptors")));
                    }
                    descriptors.0.push(descriptor);
                }
                Ok(descriptors)
            }
        }
        deserializer.deserialize_seq(List)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn read(json: &str) -> Result<Descriptor, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn every_field_survives_a_round_trip_in_the_order_of_the_specification() {
        let json = format!(
            concat!(
                r#"{{"mediaType":"a/b","digest":"{}","size":3,"urls":["http://u"],"annotations":{{"k":"v"}},"#,
                r#""data":"YWJj","platform":{{"architecture":"arm64","os":"linux","os.version":"1","os.features":["f"],"#,
                r#""variant":"v8","features":["g"]}},"artifactType":"c/d"}}"#
            ),
            DIGEST
        );
        assert_eq!(serde_json::to_string(&read(&json).unwrap()).unwrap(), json);
    }

    #[test]
    fn what_is_empty_is_not_written() {
        let descriptor = Descriptor::new("a/b", DIGEST.parse().unwrap(), 0);
        let json = serde_json::to_string(&descriptor).unwrap();
        assert_eq!(json, format!(r#"{{"mediaType":"a/b","digest":"{DIGEST}","size":0}}"#));
        assert_eq!(read(&json).unwrap(), descriptor);
    }

    #[test]
    fn of_equal_keys_the_last_wins_and_null_is_nothing() {
        let json = format!(
            r#"{{"size":1,"size":2,"size":null,"digest":"{DIGEST}","mediaType":null,"urls":["a"],"urls":null,
                "platform":null,"annotations":{{"a":null}}}}"#
        );
        let descriptor = read(&json).unwrap();
        assert_eq!((descriptor.size, descriptor.urls.len()), (2, 0));
        assert_eq!(descriptor.annotations["a"], "");
    }

    #[test]
    fn keys_that_only_a_go_reader_would_see_are_refused() {
        for key in ["Size", "URLs", "urlſ", "os.Version"] {
            let inner = if key.starts_with("os") {
                format!(r#""platform":{{"{key}":""}}"#)
            } else {
                format!(r#""{key}":0"#)
            };
            let error = read(&format!(r#"{{"size":1,"digest":"{DIGEST}",{inner}}}"#)).unwrap_err();
            assert!(error.to_string().contains("must be written"), "{error}");
        }
    }

    #[test]
    fn sizes_are_whole_numbers_that_go_can_hold() {
        for size in ["-1", "1.5", "1e3", "9223372036854775808", "1e999", "\"1\"", "null", "[]", "NaN"] {
            assert!(read(&format!(r#"{{"digest":"{DIGEST}","size":{size}}}"#)).is_err(), "{size}");
        }
        assert!(read(&format!(r#"{{"digest":"{DIGEST}","size":9223372036854775807}}"#)).is_ok());
    }

    #[test]
    fn a_descriptor_needs_a_digest_and_a_size() {
        assert!(read(&format!(r#"{{"digest":"{DIGEST}"}}"#)).unwrap_err().to_string().contains("size"));
        assert!(read(r#"{"size":1}"#).unwrap_err().to_string().contains("digest"));
        assert!(read(r#"{"size":1,"digest":"sha256:abc"}"#).is_err());
    }

    #[test]
    fn foreign_layers_are_known_by_their_exact_media_types() {
        let descriptor = |media_type| Descriptor::new(media_type, DIGEST.parse().unwrap(), 1);
        for foreign in [
            media_type::DOCKER_FOREIGN_LAYER,
            media_type::OCI_NONDISTRIBUTABLE_LAYER,
            media_type::OCI_NONDISTRIBUTABLE_LAYER_GZIP,
            media_type::OCI_NONDISTRIBUTABLE_LAYER_ZSTD,
        ] {
            assert!(descriptor(foreign).is_foreign() && descriptor(foreign).are_urls_checked(), "{foreign}");
        }
        assert!(!descriptor(media_type::OCI_LAYER_GZIP).is_foreign());
        assert!(descriptor(media_type::OCI_LAYER_GZIP).are_urls_checked());
        assert!(!descriptor(media_type::DOCKER_LAYER).are_urls_checked());
        assert!(!descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar+GZIP").is_foreign());
    }
}
