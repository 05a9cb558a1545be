//! The routes as data: dispatch, 405 answers, documentation and tests all read this one table.

mod content;
mod lists;
mod uploads;
mod words;

use std::fmt;

use http::Method;

pub(crate) use self::content::{BLOB, MANIFEST};
pub(crate) use self::lists::{BASE, CATALOG, REFERRERS, TAGS};
pub(crate) use self::uploads::{UPLOAD, UPLOADS};
use crate::exchange::{Exchange, Parameter};

/// Every route of the API, in the order in which a reader learns them.
pub static ROUTES: &[RouteTemplate] = &[BASE, CATALOG, TAGS, MANIFEST, BLOB, UPLOADS, UPLOAD, REFERRERS];

/// One route: where it is and what can be done there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteTemplate {
    /// What the route is called in logs and metrics, with Distribution's names where it has one.
    pub name: &'static str,
    /// The path, its variable parts between angle brackets.
    pub pattern: &'static str,
    /// What is there, in a word or two, for headings.
    pub entity: &'static str,
    /// What is there, as a sentence.
    pub summary: &'static str,
    /// The variable parts of the path, in their order.
    pub parameters: &'static [Parameter],
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
    /// The ways in which it can be used; all but one operation have one.
    pub exchanges: &'static [Exchange],
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

impl Needs {
    /// The permissions by their names in scopes; the catalog has one of its own.
    pub const fn permissions(self) -> &'static [&'static str] {
        match self {
            Self::Nothing => &[],
            Self::Pull => &["pull"],
            Self::PullAndPush => &["pull", "push"],
            Self::Delete => &["delete"],
            Self::Catalog => &["catalog"],
        }
    }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use wharf_digest::Algorithm;

    use super::*;
    use crate::{ErrorCode, Route};

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
    fn the_variable_parts_of_a_path_are_described() {
        for template in ROUTES {
            let parts =
                template.pattern.split('/').filter_map(|part| part.strip_prefix('<')?.strip_suffix('>'));
            assert!(
                parts.eq(template.parameters.iter().map(|parameter| parameter.name)),
                "{}",
                template.name
            );
        }
    }

    #[test]
    fn every_status_is_one_and_agrees_with_its_codes() {
        for exchange in exchanges() {
            assert!(exchange.answers.iter().all(|answer| (200..400).contains(&answer.status)));
            for refusal in exchange.refusals.iter().chain(Exchange::ALWAYS) {
                assert!((400..600).contains(&refusal.status));
                // Those that say more than their codes do: a precondition has no code, and the API has none for these.
                if ![409, 412, 413, 414].contains(&refusal.status) {
                    let agrees = |code: &ErrorCode| {
                        code.status() == refusal.status
                            || (refusal.status, *code) == (400, ErrorCode::Unsupported)
                    };
                    assert!(refusal.codes.iter().all(agrees), "{refusal:?}");
                }
            }
        }
    }

    #[test]
    fn every_code_is_told_of_somewhere() {
        let told: Vec<_> = exchanges()
            .flat_map(|exchange| exchange.refusals.iter().chain(Exchange::ALWAYS))
            .flat_map(|refusal| refusal.codes)
            .collect();
        let untold: Vec<_> = ErrorCode::ALL.iter().filter(|code| !told.contains(code)).collect();
        assert!(untold.is_empty(), "{untold:?}");
    }

    fn exchanges() -> impl Iterator<Item = &'static Exchange> {
        ROUTES.iter().flat_map(|template| template.operations).flat_map(|operation| operation.exchanges)
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
