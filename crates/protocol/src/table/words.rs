//! What several routes say alike: parameters, answers and refusals.

use wharf_manifest::media_type;

use crate::ErrorCode::{
    Denied, DigestInvalid, NameInvalid, NameUnknown, TooManyRequests, Unauthorized, Unavailable, Unknown,
    Unsupported,
};
use crate::exchange::{Exchange, Occurs, Parameter, Payload, Refusal, Schema, Shape};

/// A parameter that has to be there once.
pub(super) const fn once(name: &'static str, shape: Shape, summary: &'static str) -> Parameter {
    Parameter { name, shape, occurs: Occurs::Once, summary }
}

/// A parameter that may be there.
pub(super) const fn maybe(name: &'static str, shape: Shape, summary: &'static str) -> Parameter {
    Parameter { name, shape, occurs: Occurs::Maybe, summary }
}

/// A parameter that may be there any number of times.
pub(super) const fn often(name: &'static str, shape: Shape, summary: &'static str) -> Parameter {
    Parameter { name, shape, occurs: Occurs::Often, summary }
}

/// A refusal without headers of its own.
pub(super) const fn refusal(
    status: u16,
    codes: &'static [crate::ErrorCode],
    summary: &'static str,
) -> Refusal {
    Refusal { status, codes, summary, headers: &[] }
}

pub(super) const NAME: Parameter = once("name", Shape::Name, "The name of the repository.");

pub(super) const LOCATION: Parameter = once("Location", Shape::Url, "Where it is now.");

pub(super) const CONTENT_DIGEST: Parameter =
    once("Docker-Content-Digest", Shape::Digest, "The digest of the content.");

pub(super) const ETAG: Parameter =
    once("ETag", Shape::Text, "The digest between quotation marks: content never changes under it.");

pub(super) const LINK: Parameter =
    maybe("Link", Shape::Text, "`<…>; rel=\"next\"`: where the list goes on; absent on its last page.");

pub(super) const IF_NONE_MATCH: Parameter =
    maybe("If-None-Match", Shape::Text, "Entity tags that the client has already: 304 if one is current.");

pub(super) const IF_MATCH: Parameter =
    maybe("If-Match", Shape::Text, "Entity tags that the client insists on: 412 if none is current.");

pub(super) const PAGE: Parameter =
    maybe("n", Shape::Number, "How many entries the page may have at most; 0 is a page without entries.");

pub(super) const JSON: &[&str] = &["application/json"];

pub(super) const BLOB: Payload = Payload { media_types: &[media_type::OCTET_STREAM], schema: Schema::Bytes };

pub(super) const NO_REPOSITORY: Refusal =
    refusal(404, &[NameUnknown], "The registry has no such repository.");

pub(super) const PRECONDITION_FAILED: Refusal =
    refusal(412, &[], "None of the entity tags of `If-Match` is current.");

pub(super) const READ_ONLY: Refusal =
    refusal(405, &[Unsupported], "The registry is read-only, or is set up not to do this.");

pub(super) const BAD_DIGEST: Refusal = refusal(
    400,
    &[DigestInvalid],
    "A digest is malformed, or of an algorithm that this registry does not know.",
);

/// What every exchange may be refused with.
const ALWAYS: &[Refusal] = &[
    refusal(400, &[NameInvalid, Unsupported], "The name, or the query as a whole, is malformed."),
    Refusal {
        status: 401,
        codes: &[Unauthorized],
        summary: "The client has to say who it is, or what it said is wrong.",
        headers: &[once("WWW-Authenticate", Shape::Text, "How to log in: a Basic or a Bearer challenge.")],
    },
    refusal(403, &[Denied], "The client may not do this."),
    refusal(404, &[NameUnknown], "The registry has no such repository."),
    refusal(414, &[Unsupported], "The query is longer than `http.limits.querybytes`."),
    Refusal {
        status: 429,
        codes: &[TooManyRequests],
        summary: "The client is too fast, or another request is busy with the same upload.",
        headers: &[RETRY_AFTER],
    },
    refusal(500, &[Unknown], "The registry failed; its log says why."),
    Refusal {
        status: 503,
        codes: &[Unavailable],
        summary: "The store, or whatever else the registry needs, does not answer.",
        headers: &[RETRY_AFTER],
    },
];

const RETRY_AFTER: Parameter = once("Retry-After", Shape::Number, "When to come back, in seconds.");

impl Exchange {
    /// What any request may be refused with.
    pub const ALWAYS: &[Refusal] = ALWAYS;

    /// The headers that every answer of every operation has.
    pub const IN_EVERY_ANSWER: &[Parameter] = &[
        once("Docker-Distribution-Api-Version", Shape::Text, "Always `registry/2.0`."),
        once("X-Request-Id", Shape::Text, "What the logs call this request."),
    ];
}
