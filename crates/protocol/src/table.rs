//! The routes as data: dispatch, 405 answers, documentation and tests all read this one table.

use std::fmt;

use http::Method;

/// Every route of the API, in the order in which a reader learns them.
pub static ROUTES: &[RouteTemplate] = &[BASE, CATALOG, TAGS, MANIFEST, BLOB, UPLOADS, UPLOAD, REFERRERS];

/// One route: where it is and what can be done there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteTemplate {
    /// What the route is called in logs and metrics, with Distribution's names where it has one.
    pub name: &'static str,
    /// The path, its variable parts between angle brackets.
    pub pattern: &'static str,
    /// What can be done, in the alphabetical order of the methods.
    pub operations: &'static [Operation],
}

/// What one method does at one route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The method.
    pub verb: Verb,
    /// What it does, as a sentence.
    pub summary: &'static str,
    /// What the client must be allowed to do.
    pub needs: Needs,
    /// The ids of the OCI specification's endpoints that this serves, such as `end-4a`; empty where it has none.
    pub endpoints: &'static [&'static str],
    /// Where its rules come from.
    pub source: &'static str,
}

/// What a client must be allowed to do. Source: Distribution, which derives it from the method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Needs {
    /// Nothing in particular; it must still be authenticated.
    Nothing,
    /// To pull from the repository.
    Pull,
    /// To pull from the repository and to push to it.
    PullAndPush,
    /// To delete in the repository.
    Delete,
    /// To see the names of all repositories.
    Catalog,
}

/// A method that some route knows. The order is that of their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// `DELETE`.
    Delete,
    /// `GET`.
    Get,
    /// `HEAD`: as `GET`, and the body is left out.
    Head,
    /// `PATCH`.
    Patch,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
}

impl RouteTemplate {
    /// What a method does here; none when the route does not know it.
    pub fn operation(&self, verb: Verb) -> Option<&'static Operation> {
        self.operations.iter().find(|operation| operation.verb == verb)
    }

    /// The methods, in alphabetical order.
    pub fn verbs(&self) -> impl Iterator<Item = Verb> {
        self.operations.iter().map(|operation| operation.verb)
    }

    /// What an `Allow` header says: `GET, HEAD`.
    pub fn allow(&self) -> String {
        self.verbs().map(Verb::as_str).collect::<Vec<_>>().join(", ")
    }
}

impl Verb {
    /// The verb of a method; none when no route knows the method.
    pub fn from_method(method: &Method) -> Option<Self> {
        match *method {
            Method::DELETE => Some(Self::Delete),
            Method::GET => Some(Self::Get),
            Method::HEAD => Some(Self::Head),
            Method::PATCH => Some(Self::Patch),
            Method::POST => Some(Self::Post),
            Method::PUT => Some(Self::Put),
            _ => None,
        }
    }

    /// The name of the method.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }

