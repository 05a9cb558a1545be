//! Real clients: what each of them pushes comes back byte by byte, by itself and by the others.

mod buildah;
pub(crate) mod crane;
mod large;
mod oras;
pub(crate) mod skopeo;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use wharf_tests::{Blob, Image, Layout, OCI_INDEX, Server, Settings, scratch, sha256, tree};

/// Gives the images that every client carries, with the repositories that they go to.
pub(crate) fn images() -> [(&'static str, Image); 2] {
    [("library/tiny", Image::tiny(11)), ("deep/er/many-layers", Image::many_layers(12))]
}

/// Pushes every image and pulls it back. `push` gets a layout and a reference without a scheme, `pull` a reference and a
/// folder to write a layout to.
fn carry(push: impl Fn(&Layout, &str), pull: impl Fn(&str, &Path)) {
    let server = Server::wharf(&Settings::filesystem());
    for (repository, image) in images() {
        let scratch = scratch();
        let layout = image.write_layout(&scratch.path().join("pushed"), "latest");
        let reference = format!("{}/{repository}:v1", server.address());
        push(&layout, &reference);
        server.assert_holds(repository, "v1", &image);
        let pulled = scratch.path().join("pulled");
        pull(&reference, &pulled);
        assert_same_content(&layout.folder, &pulled);
    }
}

/// Fails the test unless two layouts hold the same manifests, configurations and layers, every one of them what its
/// name says, and begin with the same one.
#[track_caller]
pub(crate) fn assert_same_content(original: &Path, pulled: &Path) {
    let blobs = tree(&original.join("blobs"));
    assert_eq!(blobs, tree(&pulled.join("blobs")));
    for path in blobs.keys() {
        let digest = path.replace('/', ":");
        let content = fs::read(pulled.join("blobs").join(path)).unwrap();
        assert!(sha256(&content) == digest, "{path} is something else");
    }
    assert_eq!(entrance(original), entrance(pulled));
}

/// Gives the digest of the one manifest that a layout begins with.
fn entrance(layout: &Path) -> String {
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    assert_eq!(index["manifests"].as_array().map(Vec::len), Some(1), "{index}");
    index["manifests"][0]["digest"].as_str().unwrap().to_owned()
}

/// Is an index of two images, as a layout and as what is in it.
struct Indexed {
    layout: Layout,
    index: Blob,
    images: [Image; 2],
}

impl Indexed {
    fn write(folder: &Path) -> Indexed {
        let images = [Image::tiny(21), on_arm(Image::tiny(22))];
        let mut manifests = [images[0].manifest.descriptor(), images[1].manifest.descriptor()];
        manifests[0]["platform"] = json!({ "architecture": "amd64", "os": "linux" });
        manifests[1]["platform"] = json!({ "architecture": "arm64", "os": "linux" });
        let index = Blob::json(
            OCI_INDEX,
            &json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests }),
        );
        for image in &images {
            let _ = image.write_layout(folder, "part");
        }
        fs::write(folder.join("blobs/sha256").join(index.hex()), &index.bytes).unwrap();
        let mut entrance = index.descriptor();
        entrance["annotations"] = json!({ "org.opencontainers.image.ref.name": "latest" });
        let entry = json!({ "schemaVersion": 2, "manifests": [entrance] });
        fs::write(folder.join("index.json"), entry.to_string()).unwrap();
        Indexed { layout: Layout { folder: folder.to_owned(), tag: "latest".into() }, index, images }
    }

    /// Fails the test unless a repository has the index under a tag and both images under their digests.
    #[track_caller]
    fn assert_held(&self, server: &Server, repository: &str, tag: &str) {
        assert_eq!(server.get_manifest(repository, tag).expect(200).body, self.index.bytes);
        for image in &self.images {
            server.assert_holds(repository, &image.manifest.digest, image);
        }
    }
}

/// Makes the same image for another processor.
fn on_arm(mut image: Image) -> Image {
    let mut config: Value = serde_json::from_slice(&image.config.bytes).unwrap();
    config["architecture"] = json!("arm64");
    image.config = Blob::json(image.config.media_type, &config);
    let mut manifest: Value = serde_json::from_slice(&image.manifest.bytes).unwrap();
    manifest["config"] = image.config.descriptor();
    image.manifest = Blob::json(image.manifest.media_type, &manifest);
    image
}

/// Gives the lines of what a client printed, sorted.
fn sorted(printed: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = printed.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    lines
}
