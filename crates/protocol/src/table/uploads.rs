//! How blobs get into a repository.

use super::words::{BAD_DIGEST, BLOB, CONTENT_DIGEST, LOCATION, NAME, READ_ONLY, maybe, once, refusal};
use super::{Needs, Operation, RouteTemplate, Verb};
use crate::ErrorCode::{BlobUploadInvalid, BlobUploadUnknown, DigestInvalid, RangeInvalid, SizeInvalid};
use crate::exchange::{Answer, Exchange, Parameter, Refusal, Shape};

pub(crate) const UPLOADS: RouteTemplate = RouteTemplate {
    name: "blob-upload",
    pattern: "/v2/<name>/blobs/uploads/",
    entity: "Start of an upload",
    summary: "Where every blob comes in.",
    parameters: &[NAME],
    operations: &[Operation {
        verb: Verb::Post,
        summary: "Begins an upload, takes a whole blob, or mounts one from another repository.",
        needs: Needs::PullAndPush,
        endpoints: &["end-4a", "end-4b", "end-4c", "end-11"],
        source: "OCI distribution 1.2, sections \"Pushing blobs\" and \"Mounting a blob from another repository\"",
        exchanges: &[BEGIN, WHOLE, MOUNT],
    }],
};

pub(crate) const UPLOAD: RouteTemplate = RouteTemplate {
    name: "blob-upload-chunk",
    pattern: "/v2/<name>/blobs/uploads/<id>",
    entity: "Upload",
    summary: "An upload that is under way. Its URL is what the last answer said in `Location`; nobody puts one together.",
    parameters: &[NAME, once("id", Shape::UploadId, "The id of the upload.")],
    operations: &[
        Operation {
            verb: Verb::Delete,
            summary: "Cancels an upload.",
            needs: Needs::PullAndPush,
            endpoints: &["end-14"],
            source: "OCI distribution 1.2, section \"Cancel a blob upload\"",
            exchanges: &[CANCEL],
        },
        Operation {
            verb: Verb::Get,
            summary: "Says how much of an upload has arrived.",
            needs: Needs::Pull,
            endpoints: &["end-13"],
            source: "OCI distribution 1.1, section \"Pushing a blob in chunks\"",
            exchanges: STATUS,
        },
        Operation {
            verb: Verb::Head,
            summary: "Says how much of an upload has arrived.",
            needs: Needs::Pull,
            endpoints: &[],
            source: "Distribution",
            exchanges: STATUS,
        },
        Operation {
            verb: Verb::Patch,
            summary: "Adds a chunk to an upload.",
            needs: Needs::PullAndPush,
            endpoints: &["end-5"],
            source: "OCI distribution 1.1, section \"Pushing a blob in chunks\"",
            exchanges: &[APPEND],
        },
        Operation {
            verb: Verb::Put,
            summary: "Adds what is left to an upload and makes it a blob, if it has the digest that was said.",
            needs: Needs::PullAndPush,
            endpoints: &["end-6"],
            source: "OCI distribution 1.1, section \"Pushing blobs\"",
            exchanges: &[FINISH],
        },
    ],
};

const ID: Parameter = once("Docker-Upload-UUID", Shape::UploadId, "The id of the upload.");
const RECEIVED: Parameter = once(
    "Range",
    Shape::Text,
    "`0-<last>`: the bytes that have arrived. `0-0` stands for none as well as for one.",
);
const NEXT: Parameter = once("Location", Shape::Url, "Where the next request about this upload goes.");
const STATE: Parameter =
    once("_state", Shape::Text, "What the registry put there itself when it gave out the URL.");

const UNDER_WAY: &[Parameter] = &[NEXT, RECEIVED, ID];

const BEGUN: Answer = Answer {
    status: 202,
    summary: "An upload has begun.",
    headers: &[
        NEXT,
        RECEIVED,
        ID,
        maybe(
            "OCI-Chunk-Min-Length",
            Shape::Number,
            "The smallest chunk that is welcome, in bytes, the last one excepted.",
        ),
    ],
    body: None,
};

const STORED: Answer = Answer {
    status: 201,
    summary: "The repository holds the blob.",
    headers: &[LOCATION, CONTENT_DIGEST],
    body: None,
};

