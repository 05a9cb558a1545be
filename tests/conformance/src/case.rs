//! What one test works with: a registry to talk to, names that nobody else uses, and content that nobody else has.

use std::sync::atomic::{AtomicU64, Ordering};

use http::Method;
use serde_json::{Value, json};

use crate::check::{Stop, Verdict, ensure};
use crate::exchange::{Address, Answer, Request};
use crate::fixture::{ACCEPT_ALL, Algorithm, Blob, Document, OCI_CONFIG, OCI_INDEX, OCI_LAYER, image};
use crate::target::{Sparse, Target};
use crate::upload::Upload;
use crate::watch::Watch;

/// How many pages of a list are followed.
const PAGE_LIMIT: usize = 1000;

/// The surroundings of one test.
#[derive(Debug)]
pub(crate) struct Case {
    target: Target,
    watch: std::sync::Arc<Watch>,
    root: String,
    seed: u64,
    counter: AtomicU64,
}

impl Case {
    pub(crate) fn new(target: &Target, watch: std::sync::Arc<Watch>, root: String) -> Case {
        let seed = uuid::Uuid::new_v4().as_u64_pair().0;
        Case { target: target.clone(), watch, root, seed, counter: AtomicU64::new(0) }
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    pub(crate) fn sparse(&self) -> Sparse {
        self.target.sparse
    }

    /// The header for an address, when it is the registry's own.
    pub(crate) fn authorization(&self, address: &Address) -> Option<String> {
        let own = address.authority() == self.target.base.authority();
        self.target.credentials.as_ref().filter(|_| own).map(crate::target::Credentials::authorization)
    }

    /// A repository in which nothing was ever pushed.
    pub(crate) fn repository(&self) -> Repository<'_> {
        self.repository_named(&format!("r{}", self.next()))
    }

    /// A repository of this name, below a name that nobody else uses.
    pub(crate) fn repository_named(&self, rest: &str) -> Repository<'_> {
        Repository { case: self, name: format!("{}/{rest}", self.root) }
    }

    /// Bytes that were never pushed.
    pub(crate) fn blob(&self, len: usize) -> Blob {
        Blob::random(self.seed.wrapping_add(self.next() << 32), len)
    }

    pub(crate) fn at(&self, path: &str) -> Address {
        self.target.base.join(path)
    }

    pub(crate) fn get(&self, path: impl AsRef<str>) -> Request<'_> {
        self.request(Method::GET, path)
    }

    pub(crate) fn head(&self, path: impl AsRef<str>) -> Request<'_> {
        self.request(Method::HEAD, path)
    }

    pub(crate) fn post(&self, path: impl AsRef<str>) -> Request<'_> {
        self.request(Method::POST, path)
    }

    pub(crate) fn put(&self, path: impl AsRef<str>) -> Request<'_> {
        self.request(Method::PUT, path)
    }

    pub(crate) fn delete(&self, path: impl AsRef<str>) -> Request<'_> {
        self.request(Method::DELETE, path)
    }

    pub(crate) fn request(&self, method: Method, path: impl AsRef<str>) -> Request<'_> {
        Request::new(self, method, self.at(path.as_ref()))
    }

    /// A request to an address that the registry gave.
    pub(crate) fn follow(&self, method: Method, address: &Address) -> Request<'_> {
        Request::new(self, method, address.clone())
    }

    /// All items of a paged list: the answers in order, from this path on along the links.
    pub(crate) async fn pages(&self, path: &str) -> Result<Vec<Answer>, Stop> {
        let mut pages = Vec::new();
        let mut next = Some(self.at(path));
        while let Some(address) = next {
            ensure(pages.len() < PAGE_LIMIT, || format!("{path} has more than {PAGE_LIMIT} pages"))?;
            let answer = self.follow(Method::GET, &address).send().await?;
            answer.must_be(200)?;
            next = answer.next_page()?;
            pages.push(answer);
        }
        Ok(pages)
    }

    fn next(&self) -> u64 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }
}

/// A repository, and the usual steps in it. A step ends the test when it does not succeed.
#[derive(Clone, Debug)]
pub(crate) struct Repository<'a> {
    pub(crate) case: &'a Case,
    pub(crate) name: String,
}

impl<'a> Repository<'a> {
    pub(crate) fn blob_path(&self, digest: &str) -> String {
        format!("/v2/{}/blobs/{digest}", self.name)
    }

    pub(crate) fn manifest_path(&self, reference: &str) -> String {
        format!("/v2/{}/manifests/{reference}", self.name)
    }

    pub(crate) fn tags_path(&self) -> String {
        format!("/v2/{}/tags/list", self.name)
    }

    pub(crate) fn uploads_path(&self) -> String {
        format!("/v2/{}/blobs/uploads/", self.name)
    }

    pub(crate) fn referrers_path(&self, digest: &str) -> String {
        format!("/v2/{}/referrers/{digest}", self.name)
    }

