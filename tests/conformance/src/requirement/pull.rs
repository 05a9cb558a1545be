//! What is asked of reading: the overview, names, manifests, blobs, and whether they exist.

use super::rows;

rows! {
    "Legacy Docker support HTTP headers" {
        V1_1 May "The Docker version header may be sent": the_legacy_version_header_tells_the_truth;
    }
    "Legacy Docker support error codes" {
        V1_1 May "Codes from before the specification may be sent": every_error_code_was_a_known_one;
    }
    "Requirements" {
        V1_1 Must "Everything in the category Pull is supported":
            a_manifest_is_pulled_by_tag, a_manifest_is_pulled_by_digest, a_blob_is_pulled_whole,
            head_of_a_manifest_is_200_with_digest_and_length, head_of_a_blob_is_200_with_digest_and_length;
        V1_1 Should "Push, Content Discovery and Content Management are supported too":
            every_category_of_the_api_is_there;
        V1_1 Must "A category that is offered is offered whole": every_category_of_the_api_is_there;
    }
    "Pulling manifests" {
        V1_1 Must "A reference is a tag or a digest":
            a_manifest_is_pulled_by_tag, a_manifest_is_pulled_by_digest,
            a_reference_that_is_neither_tag_nor_digest_is_refused;
        V1_1 MustNot "A reference is nothing else":
            a_reference_that_is_neither_tag_nor_digest_is_refused, a_malformed_digest_of_a_manifest_is_400_or_404;
        V1_1 Must "A name follows the grammar of names":
            names_of_the_grammar_are_accepted, names_outside_the_grammar_are_refused,
            names_that_hold_the_words_of_routes_are_accepted;
        V1_1 Must "A tag has at most 128 characters": tags_of_the_grammar_are_accepted, tags_outside_the_grammar_are_refused;
        V1_1 Must "A tag follows the grammar of tags":
            tags_of_the_grammar_are_accepted, tags_outside_the_grammar_are_refused, tags_that_differ_in_case_differ;
        V1_1 ShouldNot "The content type of an answer has no parameters":
            the_content_type_of_a_manifest_has_no_parameters;
        V1_1 Should "The content type of an answer is the one that was pushed":
            every_kind_of_manifest_comes_back_as_it_was_pushed, a_manifest_without_a_media_type_takes_that_of_the_request;
        V1_1 Must "A manifest that exists is what a GET of it gives":
            a_manifest_is_pulled_by_tag, a_manifest_is_pulled_by_digest, accept_with_both_oci_types_gets_images_and_indexes;
        V1_1 Must "The code of that answer is 200": a_manifest_is_pulled_by_tag, a_manifest_is_pulled_by_digest;
        V1_1 Should "The answer names the digest of its content": a_manifest_answer_names_the_digest_of_what_it_holds;
        Main Must "The answer always names the digest of its content": a_manifest_answer_names_the_digest_of_what_it_holds;
        V1_1 May "The digest named may be another one than was asked with":
            a_manifest_of_two_digests_answers_with_the_one_asked;
        V1_1 May "Another digest may come of another algorithm": a_manifest_of_two_digests_answers_with_the_one_asked;
        V1_1 Must "A manifest that is not there is 404":
            an_unknown_tag_is_404_manifest_unknown, an_unknown_manifest_digest_is_404_manifest_unknown,
            a_manifest_of_an_unknown_repository_is_404, a_manifest_of_one_repository_is_not_in_another;
    }
    "Pulling blobs" {
        V1_1 Must "A blob that exists is what a GET of it gives": a_blob_is_pulled_whole, a_large_blob_is_pushed_and_pulled;
        V1_1 Must "The code of that answer is 200": a_blob_is_pulled_whole;
        V1_1 Should "The answer names the digest of its content": a_blob_answer_names_the_digest_of_what_it_holds;
        Main Must "The answer always names the digest of its content": a_blob_answer_names_the_digest_of_what_it_holds;
        V1_1 Must "A digest that is named is that of the body":
            a_blob_answer_names_the_digest_of_what_it_holds, a_blob_pushed_by_two_algorithms_answers_to_both;
        V1_1 Must "A blob that is not there is 404":
            an_unknown_blob_is_404_blob_unknown, a_blob_of_an_unknown_repository_is_404,
            a_blob_of_one_repository_is_not_in_another;
        V1_1 Should "Ranges work as HTTP has them":
            a_range_from_first_to_last_is_206, a_range_without_an_end_reaches_the_end, a_range_of_the_last_bytes_is_206,
            a_range_that_ends_past_the_end_is_cut, a_range_that_begins_past_the_end_is_416,
            a_range_that_ends_before_it_begins_is_416, a_range_of_the_last_zero_bytes_is_never_content,
            several_ranges_are_one_multipart_answer, several_ranges_of_which_some_are_past_the_end_give_the_others,
            a_blob_is_put_together_from_ranges, a_range_in_another_unit_is_ignored,
            a_range_of_an_empty_blob_is_the_blob_or_416, if_range_asks_for_the_whole_of_what_has_changed,
            a_range_of_a_missing_blob_is_404;
    }
    "Checking if content exists in the registry" {
        V1_1 Must "HEAD of what exists is 200":
            head_of_a_manifest_is_200_with_digest_and_length, head_of_a_blob_is_200_with_digest_and_length;
        V1_1 Should "The answer names the digest":
            head_of_a_manifest_is_200_with_digest_and_length, head_of_a_blob_is_200_with_digest_and_length;
        Main Must "The answer always names the digest":
            head_of_a_manifest_is_200_with_digest_and_length, head_of_a_blob_is_200_with_digest_and_length;
        V1_1 Should "The answer says the size":
            head_of_a_manifest_is_200_with_digest_and_length, head_of_a_blob_is_200_with_digest_and_length;
        Main Must "The answer always says the size":
            head_of_a_manifest_is_200_with_digest_and_length, head_of_a_blob_is_200_with_digest_and_length;
        V1_1 Must "HEAD of what is not there is 404": head_of_a_missing_manifest_is_404, head_of_a_missing_blob_is_404;
    }
}
