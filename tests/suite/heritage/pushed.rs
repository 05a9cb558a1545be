//! Pushing what clients of 2015 pushed: taken where it is enabled, told what is wrong with it otherwise.

use std::fs;

use wharf_tests::{
    Client, Image, Request, Server, Settings, SignedManifest, scratch, sha256, tree, with_query,
};

use super::stores::{TARSUM, old_layer};
use super::{SIGNED, ask_as_then, enabled, payload, told};
use crate::interop::docker_registry;

fn document(text: &str) -> String {
    SignedManifest::new(text).document()
}

#[test]
fn each_of_the_two_takes_what_the_other_signed() {
    let settings = enabled(Settings::filesystem());
    let ours = Server::wharf(&settings);
    let Some(theirs) = docker_registry(&settings) else { return };
    for (from, to) in [(&ours, &theirs), (&theirs, &ours)] {
        let layer = [from, to].map(|server| server.push_blob("a", "layer"))[0].clone();
        let text = payload("a", "v1", &[&layer]);
        let pushed = from.put_manifest("a", "v1", SIGNED, document(&text)).expect(201);
        let shown = ask_as_then(from, "a", "v1");
        assert_eq!(sha256(&told(&shown).payload), pushed.the("docker-content-digest"));
        for (tag, media_type) in [("v1", SIGNED), ("v2", "application/json"), ("v3", "text/plain")] {
            let again = to.put_manifest("a", tag, media_type, shown.body.clone()).expect(201);
            assert_eq!(again.the("docker-content-digest"), pushed.the("docker-content-digest"));
            assert_eq!(told(&ask_as_then(to, "a", tag)).payload, text.as_bytes());
        }
        to.delete(&format!("/v2/a/manifests/{}", pushed.the("docker-content-digest"))).assert_status(202);
    }
}

#[test]
fn what_is_wrong_is_the_clients_fault_and_told() {
    let server = Server::wharf(&enabled(Settings::filesystem()));
    let layer = server.push_blob("a", "layer");
    let text = payload("a", "v1", &[&layer]);
    let good = document(&text);
    let put = |body: &str| server.put_manifest("a", "v1", SIGNED, body.to_owned());
    let at = |member: &str| good.find(&format!("\"{member}\": \"")).unwrap() + member.len() + 5;
    let changed = |member: &str| {
        let mut text = good.clone();
        let place = at(member) + 2;
        let other = if &text[place..=place] == "A" { "B" } else { "A" };
        text.replace_range(place..=place, other);
        text
    };
    for (body, code) in [
        (text.clone(), "MANIFEST_INVALID"),
        ("{".to_owned(), "MANIFEST_INVALID"),
        ("{\"schemaVersion\":1,\"signatures\":[]}".to_owned(), "MANIFEST_INVALID"),
        (changed("kid"), "MANIFEST_INVALID"),
        (changed("signature"), "MANIFEST_UNVERIFIED"),
        (good.replace("amd64", "arm64"), "MANIFEST_UNVERIFIED"),
        (good.replace("ES256", "none"), "MANIFEST_UNVERIFIED"),
        (good.replace("\"jwk\"", "\"jwx\""), "MANIFEST_UNVERIFIED"),
        (document(&text.replace("\"history\"", "\"past\"")), "MANIFEST_INVALID"),
        (document(&payload("A", "v1", &[])), "NAME_INVALID"),
        (document(&payload("a", "v1", &[TARSUM])), "MANIFEST_BLOB_UNKNOWN"),
        (
            document(&text.replace(&layer, &layer.replace("sha256:", "sha256:0")[..71])),
            "MANIFEST_BLOB_UNKNOWN",
        ),
    ] {
        let answer = put(&body);
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{body}\n{}", answer.text());
    }
    let other = server.send(
        &Request::put(&format!("/v2/a/manifests/sha256:{}", "0".repeat(64)))
            .header("Content-Type", SIGNED)
            .body(good.clone()),
    );
    other.assert_error(400, "DIGEST_INVALID");
    server
        .send(&Request::put("/v2/a/manifests/-x").header("Content-Type", SIGNED).body(good.clone()))
        .assert_error(400, "TAG_INVALID");
    put(&good).assert_status(201);
}

#[test]
fn a_push_is_refused_clearly_unless_it_is_enabled() {
    let server = Server::wharf(&Settings::filesystem());
    let layer = server.push_blob("a", "layer");
    for media_type in
        [SIGNED, "application/vnd.docker.distribution.manifest.v1+json", "application/json", "text/plain"]
    {
        let answer = server.put_manifest("a", "v1", media_type, document(&payload("a", "v1", &[&layer])));
        answer.assert_error(400, "MANIFEST_INVALID");
        assert!(answer.text().contains("compatibility.schema1.enabled"), "{}", answer.text());
    }
    let at = with_query(&server.open_upload("a"), &format!("digest={}", TARSUM.replace('+', "%2B")));
    server.send(&Request::put(&at).body(old_layer())).assert_error(400, "DIGEST_INVALID");
}

