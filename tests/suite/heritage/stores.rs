//! Stores that old registries left, served by us, and by Debian's registry where it still can.

use wharf_tests::{OldStore, Request, Server, Settings, SignedManifest, scratch, sha256};

use super::{SIGNED, ask_as_then, payload, told};
use crate::interop::docker_registry;

/// The published archive of one file, whose sums are published too.
fn archive() -> Vec<u8> {
    let mut block = [0_u8; 512];
    block[..8].copy_from_slice(b"file.txt");
    for (at, digits) in [(100, "0000644"), (108, "0000000"), (116, "0000000"), (124, "00000000005")] {
        block[at..at + digits.len()].copy_from_slice(digits.as_bytes());
    }
    block[136..147].copy_from_slice(format!("{:011o}", 1_000_000_000).as_bytes());
    block[148..156].fill(b' ');
    block[156] = b'0';
    block[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut archive = [&block[..], b"hello"].concat();
    archive.resize(10_240, 0);
    archive
}

pub(crate) const TARSUM: &str =
    "tarsum.v1+sha256:0144b9a2c45804debe328151a0c59427f7b9ff28660d9b882fa43f88a71d300c";
const TARSUM_PATH: &str = "v1/sha256/0144b9a2c45804debe328151a0c59427f7b9ff28660d9b882fa43f88a71d300c";

pub(crate) fn old_layer() -> Vec<u8> {
    archive()
}

#[test]
fn a_store_of_2_0_is_served_with_its_signatures_and_its_tarsums() {
    let folder = scratch();
    let store = OldStore::at(folder.path());
    let layer = store.layer("old/image", &archive(), Some(TARSUM_PATH));
    let text = payload("old/image", "latest", &[TARSUM]);
    let digest = store.manifest("old/image", "latest", text.as_bytes());
    let pushed = SignedManifest::new(&text);
    store.signature("old/image", &digest, pushed.signature.as_bytes());

    let server = Server::wharf(&Settings::filesystem_at(folder.path()));
    for reference in ["latest", &digest] {
        let answer = ask_as_then(&server, "old/image", reference);
        assert_eq!(answer.body, pushed.document(), "byte for byte as it was pushed");
        assert_eq!(sha256(&told(&answer).payload), digest);
    }
    let blob = server.get(&format!("/v2/old/image/blobs/{TARSUM}")).expect(200);
    assert_eq!((blob.the("docker-content-digest"), &blob.body[..]), (&*layer, &archive()[..]));
    let head = server.head(&format!("/v2/old/image/blobs/{}", TARSUM.replace('+', "%2B"))).expect(200);
    assert_eq!((head.the("docker-content-digest"), head.the("content-length")), (&*layer, "10240"));
    server.get(&format!("/v2/other/blobs/{TARSUM}")).assert_error(404, "BLOB_UNKNOWN");
    server.get("/v2/old/image/blobs/tarsum.v9+sha256:ab").assert_error(400, "DIGEST_INVALID");
    server.get("/v2/old/image/blobs/tarsum.v1+sha256:..").assert_error(400, "DIGEST_INVALID");

    server.delete(&format!("/v2/old/image/blobs/{layer}")).assert_status(202);
    server.get(&format!("/v2/old/image/blobs/{TARSUM}")).assert_error(404, "BLOB_UNKNOWN");
    server.delete(&format!("/v2/old/image/manifests/{digest}")).assert_status(202);
    ask_as_then(&server, "old/image", "latest").assert_error(404, "MANIFEST_UNKNOWN");
}

#[test]
fn stores_of_2_3_and_2_4_are_served_with_all_their_signatures() {
    let folder = scratch();
    let store = OldStore::at(folder.path());
    let layer = store.layer("old", b"layer", None);
    let text = payload("old", "v1", &[&layer]);
    let digest = store.manifest("old", "v1", text.as_bytes());
    let signatures = [(); 3].map(|()| SignedManifest::new(&text));
    for signed in &signatures {
        store.signature("old", &digest, signed.signature.as_bytes());
    }
    // What is no signature of this manifest is not shown as one.
    store.signature("old", &digest, b"nonsense");
    let other = SignedManifest::new(&text.replace("v1\"", "v2\""));
    store.signature("old", &digest, other.signature.as_bytes());

    let server = Server::wharf(&Settings::filesystem_at(folder.path()));
    let shown = told(&ask_as_then(&server, "old", "v1"));
    let mut pushed: Vec<_> = signatures.iter().map(|signed| signed.key_id.as_str()).collect();
    pushed.sort_unstable();
    assert_eq!(shown.key_ids(), pushed);
    assert_eq!(shown.payload, text.as_bytes());
}

#[test]
fn a_store_of_2_8_is_signed_on_the_way_as_by_docker_registry() {
    let folder = scratch();
    let store = OldStore::at(folder.path());
    let layer = store.layer("old", b"layer", None);
    let text = payload("old", "v1", &[&layer, &layer]);
    let digest = store.manifest("old", "v1", text.as_bytes());
    let settings = Settings::filesystem_at(folder.path());
    let ours = Server::wharf(&settings);
    let answers = [ask_as_then(&ours, "old", "v1"), ask_as_then(&ours, "old", &digest)];
    for answer in &answers {
        let shown = told(answer);
        assert_eq!((&*shown.payload, shown.keys.len()), (text.as_bytes(), 1));
    }
    let head = ours.head("/v2/old/manifests/v1").expect(200);
    assert_eq!((head.the("content-type"), head.the("docker-content-digest")), (SIGNED, &*digest));
    assert_eq!(head.the("content-length"), answers[0].the("content-length"));
    let known = Request::get("/v2/old/manifests/v1").header("If-None-Match", format!("\"{digest}\""));
    ours.send(&known).assert_status(304);

    let Some(theirs) = docker_registry(&settings) else { return };
    let shown = told(&ask_as_then(&theirs, "old", "v1"));
    assert_eq!(shown.payload, text.as_bytes());
    assert_eq!(ask_as_then(&theirs, "old", "v1").body.len(), answers[0].body.len());
}

#[test]
fn an_old_name_opens_no_door() {
    let folder = scratch();
    OldStore::at(folder.path()).layer("old", &archive(), Some(TARSUM_PATH));
    let silly = serde_json::json!({ "realm": "r", "service": "s" });
    let server = Server::wharf(&Settings::filesystem_at(folder.path()).with("auth.silly", silly));
    let blob = Request::get(&format!("/v2/old/blobs/{TARSUM}"));
    let challenge = server.send(&blob).expect(401);
    assert!(challenge.the("www-authenticate").contains("repository:old:pull"), "{challenge:?}");
    server.send(&blob.header("Authorization", "Bearer anything")).assert_status(200);
}
