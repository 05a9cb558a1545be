//! The requests, each with a name: what clients do from the first look to the last delete, and what they should not do.

use wharf_tests::{Image, OCI_MANIFEST, sha256};

/// One request.
pub(super) struct Step {
    pub(super) name: &'static str,
    /// Method and target, lines of headers, an empty line, a body.
    pub(super) request: String,
    /// What the `Location` of the answer is called in later requests.
    pub(super) keeps: Option<&'static str>,
    /// Whether it comes without credentials.
    pub(super) anonymous: bool,
}

fn step(name: &'static str, request: impl Into<String>) -> Step {
    Step { name, request: request.into(), keeps: None, anonymous: false }
}

fn keeping(key: &'static str, step: Step) -> Step {
    Step { keeps: Some(key), ..step }
}

/// Every request, in order. Those that change something come in an order in which they make sense.
pub(super) fn steps() -> Vec<Step> {
    let mut steps = looks();
    steps.extend(pushes());
    steps.extend(manifests());
    steps.extend(deletes());
    steps
}

fn looks() -> Vec<Step> {
    let none = sha256(b"nobody has this");
    let anonymous = |step| Step { anonymous: true, ..step };
    vec![
        step("base", "GET /v2/"),
        step("base head", "HEAD /v2/"),
        step("base without slash", "GET /v2"),
        anonymous(step("base without credentials", "GET /v2/")),
        anonymous(step("pull without credentials", "GET /v2/a/b/manifests/v1")),
        anonymous(step("push without credentials", "POST /v2/a/b/blobs/uploads/")),
        anonymous(step("catalog without credentials", "GET /v2/_catalog")),
        anonymous(step("wrong credentials", "GET /v2/\nAuthorization: Basic YTpi")),
        step("alive", "GET /"),
        step("no route", "GET /v2/a/b/c"),
        step("other version", "GET /v1/"),
        step("catalog of nothing", "GET /v2/_catalog"),
        step("tags of nobody", "GET /v2/a/b/tags/list"),
        step("manifest of nobody", "GET /v2/a/b/manifests/v1"),
        step("manifest by unknown digest", format!("GET /v2/a/b/manifests/{none}")),
        step("blob of nobody", format!("GET /v2/a/b/blobs/{none}")),
        step("blob by short digest", "GET /v2/a/b/blobs/sha256:00"),
        step("blob by unknown algorithm", "GET /v2/a/b/blobs/md5:00112233445566778899aabbccddeeff"),
        step("upload of nobody", "GET /v2/a/b/blobs/uploads/11111111-2222-4333-8444-555555555555"),
        step("path with dots", "GET /v2/a/../a/b/tags/list"),
        step("path with two slashes", "GET /v2//a/b/tags/list"),
    ]
}

fn pushes() -> Vec<Step> {
    let config = Image::tiny(1).config;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (first, second) = ("some bytes of ", "a blob");
    let whole = sha256(format!("{first}{second}").as_bytes());
    let wrong = sha256(b"something else");
    let mut steps = vec![
        keeping("{upload}", step("begin", "POST /v2/a/b/blobs/uploads/")),
        keeping(
            "{upload}",
            step("chunk", format!("PATCH {{upload}}\nContent-Type: application/octet-stream\n\n{first}")),
        ),
        keeping(
            "{upload}",
            step(
                "chunk again",
                format!("PATCH {{upload}}\nContent-Type: application/octet-stream\n\n{second}"),
            ),
        ),
        step("finish without digest", "PUT {upload}"),
        step("finish with bad digest", "PUT {upload}&digest=nonsense"),
        step("finish", format!("PUT {{upload}}&digest={whole}")),
        step("finish twice", format!("PUT {{upload}}&digest={whole}")),
        step("blob", format!("GET /v2/a/b/blobs/{whole}")),
        step("blob head", format!("HEAD /v2/a/b/blobs/{whole}")),
        step("blob range", format!("GET /v2/a/b/blobs/{whole}\nRange: bytes=5-9")),
        step("blob suffix", format!("GET /v2/a/b/blobs/{whole}\nRange: bytes=-4")),
        step("blob range beyond", format!("GET /v2/a/b/blobs/{whole}\nRange: bytes=500-")),
        step("blob that is known", format!("GET /v2/a/b/blobs/{whole}\nIf-None-Match: \"{whole}\"")),
        step("blob in another repository", format!("GET /v2/c/d/blobs/{whole}")),
        step("mount", format!("POST /v2/c/d/blobs/uploads/?mount={whole}&from=a/b")),
        step("mount from nobody", format!("POST /v2/c/d/blobs/uploads/?mount={whole}&from=x/y")),
        step("mount of nothing", format!("POST /v2/c/d/blobs/uploads/?mount={wrong}&from=a/b")),
        keeping("{cancel}", step("begin to cancel", "POST /v2/a/b/blobs/uploads/")),
        step("upload without state", "PATCH /v2/a/b/blobs/uploads/11111111-2222-4333-8444-555555555555\n\nx"),
        step("cancel", "DELETE {cancel}"),
        step("cancel twice", "DELETE {cancel}"),
        keeping("{mismatch}", step("begin to fail", "POST /v2/a/b/blobs/uploads/")),
        step("finish with another digest", format!("PUT {{mismatch}}&digest={wrong}\n\nbytes")),
    ];
    steps.extend([
        keeping("{config}", step("begin config", "POST /v2/a/b/blobs/uploads/")),
        step("finish config", format!("PUT {{config}}&digest={}\n\n{}", config.digest, text(&config.bytes))),
    ]);
    steps
}

