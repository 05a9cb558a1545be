//! What no sentence asks for as plainly: the points on which strict testers and clients insist, the life of referrers, and
//! what Wharf promises where it differs from Distribution on purpose.

use super::rows;

rows! {
    "Strict point 1" {
        Beyond Promise "Every Location is fetched and compared, with both OCI types accepted":
            the_location_of_a_pushed_blob_is_that_blob, the_location_of_a_single_post_is_that_blob,
            the_location_after_closing_a_session_is_the_blob, the_location_of_a_pushed_manifest_is_that_manifest,
            a_mount_is_201_with_the_location_of_the_blob, accept_with_both_oci_types_gets_images_and_indexes;
    }
    "Strict point 2" {
        Beyond Promise "Content types are exact, without charset":
            the_content_type_of_a_manifest_has_no_parameters, the_list_of_tags_has_its_form,
            an_error_says_its_type_and_length, a_blob_answer_says_its_length,
            referrers_are_an_image_index_through_and_through;
    }
    "Strict point 3" {
        Beyond Promise "The digest in an answer is the one that was asked with":
            a_blob_is_pushed_by_sha512_in_one_put, a_blob_is_pushed_by_sha512_in_a_single_post,
            a_blob_is_pushed_by_sha384, a_blob_pushed_by_two_algorithms_answers_to_both, a_manifest_is_pushed_by_sha512,
            a_manifest_is_pushed_by_sha384, a_manifest_of_two_digests_answers_with_the_one_asked,
            an_image_may_refer_to_its_parts_by_sha512, an_index_may_refer_to_its_images_by_sha512,
            a_range_of_a_blob_by_sha512_is_206, referrers_of_a_subject_by_sha512_are_listed,
            content_pushed_by_sha512_is_deleted_by_sha512, a_tag_parameter_works_with_a_sha512_digest,
            a_mounted_blob_answer_names_its_digest;
    }
    "Strict point 4" {
        Beyond Promise "sha512 in chunks needs no announcement": a_blob_is_pushed_by_sha512_in_chunks_without_a_hint;
    }
    "Strict point 5" {
        Beyond Promise "An upload survives 416, and its status begins with 0-":
            a_session_survives_a_chunk_out_of_order, an_empty_session_survives_a_chunk_out_of_order,
            a_session_survives_a_closing_put_out_of_order, the_status_of_an_empty_session_begins_with_0;
    }
    "Strict point 6" {
        Beyond Promise "A shortest chunk that is announced is enough": a_minimum_chunk_length_is_a_number_and_enough;
    }
    "Strict point 7" {
        Beyond Promise "Ranges are exact, from one to many":
            a_range_from_first_to_last_is_206, a_range_without_an_end_reaches_the_end, a_range_of_the_last_bytes_is_206,
            a_range_that_ends_past_the_end_is_cut, a_range_that_begins_past_the_end_is_416,
            a_range_that_ends_before_it_begins_is_416, several_ranges_are_one_multipart_answer;
    }
    "Strict point 8" {
        Beyond Promise "A delete is visible to the next request":
            a_deleted_tag_is_gone_at_once, a_deleted_manifest_is_gone_at_once,
            the_tags_of_a_deleted_manifest_are_gone_at_once, a_deleted_blob_is_gone_at_once,
            a_manifest_deleted_twice_is_404, a_blob_deleted_twice_is_404, deleting_an_unknown_manifest_is_404,
            deleting_an_unknown_tag_is_404;
    }
    "Strict point 9" {
        Beyond Promise "A mount of a missing blob is an upload that works":
            a_mount_of_a_missing_blob_begins_an_upload_that_works,
            a_mount_without_from_of_a_missing_blob_begins_an_upload_that_works;
    }
    "Strict point 10" {
        Beyond Promise "A filtered list holds nothing else and says so; descriptors are complete":
            a_filter_gives_only_its_artifact_type, a_filter_is_named_in_the_answer,
            a_referrer_is_described_by_type_size_and_digest, a_referrer_shows_its_artifact_type,
            a_referrer_shows_all_its_annotations, an_image_without_an_artifact_type_shows_its_config_type,
            an_index_without_an_artifact_type_shows_none;
    }
    "Strict point 11" {
        Beyond Promise "A missing subject is accepted, and named in the answer by tag and by digest":
            a_missing_subject_is_accepted, a_put_by_tag_answers_with_the_subject, a_put_by_digest_answers_with_the_subject,
            a_put_without_a_subject_does_not_answer_with_one;
    }
    "Strict point 12" {
        Beyond Promise "A wrong or malformed digest is the client's fault, everywhere":
            a_wrong_digest_is_400_and_stores_nothing, a_manifest_put_by_a_wrong_digest_is_400_and_stores_nothing,
            a_malformed_digest_of_a_blob_is_400_or_404, a_malformed_digest_of_a_manifest_is_400_or_404,
            a_malformed_digest_in_a_closing_put_is_400, a_malformed_digest_in_a_manifest_put_is_400_or_404,
            a_malformed_digest_in_a_delete_is_400_or_404, a_malformed_digest_of_a_subject_is_400,
            a_mount_of_a_malformed_digest_is_400_or_an_upload, a_descriptor_with_a_malformed_digest_is_400,
            a_digest_is_not_read_in_capitals, nothing_was_ever_answered_with_a_server_error;
    }
    "Strict point 13" {
        Beyond Promise "Unusual content is content":
            foreign_layers_need_not_exist, the_empty_blob_is_pushed_and_pulled, unknown_fields_are_kept_to_the_byte,
            an_image_without_layers_is_accepted, an_index_without_manifests_is_accepted,
            an_index_within_an_index_is_accepted, a_descriptor_with_data_is_accepted,
            an_image_with_the_empty_config_is_accepted, an_artifact_with_a_type_of_its_own_is_accepted,
            an_index_with_many_images_is_accepted;
    }
    "Strict point 14" {
        Beyond Promise "A manifest of 3.9 MB is accepted, up to 4 MiB; beyond it is 413":
            a_manifest_of_3900000_bytes_is_accepted, a_manifest_of_4_mebibytes_is_accepted,
            a_manifest_over_4_mebibytes_is_413, a_refused_giant_is_not_stored,
            an_image_of_a_thousand_layers_is_accepted;
    }
    "Strict point 15" {
        Beyond Promise "Sparse images and indexes are refused, or accepted when configured":
            an_image_whose_layer_is_missing_is_refused_unless_sparse,
            an_image_whose_config_is_missing_is_refused_unless_sparse,
            an_index_whose_image_is_missing_is_refused_unless_sparse;
    }
    "Strict point 16" {
        Beyond Promise "What only the main branch has is offered: cancelling, digests in every answer, tag parameters":
            a_cancelled_upload_is_gone, cancelling_an_unknown_upload_is_404, a_blob_answer_names_the_digest_of_what_it_holds,
            a_manifest_answer_names_the_digest_of_what_it_holds, ten_tag_parameters_are_accepted;
    }
    "Referrers in practice" {
        Beyond Promise "The list follows every push and every delete at once":
            a_referrer_is_listed_at_once, a_referrer_that_is_pushed_again_is_listed_once,
            a_deleted_referrer_is_off_the_list_at_once, a_deleted_tag_leaves_the_referrer_listed,
            a_deleted_subject_leaves_its_referrers, a_referrer_pushed_again_after_deletion_is_listed,
            a_referrer_may_be_referred_to, many_referrers_are_listed_once_each;
        Beyond Promise "The list holds only what refers, in its own repository":
            a_manifest_without_a_subject_is_no_referrer, a_reference_from_an_index_is_no_referrer,
            referrers_of_another_repository_are_not_listed;
        Beyond Promise "The fallback tag belongs to clients": the_fallback_tag_is_what_clients_made_it;
    }
    "Promises: reading" {
        Beyond Promise "Stored bytes are answered whatever is accepted, but for one old kind of client":
            without_accept_the_stored_manifest_is_answered, an_index_is_answered_to_whoever_accepts_it,
            a_list_by_tag_becomes_its_linux_amd64_image_for_a_client_without_lists,
            a_list_by_digest_stays_a_list_for_every_client;
        Beyond Promise "A cache does not widen what a repository shows":
            a_layer_is_not_readable_as_a_manifest, a_manifest_is_not_readable_as_a_blob;
        Beyond Promise "The base is found without its slash": the_base_without_its_slash_leads_to_the_base;
        Beyond Promise "Names up to 255 characters are names, longer ones are the client's fault":
            a_name_of_255_characters_is_accepted, a_name_that_is_too_long_is_400_or_404;
    }
    "Promises: writing" {
        Beyond Promise "Only the query is read for parameters, never a body":
            a_closing_put_in_the_clothes_of_a_form_is_a_blob;
        Beyond Promise "A pushed blob is named and there at once, however often it comes":
            a_pushed_blob_answer_names_its_digest, a_pushed_blob_is_there_at_once, a_blob_is_accepted_again,
            one_blob_is_pushed_twice_at_the_same_time, a_large_blob_is_pushed_and_pulled;
        Beyond Promise "Chunks may leave their range or their type out, or be empty":
            chunks_without_a_content_range_are_appended, a_chunk_without_a_content_type_is_appended,
            an_empty_chunk_changes_nothing;
        Beyond Promise "An upload is known to its repository until it is closed, and only there":
            an_unknown_upload_is_404_blob_upload_unknown, an_upload_of_another_repository_is_404,
            a_closed_upload_is_gone, an_upload_outlives_a_bad_closing_digest;
        Beyond Promise "What stops half-way stores nothing and can be resumed":
            a_closing_put_that_is_cut_off_stores_nothing, a_chunk_that_is_cut_off_can_be_resumed;
        Beyond Promise "A mounted blob is a blob of the repository":
            a_mounted_blob_is_there_at_once, a_mounted_blob_outlives_the_one_it_came_from,
            a_manifest_may_refer_to_mounted_blobs, a_mount_from_a_malformed_name_is_400_or_an_upload;
        Beyond Promise "A manifest that is none is refused and leaves nothing":
            a_manifest_that_is_no_json_is_400, a_manifest_of_an_unknown_type_is_400, a_refused_manifest_is_not_stored,
            a_descriptor_with_a_wrong_size_is_400;
        Beyond Promise "A reader sees what was put last, under every name that was given":
            a_manifest_put_by_digest_makes_no_tag, a_manifest_put_by_tag_is_readable_by_digest,
            a_tag_moves_to_what_was_put_last, a_manifest_is_accepted_again, one_manifest_is_pushed_twice_at_the_same_time,
            tags_set_by_parameters_are_listed_and_readable_at_once, a_tag_parameter_moves_a_tag,
            a_malformed_tag_parameter_is_400_and_sets_nothing;
    }
    "Promises: lists" {
        Beyond Promise "The tags of a repository are its own, and those of none are 404":
            the_tags_of_an_unknown_repository_are_404, the_tags_of_another_repository_are_not_listed,
            a_new_tag_is_listed_at_once;
        Beyond Promise "Pages lose nothing at their borders, and a wrong n is 400":
            last_that_is_no_tag_of_the_repository_is_still_a_place, a_page_larger_than_the_list_is_the_list,
            every_size_of_page_gives_every_tag_once, every_size_of_page_gives_every_tag_once_by_last,
            n_that_is_no_number_is_400;
    }
}
