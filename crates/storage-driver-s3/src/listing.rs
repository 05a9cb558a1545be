//! Folders in the order of their names, a page at a time.
//!
//! A store lists keys, and a folder `1.0` is the key `1.0/` there, which comes after `1.0-rc1/`, since `-` and `.` come
//! before `/`; its name comes before. So a page of names cannot be cut out of a page of keys just like that.
//!
//! What saves it is that names and keys disagree in one case only: a folder comes late where its name begins other names
//! that go on with `-` or `.`. When the store has shown all keys up to some last one, a name that comes before one it has
//! shown and was not shown itself must begin that last key's name and stop short of a `-` or a `.`. There are few such
//! names: of `v1.2.3-rc1` they are `v1`, `v1.2` and `v1.2.3`, and those that the page would not reach need no answer. Each
//! costs one look, all at once. A page that begins after `1.0-rc1` may be shown `1.0/` again for the same reason; names
//! that do not come after it are left out.
//!
//! The store is asked for twice as many keys as the page holds, because then the last key has most often left behind the
//! names that the page ends with, and nothing needs a look.

use std::collections::BTreeMap;

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use futures_util::future::try_join_all;
use wharf_storage_driver::{Entry, Kind, ListOptions, ListPage, StoragePath};

use crate::bucket::Bucket;
use crate::failure::Failure;
use crate::{keys, lookup};

/// How many keys are asked for beyond twice the page: for the name it begins after and what else is not listed.
const SLACK: usize = 8;

/// A page of the children of a folder.
pub(crate) async fn list(
    bucket: &Bucket,
    path: &StoragePath,
    options: &ListOptions<'_>,
) -> Result<ListPage, Failure> {
    let prefix = bucket.keys.prefix(path);
    let limit = options.limit.max(1);
    let window = window(bucket, &prefix, options.start_after, limit).await?;
    if window.is_void() {
        let is_there = path.is_root()
            || options.start_after.is_some() && lookup::holds_anything(bucket, &prefix).await?;
        return if is_there { Ok(ListPage::default()) } else { Err(Failure::not_found()) };
    }
    let unsure = window.unsure(options.start_after, limit);
    let looks = unsure.iter().map(|name| {
        let folder = format!("{prefix}{name}/");
        async move { lookup::holds_anything(bucket, &folder).await }
    });
    let found = try_join_all(looks).await?;
    let late = unsure.into_iter().zip(found).filter_map(|(name, found)| found.then_some(name));
    Ok(window.cut(late, limit))
}

/// Asks the store until there are enough names for a page.
async fn window(
    bucket: &Bucket,
    prefix: &str,
    start_after: Option<&str>,
    limit: usize,
) -> Result<Window, Failure> {
    let most = usize::try_from(bucket.config.list_page).unwrap_or(usize::MAX).max(1);
    let keys_wanted = limit.saturating_mul(2).saturating_add(SLACK).min(most);
    let mut window = Window::default();
    let mut token = None;
    loop {
        let request = bucket
            .list_objects(prefix)
            .delimiter("/")
            .set_start_after(start_after.map(|name| format!("{prefix}{name}")))
            .set_continuation_token(token.take())
            .max_keys(i32::try_from(keys_wanted).unwrap_or(i32::MAX));
        let page = request.send().await?;
        window.add(&page, prefix, start_after);
        token = page.next_continuation_token;
        if window.names.len() >= limit || token.is_none() {
            return Ok(window);
        }
    }
}

/// All that a store has shown of a folder, up to some key.
#[derive(Debug, Default)]
struct Window {
    /// The names that come after the one where the page begins.
    names: BTreeMap<String, Kind>,
    /// The name of the last key that was shown, if more follow.
    last: Option<String>,
    /// Whether any key was shown, even one that is not listed.
    shown: bool,
}

impl Window {
    fn add(&mut self, page: &ListObjectsV2Output, prefix: &str, start_after: Option<&str>) {
        let files = page.contents().iter().filter_map(|object| object.key());
        let folders = page.common_prefixes().iter().filter_map(|folder| folder.prefix());
        let shown = files.map(|key| (key, Kind::File)).chain(folders.map(|key| (key, Kind::Folder)));
        let more = page.next_continuation_token().is_some();
        self.take(shown.filter_map(|(key, kind)| Some((key.strip_prefix(prefix)?, kind))), more, start_after);
    }

    /// Takes children as the store shows them: folders with a slash at their end, in any order.
    fn take<'a>(
        &mut self,
        children: impl Iterator<Item = (&'a str, Kind)>,
        more: bool,
        start_after: Option<&str>,
    ) {
        let mut last = "";
        for (key, kind) in children {
            self.shown = true;
            last = last.max(key);
            let name = key.strip_suffix('/').unwrap_or(key);
            if keys::is_listed(name) && start_after.is_none_or(|after| name > after) {
                // A name can be both in a bucket; whoever put a folder below a file meant the file.
                let known = self.names.entry(name.to_owned()).or_insert(kind);
                if kind == Kind::File {
                    *known = kind;
                }
            }
        }
        self.last = more.then(|| last.strip_suffix('/').unwrap_or(last).to_owned());
    }

    /// Whether the store has shown nothing at all.
    fn is_void(&self) -> bool {
        !self.shown
    }

    /// The names of which the store would show the folder later, and which would be on this page.
    fn unsure(&self, start_after: Option<&str>, limit: usize) -> Vec<String> {
        let Some(last) = &self.last else { return Vec::new() };
        let on_the_page = self.names.keys().nth(limit - 1);
        let is_unsure = |name: &&str| {
            keys::is_listed(name)
                && start_after.is_none_or(|after| *name > after)
                && on_the_page.is_none_or(|end| *name < end.as_str())
                && !self.names.contains_key(*name)
        };
        beginnings(last).filter(is_unsure).map(str::to_owned).collect()
    }

