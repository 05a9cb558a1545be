//! What a repository holds: manifests and blobs.

use wharf_manifest::media_type;

use super::words::{
    BAD_DIGEST, BLOB as BYTES, CONTENT_DIGEST, ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION, NAME, NO_REPOSITORY,
    PRECONDITION_FAILED, READ_ONLY, maybe, often, once, refusal,
};
use super::{Needs, Operation, RouteTemplate, Verb};
use crate::ErrorCode::{
    BlobUnknown, Denied, DigestInvalid, ManifestBlobUnknown, ManifestInvalid, ManifestUnknown,
    ManifestUnverified, NameInvalid, RangeInvalid, SizeInvalid, TagInvalid,
};
use crate::exchange::{Answer, Exchange, Parameter, Payload, Refusal, Schema, Shape};

pub(crate) const MANIFEST: RouteTemplate = RouteTemplate {
    name: "manifest",
    pattern: "/v2/<name>/manifests/<reference>",
    entity: "Manifest",
    summary: "Manifests: what an image, an index or an artifact is made of.",
    parameters: &[NAME, once("reference", Shape::Reference, "A tag, or the digest of the manifest.")],
    operations: &[
        Operation {
            verb: Verb::Delete,
            summary: "Deletes a tag, or a manifest with all its tags.",
            needs: Needs::Delete,
            endpoints: &["end-9"],
            source: "OCI distribution 1.1, sections \"Deleting tags\" and \"Deleting Manifests\"",
            exchanges: &[DELETE_MANIFEST],
        },
        Operation {
            verb: Verb::Get,
            summary: "Gives a manifest, byte for byte as it was pushed.",
            needs: Needs::Pull,
            endpoints: &["end-3"],
            source: "OCI distribution 1.1, section \"Pulling manifests\"",
            exchanges: PULL_MANIFEST,
        },
        Operation {
            verb: Verb::Head,
            summary: "Says whether a manifest is there, its type, size and digest.",
            needs: Needs::Pull,
            endpoints: &["end-3"],
            source: "OCI distribution 1.1, section \"Checking if content exists in the registry\"",
            exchanges: PULL_MANIFEST,
        },
        Operation {
            verb: Verb::Put,
            summary: "Stores a manifest, and sets the tag of the path or those of the query.",
            needs: Needs::PullAndPush,
            endpoints: &["end-7a", "end-7b"],
            source: "OCI distribution 1.2, section \"Pushing Manifests\"",
            exchanges: &[PUSH_MANIFEST],
        },
    ],
};

pub(crate) const BLOB: RouteTemplate = RouteTemplate {
    name: "blob",
    pattern: "/v2/<name>/blobs/<digest>",
    entity: "Blob",
    summary: "Blobs: configurations, layers, and whatever else manifests point to.",
    parameters: &[NAME, once("digest", Shape::Digest, "The digest of the blob.")],
    operations: &[
        Operation {
            verb: Verb::Delete,
            summary: "Deletes a blob from a repository.",
            needs: Needs::Delete,
            endpoints: &["end-10"],
            source: "OCI distribution 1.1, section \"Deleting Blobs\"",
            exchanges: &[DELETE_BLOB],
        },
        Operation {
            verb: Verb::Get,
            summary: "Gives a blob, or ranges of it.",
            needs: Needs::Pull,
            endpoints: &["end-2"],
            source: "OCI distribution 1.1, section \"Pulling blobs\"",
            exchanges: &[PULL_BLOB],
        },
        Operation {
            verb: Verb::Head,
            summary: "Says whether a blob is there, its size and digest.",
            needs: Needs::Pull,
            endpoints: &["end-2"],
            source: "OCI distribution 1.1, section \"Checking if content exists in the registry\"",
            exchanges: &[CHECK_BLOB],
        },
    ],
};

/// Every type of manifest that this registry takes and gives.
const MANIFESTS: Payload = Payload {
    media_types: &[
        media_type::OCI_MANIFEST,
        media_type::OCI_INDEX,
        media_type::DOCKER_MANIFEST,
        media_type::DOCKER_LIST,
        media_type::OCI_ARTIFACT,
        media_type::DOCKER_SCHEMA1_SIGNED,
    ],
    schema: Schema::Manifest,
};

const NO_MANIFEST: Refusal =
    refusal(404, &[ManifestUnknown], "The repository has no such manifest, or nothing can be called so.");

const IMMUTABLE: Refusal =
    refusal(409, &[Denied], "A rule of `storage.tag.immutable` keeps the tag as it is.");

const PULL_MANIFEST: &[Exchange] = &[Exchange {
    name: "",
    summary: "",
    headers: &[
        often(
            "Accept",
            Shape::Text,
            "The types that the client knows. A Docker list that is asked for by tag, by a client \
             that names images but neither lists nor wildcards, is answered by its image for linux/amd64.",
        ),
        IF_NONE_MATCH,
        IF_MATCH,
    ],
    query: &[],
    body: None,
    answers: &[
        Answer {
            status: 200,
            summary: "The manifest.",
            headers: &[CONTENT_DIGEST, ETAG, VARY],
            body: Some(MANIFESTS),
        },
        Answer {
            status: 304,
            summary: "The client has it already.",
            headers: &[CONTENT_DIGEST, ETAG, VARY],
            body: None,
        },
    ],
    refusals: &[NO_MANIFEST, PRECONDITION_FAILED],
}];

