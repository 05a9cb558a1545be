//! What every driver must do, as one named case for each clause.
//!
//! A driver's `tests/contract.rs` says how to open a store and stamps out a test for each case:
//!
//! ```
//! use std::sync::Arc;
//!
//! use wharf_storage_driver::{MemoryDriver, contract::Store, contract_tests};
//!
//! async fn open() -> Option<Store> {
//!     let driver = MemoryDriver::new();
//!     Some(Store::new(move || Arc::new(driver.clone())))
//! }
//!
//! contract_tests!(open);
//! # fn main() {}
//! ```
//!
//! Each case gets a store of its own, or a part of one that nobody else uses, and leaves it empty. A driver whose backend
//! needs a service answers `None` when it was given no address, and its tests then say that they were skipped.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a contract that is broken ends its test")]

mod bytes;
mod content;
mod faulty;
mod listing;
mod moving;
mod races;
mod ranges;
mod writing;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::{Entry, ListOptions, StorageDriver, StoragePath};

pub use content::{
    a_file_can_be_empty, a_file_can_be_rewritten_many_times, a_file_holds_a_megabyte, a_file_holds_any_bytes,
    a_file_holds_one_byte, a_file_that_shrinks_keeps_nothing_of_the_old, a_folder_cannot_be_read,
    create_refuses_what_is_there, every_valid_path_holds_a_file, get_refuses_what_is_over_the_limit,
    names_differ_by_case, nothing_is_found_where_nothing_was_put, redirects_are_urls_or_absent,
    relaxed_files_are_seen_at_once, replace_refuses_what_was_changed, the_root_holds_no_bytes,
};
pub use faulty::{Fault, Faulty, Moment};
pub use listing::{
    a_file_has_no_children, a_folder_that_is_not_there_cannot_be_listed, a_listing_follows_every_change,
    fifty_files_are_listed_at_every_level, holding_shows_every_folder_that_holds, holding_works_with_pages,
    names_come_in_byte_order, pages_add_up_to_the_whole, pages_begin_after_any_name,
    the_root_can_always_be_listed,
};
pub use moving::{
    a_deleted_file_is_gone, a_deleted_folder_takes_everything_below, a_file_knows_its_size_and_age,
    a_folder_is_not_renamed, a_folder_is_there_while_it_holds_a_file,
    a_renamed_file_is_only_at_its_new_place, a_version_is_deleted_or_another_stays,
    deleting_nothing_is_not_found, deleting_spares_names_that_begin_alike,
    renaming_nothing_leaves_the_target, renaming_onto_a_file_replaces_it,
    renaming_onto_itself_changes_nothing, renaming_through_a_file_fails, the_root_cannot_be_deleted,
};
pub use races::{
    a_counter_loses_no_step, commits_to_one_path_leave_one_whole, many_readers_share_a_file,
    many_writers_write_at_once, of_sixteen_creators_one_wins, of_sixteen_replacers_one_wins,
    puts_to_one_path_leave_one_whole, readers_see_the_old_or_the_new,
};
pub use ranges::{
    a_range_may_begin_anywhere, a_range_may_end_anywhere, a_range_without_bytes_is_empty,
    a_reader_keeps_its_file_when_it_is_deleted, a_reader_keeps_its_file_when_it_is_replaced,
    a_small_reader_keeps_its_file_too, reading_nothing_is_not_found,
};
pub use writing::{
    a_begun_file_hides_nothing, a_cancelled_writer_leaves_nothing,
    a_closed_writer_is_resumed_by_another_instance, a_commit_may_go_elsewhere,
    a_commit_replaces_what_is_there, a_deleted_folder_takes_what_was_begun, a_dropped_writer_lets_go,
    a_file_may_come_in_any_pieces, a_file_may_come_in_large_parts, a_file_may_come_in_one_piece,
    a_file_may_come_in_small_parts, a_file_may_grow_beyond_memory, a_new_writer_forgets_the_last,
    a_path_has_one_writer, a_sweep_spares_what_counts, an_empty_file_may_be_committed,
    an_empty_start_may_be_resumed, only_what_was_begun_is_resumed, what_is_not_committed_is_not_seen,
};