    /// Whether it changes nothing: what a read-only registry still answers.
    pub const fn is_read(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

impl PartialEq<Method> for Verb {
    fn eq(&self, method: &Method) -> bool {
        self.as_str() == method.as_str()
    }
}

impl From<Verb> for Method {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Delete => Self::DELETE,
            Verb::Get => Self::GET,
            Verb::Head => Self::HEAD,
            Verb::Patch => Self::PATCH,
            Verb::Post => Self::POST,
            Verb::Put => Self::PUT,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

pub(crate) const BASE: RouteTemplate = RouteTemplate {
    name: "base",
    pattern: "/v2/",
    operations: &[
        Operation {
            verb: Verb::Get,
            summary: "Says that this is a registry, and whether the credentials are good.",
            needs: Needs::Nothing,
            endpoints: &["end-1"],
            source: "OCI distribution 1.1, section \"Determining Support\"",
        },
        Operation {
            verb: Verb::Head,
            summary: "Says the same without a body.",
            needs: Needs::Nothing,
            endpoints: &[],
            source: "Distribution",
        },
    ],
};

pub(crate) const CATALOG: RouteTemplate = RouteTemplate {
    name: "catalog",
    pattern: "/v2/_catalog",
    operations: &[
        Operation {
            verb: Verb::Get,
            summary: "Lists the repositories, page by page.",
            needs: Needs::Catalog,
            endpoints: &[],
            source: "Distribution",
        },
        Operation {
            verb: Verb::Head,
            summary: "Answers as GET would, without the list.",
            needs: Needs::Catalog,
            endpoints: &[],
            source: "RFC 9110, section 9.3.2",
        },
    ],
};

pub(crate) const TAGS: RouteTemplate = RouteTemplate {
    name: "tags",
    pattern: "/v2/<name>/tags/list",
    operations: &[
        Operation {
            verb: Verb::Get,
            summary: "Lists the tags of a repository, page by page.",
            needs: Needs::Pull,
            endpoints: &["end-8a", "end-8b"],
            source: "OCI distribution 1.1, section \"Listing Tags\"",
        },
        Operation {
            verb: Verb::Head,
            summary: "Answers as GET would, without the list.",
            needs: Needs::Pull,
            endpoints: &[],
            source: "RFC 9110, section 9.3.2",
        },
    ],
};

pub(crate) const MANIFEST: RouteTemplate = RouteTemplate {
    name: "manifest",
    pattern: "/v2/<name>/manifests/<reference>",
    operations: &[
        Operation {
            verb: Verb::Delete,
            summary: "Deletes a tag, or a manifest with all its tags.",
            needs: Needs::Delete,
            endpoints: &["end-9"],
            source: "OCI distribution 1.1, sections \"Deleting tags\" and \"Deleting Manifests\"",
        },
        Operation {
            verb: Verb::Get,
            summary: "Gives a manifest, byte for byte as it was pushed.",
            needs: Needs::Pull,
            endpoints: &["end-3"],
            source: "OCI distribution 1.1, section \"Pulling manifests\"",
        },
        Operation {
            verb: Verb::Head,
            summary: "Says whether a manifest is there, its type, size and digest.",
            needs: Needs::Pull,
            endpoints: &["end-3"],
            source: "OCI distribution 1.1, section \"Checking if content exists in the registry\"",
        },
        Operation {
            verb: Verb::Put,
            summary: "Stores a manifest, and sets the tag of the path or those of the query.",
            needs: Needs::PullAndPush,
            endpoints: &["end-7a", "end-7b"],
            source: "OCI distribution 1.2, section \"Pushing Manifests\"",
        },
    ],
};

pub(crate) const BLOB: RouteTemplate = RouteTemplate {
    name: "blob",
    pattern: "/v2/<name>/blobs/<digest>",
    operations: &[
        Operation {
            verb: Verb::Delete,
            summary: "Deletes a blob from a repository.",
            needs: Needs::Delete,
            endpoints: &["end-10"],
            source: "OCI distribution 1.1, section \"Deleting Blobs\"",
        },
        Operation {
            verb: Verb::Get,
            summary: "Gives a blob, or ranges of it.",
            needs: Needs::Pull,
            endpoints: &["end-2"],
            source: "OCI distribution 1.1, section \"Pulling blobs\"",
        },
        Operation {
            verb: Verb::Head,
            summary: "Says whether a blob is there, its size and digest.",
            needs: Needs::Pull,
            endpoints: &["end-2"],
            source: "OCI distribution 1.1, section \"Checking if content exists in the registry\"",
        },
    ],
};

pub(crate) const UPLOADS: RouteTemplate = RouteTemplate {
    name: "blob-upload",
    pattern: "/v2/<name>/blobs/uploads/",
    operations: &[Operation {
        verb: Verb::Post,
        summary: "Begins an upload, takes a whole blob, or mounts one from another repository.",
        needs: Needs::PullAndPush,
        endpoints: &["end-4a", "end-4b", "end-4c", "end-11"],
        source: "OCI distribution 1.2, sections \"Pushing blobs\" and \"Mounting a blob from another repository\"",
    }],
};

pub(crate) const UPLOAD: RouteTemplate = RouteTemplate {
    name: "blob-upload-chunk",
    pattern: "/v2/<name>/blobs/uploads/<id>",
    operations: &[
        Operation {
            verb: Verb::Delete,
            summary: "Cancels an upload.",
            needs: Needs::PullAndPush,
            endpoints: &["end-14"],
            source: "OCI distribution 1.2, section \"Cancel a blob upload\"",
        },
        Operation {
            verb: Verb::Get,
            summary: "Says how much of an upload has arrived.",
            needs: Needs::Pull,
            endpoints: &["end-13"],
            source: "OCI distribution 1.1, section \"Pushing a blob in chunks\"",
        },
        Operation {
            verb: Verb::Head,
            summary: "Says how much of an upload has arrived.",
            needs: Needs::Pull,
            endpoints: &[],
            source: "Distribution",
        },
        Operation {
            verb: Verb::Patch,
            summary: "Adds a chunk to an upload.",
            needs: Needs::PullAndPush,
            endpoints: &["end-5"],
            source: "OCI distribution 1.1, section \"Pushing a blob in chunks\"",
        },
        Operation {
            verb: Verb::Put,
            summary: "Adds what is left to an upload and makes it a blob, if it has the digest that was said.",
            needs: Needs::PullAndPush,
            endpoints: &["end-6"],
            source: "OCI distribution 1.1, section \"Pushing blobs\"",
        },
    ],
};

pub(crate) const REFERRERS: RouteTemplate = RouteTemplate {
    name: "referrers",
    pattern: "/v2/<name>/referrers/<digest>",
    operations: &[
        Operation {
            verb: Verb::Get,
            summary: "Lists the manifests that name another as their subject, page by page.",
            needs: Needs::Pull,
            endpoints: &["end-12a", "end-12b"],
            source: "OCI distribution 1.1, section \"Listing Referrers\"",
        },
        Operation {
            verb: Verb::Head,
            summary: "Answers as GET would, without the list.",
            needs: Needs::Pull,
            endpoints: &[],
            source: "RFC 9110, section 9.3.2",
        },
    ],
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use wharf_digest::Algorithm;

    use super::*;
    use crate::Route;

    #[test]
    fn each_pattern_is_the_path_of_its_own_route() {
        let digest = Algorithm::Sha256.digest(b"").to_string();
        for template in ROUTES {
            let path = template
                .pattern
                .replace("<name>", "a/b")
                .replace("<digest>", &digest)
                .replace("<reference>", "latest")
                .replace("<id>", "0198");
            let route = Route::parse(&path).unwrap();
            assert_eq!(route.template(), template);
            assert_eq!(route.path(), path);
        }
    }

    #[test]
    fn methods_are_sorted_and_told_once() {
        for template in ROUTES {
            assert!(template.operations.is_sorted_by(|a, b| a.verb < b.verb), "{}", template.name);
            assert!(template.verbs().map(Verb::as_str).is_sorted(), "{}", template.name);
        }
    }

    #[test]
    fn whatever_can_be_got_has_a_head() {
        for template in ROUTES {
            let needs = |verb| template.operation(verb).map(|operation| operation.needs);
            assert_eq!(needs(Verb::Get), needs(Verb::Head), "{}", template.name);
        }
    }

    #[test]
    fn every_endpoint_of_the_specification_is_served() {
        let operations = ROUTES.iter().flat_map(|template| template.operations);
        let served: BTreeSet<_> = operations.flat_map(|operation| operation.endpoints).copied().collect();
        let specified = [
            "end-1", "end-2", "end-3", "end-4a", "end-4b", "end-4c", "end-5", "end-6", "end-7a", "end-7b",
            "end-8a", "end-8b", "end-9", "end-10", "end-11", "end-12a", "end-12b", "end-13", "end-14",
        ];
        assert_eq!(served, BTreeSet::from(specified));
    }

    #[test]
    fn allow_lists_the_methods() {
        let allowed: Vec<_> = ROUTES.iter().map(|template| (template.name, template.allow())).collect();
        let expected = [
            ("base", "GET, HEAD"),
            ("catalog", "GET, HEAD"),
            ("tags", "GET, HEAD"),
            ("manifest", "DELETE, GET, HEAD, PUT"),
            ("blob", "DELETE, GET, HEAD"),
            ("blob-upload", "POST"),
            ("blob-upload-chunk", "DELETE, GET, HEAD, PATCH, PUT"),
            ("referrers", "GET, HEAD"),
        ];
        assert_eq!(allowed, expected.map(|(name, allow)| (name, allow.to_owned())));
    }

    #[test]
    fn verbs_are_methods() {
        for verb in [Verb::Delete, Verb::Get, Verb::Head, Verb::Patch, Verb::Post, Verb::Put] {
            let method = Method::from(verb);
            assert_eq!(verb, method);
            assert_eq!(Verb::from_method(&method), Some(verb));
            assert_eq!(method.as_str(), verb.to_string());
        }
        assert_eq!(Verb::from_method(&Method::OPTIONS), None);
    }
}
