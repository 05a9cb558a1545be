//! buildah: takes an image apart into its own store and puts it together again, so that layers cross the wire in the
//! form that it gives them. What it exports before the push and after the pull has to be the same.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use wharf_tests::{Client, OCI_INDEX, Server, Settings, scratch, sha256};

use super::{assert_same_content, images};

/// Knows how buildah is spoken to. Each value has a store of its own.
pub(super) struct Buildah {
    client: Client,
    folder: TempDir,
}

impl Buildah {
    pub(super) fn installed() -> Option<Buildah> {
        let client = Client::installed("buildah")?;
        let folder = scratch();
        fs::write(folder.path().join("policy.json"), r#"{"default":[{"type":"insecureAcceptAnything"}]}"#)
            .unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let client =
            client.with(["--root", &path("root"), "--runroot", &path("run"), "--storage-driver", "vfs"]);
        Some(Buildah { client, folder })
    }

    /// Takes an image in and gives the id that it has in the store.
    pub(super) fn pull(&self, source: &str) -> String {
        let printed = self.client.run(&["pull", "--quiet", "--tls-verify=false", &self.policy(), source]);
        printed.lines().last().unwrap_or_default().to_owned()
    }

    /// Pushes an image and gives the digest of the manifest that it made.
    pub(super) fn push(&self, options: &[&str], image: &str, destination: &str) -> String {
        let file = self.folder.path().join("digest");
        let named = format!("--digestfile={}", file.display());
        let policy = self.policy();
        let push = ["push", "--quiet", "--tls-verify=false", &policy, &named];
        self.client.run(&[&push, options, &[image, destination]].concat());
        fs::read_to_string(file).unwrap().trim().to_owned()
    }

    /// Writes an image into a layout, its layers not compressed: what the store holds, and nothing that depends on the
    /// way it came there.
    fn export(&self, image: &str, folder: &Path) {
        self.push(&["--disable-compression"], image, &format!("oci:{}:latest", folder.display()));
    }

    fn policy(&self) -> String {
        format!("--signature-policy={}", self.folder.path().join("policy.json").display())
    }
}

/// Fails the test unless a repository has exactly this manifest under a tag, and every blob of it whole. Gives the
/// manifest.
pub(super) fn assert_whole(server: &Server, repository: &str, tag: &str, digest: &str) -> Value {
    let answer = server.get_manifest(repository, tag).expect(200);
    assert_eq!(sha256(&answer.body), digest);
    let manifest = answer.json();
    for blob in manifest["layers"].as_array().unwrap().iter().chain([&manifest["config"]]) {
        let digest = blob["digest"].as_str().unwrap();
        let content = server.get(&format!("/v2/{repository}/blobs/{digest}")).expect(200).body;
        assert!(sha256(&content) == digest, "{digest} is something else");
    }
    manifest
}

#[test]
fn buildah_gets_back_what_it_pushed() {
    let (Some(one), Some(other)) = (Buildah::installed(), Buildah::installed()) else { return };
    let (first, second) = (Server::wharf(&Settings::filesystem()), Server::wharf(&Settings::filesystem()));
    for (repository, image) in images() {
        let scratch = scratch();
        first.push_image(repository, "v1", &image);
        let id = one.pull(&format!("docker://{}/{repository}:v1", first.address()));
        assert_eq!(format!("sha256:{id}"), image.config.digest);
        let destination = format!("docker://{}/{repository}:v1", second.address());
        let digest = one.push(&[], &id, &destination);
        let manifest = assert_whole(&second, repository, "v1", &digest);
        assert_eq!(manifest["config"]["digest"], image.config.digest);
        assert_eq!(other.pull(&destination), id);
        one.export(&id, &scratch.path().join("pushed"));
        other.export(&id, &scratch.path().join("pulled"));
        assert_same_content(&scratch.path().join("pushed"), &scratch.path().join("pulled"));
    }
}

#[test]
fn buildah_pushes_an_index_with_its_images() {
    let Some(buildah) = Buildah::installed() else { return };
    let server = Server::wharf(&Settings::filesystem());
    buildah.client.run(&["manifest", "create", "both"]);
    for (repository, image) in images() {
        server.push_image(repository, "v1", &image);
        let id = buildah.pull(&format!("docker://{}/{repository}:v1", server.address()));
        buildah.client.run(&["manifest", "add", "both", &id]);
    }
    let destination = format!("docker://{}/both/of:them", server.address());
    let policy = buildah.policy();
    let push = ["manifest", "push", "--quiet", "--all", "--tls-verify=false", &policy, "both", &destination];
    buildah.client.run(&push);
    let index = server.get_manifest("both/of", "them").expect(200);
    assert_eq!(index.the("content-type"), OCI_INDEX);
    let manifests = index.json()["manifests"].as_array().unwrap().clone();
    assert_eq!(manifests.len(), 2);
    for manifest in manifests {
        let digest = manifest["digest"].as_str().unwrap();
        assert_whole(&server, "both/of", digest, digest);
    }
}
