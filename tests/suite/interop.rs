//! Debian's `docker-registry` beside us: each reads what the other wrote, and the same pushes leave the same files.

pub(crate) mod furnish;
mod reads;
mod referrers;
pub(crate) mod trees;

use std::collections::BTreeMap;

use wharf_tests::{Server, Settings, sha256, skip};

/// Starts Debian's registry; says so where it is not installed.
pub(crate) fn docker_registry(settings: &Settings) -> Option<Server> {
    let server = Server::docker_registry(settings);
    if server.is_none() {
        skip("docker-registry is not installed");
    }
    server
}

/// Lets `docker-registry` read what we wrote.
pub(crate) fn assert_theirs_reads_ours(settings: &Settings) {
    let mut ours = Server::wharf(settings);
    let told = furnished(&ours);
    ours.terminate();
    let Some(theirs) = docker_registry(settings) else { return };
    assert_eq!(told, everything_told(&theirs));
}

/// Reads what `docker-registry` wrote.
pub(crate) fn assert_ours_reads_theirs(settings: &Settings) {
    let Some(mut theirs) = docker_registry(settings) else { return };
    let told = furnished(&theirs);
    theirs.terminate();
    assert_eq!(told, everything_told(&Server::wharf(settings)));
}

fn furnished(server: &Server) -> BTreeMap<String, String> {
    furnish::furnish(server);
    let told = everything_told(server);
    assert!(told.len() > 100, "{told:#?}");
    told
}

/// Asks a server for everything that it holds: the names of all repositories and tags, and each manifest and blob that
/// can be reached from them. A line for each, with what the headers and the content say.
pub(crate) fn everything_told(server: &Server) -> BTreeMap<String, String> {
    let mut told = BTreeMap::new();
    let catalog = server.get("/v2/_catalog?n=1000").expect(200).json();
    for repository in catalog["repositories"].as_array().unwrap() {
        let repository = repository.as_str().unwrap();
        let tags = server.get(&format!("/v2/{repository}/tags/list")).expect(200).json();
        assert_eq!(tags["name"], repository);
        let mut names: Vec<&str> =
            tags["tags"].as_array().into_iter().flatten().filter_map(|t| t.as_str()).collect();
        names.sort_unstable();
        told.insert(format!("{repository} tags"), format!("{names:?}"));
        for tag in names {
            manifest_told(server, repository, tag, &mut told);
        }
    }
    told
}

fn manifest_told(server: &Server, repository: &str, reference: &str, told: &mut BTreeMap<String, String>) {
    let answer = server.get_manifest(repository, reference).expect(200);
    let line = format!(
        "{} {} {} {}",
        answer.the("content-type"),
        answer.the("docker-content-digest"),
        answer.the("content-length"),
        sha256(&answer.body),
    );
    if told.insert(format!("{repository}:{reference}"), line).is_some() {
        return;
    }
    let manifest = answer.json();
    for child in manifest["manifests"].as_array().into_iter().flatten() {
        manifest_told(server, repository, child["digest"].as_str().unwrap(), told);
    }
    let layers = manifest["layers"].as_array().into_iter().flatten();
    for blob in layers.chain(manifest.get("config")) {
        let digest = blob["digest"].as_str().unwrap();
        let answer = server.get(&format!("/v2/{repository}/blobs/{digest}")).expect(200);
        let line = format!("{} {}", answer.the("docker-content-digest"), sha256(&answer.body));
        told.insert(format!("{repository}@{digest}"), line);
    }
}
