//! What an operator may decide about a registry over a store, each with its default.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use wharf_manifest::Descriptor;

use crate::policy::ImmutableTags;

/// How a [`Storage`](crate::Storage) behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether clients may delete. They may not by default.
    pub deletes: Deletes,
    /// Which images of an index must be there. All by default.
    pub index_checks: IndexChecks,
    /// Which blobs of an image must be there. All by default.
    pub image_checks: ImageChecks,
    /// Which URLs a manifest may name. Any of `http` and `https` by default.
    pub urls: UrlPolicy,
    /// Which tags keep what they point to once they are set. None by default.
    pub immutable: ImmutableTags,
    /// Which classes of images may be pushed, `image` or `plugin`. All by default, which is when there is none.
    pub classes: Vec<String>,
    /// Whether clients are sent to the store for blobs, where it can do that. They are by default.
    pub redirects: Redirects,
    /// Whether a blob may be mounted by its digest alone. It may by default.
    pub anonymous_mounts: AnonymousMounts,
    /// Whether manifests of schema 1 may be pushed, and layers by tarsum. They may not by default; what is there is served.
    pub schema1: Schema1,
    /// How many tags are looked at together when a manifest is deleted; [`TAG_CONCURRENCY`] by default.
    pub tag_concurrency: NonZeroUsize,
    /// How many of a manifest's references are looked up together; [`REFERENCE_CONCURRENCY`] by default.
    pub reference_concurrency: NonZeroUsize,
    /// How much memory manifests may take, in bytes; [`MANIFEST_CACHE_BYTES`] by default.
    pub manifest_cache_bytes: u64,
    /// How many referrers a page holds at most; [`REFERRERS_PER_PAGE`] by default.
    pub referrers_per_page: NonZeroUsize,
    /// How large a page of referrers gets, in bytes of JSON, unless a single one is larger;
    /// [`REFERRERS_PAGE_BYTES`] by default.
    pub referrers_page_bytes: usize,
    /// How long a request waits for another that writes the same upload; [`UPLOAD_WAIT`] by default.
    pub upload_wait: Duration,
}

/// The default of [`Options::tag_concurrency`].
pub const TAG_CONCURRENCY: usize = 32;
/// The default of [`Options::reference_concurrency`].
pub const REFERENCE_CONCURRENCY: usize = 64;
/// The default of [`Options::manifest_cache_bytes`]: 64 MiB.
pub const MANIFEST_CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// The default of [`Options::referrers_per_page`].
pub const REFERRERS_PER_PAGE: usize = 1000;
/// The default of [`Options::referrers_page_bytes`]: a little less than 4 MiB, which is what clients take
/// (OCI distribution 1.1, section Pushing Manifests).
pub const REFERRERS_PAGE_BYTES: usize = 4 * 1024 * 1024 - 4096;
/// The default of [`Options::upload_wait`]: ten seconds.
pub const UPLOAD_WAIT: Duration = Duration::from_secs(10);

impl Default for Options {
    fn default() -> Self {
        Self {
            deletes: Deletes::default(),
            index_checks: IndexChecks::default(),
            image_checks: ImageChecks::default(),
            urls: UrlPolicy::default(),
            immutable: ImmutableTags::default(),
            classes: Vec::new(),
            redirects: Redirects::default(),
            anonymous_mounts: AnonymousMounts::default(),
            schema1: Schema1::default(),
            tag_concurrency: at_least_one(TAG_CONCURRENCY),
            reference_concurrency: at_least_one(REFERENCE_CONCURRENCY),
            manifest_cache_bytes: MANIFEST_CACHE_BYTES,
            referrers_per_page: at_least_one(REFERRERS_PER_PAGE),
            referrers_page_bytes: REFERRERS_PAGE_BYTES,
            upload_wait: UPLOAD_WAIT,
        }
    }
}

/// Whether clients may delete blobs, manifests and tags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Deletes {
    /// They may not.
    #[default]
    Refused,
    /// They may.
    Allowed,
}

