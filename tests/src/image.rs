//! Images to push: the same bytes in every run, which no compression makes smaller.

mod tar;

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde_json::{Value, json};

pub use self::tar::archive;

use crate::digest::sha256;

/// How many bytes the six layers of a large image hold together, before their tar and gzip wrapping.
const LARGE: usize = 500_000_000;

/// Is an image as a registry holds it.
#[derive(Clone, Debug)]
pub struct Image {
    /// The configuration.
    pub config: Blob,
    /// The layers, lowest first: each a gzipped tar of one file.
    pub layers: Vec<Blob>,
    /// The OCI manifest.
    pub manifest: Blob,
}

/// Is some content with what its descriptor says about it.
#[derive(Clone, Debug)]
pub struct Blob {
    /// The media type.
    pub media_type: &'static str,
    /// The sha256 digest.
    pub digest: String,
    /// The content.
    pub bytes: Bytes,
}

/// Is a folder in the OCI image layout that holds one image.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The folder.
    pub folder: PathBuf,
    /// The name of the image in it.
    pub tag: String,
}

impl Image {
    /// An image of one small layer.
    #[must_use]
    pub fn tiny(seed: u64) -> Image {
        Image::new(seed, 1, 1_000)
    }

    /// An image of 60 layers of 20 kB.
    #[must_use]
    pub fn many_layers(seed: u64) -> Image {
        Image::new(seed, 60, 20_000)
    }

    /// An image of 500 MB in 6 layers.
    #[must_use]
    pub fn large(seed: u64) -> Image {
        Image::new(seed, 6, LARGE / 6)
    }

    /// An image of so many layers, each with a file of so many bytes.
    #[must_use]
    pub fn new(seed: u64, layers: usize, bytes_per_layer: usize) -> Image {
        let seeds = (0..layers as u64).map(|layer| seed.wrapping_mul(1_000_003).wrapping_add(layer));
        Image::of_layers(seeds.map(|seed| Layer::new(seed, bytes_per_layer)).collect())
    }

    /// An image of these layers, to make several that share some.
    #[must_use]
    pub fn of_layers(layers: Vec<Layer>) -> Image {
        let differences: Vec<&str> = layers.iter().map(|layer| layer.tar_digest.as_str()).collect();
        let history: Vec<Value> =
            (0..layers.len()).map(|n| json!({ "created_by": format!("layer {n}") })).collect();
        let config = Blob::json(
            "application/vnd.oci.image.config.v1+json",
            &json!({
                "architecture": "amd64", "os": "linux", "config": {},
                "rootfs": { "type": "layers", "diff_ids": differences }, "history": history,
            }),
        );
        let layers: Vec<Blob> = layers.into_iter().map(|layer| layer.blob).collect();
        let manifest = Blob::json(
            "application/vnd.oci.image.manifest.v1+json",
            &json!({
                "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": config.descriptor(), "layers": layers.iter().map(Blob::descriptor).collect::<Vec<_>>(),
            }),
        );
        Image { config, layers, manifest }
    }

    /// Gives every blob, the configuration first. The manifest is not one of them.
    pub fn blobs(&self) -> impl Iterator<Item = &Blob> {
        std::iter::once(&self.config).chain(&self.layers)
    }

    /// Writes the image into a new folder as an OCI image layout.
    ///
    /// # Panics
    ///
    /// When the folder cannot be written.
    #[must_use]
    pub fn write_layout(&self, folder: &Path, tag: &str) -> Layout {
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        for blob in self.blobs().chain([&self.manifest]) {
            fs::write(blobs.join(blob.hex()), &blob.bytes).unwrap();
        }
        let mut descriptor = self.manifest.descriptor();
        descriptor["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
        let index = json!({ "schemaVersion": 2, "manifests": [descriptor] });
        fs::write(folder.join("index.json"), index.to_string()).unwrap();
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Layout { folder: folder.to_owned(), tag: tag.to_owned() }
    }
}

/// Is a layer that is not yet part of an image.
#[derive(Clone, Debug)]
pub struct Layer {
    blob: Blob,
    tar_digest: String,
}

impl Layer {
    /// A layer with one file of so many bytes.
    #[must_use]
    pub fn new(seed: u64, bytes: usize) -> Layer {
        let content = noise(seed, bytes);
        let archive = archive([(format!("data/layer-{seed}.bin"), content.as_slice())]);
        let tar_digest = sha256(&archive);
        Layer {
            blob: Blob::new("application/vnd.oci.image.layer.v1.tar+gzip", tar::gzip(&archive)),
            tar_digest,
        }
    }
}

impl Blob {
    /// Makes a blob of any bytes.
    #[must_use]
    pub fn new(media_type: &'static str, bytes: impl Into<Bytes>) -> Blob {
        let bytes = bytes.into();
        Blob { media_type, digest: sha256(&bytes), bytes }
    }

    /// Makes a blob of a JSON value, printed without white space.
    #[must_use]
    pub fn json(media_type: &'static str, value: &Value) -> Blob {
        Blob::new(media_type, value.to_string())
    }

    /// Gives the digest without its prefix.
    #[must_use]
    pub fn hex(&self) -> &str {
        self.digest.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// Gives its descriptor.
    #[must_use]
    pub fn descriptor(&self) -> Value {
        json!({ "mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len() })
    }
}

/// Makes bytes that look random and are the same for the same seed.
#[must_use]
pub fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    let mut noise = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        // The SplitMix64 generator of Steele, Lea and Flood.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        noise.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    noise.truncate(bytes);
    noise
}