fn manifests() -> Vec<Step> {
    let config = Image::tiny(1).config;
    let blob = sha256(b"some bytes of a blob");
    let manifest = |layer: &str, size: usize| {
        format!(
            r#"{{"schemaVersion":2,"mediaType":"{OCI_MANIFEST}","config":{{"mediaType":"{}","digest":"{}","size":{}}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{layer}","size":{size}}}]}}"#,
            config.media_type,
            config.digest,
            config.bytes.len()
        )
    };
    let good = manifest(&blob, 20);
    let digest = sha256(good.as_bytes());
    let put = |tag: &str, body: &str| {
        format!("PUT /v2/a/b/manifests/{tag}\nContent-Type: {OCI_MANIFEST}\n\n{body}")
    };
    let accept = format!("Accept: {OCI_MANIFEST}");
    vec![
        step("put manifest", put("v1", &good)),
        step("put manifest again", put("v1", &good)),
        step("put manifest by digest", put(&digest, &good)),
        step("put manifest by another digest", put(&sha256(b"other"), &good)),
        step("put manifest without layer", put("v2", &manifest(&sha256(b"missing"), 7))),
        step("put no json", put("v2", "{")),
        step("put unknown type", "PUT /v2/a/b/manifests/v2\nContent-Type: application/x\n\n{}"),
        step("manifest by tag", format!("GET /v2/a/b/manifests/v1\n{accept}")),
        step("manifest by digest", format!("GET /v2/a/b/manifests/{digest}\n{accept}")),
        step("manifest head", format!("HEAD /v2/a/b/manifests/v1\n{accept}")),
        step("manifest without accept", "GET /v2/a/b/manifests/v1"),
        step(
            "manifest that is known",
            format!("GET /v2/a/b/manifests/v1\n{accept}\nIf-None-Match: \"{digest}\""),
        ),
        step("manifest of unknown tag", format!("GET /v2/a/b/manifests/v9\n{accept}")),
        step("tags", "GET /v2/a/b/tags/list"),
        step("tags head", "HEAD /v2/a/b/tags/list"),
        step("tags page", "GET /v2/a/b/tags/list?n=1"),
        step("catalog", "GET /v2/_catalog?n=10"),
        step("catalog page", "GET /v2/_catalog?n=1"),
        step("catalog after", "GET /v2/_catalog?n=1&last=a/b"),
        step("catalog head", "HEAD /v2/_catalog"),
        step("catalog too many", "GET /v2/_catalog?n=100000"),
        step("post to a manifest", "POST /v2/a/b/manifests/v1"),
        step("put to tags", "PUT /v2/a/b/tags/list"),
        step("options", "OPTIONS /v2/a/b/manifests/v1"),
    ]
}

fn deletes() -> Vec<Step> {
    let blob = sha256(b"some bytes of a blob");
    let none = sha256(b"nobody has this");
    vec![
        step("delete unknown blob", format!("DELETE /v2/a/b/blobs/{none}")),
        step("delete blob", format!("DELETE /v2/a/b/blobs/{blob}")),
        step("deleted blob", format!("GET /v2/a/b/blobs/{blob}")),
        step("delete unknown manifest", format!("DELETE /v2/a/b/manifests/{none}")),
        step("delete unknown tag", "DELETE /v2/a/b/manifests/v9"),
    ]
}
