//! Whether this is a registry at all, and what it lists: repositories, tags, referrers.

use wharf_manifest::media_type;

use super::words::{BAD_DIGEST, JSON, LINK, NAME, NO_REPOSITORY, PAGE, maybe, once, refusal};
use super::{Needs, Operation, RouteTemplate, Verb};
use crate::ErrorCode::{NameInvalid, PaginationNumberInvalid, TagInvalid};
use crate::exchange::{Answer, Exchange, Payload, Schema, Shape};

pub(crate) const BASE: RouteTemplate = RouteTemplate {
    name: "base",
    pattern: "/v2/",
    entity: "Base",
    summary: "Says what this is. Clients ask here first, to learn how to log in.",
    parameters: &[],
    operations: &[
        Operation {
            verb: Verb::Get,
            summary: "Says that this is a registry, and whether the credentials are good.",
            needs: Needs::Nothing,
            endpoints: &["end-1"],
            source: "OCI distribution 1.1, section \"Determining Support\"",
            exchanges: SUPPORT,
        },
        Operation {
            verb: Verb::Head,
            summary: "Says the same without a body.",
            needs: Needs::Nothing,
            endpoints: &[],
            source: "Distribution",
            exchanges: SUPPORT,
        },
    ],
};

pub(crate) const CATALOG: RouteTemplate = RouteTemplate {
    name: "catalog",
    pattern: "/v2/_catalog",
    entity: "Catalog",
    summary: "The names of all repositories that the client may pull from, in the order of their bytes.",
    parameters: &[],
    operations: &[
        Operation {
            verb: Verb::Get,
            summary: "Lists the repositories, page by page.",
            needs: Needs::Catalog,
            endpoints: &[],
            source: "Distribution",
            exchanges: REPOSITORIES,
        },
        Operation {
            verb: Verb::Head,
            summary: "Answers as GET would, without the list.",
            needs: Needs::Catalog,
            endpoints: &[],
            source: "RFC 9110, section 9.3.2",
            exchanges: REPOSITORIES,
        },
    ],
};

pub(crate) const TAGS: RouteTemplate = RouteTemplate {
    name: "tags",
    pattern: "/v2/<name>/tags/list",
    entity: "Tags",
    summary: "The tags of a repository, in the order of their bytes.",
    parameters: &[NAME],
    operations: &[
        Operation {
            verb: Verb::Get,
            summary: "Lists the tags of a repository, page by page.",
            needs: Needs::Pull,
            endpoints: &["end-8a", "end-8b"],
            source: "OCI distribution 1.1, section \"Listing Tags\"",
            exchanges: TAG_PAGES,
        },
        Operation {
            verb: Verb::Head,
            summary: "Answers as GET would, without the list.",
            needs: Needs::Pull,
            endpoints: &[],
            source: "RFC 9110, section 9.3.2",
            exchanges: TAG_PAGES,
        },
    ],
};

pub(crate) const REFERRERS: RouteTemplate = RouteTemplate {
    name: "referrers",
    pattern: "/v2/<name>/referrers/<digest>",
    entity: "Referrers",
    summary: "The manifests that name another as their subject: signatures, attestations and the like.",
    parameters: &[NAME, once("digest", Shape::Digest, "The digest of the subject, which need not be there.")],
    operations: &[
        Operation {
            verb: Verb::Get,
            summary: "Lists the manifests that name another as their subject, page by page.",
            needs: Needs::Pull,
            endpoints: &["end-12a", "end-12b"],
            source: "OCI distribution 1.1, section \"Listing Referrers\"",
            exchanges: REFERRER_PAGES,
        },
        Operation {
            verb: Verb::Head,
            summary: "Answers as GET would, without the list.",
            needs: Needs::Pull,
            endpoints: &[],
            source: "RFC 9110, section 9.3.2",
            exchanges: REFERRER_PAGES,
        },
    ],
};

const SUPPORT: &[Exchange] = &[Exchange {
    name: "",
    summary: "",
    headers: &[],
    query: &[],
    body: None,
    answers: &[Answer {
        status: 200,
        summary: "This is a registry, and the client may talk to it.",
        headers: &[],
        body: Some(Payload { media_types: JSON, schema: Schema::Nothing }),
    }],
    refusals: &[],
}];

const REPOSITORIES: &[Exchange] = &[Exchange {
    name: "",
    summary: "",
    headers: &[],
    query: &[
        PAGE,
        maybe("last", Shape::Name, "The page begins behind this repository, which need not exist."),
    ],
    body: None,
    answers: &[Answer {
        status: 200,
        summary: "A page of names.",
        headers: &[LINK],
        body: Some(Payload { media_types: JSON, schema: Schema::Repositories }),
    }],
    refusals: &[refusal(
        400,
        &[PaginationNumberInvalid, NameInvalid],
        "`n` is no number or more than `catalog.maxentries`, or `last` is no name.",
    )],
}];

const TAG_PAGES: &[Exchange] = &[Exchange {
    name: "",
    summary: "",
    headers: &[],
    query: &[PAGE, maybe("last", Shape::Tag, "The page begins behind this tag, which need not exist.")],
    body: None,
    answers: &[Answer {
        status: 200,
        summary: "A page of tags, at most `tags.maxtags` of them where a number was asked for.",
        headers: &[LINK],
        body: Some(Payload { media_types: JSON, schema: Schema::Tags }),
    }],
    refusals: &[
        refusal(400, &[PaginationNumberInvalid, TagInvalid], "`n` is no number, or `last` is no tag."),
        NO_REPOSITORY,
    ],
}];

const REFERRER_PAGES: &[Exchange] = &[Exchange {
    name: "",
    summary: "",
    headers: &[],
    query: &[
        maybe("artifactType", Shape::Text, "Only referrers with this artifact type."),
        maybe("last", Shape::Digest, "The page begins behind this referrer; the `Link` of a page sets it."),
    ],
    body: None,
    answers: &[Answer {
        status: 200,
        summary: "A page of descriptors in an image index, which has none where nothing refers to the subject.",
        headers: &[
            LINK,
            maybe("OCI-Filters-Applied", Shape::Text, "`artifactType`, if the list was filtered by it."),
        ],
        body: Some(Payload { media_types: &[media_type::OCI_INDEX], schema: Schema::Referrers }),
    }],
    refusals: &[BAD_DIGEST],
}];