const NO_UPLOAD: Refusal = refusal(404, &[BlobUploadUnknown], "There is no such upload, or no longer.");
const NOT_OURS: Refusal = refusal(
    404,
    &[BlobUploadUnknown, BlobUploadInvalid],
    "There is no such upload, or no longer; or this registry never gave out that URL.",
);
const CUT_SHORT: Refusal =
    refusal(400, &[SizeInvalid], "The body did not arrive whole, or has another length than was said.");
const TOO_LARGE: Refusal = refusal(413, &[SizeInvalid], "The blob is larger than the store can hold.");
const WRONG_BYTES: Refusal = refusal(
    400,
    &[DigestInvalid, SizeInvalid],
    "The bytes have another digest, or did not arrive whole; or a digest is malformed.",
);
const NOT_NEXT: Refusal = Refusal {
    status: 416,
    codes: &[RangeInvalid],
    summary: "The chunk does not begin where the upload ends, which the headers say. The upload lives on.",
    headers: &[
        maybe("Location", Shape::Url, "Where the next request about this upload goes."),
        maybe("Range", Shape::Text, "The bytes that have arrived."),
        maybe("Docker-Upload-UUID", Shape::UploadId, "The id of the upload."),
    ],
};

const BEGIN: Exchange = Exchange {
    name: "Begin an upload",
    summary: "The bytes follow, in one request or in several.",
    headers: &[],
    query: &[maybe(
        "digest-algorithm",
        Shape::Algorithm,
        "What the blob will be hashed with, so that it is hashed only once.",
    )],
    body: None,
    answers: &[BEGUN],
    refusals: &[BAD_DIGEST, READ_ONLY],
};

const WHOLE: Exchange = Exchange {
    name: "Push a whole blob",
    summary: "One request is enough where the digest is known.",
    headers: &[],
    query: &[maybe("digest", Shape::Digest, "The digest of the body.")],
    body: Some(BLOB),
    answers: &[STORED],
    refusals: &[WRONG_BYTES, READ_ONLY, TOO_LARGE],
};

const MOUNT: Exchange = Exchange {
    name: "Mount a blob",
    summary: "Takes over a blob that the registry has, without its bytes being sent.",
    headers: &[],
    query: &[
        maybe("mount", Shape::Digest, "The digest of the blob."),
        maybe("from", Shape::Name, "The repository that has it; without it, any that the registry finds."),
    ],
    body: None,
    answers: &[STORED, Answer { summary: "It cannot be mounted, so an upload has begun instead.", ..BEGUN }],
    refusals: &[BAD_DIGEST, READ_ONLY],
};

const STATUS: &[Exchange] = &[Exchange {
    name: "",
    summary: "",
    headers: &[],
    query: &[],
    body: None,
    answers: &[Answer { status: 204, summary: "How far the upload is.", headers: UNDER_WAY, body: None }],
    refusals: &[NO_UPLOAD],
}];

const CONTENT_RANGE: Parameter = maybe(
    "Content-Range",
    Shape::Text,
    "`<first>-<last>`: which bytes of the blob these are. Without it they are the next ones.",
);

const APPEND: Exchange = Exchange {
    name: "",
    summary: "",
    headers: &[CONTENT_RANGE],
    query: &[STATE],
    body: Some(BLOB),
    answers: &[Answer { status: 202, summary: "The chunk is stored.", headers: UNDER_WAY, body: None }],
    refusals: &[CUT_SHORT, NOT_OURS, READ_ONLY, TOO_LARGE, NOT_NEXT],
};

const FINISH: Exchange = Exchange {
    name: "",
    summary: "",
    headers: &[CONTENT_RANGE],
    query: &[STATE, once("digest", Shape::Digest, "The digest of the whole blob.")],
    body: Some(BLOB),
    answers: &[STORED],
    refusals: &[WRONG_BYTES, NOT_OURS, READ_ONLY, TOO_LARGE, NOT_NEXT],
};

const CANCEL: Exchange = Exchange {
    name: "",
    summary: "",
    headers: &[],
    query: &[STATE],
    body: None,
    answers: &[Answer {
        status: 204,
        summary: "The upload and its bytes are gone.",
        headers: &[ID],
        body: None,
    }],
    refusals: &[NOT_OURS, READ_ONLY],
};
