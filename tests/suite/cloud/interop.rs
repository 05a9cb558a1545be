//! Debian's `docker-registry` and Wharf over one bucket: each reads what the other wrote, and the same pushes leave the same
//! objects.

use std::sync::Arc;

use wharf_tests::{Part, Place, Room, Server, Settings};

use crate::interop::furnish::furnish;
use crate::interop::{assert_ours_reads_theirs, assert_theirs_reads_ours, docker_registry, trees};

/// A file that both take: without a cache, since what one has deleted the other must not remember.
fn settings(room: &Arc<Room>, place: &Place) -> Settings {
    Settings::room(room, place)
        .without("storage.cache")
        .with("storage.maintenance.uploadpurging.enabled", false)
}

#[test]
fn docker_registry_reads_everything_that_wharf_wrote_into_a_bucket() {
    let Some(place) = Part::Minio.place() else { return };
    assert_theirs_reads_ours(&settings(&Arc::new(Room::new(&place)), &place));
}

#[test]
fn wharf_reads_everything_that_docker_registry_wrote_into_a_bucket() {
    let Some(place) = Part::Minio.place() else { return };
    assert_ours_reads_theirs(&settings(&Arc::new(Room::new(&place)), &place));
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
