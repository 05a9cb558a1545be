//! What is asked of taking blobs in: whole, in one request, in chunks, from elsewhere, or not after all.

use super::rows;

rows! {
    "Push" {
        V1_1 Must "A manifest is accepted before the subject that it names":
            a_missing_subject_is_accepted, a_manifest_and_its_referrer_come_in_either_order,
            a_referrer_of_a_missing_subject_is_listed;
        V1_1 May "A manifest may be refused when other things that it names are missing":
            an_image_whose_layer_is_missing_is_refused_unless_sparse,
            an_image_whose_config_is_missing_is_refused_unless_sparse,
            an_index_whose_image_is_missing_is_refused_unless_sparse;
        V1_1 Must "Such a refusal has the code MANIFEST_BLOB_UNKNOWN, once or more":
            an_image_whose_layer_is_missing_is_refused_unless_sparse,
            an_index_whose_image_is_missing_is_refused_unless_sparse, every_missing_part_is_one_error,
            a_part_in_another_repository_is_missing;
    }
    "Pushing blobs" {
        Main Should "A digest that is none, or by an unknown algorithm, is 400 in every way of pushing":
            a_malformed_digest_in_a_closing_put_is_400, a_single_post_with_a_malformed_digest_is_400,
            an_unsupported_algorithm_is_400_on_a_push, an_unknown_digest_algorithm_is_400;
    }
    "POST then PUT" {
        V1_1 Must "A new upload is 202": a_new_upload_is_202_with_a_location;
        V1_1 Must "It has a Location": a_new_upload_is_202_with_a_location;
        V1_1 Must "The location holds a UUID of its own": the_location_of_an_upload_holds_a_uuid, every_upload_has_an_id_of_its_own;
        V1_1 May "The location may be absolute": an_upload_location_may_be_absolute_or_relative_and_carry_parameters;
        V1_1 May "The location may be relative": an_upload_location_may_be_absolute_or_relative_and_carry_parameters;
        V1_1 May "The location may have parameters that matter":
            an_upload_location_may_be_absolute_or_relative_and_carry_parameters;
        V1_1 Must "The finished upload is 201": a_closing_put_with_the_whole_blob_is_201;
        V1_1 Must "It has the Location of the blob, which can be pulled": the_location_of_a_pushed_blob_is_that_blob;
    }
    "Single POST" {
        V1_1 May "A blob may be pushed by one POST": a_single_post_stores_the_blob_or_begins_an_upload;
        V1_1 Must "The length that is announced is that of the blob": a_single_post_that_is_cut_off_stores_nothing;
        V1_1 Must "The digest that is given is that of the blob": a_single_post_with_a_wrong_digest_is_400;
        V1_1 Should "A registry that wants two requests answers 202 with a Location":
            a_single_post_stores_the_blob_or_begins_an_upload;
        V1_1 Must "Success is 201": a_single_post_is_201_with_a_location, a_single_post_of_the_empty_blob_is_201;
        V1_1 Must "Success has the Location of the blob, which can be pulled": the_location_of_a_single_post_is_that_blob;
    }
    "Pushing a blob in chunks" {
        Main Should "An algorithm other than sha256 may be announced when the upload begins":
            a_digest_algorithm_is_accepted_when_an_upload_begins;
        V1_1 Should "A registry with a shortest chunk says so when the upload begins":
            a_minimum_chunk_length_is_a_number_and_enough, a_session_without_a_minimum_takes_the_smallest_chunks;
        V1_1 Must "The range of a chunk names its first and its last byte":
            every_chunk_is_202_with_a_location_and_the_range_so_far,
            a_content_range_that_contradicts_the_length_is_refused;
        V1_1 Must "The first chunk begins at 0": a_first_chunk_that_does_not_begin_at_0_is_416;
        V1_1 Must "The range is two numbers with a hyphen": a_malformed_content_range_is_refused;
        V1_1 Should "A chunk has at least the announced length": a_minimum_chunk_length_is_a_number_and_enough;
        V1_1 May "The last chunk may have any length": the_last_chunk_may_have_any_length;
        V1_1 Must "A chunk is 202": every_chunk_is_202_with_a_location_and_the_range_so_far;
        V1_1 Must "The answer has the Location of the upload and the range from 0 so far":
            every_chunk_is_202_with_a_location_and_the_range_so_far;
        V1_1 Should "The next chunk goes to the location of the last answer":
            every_answer_of_a_session_gives_a_location_that_goes_on;
        V1_1 Must "Chunks come in order": every_chunk_is_202_with_a_location_and_the_range_so_far;
        V1_1 Must "A chunk out of order is 416":
            a_first_chunk_that_does_not_begin_at_0_is_416, a_chunk_that_leaves_a_gap_is_416,
            a_chunk_that_is_sent_again_is_416, a_chunk_that_overlaps_the_last_one_is_416;
        V1_1 May "The last chunk may come by PATCH or in the closing PUT":
            a_session_is_closed_without_a_last_chunk, a_session_is_closed_with_the_last_chunk;
        V1_1 Must "An upload is closed by a PUT, and by nothing else": an_upload_that_was_never_closed_stores_nothing;
        V1_1 May "The closing PUT may have the last chunk as its body": a_session_is_closed_with_the_last_chunk;
        V1_1 Must "The closing PUT names the digest of the whole": a_closing_put_without_a_digest_is_400;
        V1_1 Must "The closing PUT is 201":
            a_session_is_closed_without_a_last_chunk, a_session_is_closed_with_the_last_chunk;
        V1_1 Must "It has the Location of the blob, which can be pulled": the_location_after_closing_a_session_is_the_blob;
        Main Must "A last chunk out of order is 416": a_last_chunk_out_of_order_in_the_closing_put_is_416;
        V1_1 Must "The status of an open upload is 204": the_status_of_a_session_is_204_with_location_and_range;
        V1_1 Must "It has the Location of the upload and the range from 0":
            the_status_of_a_session_is_204_with_location_and_range, the_status_of_an_empty_session_begins_with_0;
        V1_1 Should "The chunk that follows goes to that location": every_answer_of_a_session_gives_a_location_that_goes_on;
    }
    "Cancel a blob upload" {
        Main Should "A cancelled upload is 204": a_cancelled_upload_is_204, an_upload_with_chunks_is_cancelled;
        Main Should "An upload that nobody finishes ends some day": a_young_upload_is_not_timed_out;
    }
    "Mounting a blob from another repository" {
        V1_1 Must "A mount is 201": a_mount_is_201_with_the_location_of_the_blob, a_mount_within_one_repository_is_201;
        V1_1 Must "It has the Location of the blob, which can be pulled": a_mount_is_201_with_the_location_of_the_blob;
        V1_1 May "The digest named may be another one than was asked with": a_mounted_blob_answer_names_its_digest;
        V1_1 May "The repository to mount from may be left out": a_mount_without_from_is_201_or_begins_an_upload;
        V1_1 May "A blob may then be mounted from wherever it is found": a_mount_without_from_finds_the_blob;
        V1_1 Should "What cannot be mounted is 202":
            a_mount_of_a_missing_blob_begins_an_upload_that_works,
            a_mount_from_an_unknown_repository_begins_an_upload_that_works,
            a_mount_without_from_of_a_missing_blob_begins_an_upload_that_works,
            a_mount_of_a_deleted_blob_begins_an_upload;
        V1_1 May "The client may go on with that upload":
            a_mount_of_a_missing_blob_begins_an_upload_that_works,
            a_mount_from_an_unknown_repository_begins_an_upload_that_works;
    }
}
