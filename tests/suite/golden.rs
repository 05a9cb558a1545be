//! What goes over the wire and onto the disk, kept in files beside the suite.
//!
//! A change of one of them is a change of what strangers rely on: it should look like one in a review. They are written
//! anew with `WHARF_TESTS_BLESS=1`.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::json;
use wharf_tests::{
    Answer, Image, OCI_INDEX, OCI_MANIFEST, Request, Server, Settings, noise, root, sha256, sha512, tree,
    with_query,
};

/// The longest body that is kept as it is, in bytes.
const BODY_LIMIT: usize = 2_000;

over_every_driver![the_wire_is_as_it_was];

fn assert_golden(name: &str, found: &str) {
    assert_kept(&root().join("tests/golden").join(name), found);
}

/// Compares a text with the file that it is kept in, or writes the file.
pub(crate) fn assert_kept(file: &Path, found: &str) {
    if std::env::var_os("WHARF_TESTS_BLESS").is_some() {
        fs::write(file, found).unwrap();
        return;
    }
    let kept = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    for (number, (kept, found)) in kept.lines().zip(found.lines()).enumerate() {
        assert_eq!(found, kept, "line {} of {}, found and kept", number + 1, file.display());
    }
    assert_eq!(found.lines().count(), kept.lines().count(), "the lengths of {}", file.display());
}

/// Prints an answer without what differs from run to run: ports, ids, states, times.
fn printed(server: &Server, said: &str, answer: &Answer) -> String {
    let mut text = format!("> {said}\n< {}\n", answer.status);
    for (name, value) in answer.steady_headers() {
        writeln!(text, "< {name}: {value}").unwrap();
    }
    let body = answer.text();
    if body.len() > BODY_LIMIT || body.contains('\u{fffd}') {
        writeln!(text, "({} bytes, {})", answer.body.len(), sha256(&answer.body)).unwrap();
    } else if !body.is_empty() {
        text += &body;
        text += if body.ends_with('\n') { "" } else { "\n(no newline)\n" };
    }
    text = text.replace(&server.address().to_string(), "ADDRESS");
    if let Some(id) = answer.header("docker-upload-uuid") {
        text = text.replace(id, "UPLOAD");
    }
    match text.find("_state=") {
        Some(at) => {
            let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
            format!("{}_state=STATE{}", &text[..at], &text[end..])
        }
        None => text,
    }
}

/// Speaks to a server and writes down what it answers.
struct Dialogue<'a> {
    server: &'a Server,
    text: String,
}

impl Dialogue<'_> {
    fn say(&mut self, what: &str, request: &Request) -> Answer {
        let answer = self.server.send(request);
        self.text += &printed(self.server, what, &answer);
        self.text.push('\n');
        answer
    }
}

fn the_wire_is_as_it_was(settings: &Settings) {
    let server = Server::wharf(settings);
    let mut dialogue = Dialogue { server: &server, text: String::new() };
    pushing(&mut dialogue);
    pulling(&mut dialogue);
    listing(&mut dialogue);
    failing(&mut dialogue);
    deleting(&mut dialogue);
    assert_golden("wire.txt", &dialogue.text);
}

fn image() -> Image {
    Image::new(1, 2, 100)
}

fn pushing(dialogue: &mut Dialogue<'_>) {
    let bytes = noise(9, 1_000);
    let digest = sha256(&bytes);
    let opened = dialogue.say("open an upload", &Request::post("/v2/golden/image/blobs/uploads/"));
    let patch =
        Request::patch(&opened.location()).header("Content-Range", "0-499").body(bytes[..500].to_vec());
    let at = dialogue.say("push a chunk", &patch).location();
    dialogue.say("ask how far the upload is", &Request::get(&at));
    let again = Request::patch(&at).header("Content-Range", "0-499").body(bytes[..500].to_vec());
    dialogue.say("push the chunk again", &again);
    let closing = with_query(&at, &format!("digest={digest}"));
    dialogue.say("close the upload", &Request::put(&closing).body(bytes[500..].to_vec()));
    let single = format!("/v2/golden/image/blobs/uploads/?digest={}", sha512(b"single"));
    dialogue.say("push a blob in one request", &Request::post(&single).body("single"));
    let mount = format!("/v2/golden/other/blobs/uploads/?mount={digest}&from=golden/image");
    dialogue.say("mount a blob", &Request::post(&mount));
    let cancelled = dialogue.say("open another upload", &Request::post("/v2/golden/image/blobs/uploads/"));
    dialogue.say("cancel it", &Request::delete(&cancelled.location()));
    let image = image();
    for blob in image.blobs() {
        dialogue.server.push_blob("golden/image", blob.bytes.clone());
    }
    let manifest = image.manifest.bytes.clone();
    let put = |path: &str| Request::put(path).header("Content-Type", OCI_MANIFEST).body(manifest.clone());
    dialogue.say("push a manifest by tag", &put("/v2/golden/image/manifests/v1"));
    let by_digest = format!("/v2/golden/image/manifests/{}?tag=v2&tag=v3", image.manifest.digest);
    dialogue.say("push a manifest by digest with tags", &put(&by_digest));
    dialogue.say("push a referrer", &referrer(&image));
}

fn referrer(image: &Image) -> Request {
    let manifest = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/vnd.example.signature",
        "config": image.config.descriptor(), "layers": [], "subject": image.manifest.descriptor(),
        "annotations": { "org.example.key": "<a> & \"b\"" },
    });
    let put = Request::put("/v2/golden/image/manifests/signature").header("Content-Type", OCI_MANIFEST);
    put.body(manifest.to_string())
}

