//! Paths of the API, read and written.
//!
//! A name may hold any of the words that routes are made of: `a/tags/list` is a repository and has a list of tags at
//! `/v2/a/tags/list/tags/list`. So a path is read from its end. The last part but one is `tags`, `manifests`, `blobs`,
//! `referrers`, or `uploads` behind `blobs`, and as it is one of them only, there is never a choice and never a way back.

mod clean;
mod error;

use std::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wharf_digest::Digest;
use wharf_reference::{InvalidReference, Reference, RepositoryName};

pub use self::error::RouteError;

use self::clean::clean;
use crate::Excerpt;
use crate::table::{BASE, BLOB, CATALOG, MANIFEST, REFERRERS, RouteTemplate, TAGS, UPLOAD, UPLOADS};

/// What is escaped in one part of a path.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'=').remove(b':');

/// What a path of the API leads to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// `/v2/`
    Base,
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/<name>/tags/list`
    Tags(RepositoryName),
    /// `/v2/<name>/manifests/<reference>`
    Manifest(RepositoryName, Reference),
    /// `/v2/<name>/blobs/<digest>`
    Blob(RepositoryName, Digest),
    /// `/v2/<name>/blobs/tarsum…`: a layer by a name of 2014 or 2015, of which nothing else is known.
    Layer(RepositoryName, String),
    /// `/v2/<name>/blobs/uploads/`
    Uploads(RepositoryName),
    /// `/v2/<name>/blobs/uploads/<id>`. Nothing is known of the id but that it is one part of a path: not empty, not `.` or
    /// `..`, without `/`.
    Upload(RepositoryName, String),
    /// `/v2/<name>/referrers/<digest>`
    Referrers(RepositoryName, Digest),
}

impl Route {
    /// Reads a path whose percent escapes are decoded and from which a configured prefix was taken off.
    ///
    /// # Errors
    ///
    /// [`RouteError::Moved`] when the path has empty parts, `.` or `..`, or a slash at its end too many or too few; otherwise
    /// what keeps it from being a route.
    pub fn parse(path: &str) -> Result<Self, RouteError> {
        if !path.starts_with('/') {
            return Err(RouteError::NotFound);
        }
        if let Some(cleaned) = clean(path) {
            return Err(RouteError::Moved(cleaned));
        }
        match path.strip_prefix("/v2/") {
            Some("") => Ok(Self::Base),
            Some(rest) => match rest.strip_suffix('/') {
                Some(rest) => Self::parse_before_slash(rest),
                None => Self::parse_parts(rest),
            },
            None if path == "/v2" => Err(RouteError::Moved("/v2/".to_owned())),
            None => Err(RouteError::NotFound),
        }
    }

    /// The path of the route, its percent escapes encoded: fit for a URL. Decoded, it parses as the same route.
    pub fn path(&self) -> String {
        match self {
            Self::Base => "/v2/".to_owned(),
            Self::Catalog => "/v2/_catalog".to_owned(),
            Self::Tags(name) => format!("/v2/{name}/tags/list"),
            Self::Manifest(name, reference) => format!("/v2/{name}/manifests/{reference}"),
            Self::Blob(name, digest) => format!("/v2/{name}/blobs/{digest}"),
            Self::Layer(name, sum) => format!("/v2/{name}/blobs/{}", utf8_percent_encode(sum, ESCAPED)),
            Self::Uploads(name) => format!("/v2/{name}/blobs/uploads/"),
            Self::Upload(name, id) => {
                format!("/v2/{name}/blobs/uploads/{}", utf8_percent_encode(id, ESCAPED))
            }
            Self::Referrers(name, digest) => format!("/v2/{name}/referrers/{digest}"),
        }
    }

    /// What can be done there.
    pub fn template(&self) -> &'static RouteTemplate {
        match self {
            Self::Base => &BASE,
            Self::Catalog => &CATALOG,
            Self::Tags(_) => &TAGS,
            Self::Manifest(..) => &MANIFEST,
            Self::Blob(..) | Self::Layer(..) => &BLOB,
            Self::Uploads(_) => &UPLOADS,
            Self::Upload(..) => &UPLOAD,
            Self::Referrers(..) => &REFERRERS,
        }
    }

    /// The repository that the route belongs to, if it belongs to one.
    pub fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Base | Self::Catalog => None,
            Self::Tags(name)
            | Self::Manifest(name, _)
            | Self::Blob(name, _)
            | Self::Layer(name, _)
            | Self::Uploads(name)
            | Self::Upload(name, _)
            | Self::Referrers(name, _) => Some(name),
        }
    }

    /// Reads what stands between `/v2/` and a slash at the end, which only one route has.
    fn parse_before_slash(rest: &str) -> Result<Self, RouteError> {
        match rest.strip_suffix("/blobs/uploads") {
            Some(name) => Ok(Self::Uploads(name_of(name)?)),
            None => Self::parse_parts(rest).and_then(|_| Err(moved(rest, ""))),
        }
    }

    /// Reads what stands behind `/v2/` without a slash at its end.
    fn parse_parts(parts: &str) -> Result<Self, RouteError> {
        if parts == "_catalog" {
            return Ok(Self::Catalog);
        }
        let (rest, last) = parts.rsplit_once('/').ok_or(RouteError::NotFound)?;
        let (rest, word) = rest.rsplit_once('/').ok_or(RouteError::NotFound)?;
        match (word, last) {
            ("tags", "list") => Ok(Self::Tags(name_of(rest)?)),
            ("manifests", reference) => Ok(Self::Manifest(name_of(rest)?, reference_of(reference)?)),
            ("blobs", "uploads") => name_of(rest).and_then(|_| Err(moved(parts, "/"))),
            ("blobs", sum) if sum.starts_with("tarsum") => Ok(Self::Layer(name_of(rest)?, sum.to_owned())),
            ("blobs", digest) => Ok(Self::Blob(name_of(rest)?, digest_of(digest)?)),
            ("referrers", digest) => Ok(Self::Referrers(name_of(rest)?, digest_of(digest)?)),
            ("uploads", id) => {
                let name = rest.strip_suffix("/blobs").ok_or(RouteError::NotFound)?;
                Ok(Self::Upload(name_of(name)?, id.to_owned()))
            }
            _ => Err(RouteError::NotFound),
        }
    }
}

impl FromStr for Route {
    type Err = RouteError;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        Self::parse(path)
    }
}

fn moved(parts: &str, end: &str) -> RouteError {
    RouteError::Moved(format!("/v2/{parts}{end}"))
}

fn name_of(text: &str) -> Result<RepositoryName, RouteError> {
    text.parse().map_err(|error| RouteError::Name(Excerpt::of(text), error))
}

fn digest_of(text: &str) -> Result<Digest, RouteError> {
    text.parse().map_err(|error| RouteError::Digest(Excerpt::of(text), error))
}

fn reference_of(text: &str) -> Result<Reference, RouteError> {
    text.parse().map_err(|error| match error {
        InvalidReference::Tag(error) => RouteError::Reference(Excerpt::of(text), error),
        InvalidReference::Digest(error) => RouteError::Digest(Excerpt::of(text), error),
    })
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;
    use wharf_digest::Algorithm;

    use super::*;
    use crate::ErrorCode;

    fn digest() -> Digest {
        Algorithm::Sha512.digest(b"a")
    }

    fn name(text: &str) -> RepositoryName {
        text.parse().unwrap()
    }

    fn moved_to(path: &str) -> Result<Route, RouteError> {
        Err(RouteError::Moved(path.to_owned()))
    }

    fn code(path: &str) -> ErrorCode {
        Route::parse(path).expect_err(path).code()
    }

    #[test]
    fn each_route_has_its_path() {
        let digest = digest();
        for (path, route) in [
            ("/v2/".to_owned(), Route::Base),
            ("/v2/_catalog".into(), Route::Catalog),
            ("/v2/a/b/tags/list".into(), Route::Tags(name("a/b"))),
            ("/v2/a/manifests/v1".into(), Route::Manifest(name("a"), "v1".parse().unwrap())),
            (format!("/v2/a/manifests/{digest}"), Route::Manifest(name("a"), digest.into())),
            (format!("/v2/a/blobs/{digest}"), Route::Blob(name("a"), digest)),
            ("/v2/a/blobs/uploads/".into(), Route::Uploads(name("a"))),
            ("/v2/a/blobs/tarsum:".into(), Route::Layer(name("a"), "tarsum:".into())),
            ("/v2/a/blobs/uploads/b=".into(), Route::Upload(name("a"), "b=".into())),
            (format!("/v2/a/referrers/{digest}"), Route::Referrers(name("a"), digest)),
            ("/v2/Foo/bar/tags/list".into(), Route::Tags(name("Foo/bar"))),
        ] {
            assert_eq!(Route::parse(&path).as_ref(), Ok(&route), "{path}");
            assert_eq!(route.path(), path);
        }
    }

    #[test]
    fn names_may_hold_the_words_of_routes() {
        let digest = digest();
        for words in [
            "a/tags/list",
            "a/blobs/uploads",
            "a/manifests/b",
            "a/referrers",
            "tags/list",
            "blobs/uploads",
            "manifests",
            "uploads",
            "blobs",
            "v2",
        ] {
            for route in [
                Route::Tags(name(words)),
                Route::Manifest(name(words), "list".parse().unwrap()),
                Route::Manifest(name(words), "uploads".parse().unwrap()),
                Route::Blob(name(words), digest),
                Route::Uploads(name(words)),
                Route::Upload(name(words), "uploads".into()),
                Route::Upload(name(words), "manifests".into()),
                Route::Referrers(name(words), digest),
            ] {
                assert_eq!(Route::parse(&route.path()), Ok(route));
            }
        }
    }

    #[test]
    fn detours_lead_to_the_clean_path() {
        for (path, cleaned) in [
            ("/v2//", "/v2/"),
            ("//v2/", "/v2/"),
            ("/v2/.", "/v2"),
            ("/v2/a/../b/tags/list", "/v2/b/tags/list"),
            ("/v2/a/./tags/list", "/v2/a/tags/list"),
            ("/v2/a//tags/list", "/v2/a/tags/list"),
            ("/v2/a/blobs/uploads//", "/v2/a/blobs/uploads/"),
            ("/v2/a/blobs/uploads/../../../b", "/v2/b"),
            ("/v2/a/manifests/..", "/v2/a"),
            ("/../../etc/passwd", "/etc/passwd"),
            ("//evil.example/x", "/evil.example/x"),
            ("/v2//a\r\nb ?#ä\\/%2e", "/v2/a\r\nb ?#ä\\/%2e"),
        ] {
            assert_eq!(Route::parse(path), moved_to(cleaned), "{path}");
        }
    }

    #[test]
    fn slashes_at_the_end_are_put_right() {
        let digest = digest();
        for (path, right) in [
            ("/v2".to_owned(), "/v2/".to_owned()),
            ("/v2/_catalog/".into(), "/v2/_catalog".into()),
            ("/v2/a/tags/list/".into(), "/v2/a/tags/list".into()),
            ("/v2/a/manifests/v1/".into(), "/v2/a/manifests/v1".into()),
            (format!("/v2/a/blobs/{digest}/"), format!("/v2/a/blobs/{digest}")),
            ("/v2/a/blobs/uploads".into(), "/v2/a/blobs/uploads/".into()),
            ("/v2/a/blobs/uploads/x y/".into(), "/v2/a/blobs/uploads/x y".into()),
        ] {
            assert_eq!(Route::parse(&path), moved_to(&right), "{path}");
        }
    }

    #[test]
    fn what_has_not_the_form_of_a_route_is_not_found() {
        for path in [
            "",
            "*",
            "v2/",
            "/",
            "/v1/",
            "/v2x",
            "/v2/a",
            "/v2/a/",
            "/v2/a/b",
            "/v2/_catalog/a",
            "/v2/tags/list",
            "/v2/a/tags",
            "/v2/a/tags/",
            "/v2/a/tags/lists",
            "/v2/a/manifests",
            "/v2/a/manifests/",
            "/v2/manifests/v1",
            "/v2/a/blobs/",
            "/v2/blobs/uploads",
            "/v2/blobs/uploads/",
            "/v2/blobs/uploads/x",
            "/v2/a/uploads/x",
            "/v2/a/referrers/",
            "/V2/a/tags/list",
        ] {
            assert_eq!(Route::parse(path), Err(RouteError::NotFound), "{path}");
        }
    }

    #[test]
    fn a_wrong_name_is_told_from_a_wrong_path() {
        let long = "a".repeat(256);
        for path in [
            "/v2/Foo/tags/list".to_owned(),
            "/v2/_catalog/tags/list".into(),
            "/v2/a/_layers/manifests/v1".into(),
            "/v2/h:5000/x/blobs/uploads/".into(),
            "/v2/a b/blobs/uploads/x".into(),
            "/v2/a\0/blobs/uploads".into(),
            "/v2/.../tags/list".into(),
            "/v2/%2e%2e/tags/list".into(),
            "/v2/A/tags/list/".into(),
            "/v2/A/blobs/malformed".into(),
            format!("/v2/{long}/tags/list"),
            format!("/v2/a..b/referrers/{}", digest()),
        ] {
            assert_eq!(code(&path), ErrorCode::NameInvalid, "{path}");
        }
    }

    #[test]
    fn a_wrong_digest_is_told_from_a_wrong_tag() {
        for path in [
            "/v2/a/blobs/sha256:abc",
            "/v2/a/blobs/latest",
            "/v2/a/blobs/md5:d41d8cd98f00b204e9800998ecf8427e",
            "/v2/a/manifests/sha256:abc",
            "/v2/a/manifests/v1:",
            "/v2/a/referrers/latest",
            "/v2/a/referrers/sha256:abc",
        ] {
            assert_eq!(code(path), ErrorCode::DigestInvalid, "{path}");
        }
        let long = format!("/v2/a/manifests/{}", "a".repeat(129));
        for path in
            ["/v2/a/manifests/.x", "/v2/a/manifests/-x", "/v2/a/manifests/a b", "/v2/a/manifests/...", &long]
        {
            assert_eq!(code(path), ErrorCode::TagInvalid, "{path}");
        }
    }

    fn any_name() -> impl Strategy<Value = RepositoryName> {
        let words = prop::sample::select(
            &["a", "tags", "list", "blobs", "uploads", "manifests", "referrers", "v2", "b-c.d__e"][..],
        );
        prop::collection::vec(words, 1..6).prop_map(|parts| name(&parts.join("/")))
    }

    fn any_digest() -> impl Strategy<Value = Digest> {
        (prop::sample::select(&Algorithm::ALL[..]), any::<u64>())
            .prop_map(|(algorithm, seed)| algorithm.digest(&seed.to_le_bytes()))
    }

    fn any_route() -> impl Strategy<Value = Route> {
        let id = "[^/]{1,20}".prop_filter("part of a path", |id| id != "." && id != "..");
        prop_oneof![
            Just(Route::Base),
            Just(Route::Catalog),
            any_name().prop_map(Route::Tags),
            (any_name(), "[\\w&&[:ascii:]][a-zA-Z0-9._-]{0,127}")
                .prop_map(|(name, tag)| Route::Manifest(name, tag.parse().unwrap())),
            (any_name(), any_digest()).prop_map(|(name, digest)| Route::Manifest(name, digest.into())),
            (any_name(), any_digest()).prop_map(|(name, digest)| Route::Blob(name, digest)),
            (any_name(), "tarsum[^/]{0,20}").prop_map(|(name, sum)| Route::Layer(name, sum)),
            any_name().prop_map(Route::Uploads),
            (any_name(), id).prop_map(|(name, id)| Route::Upload(name, id)),
            (any_name(), any_digest()).prop_map(|(name, digest)| Route::Referrers(name, digest)),
        ]
    }

    fn decode(path: &str) -> String {
        percent_decode_str(path).decode_utf8().unwrap().into_owned()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn what_is_printed_is_read(route in any_route()) {
            let path = route.path();
            prop_assert!(path.bytes().all(|byte| byte.is_ascii_graphic()), "{:?}", path);
            prop_assert_eq!(Route::parse(&decode(&path)), Ok(route));
        }

        #[test]
        fn any_text_is_survived_and_no_redirect_leads_in_a_circle(
            path in "/v2/([aA./_:-]|/tags/list|/blobs/uploads|/manifests/|\\.\\./|.){0,20}|.{0,40}",
        ) {
            let mut parsed = Route::parse(&path);
            // One redirect at most for a detour, and one for the slash at the end.
            for _ in 0..2 {
                if let Err(RouteError::Moved(to)) = &parsed {
                    prop_assert!(to.starts_with('/') && !to.starts_with("//"), "{}", to);
                    parsed = Route::parse(to);
                }
            }
            prop_assert!(!matches!(parsed, Err(RouteError::Moved(_))));
            if let Ok(route) = parsed {
                let name = route.repository().map(RepositoryName::as_str).unwrap_or("a");
                prop_assert!(name.split('/').all(|part| !matches!(part, "" | "." | "..")));
            }
        }
    }
}
