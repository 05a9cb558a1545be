//! What is asked of lists: tags and referrers.

use super::rows;

rows! {
    "Listing Tags" {
        V1_1 Must "The list of a repository's tags is 200": the_tags_of_a_repository_are_listed;
        V1_1 May "The list may be empty": a_repository_without_tags_is_an_empty_list_or_404, a_repository_without_tags_left_lists_none;
        V1_1 Must "Tags are in lexical order": tags_are_listed_in_order;
        Main Must "Or in the order of their bytes": tags_are_listed_in_order;
        V1_1 Must "The body is JSON of the repository's name and the tags": the_list_of_tags_has_its_form;
        V1_1 May "A page may be shorter than n, at the end or with a Link": a_page_is_shorter_only_at_the_end_or_with_a_link;
        V1_1 Must "Otherwise it has n tags": a_page_holds_as_many_tags_as_asked_for;
        V1_1 May "More tags may be announced by a Link":
            a_link_leads_to_the_next_page, every_size_of_page_gives_every_tag_once;
        V1_1 Must "Such a Link has the relation next": a_link_leads_to_the_next_page;
        V1_1 Must "n=0 gives an empty list": a_page_of_no_tags_is_empty_and_has_no_link;
        V1_1 MustNot "n=0 has no Link": a_page_of_no_tags_is_empty_and_has_no_link;
        V1_1 Must "The tags of a page are in order too": pages_are_in_order, a_page_without_last_begins_at_the_beginning;
        V1_1 MustNot "last is not a number of a tag": last_is_a_tag_and_not_a_number;
        V1_1 Must "last is a tag":
            last_is_a_tag_and_not_a_number, a_page_after_last_begins_behind_it, last_at_the_end_gives_an_empty_page;
        V1_1 Must "The tags behind last are in order too":
            pages_are_in_order, every_size_of_page_gives_every_tag_once_by_last;
        V1_1 May "last may come without n": last_without_n_gives_the_rest;
    }
    "Listing Referrers" {
        V1_1 Must "The referrers of a manifest are 200": referrers_are_an_image_index_through_and_through;
        V1_1 MustNot "They are never 404": an_unknown_subject_is_an_empty_index_and_never_404;
        V1_1 Must "A malformed digest is 400": a_malformed_digest_of_a_subject_is_400;
        V1_1 Must "The body is an image index of descriptors":
            referrers_are_an_image_index_through_and_through, a_referrer_is_described_by_type_size_and_digest;
        V1_1 Must "The content type is that of an index": referrers_are_an_image_index_through_and_through;
        V1_1 Must "A descriptor has the artifact type of its manifest": a_referrer_shows_its_artifact_type;
        V1_1 Must "For an image without one, it has the config's media type":
            an_image_without_an_artifact_type_shows_its_config_type, a_filter_by_config_type_finds_images_without_artifact_type;
        V1_1 Must "For an index without one, it has none": an_index_without_an_artifact_type_shows_none;
        V1_1 Must "A descriptor has the annotations of its manifest": a_referrer_shows_all_its_annotations;
        V1_1 Must "Without referrers the list is empty":
            a_subject_without_referrers_is_an_empty_index, a_filter_that_matches_nothing_is_an_empty_index;
        V1_1 Must "What does not fit has a Link": referrers_that_fill_more_than_a_manifest_come_in_pages;
        V1_1 Must "Such a Link has the relation next": referrers_that_fill_more_than_a_manifest_come_in_pages;
        V1_1 Should "Referrers are filtered by artifact type":
            a_filter_gives_only_its_artifact_type, the_pages_of_a_filtered_list_are_filtered;
        V1_1 Must "A filter that was applied is named": a_filter_is_named_in_the_answer;
        V1_1 Must "Several filters are named with commas between": only_filters_that_were_applied_are_named;
    }
}
