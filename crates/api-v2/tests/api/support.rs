//! A registry in memory, and short ways to talk to it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use wharf_api_v2::{Api, Body, Options, RequestId};
use wharf_cache::MemoryCache;
use wharf_digest::{Algorithm, Digest};
use wharf_notifications::{Event, Recorder};
use wharf_storage::{Deletes, Options as StorageOptions, Storage};
use wharf_storage_driver::{MemoryDriver, StorageDriver};

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

pub(crate) struct Registry {
    pub(crate) api: Api,
    recorder: Arc<Recorder>,
}

impl Registry {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Self {
        Self::with_storage(change, |_| {})
    }

    pub(crate) fn with_storage(
        change: impl FnOnce(&mut Options),
        change_storage: impl FnOnce(&mut StorageOptions),
    ) -> Self {
        Self::over(MemoryDriver::new(), change, change_storage)
    }

    /// A registry over a driver of one's own.
    pub(crate) fn over(
        driver: impl StorageDriver + 'static,
        change: impl FnOnce(&mut Options),
        change_storage: impl FnOnce(&mut StorageOptions),
    ) -> Self {
        let recorder = Arc::new(Recorder::default());
        let mut options =
            Options { listener: recorder.clone(), secret: b"secret".to_vec(), ..Options::default() };
        change(&mut options);
        let mut storage = StorageOptions { deletes: Deletes::Allowed, ..StorageOptions::default() };
        change_storage(&mut storage);
        let cache = Arc::new(MemoryCache::new(wharf_cache::Limits::default()));
        let storage = Storage::new(Arc::new(driver), cache, storage);
        Self { api: Api::new(Arc::new(storage), options), recorder }
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.recorder.events()
    }

    /// Sends a request as a listener would.
    pub(crate) async fn send(&self, mut request: Request<Full<Bytes>>) -> Answer {
        request.headers_mut().entry("host").or_insert("registry.example".parse().unwrap());
        request.extensions_mut().insert("request-1".parse::<RequestId>().unwrap());
        Answer::of(self.api.answer(request).await).await
    }

    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        self.send(request(method, path, headers, body)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], b"").await
    }

    /// Pushes a blob and says its digest.
    pub(crate) async fn push_blob(&self, repository: &str, bytes: &[u8]) -> Digest {
        let digest = Algorithm::Sha256.digest(bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        let answer = self.call("POST", &path, &[], bytes).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        digest
    }

    /// Pushes a manifest by tag and says its digest.
    pub(crate) async fn push_manifest(
        &self,
        repository: &str,
        tag: &str,
        media_type: &str,
        manifest: &Value,
    ) -> Digest {
        let bytes = serde_json::to_vec(manifest).unwrap();
        let path = format!("/v2/{repository}/manifests/{tag}");
        let answer = self.call("PUT", &path, &[("content-type", media_type)], &bytes).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        Algorithm::Sha256.digest(&bytes)
    }

    /// Pushes an image of one config and one layer by tag, and says its digest.
    pub(crate) async fn push_image(&self, repository: &str, tag: &str) -> Digest {
        let image = self.image(repository, tag).await;
        self.push_manifest(repository, tag, OCI_MANIFEST, &image).await
    }

    /// Pushes the blobs of an image and gives its manifest.
    pub(crate) async fn image(&self, repository: &str, content: &str) -> Value {
        let config = self.push_blob(repository, b"{}").await;
        let layer = self.push_blob(repository, content.as_bytes()).await;
        json!({
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config, 2),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer, content.len())],
        })
    }

    /// Begins an upload and says where.
    pub(crate) async fn start_upload(&self, repository: &str) -> String {
        let answer = self.call("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"").await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.location()
    }
}

pub(crate) fn descriptor(media_type: &str, digest: &Digest, size: usize) -> Value {
    json!({ "mediaType": media_type, "digest": digest.to_string(), "size": size })
}

pub(crate) fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Request<Full<Bytes>> {
    let method: Method = method.parse().unwrap();
    let mut builder = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Full::new(Bytes::copy_from_slice(body))).unwrap()
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    async fn of(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let announced = body.len();
        let body = body.collect().await.unwrap().to_bytes();
        assert!(announced.is_none_or(|bytes| bytes == body.len() as u64));
        Self { status: head.status, headers: head.headers, body }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The path and query of the Location.
    pub(crate) fn location(&self) -> String {
        let location = self.header("location");
        location.strip_prefix("http://registry.example").unwrap_or(location).to_owned()
    }

    /// The status and the code of the first error.
    pub(crate) fn failure(&self) -> (u16, String) {
        let code = self.json()["errors"][0]["code"].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), code)
    }

    pub(crate) fn detail(&self) -> Value {
        self.json()["errors"][0]["detail"].clone()
    }
}

/// A path with one more query parameter.
pub(crate) fn with(path: &str, parameter: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}{parameter}")
}
