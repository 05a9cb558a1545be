//! One folder, two servers, one after the other.

use wharf_tests::{Image, Server, Settings, scratch};

use super::{assert_ours_reads_theirs, assert_theirs_reads_ours, docker_registry, everything_told};

/// A file with more in it than the two need, to see that both take it.
fn settings(root: &std::path::Path) -> Settings {
    Settings::filesystem_at(root)
        .with("storage.cache.blobdescriptor", "inmemory")
        .with("storage.maintenance.uploadpurging.enabled", false)
        .with("http.headers.X-Content-Type-Options", serde_json::json!(["nosniff"]))
        .with("health.storagedriver.enabled", true)
}

#[test]
fn docker_registry_reads_everything_that_wharf_wrote() {
    let folder = scratch();
    assert_theirs_reads_ours(&settings(folder.path()));
}

#[test]
fn wharf_reads_everything_that_docker_registry_wrote() {
    let folder = scratch();
    assert_ours_reads_theirs(&settings(folder.path()));
}

#[test]
fn the_two_take_turns_on_one_file_and_one_store() {
    let folder = scratch();
    let settings = settings(folder.path());
    let images: Vec<Image> = (60..64).map(|seed| Image::new(seed, 2, 300_000)).collect();
    for (turn, image) in images.iter().enumerate() {
        let server = if turn % 2 == 0 { Some(Server::wharf(&settings)) } else { docker_registry(&settings) };
        let Some(mut server) = server else { return };
        // Each goes on where the other stopped: an old tag moves, a new one comes, layers of the other are mounted, and
        // what the other wrote is deleted.
        server.push_image("turns", "latest", image);
        server.push_image("turns", &format!("turn-{turn}"), image);
        for (past, image) in images[..=turn].iter().enumerate().skip(turn.saturating_sub(1)) {
            server.assert_holds("turns", &format!("turn-{past}"), image);
        }
        server.assert_holds("turns", "latest", image);
        if let Some(before) = turn.checked_sub(2) {
            let digest = &images[before].manifest.digest;
            server.delete(&format!("/v2/turns/manifests/{digest}")).assert_status(202);
            server.get_manifest("turns", &format!("turn-{before}")).assert_status(404);
        }
        server.terminate();
    }
    let ours = everything_told(&Server::wharf(&settings));
    let Some(theirs) = docker_registry(&settings) else { return };
    assert_eq!(ours, everything_told(&theirs));
    assert_eq!(ours["turns tags"], r#"["latest", "turn-2", "turn-3"]"#);
}