const VARY: Parameter = maybe("Vary", Shape::Text, "`Accept`, where the answer depends on it.");

const PUSH_MANIFEST: Exchange = Exchange {
    name: "",
    summary: "",
    headers: &[maybe(
        "Content-Type",
        Shape::Text,
        "The media type of the manifest. What the body says of itself must not differ.",
    )],
    query: &[often(
        "tag",
        Shape::Tag,
        "A tag to set along with a manifest that is pushed by digest, at most \
         `http.limits.tagparameters` of them.",
    )],
    body: Some(MANIFESTS),
    answers: &[Answer {
        status: 201,
        summary: "The manifest is stored, and the tags are set.",
        headers: &[
            LOCATION,
            CONTENT_DIGEST,
            maybe("OCI-Subject", Shape::Digest, "The subject of the manifest: its referrers are kept here."),
            often("OCI-Tag", Shape::Tag, "A tag of the query that was set."),
        ],
        body: None,
    }],
    refusals: &[
        refusal(
            400,
            &[
                ManifestInvalid,
                ManifestUnverified,
                ManifestBlobUnknown,
                DigestInvalid,
                NameInvalid,
                TagInvalid,
                SizeInvalid,
            ],
            "The manifest makes no sense, points to what the repository does not have, has another digest than the path \
             says, or did not arrive whole; its signature is wrong; or a tag is malformed.",
        ),
        READ_ONLY,
        IMMUTABLE,
        refusal(413, &[ManifestInvalid], "The manifest is larger than `http.limits.manifestbytes`."),
        refusal(414, &[TagInvalid], "The query names more than `http.limits.tagparameters` tags."),
    ],
};

const DELETE_MANIFEST: Exchange = Exchange {
    name: "",
    summary: "",
    headers: &[],
    query: &[],
    body: None,
    answers: &[Answer { status: 202, summary: "It is gone.", headers: &[], body: None }],
    refusals: &[NO_MANIFEST, READ_ONLY, IMMUTABLE],
};

const NO_BLOB: Refusal = refusal(404, &[BlobUnknown], "The repository has no such blob.");

const WHOLE_BLOB: Answer = Answer {
    status: 200,
    summary: "The blob.",
    headers: &[CONTENT_DIGEST, ETAG, CACHED, RANGES],
    body: Some(BYTES),
};

const BLOB_NOT_MODIFIED: Answer = Answer {
    status: 304,
    summary: "The client has it already.",
    headers: &[CONTENT_DIGEST, ETAG, CACHED, RANGES],
    body: None,
};

const CACHED: Parameter = once("Cache-Control", Shape::Text, "`max-age=31536000`: a blob never changes.");
const RANGES: Parameter = once("Accept-Ranges", Shape::Text, "Always `bytes`.");

const CHECK_BLOB: Exchange = Exchange {
    name: "",
    summary: "",
    headers: &[IF_NONE_MATCH, IF_MATCH],
    query: &[],
    body: None,
    answers: &[WHOLE_BLOB, BLOB_NOT_MODIFIED],
    refusals: &[BAD_DIGEST, NO_BLOB, NO_REPOSITORY, PRECONDITION_FAILED],
};

const PULL_BLOB: Exchange = Exchange {
    name: "",
    summary: "",
    headers: &[
        maybe(
            "Range",
            Shape::Text,
            "Which bytes are wanted: `bytes=0-99,200-`, at most `http.limits.ranges` ranges. RFC 9110, \
             section 14.",
        ),
        maybe("If-Range", Shape::Text, "The range counts only if this entity tag is current."),
        IF_NONE_MATCH,
        IF_MATCH,
    ],
    query: &[],
    body: None,
    answers: &[
        WHOLE_BLOB,
        Answer {
            status: 206,
            summary: "The bytes that were wanted; several ranges come as parts of one body.",
            headers: &[
                CONTENT_DIGEST,
                ETAG,
                CACHED,
                RANGES,
                maybe("Content-Range", Shape::Text, "Which bytes of how many these are, if it is one range."),
            ],
            body: Some(Payload {
                media_types: &[media_type::OCTET_STREAM, "multipart/byteranges"],
                schema: Schema::Bytes,
            }),
        },
        BLOB_NOT_MODIFIED,
        Answer {
            status: 307,
            summary: "The store gives it out itself.",
            headers: &[
                once(
                    "Location",
                    Shape::Url,
                    "Where, for some minutes. Credentials of the registry are not for it.",
                ),
                CONTENT_DIGEST,
            ],
            body: None,
        },
    ],
    refusals: &[
        BAD_DIGEST,
        NO_BLOB,
        NO_REPOSITORY,
        PRECONDITION_FAILED,
        Refusal {
            status: 416,
            codes: &[RangeInvalid],
            summary: "None of the bytes that were wanted exist.",
            headers: &[once("Content-Range", Shape::Text, "`bytes */<size>`: how many there are.")],
        },
    ],
};

const DELETE_BLOB: Exchange = Exchange {
    name: "",
    summary: "",
    headers: &[],
    query: &[],
    body: None,
    answers: &[Answer {
        status: 202,
        summary: "The repository does not have it any more.",
        headers: &[],
        body: None,
    }],
    refusals: &[BAD_DIGEST, NO_BLOB, NO_REPOSITORY, READ_ONLY],
};
