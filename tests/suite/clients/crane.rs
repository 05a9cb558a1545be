//! crane: the library behind ko, kaniko and many others. Streams a PATCH, mounts across repositories, deletes by tag.

use std::path::Path;

use serde_json::Value;
use wharf_tests::{Client, Layout, Server, Settings, scratch};

use super::{Indexed, assert_same_content, carry, images, sorted};

/// Knows how crane is spoken to.
pub(crate) struct Crane(Client);

impl Crane {
    pub(crate) fn installed() -> Option<Crane> {
        Some(Crane(Client::named_by("WHARF_TESTS_CRANE", "crane")?))
    }

    pub(crate) fn push(&self, layout: &Layout, reference: &str) {
        self.0.run(&["push", layout.folder.to_str().unwrap(), reference]);
    }

    pub(crate) fn pull(&self, reference: &str, folder: &Path) {
        self.0.run(&["pull", "--format=oci", reference, folder.to_str().unwrap()]);
    }
}

#[test]
fn crane_gets_back_every_byte_that_it_pushed() {
    let Some(crane) = Crane::installed() else { return };
    carry(
        |layout, reference| crane.push(layout, reference),
        |reference, folder| crane.pull(reference, folder),
    );
}

#[test]
fn crane_gets_back_an_index_and_all_its_images() {
    let Some(crane) = Crane::installed() else { return };
    let (server, scratch) = (Server::wharf(&Settings::filesystem()), scratch());
    let indexed = Indexed::write(&scratch.path().join("pushed"));
    // A layout whose only entry is an index is pushed as that index.
    let (first, second) =
        (format!("{}/many/one:v1", server.address()), format!("{}/many/two:v1", server.address()));
    crane.0.run(&["push", indexed.layout.folder.to_str().unwrap(), &first]);
    indexed.assert_held(&server, "many/one", "v1");
    crane.0.run(&["copy", &first, &second]);
    indexed.assert_held(&server, "many/two", "v1");
    crane.0.run(&["validate", "--remote", &second]);
    crane.pull(&second, &scratch.path().join("pulled"));
    assert_same_content(&indexed.layout.folder, &scratch.path().join("pulled"));
}

#[test]
fn crane_tags_lists_looks_at_everything_and_deletes() {
    let Some(crane) = Crane::installed() else { return };
    let server = Server::wharf(&Settings::filesystem());
    let [(repository, image), (other, other_image)] = images();
    server.push_image(repository, "v1", &image);
    server.push_image(other, "v1", &other_image);
    let name = format!("{}/{repository}", server.address());
    let tagged = format!("{name}:v1");
    crane.0.run(&["tag", &tagged, "v2"]);
    assert_eq!(sorted(&crane.0.run(&["ls", &name])), ["v1", "v2"]);
    assert_eq!(sorted(&crane.0.run(&["catalog", &server.address().to_string()])), [other, repository]);
    assert_eq!(crane.0.run(&["digest", &format!("{name}:v2")]), image.manifest.digest);
    let manifest: Value = serde_json::from_str(&crane.0.run(&["manifest", &tagged])).unwrap();
    assert_eq!(manifest["layers"][0]["digest"], image.layers[0].digest);
    let config: Value = serde_json::from_str(&crane.0.run(&["config", &tagged])).unwrap();
    assert_eq!(config["rootfs"]["type"], "layers");
    crane.0.run(&["blob", &format!("{name}@{}", image.layers[0].digest)]);
    crane.0.run(&["validate", "--remote", &tagged]);
    crane.0.run(&["delete", &tagged]);
    assert_eq!(crane.0.run(&["ls", &name]), "v2");
    crane.0.run(&["delete", &format!("{name}@{}", image.manifest.digest)]);
    assert_eq!(crane.0.run(&["ls", &name]), "");
    crane.0.fail(&["manifest", &format!("{name}:v2")]);
}

#[test]
fn crane_copies_an_image_to_another_repository_without_moving_its_layers() {
    let Some(crane) = Crane::installed() else { return };
    let server = Server::wharf(&Settings::filesystem());
    let [_, (repository, image)] = images();
    server.push_image(repository, "v1", &image);
    let from = format!("{}/{repository}:v1", server.address());
    crane.0.run(&["copy", &from, &format!("{}/copied/there:v1", server.address())]);
    server.assert_holds("copied/there", "v1", &image);
    // The same, of what has just been copied: everything is there already.
    crane.0.run(&["copy", &from, &format!("{}/copied/there:v2", server.address())]);
    server.assert_holds("copied/there", "v2", &image);
}