/// How much a case moves where size matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scale {
    /// Enough for every branch of a driver; seconds for the whole suite.
    #[default]
    Quick,
    /// As Distribution's own suite does it: a file of 5 GiB, and gigabytes at once.
    Large,
}

type Open = dyn Fn() -> Arc<dyn StorageDriver> + Send + std::marker::Sync;
type Leftovers = dyn Fn() -> Vec<String> + Send + std::marker::Sync;

/// A store that a case may use as it likes.
#[derive(Clone)]
pub struct Store {
    open: Arc<Open>,
    leftovers: Arc<Leftovers>,
    scale: Scale,
}

impl Store {
    /// A store that `open` opens: each time another instance of the driver, as another server would have it.
    pub fn new(open: impl Fn() -> Arc<dyn StorageDriver> + Send + std::marker::Sync + 'static) -> Self {
        Self { open: Arc::new(open), leftovers: Arc::new(Vec::new), scale: Scale::default() }
    }

    /// Looks behind the driver when a case is over: `find` names what is still in the store though no file is.
    #[must_use]
    pub fn with_leftovers(self, find: impl Fn() -> Vec<String> + Send + std::marker::Sync + 'static) -> Self {
        Self { leftovers: Arc::new(find), ..self }
    }

    /// Sets how much the cases move.
    #[must_use]
    pub fn with_scale(self, scale: Scale) -> Self {
        Self { scale, ..self }
    }

    /// Another instance of the driver over this store.
    pub fn driver(&self) -> Arc<dyn StorageDriver> {
        (self.open)()
    }

