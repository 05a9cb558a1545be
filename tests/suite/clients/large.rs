//! 500 MB in six layers, carried by three clients in a round: what one pushed another pulls, so that each does both
//! once.

use std::fs;
use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::Value;
use wharf_tests::{Image, Server, Settings, scratch, sha256};

use super::assert_same_content;
use super::buildah::{Buildah, assert_whole};
use super::crane::Crane;
use super::skopeo::Skopeo;

#[test]
fn an_image_of_500_mb_goes_through_three_clients_and_stays_the_same() {
    let (Some(skopeo), Some(crane), Some(buildah)) =
        (Skopeo::installed(), Crane::installed(), Buildah::installed())
    else {
        return;
    };
    let (server, scratch) = (Server::wharf(&Settings::filesystem()), scratch());
    let image = Image::large(31);
    let layout = image.write_layout(&scratch.path().join("pushed"), "latest");
    let (digest, config) = (image.manifest.digest.clone(), image.config.clone());
    // The machine may need these 500 MB for something else.
    drop(image);
    let reference = |client: &str| format!("{}/pushed-by/{client}:v1", server.address());

    skopeo.push(&layout, &reference("skopeo"));
    let pulled = scratch.path().join("pulled");
    crane.pull(&reference("skopeo"), &pulled);
    assert_same_content(&layout.folder, &pulled);
    fs::remove_dir_all(&pulled).unwrap();

    crane.push(&layout, &reference("crane"));
    skopeo.pull(&reference("crane"), &pulled);
    assert_same_content(&layout.folder, &pulled);
    fs::remove_dir_all(&pulled).unwrap();

    assert_whole(&server, "pushed-by/crane", "v1", &digest);
    let id = buildah.pull(&format!("docker://{}", reference("crane")));
    assert_eq!(format!("sha256:{id}"), config.digest);
    // To a server that has nothing: the first one has every layer, and buildah knows it.
    drop(server);
    let server = Server::wharf(&Settings::filesystem());
    let destination = format!("docker://{}/pushed-by/buildah:v1", server.address());
    let pushed = buildah.push(&[], &id, &destination);
    let manifest = assert_whole(&server, "pushed-by/buildah", "v1", &pushed);
    // It compresses layers anew: what is in them is what the configuration says.
    let layers = manifest["layers"].as_array().unwrap().iter().map(|layer| {
        let digest = layer["digest"].as_str().unwrap();
        unpacked_digest(&server.get(&format!("/v2/pushed-by/buildah/blobs/{digest}")).expect(200).body)
    });
    let config: Value = serde_json::from_slice(&config.bytes).unwrap();
    assert_eq!(Value::from_iter(layers), config["rootfs"]["diff_ids"]);
}

fn unpacked_digest(layer: &[u8]) -> String {
    let mut content = Vec::with_capacity(layer.len());
    GzDecoder::new(layer).read_to_end(&mut content).unwrap();
    sha256(&content)
}
