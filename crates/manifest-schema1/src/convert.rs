//! An image of schema 2 as schema 1: for clients that never learned anything newer.
//!
//! Schema 1 has no configuration but a chain of images, newest first, each with a layer and a configuration of its own. All
//! but the newest are made up from the history; their ids are hashes of what they stand on. The newest carries what the
//! image's configuration says. The bytes must be those that Distribution 2.3 to 2.8 makes of the same image, or one tag
//! would have two digests.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::Manifest;

use crate::error::ConversionError;
use crate::limits::MAX_CONFIG_BYTES;
use crate::{go_json, go_time};

/// The layer of an image that changed no file: an empty tar, compressed by gzip, always these bytes.
pub const EMPTY_LAYER_BYTES: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x09, 0x6e, 0x88, 0x00, 0xff, 0x62, 0x18, 0x05, 0xa3, 0x60, 0x14, 0x8c,
    0x58, 0x00, 0x08, 0x00, 0x00, 0xff, 0xff, 0x2e, 0xaf, 0xb5, 0xef, 0x00, 0x04, 0x00, 0x00,
];

/// The digest of [`EMPTY_LAYER_BYTES`].
pub fn empty_layer() -> Digest {
    Algorithm::Sha256.digest(EMPTY_LAYER_BYTES)
}

/// What is converted, and under which name it will be shown.
#[derive(Debug, Clone, Copy)]
pub struct Conversion<'a> {
    /// The repository's name.
    pub name: &'a str,
    /// The tag that was asked for.
    pub tag: &'a str,
    /// The configuration of the image.
    pub config: &'a [u8],
    /// The layers of the image, lowest first.
    pub layers: &'a [Digest],
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Converted {
    /// The manifest, to be signed.
    pub payload: Bytes,
    /// Whether it names the [`empty_layer`], which the repository then has to hold.
    pub names_empty_layer: bool,
}

#[derive(Deserialize)]
struct Image<'a> {
    #[serde(borrow)]
    history: Option<Vec<Step<'a>>>,
    #[serde(borrow)]
    rootfs: Option<RootFs<'a>>,
    #[serde(borrow)]
    architecture: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct RootFs<'a> {
    diff_ids: Option<Vec<IgnoredAny>>,
    #[serde(borrow)]
    base_layer: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Step<'a> {
    #[serde(borrow)]
    created: Option<Cow<'a, str>>,
    #[serde(borrow)]
    author: Option<Cow<'a, str>>,
    #[serde(borrow)]
    created_by: Option<Cow<'a, str>>,
    #[serde(borrow)]
    comment: Option<Cow<'a, str>>,
    empty_layer: Option<bool>,
}

/// Converts an image.
///
/// # Errors
///
/// When the configuration cannot be read, does not fit the layers, or makes too long a document.
pub fn convert(conversion: Conversion<'_>) -> Result<Converted, ConversionError> {
    let config = conversion.config;
    if config.len() > MAX_CONFIG_BYTES {
        return Err(ConversionError::ConfigSize);
    }
    let image: Image<'_> = serde_json::from_slice(config).map_err(ConversionError::Config)?;
    let steps = image.history.unwrap_or_default();
    let rootfs = image.rootfs.unwrap_or(RootFs { diff_ids: None, base_layer: None });
    let Some((newest, older)) = steps.split_last() else { return Err(ConversionError::History) };
    let known = rootfs.diff_ids.map_or(0, |ids| ids.len());
    if known != conversion.layers.len() {
        return Err(ConversionError::Layers { config: known, manifest: conversion.layers.len() });
    }

    let mut chain = Chain::over(conversion.layers);
    for (index, step) in older.iter().enumerate() {
        let layer = chain.layer_of(step)?;
        let id = id_of(&format!("{} {}", layer.hex(), chain.parent));
        if index == 0
            && let Some(base) = rootfs.base_layer.as_deref().filter(|base| !base.is_empty())
        {
            chain.parent = Algorithm::Sha384.digest(base.as_bytes()).hex()[..64].to_owned();
        }
        let compatibility = made_up(step, &id, &chain.parent)?;
        chain.push(layer, compatibility, id)?;
    }
    let layer = chain.layer_of(newest)?;
    let head = format!("{} {} ", layer.hex(), chain.parent);
    let id = Algorithm::Sha256.digest(&[head.as_bytes(), config].concat()).hex();
    let compatibility = true_one(config, &id, &chain.parent, newest.is_empty())?;
    chain.push(layer, compatibility, id)?;
    let payload = document(&conversion, image.architecture.as_deref().unwrap_or_default(), &chain)?;
    Ok(Converted { payload, names_empty_layer: chain.names_empty_layer })
}

/// The images so far, oldest first.
struct Chain<'a> {
    left: std::slice::Iter<'a, Digest>,
    empty: Digest,
    names_empty_layer: bool,
    parent: String,
    images: Vec<(Digest, String)>,
    bytes: usize,
}

