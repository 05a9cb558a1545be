//! What is asked of the frame: proxies, upgrades, HTTP, errors, warnings, and names that are kept for extensions.

use super::rows;

rows! {
    "Registry Proxying" {
        Main May "A registry may be a proxy": a_source_host_does_not_change_what_is_missing;
        Main May "A pull may have the parameter ns": a_source_host_is_ignored_or_named_in_the_answer;
        Main May "A proxy may use it to find its source":
            a_source_host_is_ignored_or_named_in_the_answer, a_source_host_does_not_change_what_is_missing;
        Main May "A registry may ignore it": a_source_host_is_ignored_or_named_in_the_answer;
        Main Should "A registry that uses it says so in OCI-Namespace": a_source_host_is_ignored_or_named_in_the_answer;
    }
    "Enabling the Referrers API" {
        V1_1 Must "What was listed under the fallback tag and has a subject is listed":
            a_referrer_of_the_fallback_tag_is_listed_once, a_fallback_tag_adds_nothing_that_does_not_refer;
        V1_1 May "Older manifests with a subject may be listed": a_referrer_of_the_fallback_tag_is_listed_once;
        V1_1 Must "New manifests with a subject are listed": a_referrer_is_listed_at_once, an_index_is_a_referrer_like_an_image;
    }
    "API" {
        Main Should "Where the specification is silent, HTTP holds":
            the_base_with_head_is_its_get_without_a_body, head_of_a_manifest_has_the_headers_of_its_get,
            head_of_a_blob_has_the_headers_of_its_get, head_of_the_list_of_tags_is_its_get_without_a_body,
            head_of_referrers_is_their_get_without_a_body, an_answer_to_head_has_no_body,
            a_method_that_a_path_does_not_have_is_405_and_says_which_it_has, a_manifest_that_the_client_has_is_304,
            a_blob_that_the_client_has_is_304, a_body_is_asked_for_with_100_continue, header_names_are_read_in_any_case,
            one_connection_serves_many_requests, two_requests_at_once_are_answered_in_order,
            an_unread_body_does_not_become_the_next_request, a_request_that_is_no_http_ends_politely,
            an_absolute_request_target_is_understood, accept_is_read_with_weights_and_over_several_lines,
            a_wildcard_accepts_every_manifest, a_digest_is_read_percent_encoded_too,
            a_closing_put_without_a_length_is_a_whole_blob_too, a_single_post_without_a_length_is_a_whole_blob_too,
            a_chunk_without_a_length_is_appended, a_manifest_without_a_length_is_accepted, an_unknown_path_is_404;
        Main May "Any request may be redirected": a_redirect_leads_to_the_content;
    }
    "Determining Support" {
        V1_1 Must "The base of a registry that implements the specification is 200": the_base_answers_200;
        V1_1 May "It may ask for credentials": the_base_asks_for_credentials_or_needs_none;
    }
    "Error Codes" {
        V1_1 May "The body of an error may have any form": every_json_error_had_the_documented_form;
        V1_1 Must "When it is JSON, it has the documented form":
            every_json_error_had_the_documented_form, an_error_is_json_in_the_documented_form, an_error_has_one_body;
        V1_1 Must "A code is of capitals and underscores": the_codes_of_errors_are_in_capitals;
        V1_1 May "A message may be left out": every_error_message_was_a_text;
        V1_1 Should "A message is for people": an_error_has_a_message_for_people;
        V1_1 May "A message may be empty": every_error_message_was_a_text;
        V1_1 May "A detail may be anything in JSON": every_json_error_had_the_documented_form;
        V1_1 Must "A code is one of the known ones":
            every_error_code_was_a_known_one, what_is_missing_is_named_by_its_kind;
        Main Should "429 says when to come back": every_429_said_when_to_come_back;
    }
    "Warnings" {
        V1_1 May "An answer may have warnings": every_warning_had_the_documented_form;
        V1_1 Must "A warning has the code 299 and the agent -": every_warning_had_the_documented_form;
        V1_1 MustNot "A warning has no date": every_warning_had_the_documented_form;
        V1_1 MustNot "The warnings of an answer are not longer than 4096 bytes": the_warnings_of_every_answer_were_short;
    }
    "Extensions" {
        Main Must "Names that begin with an underscore are kept for extensions": reserved_names_are_no_repositories;
    }
}
