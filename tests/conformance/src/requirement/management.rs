//! What is asked of deleting.

use super::rows;

rows! {
    "Content Management" {
        V1_1 May "Deleting may be offered or not":
            a_deleted_tag_is_202_or_says_that_it_cannot_be, a_deleted_manifest_is_202_or_says_that_it_cannot_be,
            a_deleted_blob_is_202_or_says_that_it_cannot_be;
        V1_1 May "Tags may be deleted": a_deleted_tag_is_202_or_says_that_it_cannot_be;
        V1_1 May "Or only manifests": a_deleted_manifest_is_202_or_says_that_it_cannot_be;
    }
    "Deleting tags" {
        V1_1 Must "A deleted tag is 202":
            a_deleted_tag_is_gone_at_once, a_deleted_tag_leaves_its_manifest_and_other_tags,
            deleting_an_unknown_tag_is_404;
        V1_1 Must "Where tags are not deleted the answer is 400 or 405": a_deleted_tag_is_202_or_says_that_it_cannot_be;
    }
    "Deleting Manifests" {
        V1_1 Must "A deleted manifest is 202":
            a_deleted_manifest_is_gone_at_once, the_tags_of_a_deleted_manifest_are_gone_at_once,
            a_deleted_index_leaves_its_images, a_deleted_manifest_can_be_pushed_again;
        V1_1 Must "In a repository that does not exist it is 404":
            deleting_a_manifest_of_an_unknown_repository_is_404;
        V1_1 Must "Where manifests are not deleted the answer is 400 or 405":
            a_deleted_manifest_is_202_or_says_that_it_cannot_be;
    }
    "Deleting Blobs" {
        V1_1 Must "A deleted blob is 202":
            a_deleted_blob_is_gone_at_once, a_deleted_blob_stays_in_other_repositories,
            a_deleted_blob_can_be_pushed_again, a_deleted_blob_is_missing_from_new_manifests;
        V1_1 Must "A blob that is not there is 404": deleting_an_unknown_blob_is_404, a_blob_deleted_twice_is_404;
        V1_1 Must "Where blobs are not deleted the answer is 400 or 405": a_deleted_blob_is_202_or_says_that_it_cannot_be;
    }
}