impl<'a> Chain<'a> {
    fn over(layers: &'a [Digest]) -> Self {
        Self {
            left: layers.iter(),
            empty: empty_layer(),
            names_empty_layer: false,
            parent: String::new(),
            images: Vec::new(),
            bytes: 0,
        }
    }

    fn layer_of(&mut self, step: &Step<'_>) -> Result<Digest, ConversionError> {
        if step.is_empty() {
            self.names_empty_layer = true;
            return Ok(self.empty);
        }
        self.left.next().copied().ok_or(ConversionError::NonEmptyLayers)
    }

    fn push(&mut self, layer: Digest, compatibility: String, id: String) -> Result<(), ConversionError> {
        self.bytes += compatibility.len() + id.len();
        if self.bytes > Manifest::MAX_BYTES {
            return Err(ConversionError::TooLarge);
        }
        self.images.push((layer, compatibility));
        self.parent = id;
        Ok(())
    }
}

impl Step<'_> {
    fn is_empty(&self) -> bool {
        self.empty_layer == Some(true)
    }
}

fn id_of(text: &str) -> String {
    Algorithm::Sha256.digest(text.as_bytes()).hex()
}

/// The configuration of an image of which only the history tells. It could not be run.
fn made_up(step: &Step<'_>, id: &str, parent: &str) -> Result<String, ConversionError> {
    let created = match step.created.as_deref() {
        Some(text) => go_time::rewrite(text)
            .ok_or_else(|| ConversionError::Time(text.chars().take(MAX_TIME_CHARS).collect()))?,
        None => go_time::ZERO.to_owned(),
    };
    let mut json = String::from("{");
    let member = |json: &mut String, key: &str, value: &str| {
        go_json::string(json, key);
        json.push(':');
        go_json::string(json, value);
        json.push(',');
    };
    let unless_empty = |json: &mut String, key: &str, value: &str| {
        if !value.is_empty() {
            member(json, key, value);
        }
    };
    member(&mut json, "id", id);
    unless_empty(&mut json, "parent", parent);
    unless_empty(&mut json, "comment", step.comment.as_deref().unwrap_or_default());
    member(&mut json, "created", &created);
    json.push_str(r#""container_config":{"Cmd":["#);
    go_json::string(&mut json, step.created_by.as_deref().unwrap_or_default());
    json.push_str("]}");
    if let Some(author) = step.author.as_deref().filter(|author| !author.is_empty()) {
        json.push_str(r#","author":"#);
        go_json::string(&mut json, author);
    }
    if step.is_empty() {
        json.push_str(r#","throwaway":true"#);
    }
    json.push('}');
    Ok(json)
}

/// The longest piece of something that should be a time which an error repeats, in characters.
const MAX_TIME_CHARS: usize = 64;

/// The configuration of the newest image: the one that there is, in the form of its day.
fn true_one(config: &[u8], id: &str, parent: &str, is_empty: bool) -> Result<String, ConversionError> {
    let mut members: BTreeMap<Cow<'_, str>, Cow<'_, str>> = BTreeMap::new();
    let read: BTreeMap<String, &RawValue> =
        serde_json::from_slice(config).map_err(ConversionError::Config)?;
    members.extend(read.into_iter().map(|(key, value)| (Cow::Owned(key), Cow::Borrowed(value.get()))));
    members.remove("rootfs");
    members.remove("history");
    members.insert("id".into(), format!("\"{id}\"").into());
    if !parent.is_empty() {
        members.insert("parent".into(), format!("\"{parent}\"").into());
    }
    if is_empty {
        members.insert("throwaway".into(), "true".into());
    }
    let mut json = String::from("{");
    for (index, (key, value)) in members.iter().enumerate() {
        if index > 0 {
            json.push(',');
        }
        go_json::string(&mut json, key);
        json.push(':');
        go_json::compact(&mut json, value);
    }
    json.push('}');
    Ok(json)
}

fn document(
    conversion: &Conversion<'_>,
    architecture: &str,
    chain: &Chain<'_>,
) -> Result<Bytes, ConversionError> {
    let mut json = String::from(r#"{"schemaVersion":1"#);
    for (key, value) in [("name", conversion.name), ("tag", conversion.tag), ("architecture", architecture)] {
        json.push(',');
        go_json::string(&mut json, key);
        json.push(':');
        go_json::string(&mut json, value);
    }
    json.push_str(r#","fsLayers":["#);
    for (index, (layer, _)) in chain.images.iter().rev().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        json.push_str(&format!(r#"{comma}{{"blobSum":"{layer}"}}"#));
    }
    json.push_str(r#"],"history":["#);
    for (index, (_, compatibility)) in chain.images.iter().rev().enumerate() {
        json.push_str(if index > 0 { r#",{"v1Compatibility":"# } else { r#"{"v1Compatibility":"# });
        go_json::string(&mut json, compatibility);
        json.push('}');
    }
    json.push_str("]}");
    let indented = go_json::indent(&json, "", "   ");
    if indented.len() > Manifest::MAX_BYTES {
        return Err(ConversionError::TooLarge);
    }
    Ok(Bytes::from(indented))
}
