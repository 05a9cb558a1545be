//! What clients do with a registry, in single calls.

use bytes::Bytes;

use crate::digest::sha256;
use crate::http::{Answer, Request};
use crate::image::Image;
use crate::server::Server;

/// The media type of an OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an OCI index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The media type of a Docker manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// The media type of a Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The media type of bytes that nothing is known about.
pub const OCTET_STREAM: &str = "application/octet-stream";

impl Server {
    /// Opens an upload and gives the path to continue at.
    ///
    /// # Panics
    ///
    /// When the server does not open one.
    #[track_caller]
    #[must_use]
    pub fn open_upload(&self, repository: &str) -> String {
        self.send(&Request::post(&format!("/v2/{repository}/blobs/uploads/"))).expect(202).location()
    }

    /// Pushes a blob by POST and PUT and gives its digest.
    ///
    /// # Panics
    ///
    /// When the server does not take it.
    #[track_caller]
    pub fn push_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> String {
        let bytes = bytes.into();
        let digest = sha256(&bytes);
        let at = with_query(&self.open_upload(repository), &format!("digest={digest}"));
        self.send(&Request::put(&at).header("Content-Type", OCTET_STREAM).body(bytes)).assert_status(201);
        digest
    }

    /// Pushes a manifest and gives whatever the server says to it.
    #[track_caller]
    #[must_use]
    pub fn put_manifest(
        &self,
        repository: &str,
        reference: &str,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) -> Answer {
        let target = format!("/v2/{repository}/manifests/{reference}");
        self.send(&Request::put(&target).header("Content-Type", media_type).body(bytes))
    }

    /// Pushes an image: its blobs one after another, then its manifest.
    ///
    /// # Panics
    ///
    /// When the server does not take it.
    #[track_caller]
    pub fn push_image(&self, repository: &str, tag: &str, image: &Image) {
        for blob in image.blobs() {
            self.push_blob(repository, blob.bytes.clone());
        }
        let manifest = &image.manifest;
        self.put_manifest(repository, tag, manifest.media_type, manifest.bytes.clone()).assert_status(201);
    }

    /// Asks for a manifest, as a client that takes every kind.
    #[track_caller]
    #[must_use]
    pub fn get_manifest(&self, repository: &str, reference: &str) -> Answer {
        let accept = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST].join(", ");
        self.send(&Request::get(&format!("/v2/{repository}/manifests/{reference}")).header("Accept", accept))
    }

    /// Pulls an image and compares every byte.
    ///
    /// # Panics
    ///
    /// When something is missing or differs.
    #[track_caller]
    pub fn assert_holds(&self, repository: &str, reference: &str, image: &Image) {
        let answer = self.get_manifest(repository, reference).expect(200);
        assert_eq!(answer.body, image.manifest.bytes);
        assert_eq!(answer.the("docker-content-digest"), image.manifest.digest);
        for blob in image.blobs() {
            let answer = self.get(&format!("/v2/{repository}/blobs/{}", blob.digest)).expect(200);
            assert!(answer.body == blob.bytes, "{} of {repository} differs", blob.digest);
        }
    }
}

/// Adds to the query of a path.
#[must_use]
pub fn with_query(path: &str, query: &str) -> String {
    let mark = if path.contains('?') { '&' } else { '?' };
    format!("{path}{mark}{query}")
}