#[test]
fn signatures_are_kept_unless_their_store_is_disabled() {
    let signatures = |settings: Settings| {
        let server = Server::wharf(&enabled(settings));
        let text = payload("a", "v1", &[]);
        let pushed = SignedManifest::new(&text);
        server.put_manifest("a", "v1", SIGNED, pushed.document()).assert_status(201);
        let shown = told(&ask_as_then(&server, "a", "v1"));
        let is_theirs = shown.key_ids() == [pushed.key_id.as_str()];
        (is_theirs, tree(&server.data()).keys().any(|path| path.to_string().contains("/signatures/")))
    };
    assert_eq!(signatures(Settings::filesystem()), (true, true));
    let disabled = Settings::filesystem().with("compatibility.schema1.disablesignaturestore", true);
    assert_eq!(signatures(disabled), (false, false));
}

over_every_driver!(a_layer_is_pushed_by_its_tarsum_and_found_by_both_names);

fn a_layer_is_pushed_by_its_tarsum_and_found_by_both_names(settings: &Settings) {
    let server = Server::wharf(&enabled(settings.clone()));
    let closing =
        |sum: &str| with_query(&server.open_upload("a"), &format!("digest={}", sum.replace('+', "%2B")));
    let wrong = Request::put(&closing(&TARSUM.replace("0144", "0145"))).body(old_layer());
    server.send(&wrong).assert_error(400, "DIGEST_INVALID");
    server.send(&Request::put(&closing(TARSUM)).body("no tar at all")).assert_error(400, "DIGEST_INVALID");
    let unknown = Request::put(&closing("tarsum.v2+sha256:ab")).body(old_layer());
    server.send(&unknown).assert_error(400, "DIGEST_INVALID");
    let pushed = server.send(&Request::put(&closing(TARSUM)).body(old_layer())).expect(201);
    let digest = pushed.the("docker-content-digest").to_owned();
    for name in [TARSUM, &digest] {
        assert_eq!(server.get(&format!("/v2/a/blobs/{name}")).expect(200).body, old_layer());
    }
    let image = document(&payload("a", "v1", &[TARSUM]));
    server.put_manifest("a", "v1", SIGNED, image).assert_status(201);
    told(&ask_as_then(&server, "a", "v1"));
}

#[test]
fn the_key_of_the_file_signs_and_a_wrong_file_is_named_with_its_place() {
    let folder = scratch();
    let path = folder.path().join("key.json");
    let key = include_str!("../../../crates/manifest-schema1/tests/data/rsa.jwk");
    fs::write(&path, key).unwrap();
    let settings = enabled(Settings::filesystem())
        .with("compatibility.schema1.signingkeyfile", path.display().to_string())
        .with("compatibility.schema1.disablesignaturestore", true);
    let mut server = Server::wharf(&settings);
    server.put_manifest("a", "v1", SIGNED, document(&payload("a", "v1", &[]))).assert_status(201);
    let key: serde_json::Value = serde_json::from_str(key).unwrap();
    assert_eq!(told(&ask_as_then(&server, "a", "v1")).keys[0]["n"], key["n"]);
    server.terminate();

    for content in [None, Some("{}")] {
        match content {
            Some(text) => fs::write(&path, text).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let output = std::process::Command::new(wharf_tests::wharf())
            .arg("serve")
            .arg(server.configuration())
            .output()
            .unwrap();
        assert!(!output.status.success());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains("config.yml:") && said.contains("compatibility.schema1.signingkeyfile"),
            "{said}"
        );
        assert!(said.contains("PEM"), "the cure: {said}");
    }
}

#[test]
fn skopeo_turns_an_image_into_schema_1_and_back() {
    let Some(skopeo) = Client::installed("skopeo") else { return };
    let skopeo = skopeo.with(["--insecure-policy"]);
    let (server, scratch) = (Server::wharf(&enabled(Settings::filesystem())), scratch());
    let layout = Image::tiny(1).write_layout(scratch.path(), "v1");
    let at = |tag: &str| format!("docker://{}/a/b:{tag}", server.address());
    let source = format!("oci:{}:v1", layout.folder.display());
    skopeo.run(&["copy", "--quiet", "--dest-tls-verify=false", "--format=v2s1", &source, &at("old")]);
    told(&ask_as_then(&server, "a/b", "old"));
    let back = format!("dir:{}", scratch.path().join("back").display());
    skopeo.run(&[
        "copy",
        "--quiet",
        "--src-tls-verify=false",
        "--format=oci",
        "--remove-signatures",
        &at("old"),
        &back,
    ]);
    assert!(scratch.path().join("back/manifest.json").exists());
}
