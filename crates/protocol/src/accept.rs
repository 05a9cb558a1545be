//! What a client that asks for a manifest says it understands.

use http::HeaderMap;
use http::header::ACCEPT;

/// What the `Accept` headers of a request name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accept {
    images: bool,
    lists: bool,
    wildcards: bool,
    schema1: bool,
}

impl Accept {
    /// Reads every `Accept` header. Quality and other parameters are ignored, as in Distribution.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut accept = Self::default();
        let texts = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        for media_range in texts.flat_map(|text| text.split(',')) {
            let media_range = media_range.split(';').next().unwrap_or_default().trim();
            if IMAGES.iter().any(|image| media_range.eq_ignore_ascii_case(image)) {
                accept.images = true;
            } else if LISTS.iter().any(|list| media_range.eq_ignore_ascii_case(list)) {
                accept.lists = true;
            } else if SCHEMA1.iter().any(|old| media_range.eq_ignore_ascii_case(old)) {
                accept.schema1 = true;
            } else if media_range.ends_with("/*") {
                accept.wildcards = true;
            }
        }
        accept
    }

    /// Whether the client wants an image and would not know what to do with a list of them: its headers name image
    /// manifests, but neither lists nor wildcards. Only then is a list that was asked for by tag answered by one of its
    /// children.
    pub fn wants_an_image_only(self) -> bool {
        self.images && !self.lists && !self.wildcards
    }

    /// Whether the client names manifests of schema 1 and nothing that is newer or wider.
    pub fn wants_schema1_only(self) -> bool {
        self.schema1 && self.names_nothing_newer()
    }

    /// Whether the client names nothing that is newer than schema 1, nor anything wider; it may name nothing at all.
    pub fn names_nothing_newer(self) -> bool {
        !self.images && !self.lists && !self.wildcards
    }
}

const IMAGES: [&str; 2] =
    ["application/vnd.docker.distribution.manifest.v2+json", "application/vnd.oci.image.manifest.v1+json"];
const LISTS: [&str; 2] =
    ["application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.oci.image.index.v1+json"];
const SCHEMA1: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
    "application/vnd.docker.distribution.manifest.v1+json",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(values: &[&str]) -> Accept {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(ACCEPT, value.parse().unwrap());
        }
        Accept::of(&headers)
    }

    #[test]
    fn only_a_client_that_names_images_and_nothing_wider_wants_an_image_only() {
        assert!(accept(&[IMAGES[0]]).wants_an_image_only());
        assert!(
            accept(&["text/plain", "application/vnd.oci.image.manifest.v1+json;q=0.5"]).wants_an_image_only()
        );
        assert!(!accept(&[]).wants_an_image_only());
        assert!(!accept(&[IMAGES[0], LISTS[1]]).wants_an_image_only());
        assert!(!accept(&[&format!("{}, */*", IMAGES[1])]).wants_an_image_only());
        assert!(!accept(&["*/*"]).wants_an_image_only());
        assert!(!accept(&["application/json"]).wants_an_image_only());
    }

    #[test]
    fn who_names_schema_1_and_nothing_wider_wants_that() {
        for old in SCHEMA1 {
            assert!(accept(&[old, "application/json"]).wants_schema1_only());
            assert!(!accept(&[old, IMAGES[0]]).wants_schema1_only());
            assert!(!accept(&[old, LISTS[0]]).wants_schema1_only());
            assert!(!accept(&[old, "*/*"]).wants_schema1_only());
        }
        assert!(!accept(&[]).wants_schema1_only() && accept(&[]).names_nothing_newer());
        assert!(accept(&["application/json"]).names_nothing_newer());
        assert!(!accept(&["*/*"]).names_nothing_newer());
    }
}