    /// The page, with those folders in it that were looked for and found.
    fn cut(mut self, late: impl Iterator<Item = String>, limit: usize) -> ListPage {
        self.names.extend(late.map(|name| (name, Kind::Folder)));
        let more = self.last.is_some() || self.names.len() > limit;
        let entries = self.names.into_iter().take(limit).map(|(name, kind)| Entry { name, kind }).collect();
        ListPage { entries, more }
    }
}

/// The names that begin this one, where it goes on with something that comes before a slash.
fn beginnings(name: &str) -> impl Iterator<Item = &str> {
    name.bytes().enumerate().filter(|(_, byte)| *byte < b'/').filter_map(|(index, _)| name.get(..index))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Keys as a bucket has them, listed as a store does.
    struct Fake {
        keys: BTreeSet<String>,
        looks: usize,
    }

    impl Fake {
        fn new(names: impl IntoIterator<Item = (String, Kind)>) -> Self {
            let key = |(name, kind)| if kind == Kind::File { name } else { format!("{name}/") };
            Self { keys: names.into_iter().map(key).collect(), looks: 0 }
        }

        /// A page as [`list`] would make it, from windows of so many keys.
        fn page(&mut self, start_after: Option<&str>, limit: usize, keys_wanted: usize) -> ListPage {
            let mut window = Window::default();
            let mut shown = start_after.unwrap_or_default().to_owned();
            loop {
                let after = self.keys.iter().filter(|key| **key > shown || shown.is_empty());
                let page: Vec<String> = after.take(keys_wanted).cloned().collect();
                let end = page.last().cloned().unwrap_or_default();
                let more = self.keys.iter().any(|key| *key > end) && !page.is_empty();
                let kind = |key: &str| if key.ends_with('/') { Kind::Folder } else { Kind::File };
                window.take(page.iter().map(|key| (key.as_str(), kind(key))), more, start_after);
                if window.names.len() >= limit || !more {
                    break;
                }
                shown = end;
            }
            let unsure = window.unsure(start_after, limit);
            self.looks += unsure.len();
            let found: Vec<_> =
                unsure.into_iter().filter(|name| self.keys.contains(&format!("{name}/"))).collect();
            window.cut(found.into_iter(), limit)
        }

        fn pages(&mut self, limit: usize, keys_wanted: usize) -> Vec<Vec<Entry>> {
            let mut pages: Vec<Vec<Entry>> = Vec::new();
            loop {
                let last = pages.last().and_then(|page| page.last()).map(|entry| entry.name.clone());
                let page = self.page(last.as_deref(), limit, keys_wanted);
                assert!(page.entries.len() <= limit);
                assert!(!page.more || !page.entries.is_empty(), "a page with a successor has a last entry");
                pages.push(page.entries);
                if !page.more {
                    return pages;
                }
            }
        }
    }

    fn names() -> impl Strategy<Value = BTreeMap<String, Kind>> {
        let name = "[a1][-.a01~]{0,5}".prop_filter("a path can hold it", |name| name != "." && name != "..");
        let kind = prop_oneof![Just(Kind::File), Just(Kind::Folder), Just(Kind::Folder)];
        proptest::collection::btree_map(name, kind, 0..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn pages_add_up_to_the_whole_in_the_order_of_names(
            names in names(), limit in 1usize..12, keys_wanted in 1usize..30,
        ) {
            let whole: Vec<Entry> = names
                .iter()
                .filter(|(name, _)| keys::is_listed(name))
                .map(|(name, kind)| Entry { name: name.clone(), kind: *kind })
                .collect();
            let pages = Fake::new(names).pages(limit, keys_wanted);
            prop_assert!(pages.iter().rev().skip(1).all(|page| page.len() == limit), "only the last may be short");
            prop_assert_eq!(pages.concat(), whole);
        }

        #[test]
        fn a_page_begins_after_any_name(names in names(), after in "[a1][-.a01]{0,5}", limit in 1usize..12) {
            let listed = names.keys().filter(|name| keys::is_listed(name));
            let expected: Vec<String> = listed.filter(|name| **name > after).take(limit).cloned().collect();
            let page = Fake::new(names).page(Some(&after), limit, 2 * limit + SLACK);
            prop_assert_eq!(page.entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn usual_tags_need_next_to_no_looks() {
        let builds = (0..2000).map(|build| (format!("build-{build:05}"), Kind::Folder));
        let mut store = Fake::new(builds);
        assert_eq!(store.pages(100, 208).len(), 20);
        assert_eq!(store.looks, 1, "whether there is a `build`, on the first page");

        let versions =
            (0..10_000).map(|n| (format!("v{}.{}.{}", n / 1000, n / 40 % 25, n % 40), Kind::Folder));
        let mut store = Fake::new(versions.chain([("latest".to_owned(), Kind::Folder)]));
        for after in store.pages(100, 208).iter().filter_map(|page| page.last()) {
            store.looks = 0;
            store.page(Some(&after.name), 100, 208);
            assert!(store.looks <= 1, "{} looks after {}", store.looks, after.name);
        }
    }

    #[test]
    fn only_what_goes_on_before_a_slash_is_a_beginning() {
        assert_eq!(beginnings("v1.2.3-rc1").collect::<Vec<_>>(), ["v1", "v1.2", "v1.2.3"]);
        assert_eq!(beginnings("a_b").collect::<Vec<_>>(), [""; 0]);
    }
}
