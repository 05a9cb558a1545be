//! Layouts on disk: read what skopeo and crane wrote, written so that they read it.

use std::fs;

use serde_json::Value;
use wharf_tests::{Client, Image, scratch};

use super::{Person, push_signed_index, registry, write_images};
use crate::clients::assert_same_content;
use crate::clients::crane::Crane;
use crate::clients::images;

#[test]
fn skopeo_reads_what_we_wrote_and_we_read_what_it_wrote() {
    let Some(skopeo) = Client::installed("skopeo") else { return };
    let skopeo = skopeo.with(["--insecure-policy"]);
    let (server, person, folder) = (registry(), Person::new(), scratch());
    let path = |name: &str| folder.path().join(name).display().to_string();
    for (repository, image) in images() {
        server.push_image(repository, "v1", &image);
        let at = format!("{}/{repository}:v1", server.address());
        let (ours, theirs) = (
            path(&format!("ours-{}", image.manifest.hex())),
            path(&format!("theirs-{}", image.manifest.hex())),
        );
        person.run(&["copy", &at, &format!("oci:{ours}")]);
        skopeo.run(&["copy", &format!("oci:{ours}:v1"), &format!("oci:{theirs}:v2")]);
        assert_same_content(ours.as_ref(), theirs.as_ref());
        person.run(&["copy", &format!("oci:{theirs}"), &format!("{}/{repository}:back", server.address())]);
        server.assert_holds(repository, "back", &image);
        // Into the same folder, one after the other: both keep what the other wrote.
        skopeo.run(&[
            "copy",
            "--src-tls-verify=false",
            &format!("docker://{at}"),
            &format!("oci:{ours}:again"),
        ]);
        person.run(&["copy", &at, &format!("oci:{ours}:third")]);
        assert_eq!(person.run(&["ls", &format!("oci:{ours}")]), "again\nthird\nv1\n");
    }
}

#[test]
fn crane_reads_what_we_wrote_and_we_read_what_it_wrote() {
    let Some(crane) = Crane::installed() else { return };
    let (server, person, folder) = (registry(), Person::new(), scratch());
    let image = Image::tiny(3);
    server.push_image("team/app", "v1", &image);
    let at = format!("{}/team/app:v1", server.address());
    let theirs = folder.path().join("theirs");
    crane.pull(&at, &theirs);
    person.run(&[
        "copy",
        &format!("oci:{}", theirs.display()),
        &format!("{}/team/app:back", server.address()),
    ]);
    server.assert_holds("team/app", "back", &image);
    let ours = folder.path().join("ours");
    person.run(&["copy", &at, &format!("oci:{}", ours.display())]);
    crane.push(
        &wharf_tests::Layout { folder: ours, tag: "v1".into() },
        &format!("{}/team/app:pushed", server.address()),
    );
    server.assert_holds("team/app", "pushed", &image);
}

#[test]
fn a_whole_repository_goes_into_a_folder_and_out_again() {
    let (first, second, person, folder) = (registry(), registry(), Person::new(), scratch());
    let signatures = push_signed_index(&first, "team/app", "v1");
    let kept = format!("oci:{}", folder.path().join("kept").display());
    let (from, to) = (format!("{}/team/app", first.address()), format!("{}/team/app", second.address()));
    person.run(&["copy", "--all-tags", "--referrers", &from, &kept]);
    person.run(&["copy", "--all-tags", "--referrers", &kept, &to]);
    super::assert_same((&first, "team/app"), (&second, "team/app"), "v1");
    for signature in &signatures {
        super::assert_same((&first, "team/app"), (&second, "team/app"), signature);
    }
    let index: Value =
        serde_json::from_slice(&fs::read(folder.path().join("kept/index.json")).unwrap()).unwrap();
    assert_eq!(
        index["manifests"].as_array().map(Vec::len),
        Some(3),
        "the index and both signatures: {index}"
    );
}

#[test]
fn a_layout_that_a_copy_was_killed_in_is_finished_by_the_next() {
    let (server, person, folder) = (registry(), Person::new(), scratch());
    write_images(&folder.path().join("images"), 60);
    let (from, at) =
        (format!("oci:{}", folder.path().join("images").display()), format!("{}/team/app", server.address()));
    person.run(&["copy", "--all-tags", &from, &at]);
    let kept = folder.path().join("kept");
    let to = format!("oci:{}", kept.display());
    let mut copy = person.begin(&["copy", "--all-tags", "--jobs", "1", &at, &to]);
    let arrived = || fs::read_dir(kept.join("blobs/sha256")).map_or(0, Iterator::count);
    while arrived() < 20 {
        assert!(copy.try_wait().unwrap().is_none(), "it ended before it was killed");
    }
    copy.kill().unwrap();
    copy.wait().unwrap();
    person.run(&["copy", "--all-tags", &at, &to]);
    let blobs = |folder: &std::path::Path| wharf_tests::tree(&folder.join("blobs"));
    assert_eq!(blobs(&folder.path().join("images")), blobs(&kept));
    assert_eq!(person.run(&["ls", &to]).lines().count(), 60);
}