/// Whether what registries of 2014 to 2016 took may still be pushed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Schema1 {
    /// It may not.
    #[default]
    Refused,
    /// It may, and the signatures are kept, as Distribution 2.0 to 2.4 did.
    WithSignatures,
    /// It may, and the signatures are dropped once they were verified, as Distribution 2.5 to 2.8 did.
    WithoutSignatures,
}

/// Which manifests that an index lists must be in the repository when it is pushed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum IndexChecks {
    /// All of them.
    #[default]
    All,
    /// None.
    None,
    /// Those for one of these platforms; all of them when there are none. One without a platform is for none
    /// of them.
    Platforms(Vec<IndexPlatform>),
}

/// An operating system on an architecture, as [`IndexChecks::Platforms`] compares them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexPlatform {
    /// Such as `amd64`.
    pub architecture: String,
    /// Such as `linux`.
    pub os: String,
}

impl IndexChecks {
    /// Whether a manifest that an index lists must be there.
    pub(crate) fn demand(&self, child: &Descriptor) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Platforms(platforms) => {
                let listed = |platform: &wharf_manifest::Platform| {
                    platforms.iter().any(|wanted| {
                        wanted.architecture == platform.architecture && wanted.os == platform.os
                    })
                };
                platforms.is_empty() || child.platform.as_ref().is_some_and(listed)
            }
        }
    }
}

/// Which blobs that an image names must be in the repository when it is pushed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ImageChecks {
    /// All of them, but for layers that are fetched from elsewhere.
    #[default]
    All,
    /// None: sparse images are taken.
    None,
}

/// Whether clients are sent to the store itself for the bytes of a blob.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Redirects {
    /// When the store can do that.
    #[default]
    Offered,
    /// Never.
    Never,
}

/// Whether a blob that any repository holds may be mounted by whoever knows its digest (OCI distribution 1.1,
/// section Mounting a blob from another repository: "MAY").
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AnonymousMounts {
    /// It may. Right where everyone who may push may also pull everything.
    #[default]
    Allowed,
    /// It may not: the repository has to be named, so that access to it can be checked.
    Refused,
}

/// Which URLs a layer may name as the place to fetch it from: those of `http` or `https`, with a host and
/// without a fragment, that also pass a test if one is set.
#[derive(Clone, Default)]
pub struct UrlPolicy {
    allowed: Option<Arc<UrlTest>>,
}

type UrlTest = dyn Fn(&str) -> bool + Send + Sync;

impl UrlPolicy {
    /// Further allows only URLs for which `allowed` says so.
    pub fn only(allowed: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self { allowed: Some(Arc::new(allowed)) }
    }

    /// Whether a URL may be named.
    pub fn allows(&self, url: &str) -> bool {
        is_plain_web_url(url) && self.allowed.as_ref().is_none_or(|allowed| allowed(url))
    }
}

impl fmt::Debug for UrlPolicy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("UrlPolicy").field("restricted", &self.allowed.is_some()).finish()
    }
}

fn is_plain_web_url(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    web && !host.is_empty()
        && !rest.contains(|letter: char| letter == '#' || letter.is_whitespace() || letter.is_control())
}

fn at_least_one(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_web_urls_are_allowed() {
        let policy = UrlPolicy::default();
        for url in ["http://a.example/x", "HTTPS://a.example", "https://a.example:443/x?y=z"] {
            assert!(policy.allows(url), "{url}");
        }
        for url in [
            "",
            "a",
            "ftp://a.example/x",
            "https://",
            "https:///x",
            "https://a.example/x#y",
            "http://a.example/x y",
            "//a.example",
        ] {
            assert!(!policy.allows(url), "{url}");
        }
    }

    #[test]
    fn a_test_narrows_what_is_allowed() {
        let policy = UrlPolicy::only(|url| url.contains("good"));
        assert!(policy.allows("https://good.example/"));
        assert!(!policy.allows("https://bad.example/"));
        assert!(!policy.allows("ftp://good.example/"));
    }
}