    pub(crate) fn get_blob(&self, digest: &str) -> Request<'a> {
        self.case.get(self.blob_path(digest))
    }

    pub(crate) fn get_manifest(&self, reference: &str) -> Request<'a> {
        self.case.get(self.manifest_path(reference)).header("accept", ACCEPT_ALL)
    }

    pub(crate) fn head_manifest(&self, reference: &str) -> Request<'a> {
        self.case.head(self.manifest_path(reference)).header("accept", ACCEPT_ALL)
    }

    pub(crate) fn delete_manifest(&self, reference: &str) -> Request<'a> {
        self.case.delete(self.manifest_path(reference))
    }

    pub(crate) fn put_manifest(&self, reference: &str, document: &Document) -> Request<'a> {
        let request =
            self.case.put(self.manifest_path(reference)).header("content-type", document.media_type.clone());
        request.body(document.bytes.clone())
    }

    /// Begins an upload.
    pub(crate) async fn start(&self) -> Result<Upload<'a>, Stop> {
        let answer = self.case.post(self.uploads_path()).send().await?;
        Upload::begun(self.case, answer.must_be(202)?)
    }

    /// Pushes a blob the usual way, under its sha256.
    pub(crate) async fn push_blob(&self, blob: &Blob) -> Verdict {
        self.push_blob_by(blob, Algorithm::Sha256).await
    }

    pub(crate) async fn push_blob_by(&self, blob: &Blob, algorithm: Algorithm) -> Verdict {
        let upload = self.start().await?;
        upload.close(&blob.digest_by(algorithm), blob.bytes.clone()).send().await?.must_be(201)?;
        Ok(())
    }

    /// Pushes new bytes and gives their descriptor.
    pub(crate) async fn push_new(&self, media_type: &str) -> Result<Value, Stop> {
        let blob = self.case.blob(100);
        self.push_blob(&blob).await?;
        Ok(blob.descriptor(media_type))
    }

    /// An image whose config and one layer are pushed; itself it is not.
    pub(crate) async fn new_image(&self) -> Result<Value, Stop> {
        Ok(image(self.push_new(OCI_CONFIG).await?, vec![self.push_new(OCI_LAYER).await?]))
    }

    pub(crate) async fn push_manifest(&self, reference: &str, document: &Document) -> Verdict {
        self.put_manifest(reference, document).send().await?.must_be(201)?;
        Ok(())
    }

    /// Pushes a new image under a tag.
    pub(crate) async fn push_image(&self, tag: &str) -> Result<Document, Stop> {
        let document = Document::of(&self.new_image().await?);
        self.push_manifest(tag, &document).await?;
        Ok(document)
    }

    /// Pushes a new image by its digest only, and gives its descriptor.
    pub(crate) async fn push_untagged(&self) -> Result<Document, Stop> {
        let document = Document::of(&self.new_image().await?);
        self.push_manifest(&document.digest(), &document).await?;
        Ok(document)
    }

    /// Pushes one image under many tags.
    pub(crate) async fn push_tags(&self, tags: &[&str]) -> Result<Document, Stop> {
        let document = Document::of(&self.new_image().await?);
        for tag in tags {
            self.push_manifest(tag, &document).await?;
        }
        Ok(document)
    }

    /// The whole list of tags, over all its pages.
    pub(crate) async fn tags(&self) -> Result<Vec<String>, Stop> {
        let mut tags = Vec::new();
        for page in self.case.pages(&self.tags_path()).await? {
            tags.extend(tags_of(&page)?);
        }
        Ok(tags)
    }

    /// The whole list of referrers, over all its pages; each page is checked for its form.
    pub(crate) async fn referrers(&self, digest: &str) -> Result<Vec<Value>, Stop> {
        let mut descriptors = Vec::new();
        for page in self.case.pages(&self.referrers_path(digest)).await? {
            descriptors.extend(referrers_of(&page)?);
        }
        Ok(descriptors)
    }
}

/// The tags in an answer; `null` is no list.
pub(crate) fn tags_of(answer: &Answer) -> Result<Vec<String>, Stop> {
    let body = answer.json()?;
    let tags =
        body["tags"].as_array().map(|tags| tags.iter().map(|tag| tag.as_str().map(str::to_owned)).collect());
    match tags {
        Some(Some(tags)) => Ok(tags),
        _ => Err(Stop::Fail(answer.fault("the body has no list of tags"))),
    }
}

/// The descriptors in an answer of the referrers API, which must be an index through and through.
pub(crate) fn referrers_of(answer: &Answer) -> Result<Vec<Value>, Stop> {
    answer.must_be(200)?.header_must_be("content-type", OCI_INDEX)?;
    let body = answer.json()?;
    let frame = json!([body["schemaVersion"], body["mediaType"]]);
    match body["manifests"].as_array() {
        Some(manifests) if frame == json!([2, OCI_INDEX]) => Ok(manifests.clone()),
        _ => Err(Stop::Fail(answer.fault("the body is not an image index"))),
    }
}
