//! Debian's `docker-registry` and Wharf over one bucket: each reads what the other wrote, and the same pushes leave the same
//! objects.

use std::sync::Arc;

use wharf_tests::{Part, Place, Room, Server, Settings};

use crate::interop::furnish::furnish;
use crate::interop::{docker_registry, everything_told, trees};

/// A file that both take: without a cache, since what one has deleted the other must not remember.
fn settings(room: &Arc<Room>, place: &Place) -> Settings {
    Settings::room(room, place)
        .without("storage.cache")
        .with("storage.maintenance.uploadpurging.enabled", false)
}

#[test]
fn docker_registry_reads_everything_that_wharf_wrote_into_a_bucket() {
    let Some(place) = Part::Minio.place() else { return };
    let settings = settings(&Arc::new(Room::new(&place)), &place);
    let mut ours = Server::wharf(&settings);
    furnish(&ours);
    let told = everything_told(&ours);
    assert!(told.len() > 100, "{told:#?}");
    ours.terminate();
    let Some(theirs) = docker_registry(&settings) else { return };
    assert_eq!(told, everything_told(&theirs));
}

#[test]
fn wharf_reads_everything_that_docker_registry_wrote_into_a_bucket() {
    let Some(place) = Part::Minio.place() else { return };
    let settings = settings(&Arc::new(Room::new(&place)), &place);
    let Some(mut theirs) = docker_registry(&settings) else { return };
    furnish(&theirs);
    let told = everything_told(&theirs);
    assert!(told.len() > 100, "{told:#?}");
    theirs.terminate();
    assert_eq!(told, everything_told(&Server::wharf(&settings)));
}

#[test]
fn the_same_pushes_leave_the_same_objects_in_a_bucket() {
    let Some(place) = Part::Minio.place() else { return };
    let rooms = [(); 2].map(|()| Arc::new(Room::new(&place)));
    let ours = Server::wharf(&settings(&rooms[0], &place));
    let Some(theirs) = docker_registry(&settings(&rooms[1], &place)) else { return };
    for server in [&ours, &theirs] {
        furnish(server);
    }
    trees::assert_equal(rooms[1].tree(), rooms[0].tree());
}
