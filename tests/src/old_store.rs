//! A store as registries of 2014 to 2016 left it, written file by file from what is known of their layout.

use std::fs;
use std::path::{Path, PathBuf};

use crate::digest::sha256;

/// Is a folder that such a registry wrote to.
#[derive(Debug)]
pub struct OldStore {
    root: PathBuf,
}

impl OldStore {
    /// Begins with an empty store in a folder.
    #[must_use]
    pub fn at(folder: &Path) -> OldStore {
        OldStore { root: folder.join("docker/registry/v2") }
    }

    /// Writes data, and gives its digest.
    pub fn data(&self, bytes: &[u8]) -> String {
        let digest = sha256(bytes);
        let hex = &digest["sha256:".len()..];
        self.write(&format!("blobs/sha256/{}/{hex}/data", &hex[..2]), bytes);
        digest
    }

    /// Writes a layer of a repository; until 2.2 with a link from its tarsum, given as `version/hash/digits`.
    pub fn layer(&self, repository: &str, bytes: &[u8], tarsum: Option<&str>) -> String {
        let digest = self.data(bytes);
        self.link(repository, &format!("_layers/{}", digest.replace(':', "/")), &digest);
        if let Some(tarsum) = tarsum {
            self.link(repository, &format!("_layers/tarsum/{tarsum}"), &digest);
        }
        digest
    }

    /// Writes a manifest without its signatures, and a tag to it.
    pub fn manifest(&self, repository: &str, tag: &str, payload: &[u8]) -> String {
        let digest = self.data(payload);
        let path = digest.replace(':', "/");
        self.link(repository, &format!("_manifests/revisions/{path}"), &digest);
        self.link(repository, &format!("_manifests/tags/{tag}/current"), &digest);
        self.link(repository, &format!("_manifests/tags/{tag}/index/{path}"), &digest);
        digest
    }

    /// Writes a signature of a manifest, as registries until 2.4 did.
    pub fn signature(&self, repository: &str, manifest: &str, signature: &[u8]) {
        let digest = self.data(signature);
        let [manifest, name] = [manifest, &digest].map(|digest| digest.replace(':', "/"));
        self.link(repository, &format!("_manifests/revisions/{manifest}/signatures/{name}"), &digest);
    }

    fn link(&self, repository: &str, folder: &str, digest: &str) {
        self.write(&format!("repositories/{repository}/{folder}/link"), digest.as_bytes());
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