fn pulling(dialogue: &mut Dialogue<'_>) {
    let image = image();
    let manifest = format!("/v2/golden/image/manifests/{}", image.manifest.digest);
    let layer = format!("/v2/golden/image/blobs/{}", image.layers[0].digest);
    dialogue.say("ask whether this is a registry", &Request::get("/v2/"));
    dialogue.say("ask whether anybody is there", &Request::get("/"));
    for (what, path) in
        [("manifest by tag", "/v2/golden/image/manifests/v1"), ("manifest", &manifest), ("blob", &layer)]
    {
        dialogue.say(&format!("pull a {what}"), &Request::get(path).header("Accept", OCI_MANIFEST));
        dialogue.say(
            &format!("ask for the head of a {what}"),
            &Request::head(path).header("Accept", OCI_MANIFEST),
        );
    }
    dialogue.say("pull a part", &Request::get(&layer).header("Range", "bytes=10-19"));
    dialogue.say("pull a part beyond the end", &Request::get(&layer).header("Range", "bytes=99999-"));
    let known = format!("\"{}\"", image.layers[0].digest);
    dialogue.say("pull what the client has", &Request::get(&layer).header("If-None-Match", &known));
    dialogue.say("pull unless it changed", &Request::get(&layer).header("If-Match", "\"other\""));
}

fn listing(dialogue: &mut Dialogue<'_>) {
    let referrers = format!("/v2/golden/image/referrers/{}", image().manifest.digest);
    for path in [
        "/v2/golden/image/tags/list",
        "/v2/golden/image/tags/list?n=2",
        "/v2/_catalog",
        "/v2/_catalog?n=0",
        &referrers,
        &format!("{referrers}?artifactType=application/vnd.example.other"),
    ] {
        dialogue.say(&format!("GET {path}"), &Request::get(path));
    }
}

fn failing(dialogue: &mut Dialogue<'_>) {
    let unknown = sha256(b"unknown");
    for path in [
        "/v2/golden/image/manifests/unknown",
        &format!("/v2/golden/image/manifests/{unknown}"),
        &format!("/v2/golden/image/blobs/{unknown}"),
        "/v2/golden/image/blobs/sha256:abc",
        "/v2/golden/image/blobs/md5:d41d8cd98f00b204e9800998ecf8427e",
        "/v2/golden/image/blobs/uploads/unknown",
        "/v2/golden/unknown/tags/list",
        "/v2/golden/image/tags/list?n=x",
        "/v2/Golden/tags/list",
        "/v2/golden/image/nothing",
        "/v2",
        "/v2/golden//image/tags/list",
        "/nothing",
    ] {
        dialogue.say(&format!("GET {path}"), &Request::get(path));
    }
    dialogue.say("POST to tags", &Request::post("/v2/golden/image/tags/list"));
    dialogue.say("OPTIONS of a blob", &Request::new("OPTIONS", &format!("/v2/golden/image/blobs/{unknown}")));
    let put = Request::put("/v2/golden/image/manifests/v9").header("Content-Type", OCI_MANIFEST);
    dialogue.say("push no manifest", &put.clone().body("{"));
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] }).to_string();
    dialogue.say("push another kind than is said", &put.clone().body(index));
    let layer = json!({ "mediaType": "a/b", "digest": unknown, "size": 7 });
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": layer, "layers": [layer] });
    dialogue.say("push a manifest of unknown blobs", &put.body(manifest.to_string()));
}

fn deleting(dialogue: &mut Dialogue<'_>) {
    let image = image();
    let manifest = format!("/v2/golden/image/manifests/{}", image.manifest.digest);
    let layer = format!("/v2/golden/image/blobs/{}", image.layers[0].digest);
    for path in ["/v2/golden/image/manifests/v1", &manifest, &manifest, &layer, &layer] {
        dialogue.say(&format!("DELETE {path}"), &Request::delete(path));
    }
    dialogue.say("GET the tags that are left", &Request::get("/v2/golden/image/tags/list"));
}

#[test]
fn the_tree_that_a_push_leaves_is_as_it_was() {
    let server = Server::wharf(&Settings::filesystem());
    let image = image();
    server.push_image("golden/image", "v1", &image);
    server.push_image("golden/image", "v2", &image);
    let single = format!("/v2/golden/image/blobs/uploads/?digest={}", sha512(b"single"));
    server.send(&Request::post(&single).body("single")).assert_status(201);
    server.send(&referrer(&image)).assert_status(201);
    let index =
        json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [image.manifest.descriptor()] });
    server.put_manifest("golden/image", "index", OCI_INDEX, index.to_string()).assert_status(201);
    let mount = format!("/v2/other/image/blobs/uploads/?mount={}&from=golden/image", image.config.digest);
    server.send(&Request::post(&mount)).assert_status(201);
    let at = server.open_upload("golden/image");
    server.send(&Request::patch(&at).body("begun")).assert_status(202);
    server.delete("/v2/golden/image/manifests/v2").assert_status(202);
    server.delete(&format!("/v2/golden/image/blobs/{}", image.layers[1].digest)).assert_status(202);

    let mut text = String::new();
    for (path, content) in tree(&server.data()) {
        let content = if path.ends_with("/startedat") { "TIME" } else { &content };
        writeln!(text, "{}: {content}", without_upload_id(&path)).unwrap();
    }
    assert_golden("tree.txt", &text);
}

fn without_upload_id(path: &str) -> String {
    match path.split_once("/_uploads/") {
        Some((before, after)) => {
            format!("{before}/_uploads/UPLOAD{}", &after[after.find('/').unwrap_or(after.len())..])
        }
        None => path.to_owned(),
    }
}
