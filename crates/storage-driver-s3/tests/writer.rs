//! What a writer stores is there, what it does not store is not, whatever the store and the network do meanwhile.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on ends")]

#[path = "writer/faults.rs"]
mod faults;
#[path = "contract/stores.rs"]
mod stores;

#[path = "writer/budget.rs"]
mod budget;
#[path = "writer/failures.rs"]
mod failures;
#[path = "writer/parts.rs"]
mod parts;
#[path = "writer/replicas.rs"]
mod replicas;
#[path = "writer/stage.rs"]
mod stage;

/// Stamps out a test of each case for each store.
macro_rules! over_every_store {
    ($($module:ident: $($case:ident),* $(,)?;)*) => {
        over_every_store! { @store minio "WHARF_TESTS_MINIO" $($module: $($case),*;)* }
        over_every_store! { @store ceph "WHARF_TESTS_CEPH" $($module: $($case),*;)* }
        over_every_store! { @store versitygw "WHARF_TESTS_VERSITYGW" $($module: $($case),*;)* }
    };
    (@store $store:ident $variable:literal $($module:ident: $($case:ident),*;)*) => {
        mod $store {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    match super::stage::Stage::given($variable).await {
                        Some(stage) => {
                            super::$module::$case(&stage).await;
                            stage.is_left_empty().await;
                        }
                        None => eprintln!("skipped: no store was given"),
                    }
                }
            )*)*
        }
    };
}

over_every_store! {
    parts:
        a_small_file_is_one_request,
        a_file_in_place_is_its_parts_and_two_requests,
        closing_what_is_small_is_one_request,
        closing_what_did_not_grow_is_none,
        a_file_of_exactly_full_parts_has_no_empty_one,
        a_file_goes_on_from_wherever_it_was_closed,
        a_file_may_be_committed_where_it_was_closed,
        a_file_that_is_committed_elsewhere_is_copied_by_the_store_in_parts,
        a_file_of_many_sessions_is_put_together_by_the_store,
        a_file_has_at_most_ten_thousand_parts;
    failures:
        a_failed_part_fails_the_write_and_takes_nothing_back,
        a_part_that_fails_once_is_sent_again,
        a_completion_that_nobody_heard_of_counts,
        a_completion_that_did_not_happen_changes_nothing,
        a_failed_commit_can_be_tried_again,
        a_close_that_nobody_heard_of_counts,
        nothing_is_left_of_what_is_given_up,
        a_new_file_forgets_the_parts_of_the_last,
        a_sweep_takes_what_a_killed_server_left;
    replicas:
        of_two_that_go_on_the_first_to_close_wins,
        a_refusal_is_heard_although_there_is_more_to_say,
        of_many_that_close_at_once_one_wins,
        two_that_commit_at_once_leave_one_whole_file,
        what_was_closed_survives_whoever_goes_on_from_it;
    budget:
        many_files_at_once_stay_within_the_budget,
        a_slow_file_leaves_room_for_another;
}
