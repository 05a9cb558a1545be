//! The official program again, with the store itself giving out what is in blobs. Only 1.1: the main branch asks for a digest
//! in the answer then, which no object store gives, and so does our own suite.

use wharf_tests::Settings;

use super::official;

over!(minio: the_official_program_finds_nothing_in_1_1);
over!(ceph: the_official_program_finds_nothing_in_1_1);
over!(azurite: the_official_program_finds_nothing_in_1_1);

fn the_official_program_finds_nothing_in_1_1(settings: &Settings) {
    official(&settings.clone().redirecting(), "1.1");
}
