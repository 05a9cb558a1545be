//! What is asked of taking manifests in.

use super::rows;

rows! {
    "Pushing Manifests" {
        V1_1 Should "Parameters of the content type are ignored": parameters_of_a_content_type_are_ignored_on_the_way_in;
        V1_1 Should "A manifest has a media type of its own; one without is accepted by the request's":
            a_manifest_without_a_media_type_takes_that_of_the_request;
        V1_1 Must "The media type in a manifest is the content type of the request":
            a_manifest_that_contradicts_its_content_type_is_400;
        V1_1 Must "A reference is a digest or a tag":
            a_manifest_put_by_tag_is_201_with_a_location, a_manifest_put_by_digest_is_201_with_a_location,
            a_malformed_digest_in_a_manifest_put_is_400_or_404, a_reference_that_is_neither_tag_nor_digest_is_refused;
        V1_1 Must "A manifest names the blobs that it consists of":
            an_image_whose_layer_is_missing_is_refused_unless_sparse, a_layer_of_any_media_type_is_accepted,
            one_layer_may_be_there_twice;
        V1_1 May "It may consist of no blobs": an_image_without_layers_is_accepted, an_index_without_manifests_is_accepted;
        V1_1 Must "A manifest is stored to the byte":
            a_manifest_is_kept_to_the_byte, unknown_fields_are_kept_to_the_byte, annotations_of_any_text_are_kept;
        V1_1 Must "A pushed manifest is 201":
            a_manifest_put_by_tag_is_201_with_a_location, a_manifest_put_by_digest_is_201_with_a_location;
        V1_1 Must "It has a Location, which can be pulled": the_location_of_a_pushed_manifest_is_that_manifest;
        V1_1 Must "A digest named in the answer is the client's":
            a_pushed_manifest_answer_names_its_digest, a_manifest_is_pushed_by_sha512;
        Main May "Tags may be given as parameters when a manifest is put by digest":
            tag_parameters_set_tags_or_are_not_offered;
        Main Should "Ten of them are accepted": ten_tag_parameters_are_accepted;
        Main May "Too many of them may be 414":
            too_many_tag_parameters_are_414_and_set_nothing, an_endless_request_line_is_414_or_431;
        Main Must "Every accepted tag is named in OCI-Tag": every_accepted_tag_is_named_in_oci_tag;
        V1_1 Must "A pull from a repository that does not exist is 404":
            a_manifest_of_an_unknown_repository_is_404, a_blob_of_an_unknown_repository_is_404;
        V1_1 Should "The size of manifests has a limit": a_manifest_over_4_mebibytes_is_413, a_manifest_without_end_is_413;
        V1_1 Should "A manifest over the limit is 413":
            a_manifest_over_4_mebibytes_is_413, a_manifest_without_end_is_413, a_client_that_asks_first_is_told_413;
        V1_1 Should "Manifests of four megabytes are accepted": a_manifest_of_4_megabytes_is_accepted;
    }
    "Pushing Manifests with Subject" {
        V1_1 Must "The answer names the subject that was noticed":
            a_put_by_tag_answers_with_the_subject, a_put_by_digest_answers_with_the_subject,
            an_index_put_answers_with_the_subject;
    }
}