    /// One of two sizes by the scale.
    fn scaled(&self, quick: usize, large: usize) -> usize {
        match self.scale {
            Scale::Quick => quick,
            Scale::Large => large,
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").field("scale", &self.scale).finish_non_exhaustive()
    }
}

/// Runs a case, then empties its store and checks that nothing is left in it.
///
/// # Panics
///
/// When the driver breaks the contract.
pub async fn run<F: Future<Output = ()>>(store: Store, case: impl FnOnce(Store) -> F) {
    case(store.clone()).await;
    let driver = store.driver();
    for entry in entries(&*driver, &StoragePath::root(), None).await {
        match driver.delete(&StoragePath::root().join(&entry.name).unwrap()).await {
            Err(error) if !error.is_not_found() => panic!("cannot empty the store: {error:?}"),
            _ => {}
        }
    }
    assert_eq!(entries(&*driver, &StoragePath::root(), None).await, [], "the store must be empty");
    assert_eq!((store.leftovers)(), Vec::<String>::new(), "nothing must be left behind the driver");
}

/// Stamps out one test for each case of the contract; its argument is an `async fn() -> Option<Store>`.
///
/// The crate that calls it needs tokio with `macros` and `rt-multi-thread` among its development dependencies.
#[macro_export]
macro_rules! contract_tests {
    ($open:path) => {
        $crate::contract_tests! { $open;
            a_file_can_be_empty, a_file_can_be_rewritten_many_times, a_file_holds_a_megabyte, a_file_holds_any_bytes,
            a_file_holds_one_byte, a_file_that_shrinks_keeps_nothing_of_the_old, a_folder_cannot_be_read,
            create_refuses_what_is_there, every_valid_path_holds_a_file, get_refuses_what_is_over_the_limit,
            names_differ_by_case, nothing_is_found_where_nothing_was_put, redirects_are_urls_or_absent,
            relaxed_files_are_seen_at_once, replace_refuses_what_was_changed, the_root_holds_no_bytes,
            a_file_has_no_children, a_folder_that_is_not_there_cannot_be_listed, a_listing_follows_every_change,
            fifty_files_are_listed_at_every_level, holding_shows_every_folder_that_holds, holding_works_with_pages,
            names_come_in_byte_order, pages_add_up_to_the_whole, pages_begin_after_any_name,
            the_root_can_always_be_listed,
            a_deleted_file_is_gone, a_deleted_folder_takes_everything_below, a_file_knows_its_size_and_age,
            a_folder_is_there_while_it_holds_a_file, a_folder_is_not_renamed, a_renamed_file_is_only_at_its_new_place,
            deleting_nothing_is_not_found, deleting_spares_names_that_begin_alike, renaming_nothing_leaves_the_target,
            renaming_onto_a_file_replaces_it, renaming_onto_itself_changes_nothing, renaming_through_a_file_fails,
            a_version_is_deleted_or_another_stays, the_root_cannot_be_deleted,
            a_counter_loses_no_step, commits_to_one_path_leave_one_whole, many_readers_share_a_file,
            many_writers_write_at_once, of_sixteen_creators_one_wins, of_sixteen_replacers_one_wins,
            puts_to_one_path_leave_one_whole, readers_see_the_old_or_the_new,
            a_range_may_begin_anywhere, a_range_may_end_anywhere, a_range_without_bytes_is_empty,
            a_reader_keeps_its_file_when_it_is_deleted, a_reader_keeps_its_file_when_it_is_replaced,
            a_small_reader_keeps_its_file_too, reading_nothing_is_not_found,
            a_begun_file_hides_nothing, a_cancelled_writer_leaves_nothing,
            a_closed_writer_is_resumed_by_another_instance, a_commit_may_go_elsewhere, a_commit_replaces_what_is_there,
            a_deleted_folder_takes_what_was_begun,
            a_dropped_writer_lets_go, a_file_may_come_in_any_pieces, a_file_may_come_in_large_parts,
            a_file_may_come_in_one_piece, a_file_may_come_in_small_parts, a_file_may_grow_beyond_memory,
            a_new_writer_forgets_the_last, a_path_has_one_writer, a_sweep_spares_what_counts, an_empty_file_may_be_committed,
            an_empty_start_may_be_resumed, only_what_was_begun_is_resumed, what_is_not_committed_is_not_seen,
        }
    };
    ($open:path; $($case:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $case() {
                match $open().await {
                    Some(store) => $crate::contract::run(store, $crate::contract::$case).await,
                    None => eprintln!("skipped: no store was given"),
                }
            }
        )*
    };
}

/// A path that is known to be one.
fn path(text: &str) -> StoragePath {
    text.parse().expect("a valid path")
}

/// All children of a folder, in the order of the driver; none when it is not there.
async fn entries(driver: &dyn StorageDriver, folder: &StoragePath, holding: Option<&str>) -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    loop {
        let start_after = all.last().map(|entry| entry.name.clone());
        let options = ListOptions { start_after: start_after.as_deref(), limit: 1000, holding };
        let page = match driver.list(folder, options).await {
            Err(error) if error.is_not_found() => return all,
            page => page.unwrap(),
        };
        let more = page.more && !page.entries.is_empty();
        all.extend(page.entries);
        if !more {
            return all;
        }
    }
}

/// The names of all children of a folder.
async fn names(driver: &dyn StorageDriver, folder: &str) -> Vec<String> {
    entries(driver, &path(folder), None).await.into_iter().map(|entry| entry.name).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_stamped_out() {
        let list = include_str!("contract.rs");
        let sources = [
            include_str!("contract/content.rs"),
            include_str!("contract/listing.rs"),
            include_str!("contract/moving.rs"),
            include_str!("contract/races.rs"),
            include_str!("contract/ranges.rs"),
            include_str!("contract/writing.rs"),
        ];
        let cases = sources.iter().flat_map(|source| source.lines());
        for case in cases.filter_map(|line| line.strip_prefix("pub async fn ")?.split('(').next()) {
            let mentions = list.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
            assert_eq!(mentions.filter(|word| *word == case).count(), 2, "{case}: exported and stamped out");
        }
    }
}
