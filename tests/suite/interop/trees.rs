//! The same pushes into two empty folders leave the same files with the same bytes.

use std::collections::BTreeMap;

use wharf_tests::{Client, Image, Server, Settings, scratch, tree};

use super::docker_registry;
use super::furnish::furnish;

/// Says whether both servers keep something. What begins with an underscore below a repository and is none of Distribution's
/// is our own, and unfinished uploads are nobody's business.
fn is_shared(path: &str) -> bool {
    let mut additions = path.split('/').filter(|part| part.starts_with('_'));
    additions.all(|part| ["_manifests", "_layers"].contains(&part))
}

/// Fails the test unless what both servers keep is the same.
#[track_caller]
pub(crate) fn assert_equal(theirs: BTreeMap<String, String>, ours: BTreeMap<String, String>) {
    let [theirs, ours] = [theirs, ours]
        .map(|tree| tree.into_iter().filter(|(path, _)| is_shared(path)).collect::<BTreeMap<_, _>>());
    let missing: Vec<_> = theirs.iter().filter(|(path, _)| !ours.contains_key(*path)).collect();
    let added: Vec<_> = ours.iter().filter(|(path, _)| !theirs.contains_key(*path)).collect();
    assert!(missing.is_empty() && added.is_empty(), "missing: {missing:#?}\nadded: {added:#?}");
    assert_eq!(theirs, ours);
    assert!(!ours.is_empty());
}

/// Lets both servers take the same and compares what is left.
#[track_caller]
fn assert_equal_trees(push: impl Fn(&Server)) {
    let Some(mut theirs) = docker_registry(&Settings::filesystem()) else { return };
    let mut ours = Server::wharf(&Settings::filesystem());
    push(&theirs);
    push(&ours);
    theirs.terminate();
    ours.terminate();
    assert_equal(tree(&theirs.data()), tree(&ours.data()));
}

#[test]
fn pushes_of_every_kind_leave_the_tree_that_docker_registry_leaves() {
    assert_equal_trees(furnish);
}

#[test]
fn pushes_by_skopeo_leave_the_tree_that_docker_registry_leaves() {
    let Some(skopeo) = Client::installed("skopeo") else { return };
    let (scratch, image) = (scratch(), Image::many_layers(70));
    let layout = image.write_layout(scratch.path(), "latest");
    assert_equal_trees(|server| {
        for format in ["oci", "v2s2"] {
            skopeo.run(&[
                "copy",
                "--quiet",
                "--insecure-policy",
                "--dest-tls-verify=false",
                &format!("--format={format}"),
                &format!("oci:{}:latest", layout.folder.display()),
                &format!("docker://{}/by/skopeo:{format}", server.address()),
            ]);
        }
    });
}

#[test]
fn pushes_by_crane_leave_the_tree_that_docker_registry_leaves() {
    let Some(crane) = Client::named_by("WHARF_TESTS_CRANE", "crane") else { return };
    let (scratch, image) = (scratch(), Image::many_layers(71));
    let layout = image.write_layout(scratch.path(), "latest");
    assert_equal_trees(|server| {
        let (one, two) =
            (format!("{}/by/crane:v1", server.address()), format!("{}/for/crane:v1", server.address()));
        crane.run(&["push", layout.folder.to_str().unwrap(), &one]);
        crane.run(&["copy", &one, &two]);
        crane.run(&["tag", &two, "v2"]);
    });
}
