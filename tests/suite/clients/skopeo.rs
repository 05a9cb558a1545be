//! skopeo: the library behind podman, buildah and CRI-O. One PATCH with a whole layer, six layers at once.

use std::path::Path;

use serde_json::Value;
use wharf_tests::{Client, DOCKER_MANIFEST, Layout, Server, Settings, scratch};

use super::{Indexed, assert_same_content, carry, images};

/// Knows how skopeo is spoken to.
pub(crate) struct Skopeo(Client);

impl Skopeo {
    pub(crate) fn installed() -> Option<Skopeo> {
        Some(Skopeo(Client::installed("skopeo")?.with(["--insecure-policy"])))
    }

    /// Pushes everything that a layout begins with.
    pub(crate) fn push(&self, layout: &Layout, reference: &str) {
        self.copy(&["--dest-tls-verify=false", &oci(&layout.folder, &layout.tag), &docker(reference)]);
    }

    /// Pulls into a new layout.
    pub(crate) fn pull(&self, reference: &str, folder: &Path) {
        self.copy(&["--src-tls-verify=false", &docker(reference), &oci(folder, "latest")]);
    }

    fn copy(&self, arguments: &[&str]) {
        self.0.run(&[&["copy", "--quiet", "--all"], arguments].concat());
    }

    fn ask(&self, question: &str, reference: &str) -> Value {
        let printed = self.0.run(&[question, "--tls-verify=false", &docker(reference)]);
        serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
    }
}

fn docker(reference: &str) -> String {
    format!("docker://{reference}")
}

fn oci(folder: &Path, tag: &str) -> String {
    format!("oci:{}:{tag}", folder.display())
}

#[test]
fn skopeo_gets_back_every_byte_that_it_pushed() {
    let Some(skopeo) = Skopeo::installed() else { return };
    carry(
        |layout, reference| skopeo.push(layout, reference),
        |reference, folder| skopeo.pull(reference, folder),
    );
}

#[test]
fn skopeo_gets_back_an_index_and_all_its_images() {
    let Some(skopeo) = Skopeo::installed() else { return };
    let (server, scratch) = (Server::wharf(&Settings::filesystem()), scratch());
    let indexed = Indexed::write(&scratch.path().join("pushed"));
    let reference = format!("{}/many/platforms:v1", server.address());
    skopeo.push(&indexed.layout, &reference);
    indexed.assert_held(&server, "many/platforms", "v1");
    skopeo.pull(&reference, &scratch.path().join("pulled"));
    assert_same_content(&indexed.layout.folder, &scratch.path().join("pulled"));
}

#[test]
fn skopeo_lists_inspects_and_deletes() {
    let Some(skopeo) = Skopeo::installed() else { return };
    let server = Server::wharf(&Settings::filesystem());
    let [(repository, image), _] = images();
    for tag in ["v1", "latest", "v1.0"] {
        server.push_image(repository, tag, &image);
    }
    let name = format!("{}/{repository}", server.address());
    let tags = serde_json::json!({ "Repository": name, "Tags": ["latest", "v1", "v1.0"] });
    assert_eq!(skopeo.ask("list-tags", &name), tags);
    let inspected = skopeo.ask("inspect", &format!("{name}:v1"));
    assert_eq!(inspected["Digest"], image.manifest.digest);
    assert_eq!(inspected["Layers"][0], image.layers[0].digest);
    assert_eq!(inspected["RepoTags"], tags["Tags"]);
    skopeo.0.run(&["delete", "--tls-verify=false", &docker(&format!("{name}:v1"))]);
    skopeo.0.fail(&["inspect", "--tls-verify=false", &docker(&format!("{name}:v1"))]);
    // It deletes the manifest, and with that every tag of it.
    skopeo.0.fail(&["inspect", "--tls-verify=false", &docker(&format!("{name}:latest"))]);
}

#[test]
fn skopeo_pushes_in_dockers_own_format_and_copies_it_to_another_repository() {
    let Some(skopeo) = Skopeo::installed() else { return };
    let (server, scratch) = (Server::wharf(&Settings::filesystem()), scratch());
    let [_, (_, image)] = images();
    let layout = image.write_layout(&scratch.path().join("pushed"), "latest");
    let (first, second) =
        (format!("{}/docker/one:v1", server.address()), format!("{}/docker/two:v1", server.address()));
    skopeo.copy(&[
        "--format=v2s2",
        "--dest-tls-verify=false",
        &oci(&layout.folder, &layout.tag),
        &docker(&first),
    ]);
    skopeo.copy(&["--src-tls-verify=false", "--dest-tls-verify=false", &docker(&first), &docker(&second)]);
    let (one, two) =
        (server.get_manifest("docker/one", "v1").expect(200), server.get_manifest("docker/two", "v1"));
    assert_eq!(one.the("content-type"), DOCKER_MANIFEST);
    assert_eq!(one.body, two.expect(200).body);
    let layers: Vec<Value> =
        one.json()["layers"].as_array().unwrap().iter().map(|l| l["digest"].clone()).collect();
    assert_eq!(layers, image.layers.iter().map(|layer| layer.digest.clone()).collect::<Vec<_>>());
    let pulled = scratch.path().join("pulled");
    skopeo.copy(&["--src-tls-verify=false", &docker(&second), &format!("dir:{}", pulled.display())]);
    assert_eq!(std::fs::read(pulled.join("manifest.json")).unwrap(), one.body);
    for layer in &image.layers {
        assert_eq!(std::fs::read(pulled.join(layer.hex())).unwrap(), layer.bytes);
    }
}
