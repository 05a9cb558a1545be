//! What a request asks an object store for.

use super::message::Head;

/// Names the operation of S3 that a request is for. The names of Azure's are their methods with what `comp` says.
pub(crate) fn operation(head: &Head) -> &'static str {
    let query = head.target().split_once('?').map_or("", |(_, query)| query);
    let keys: Vec<&str> = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default()).collect();
    let has = |key: &str| keys.contains(&key);
    let copies = head.header("x-amz-copy-source").is_some();
    match head.method() {
        "PUT" if has("uploadId") && copies => "UploadPartCopy",
        "PUT" if has("uploadId") => "UploadPart",
        "PUT" if copies => "CopyObject",
        "PUT" if query.contains("comp=blocklist") => "PutBlockList",
        "PUT" if query.contains("comp=block") => "PutBlock",
        "PUT" if head.header("x-ms-copy-source").is_some() => "CopyBlob",
        "PUT" => "PutObject",
        "POST" if has("uploads") => "CreateMultipartUpload",
        "POST" if has("uploadId") => "CompleteMultipartUpload",
        "POST" if has("delete") => "DeleteObjects",
        "DELETE" if has("uploadId") => "AbortMultipartUpload",
        "DELETE" => "DeleteObject",
        "GET" if has("uploads") => "ListMultipartUploads",
        "GET" if has("uploadId") => "ListParts",
        "GET" if has("list-type") || query.contains("comp=list") => "ListObjects",
        "GET" => "GetObject",
        "HEAD" => "HeadObject",
        _ => "Other",
    }
}
