//! The children of a folder in the byte order of their names, page by page.
//!
//! The service lists keys in byte order and cannot begin after a name: it goes on only where an earlier page ended,
//! by a marker that means nothing to anyone else. And its order is not that of names: the folder `1.0` is the key
//! `1.0/`, which comes after `1.0-rc1/`.
//!
//! So markers are remembered, each with the key that came right before it. A page that begins after a name starts
//! from the marker with the greatest such key that is not greater than the name: every name after it then lies behind
//! that marker, whatever was added meanwhile. A window of twice the page makes the next page find the end of this
//! one's predecessor, so walking through a folder costs a request a page; a page from the middle, where nothing is
//! remembered, walks there in the largest steps there are.
//!
//! What may still come after the end of a window and yet belongs before its last names are folders whose name is where
//! those begin, up to a `-` or a `.`: `1` and `1.0` for `1.0-rc1`. There are few, and each is looked for on its own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use futures_util::future::try_join_all;
use wharf_storage_driver::{Entry, Kind, ListPage, StoragePath};

use crate::container::Container;
use crate::failure::{Failure, FailureKind};
use crate::service::{Depth, ListQuery, PAGE_MAX, Page};

/// How many markers are remembered, of all folders together.
const CURSORS_MAX: usize = 4096;

/// Markers, by the prefix that was listed and the key (below it) that came before the marker.
#[derive(Default)]
pub(crate) struct Cursors(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    markers: BTreeMap<(String, String), String>,
    oldest_first: VecDeque<(String, String)>,
}

impl Cursors {
    /// The marker behind which all names after this one lie, and the key that came before it.
    fn nearest(&self, prefix: &str, after: &str) -> Option<(String, String)> {
        let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let up_to = (prefix.to_owned(), after.to_owned());
        let ((of, key), marker) = remembered.markers.range(..=up_to).next_back()?;
        (of == prefix).then(|| (key.clone(), marker.clone()))
    }

    fn remember(&self, prefix: &str, last: &str, marker: &str) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (prefix.to_owned(), last.to_owned());
        if remembered.markers.insert(key.clone(), marker.to_owned()).is_none() {
            remembered.oldest_first.push_back(key);
        }
        if remembered.oldest_first.len() > CURSORS_MAX
            && let Some(oldest) = remembered.oldest_first.pop_front()
        {
            remembered.markers.remove(&oldest);
        }
    }

    fn forget(&self, prefix: &str, last: &str) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (prefix.to_owned(), last.to_owned());
        remembered.markers.remove(&key);
        remembered.oldest_first.retain(|other| *other != key);
    }
}

/// What is known of a folder from some key on.
struct Window<'a> {
    prefix: &'a str,
    after: Option<&'a str>,
    names: BTreeMap<String, Kind>,
    /// The greatest key that was seen, below the prefix.
    last: Option<String>,
    /// Where it goes on.
    marker: Option<String>,
    has_begun_late: bool,
}

impl Container {
    /// Children of the folder with this prefix whose names come after one, at most so many.
    pub(crate) async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ListPage, Failure> {
        let limit = limit.max(1);
        if let Some((last, marker)) = after.and_then(|after| self.cursors.nearest(prefix, after)) {
            let window =
                Window { last: Some(last.clone()), marker: Some(marker), ..Window::new(prefix, after) };
            match self.fill(Window { has_begun_late: true, ..window }, limit).await {
                // The service may stop taking a marker at any time.
                Err(failure) if failure.kind == FailureKind::Other => self.cursors.forget(prefix, &last),
                window => return self.page(window?, limit).await,
            }
        }
        let window = self.fill(Window::new(prefix, after), limit).await?;
        self.page(window, limit).await
    }

    /// Lists on until there are enough names or no more.
    async fn fill<'a>(&self, mut window: Window<'a>, limit: usize) -> Result<Window<'a>, Failure> {
        let mut max = if window.after.is_some() { limit.saturating_mul(2) } else { limit };
        loop {
            let query = ListQuery {
                prefix: window.prefix,
                depth: Depth::Children,
                marker: window.marker.as_deref(),
                max: max.min(PAGE_MAX),
                uncommitted: false,
            };
            let page = self.service.list(query).await?;
            window.add(page);
            let Some(marker) = &window.marker else { return Ok(window) };
            if let Some(last) = &window.last {
                self.cursors.remember(window.prefix, last, marker);
            }
            if window.names.len() >= limit {
                return Ok(window);
            }
            if window.names.is_empty() {
                max = PAGE_MAX;
            }
        }
    }

    /// The first names of a window, with the folders that may come late.
    async fn page(&self, mut window: Window<'_>, limit: usize) -> Result<ListPage, Failure> {
        if window.last.is_none() && !window.prefix.is_empty() && window.prefix != self.keys.root() {
            return Err(Failure::missing());
        }
        if window.has_begun_late && window.names.is_empty() && !self.is_anything_below(window.prefix).await? {
            return Err(Failure::missing());
        }
        let late = window.late(limit);
        let looks = late.iter().map(|name| self.is_folder(window.prefix, name));
        let found = try_join_all(looks).await?;
        let found = late.into_iter().zip(found).filter(|(_, is_there)| *is_there);
        window.names.extend(found.map(|(name, _)| (name, Kind::Folder)));
        let more = window.marker.is_some() || window.names.len() > limit;
        let entries = window.names.into_iter().take(limit).map(|(name, kind)| Entry { name, kind });
        Ok(ListPage { entries: entries.collect(), more })
    }

    async fn is_folder(&self, prefix: &str, name: &str) -> Result<bool, Failure> {
        self.is_anything_below(&format!("{prefix}{name}/")).await
    }
}

impl<'a> Window<'a> {
    fn new(prefix: &'a str, after: Option<&'a str>) -> Self {
        Self { prefix, after, names: BTreeMap::new(), last: None, marker: None, has_begun_late: false }
    }

    fn add(&mut self, page: Page) {
        for entry in page.entries {
            let Some(key) = entry.key.strip_prefix(self.prefix) else { continue };
            let (name, kind) = match key.strip_suffix('/') {
                Some(name) => (name, Kind::Folder),
                None => (key, Kind::File),
            };
            // Names that no path can have are the driver's own, or none of ours.
            if StoragePath::is_component(name) && self.is_after(name) {
                self.names.entry(name.to_owned()).or_insert(kind);
            }
            self.last = Some(key.to_owned());
        }
        self.marker = page.next;
    }

    fn is_after(&self, name: &str) -> bool {
        self.after.is_none_or(|after| name > after)
    }

    /// The names of folders that may come after the end of the window and yet belong among its first names.
    fn late(&self, limit: usize) -> Vec<String> {
        let (Some(_), Some(end)) = (&self.marker, &self.last) else { return Vec::new() };
        let last = self.names.keys().nth(limit - 1).or_else(|| self.names.keys().next_back());
        let Some(last) = last else { return Vec::new() };
        let is_low = |text: &str, at: usize| text.as_bytes().get(at).is_some_and(|byte| *byte < b'/');
        let common = last.bytes().zip(end.bytes()).take_while(|(one, other)| one == other).count();
        let cuts = (1..=common).filter(|cut| is_low(last, *cut) && is_low(end, *cut));
        cuts.filter_map(|cut| last.get(..cut))
            .filter(|name| StoragePath::is_component(name) && self.is_after(name))
            .filter(|name| !self.names.contains_key(*name))
            .map(str::to_owned)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::fake::{Fake, container};

    fn fill(fake: &Fake, names: &[&str]) {
        names.iter().for_each(|name| fake.put_now(&format!("t/{name}"), ""));
    }

    async fn all(container: &Arc<Container>, prefix: &str, limit: usize) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        loop {
            let page = container.list(prefix, all.last().map(String::as_str), limit).await.unwrap();
            assert!(page.entries.len() <= limit && (!page.more || !page.entries.is_empty()));
            all.extend(page.entries.into_iter().map(|entry| entry.name));
            if !page.more {
                return all;
            }
        }
    }

    #[tokio::test]
    async fn paging_through_a_folder_costs_a_request_a_page() {
        let fake = Fake::default();
        for index in 0..2000 {
            fake.put_now(&format!("t/build-{index:05}/current/link"), "");
        }
        let container = container(&fake);
        assert_eq!(all(&container, "t/", 100).await.len(), 2000);
        // One of them looks for the folder `build`.
        assert!(fake.calls("list") <= 22, "{}", fake.calls("list"));
    }

    #[tokio::test]
    async fn a_page_from_the_middle_walks_there_once() {
        let fake = Fake::default();
        for index in 0..20_000 {
            fake.put_now(&format!("t/v{index:06}/current/link"), "");
        }
        let container = container(&fake);
        let page = container.list("t/", Some("v015000"), 100).await.unwrap();
        assert_eq!(page.entries[0].name, "v015001");
        assert!(fake.calls("list") <= 5, "{}", fake.calls("list"));
        let before = fake.calls("list");
        container.list("t/", Some("v015100"), 100).await.unwrap();
        assert!(fake.calls("list") <= before + 2);
    }

    #[tokio::test]
    async fn a_name_that_was_added_behind_a_marker_is_seen() {
        let fake = Fake::default();
        fill(&fake, &["v1.2/x", "v1.3/x", "v1.4/x"]);
        let container = container(&fake);
        let page = container.list("t/", None, 1).await.unwrap();
        assert_eq!(page.entries[0].name, "v1.2");
        fill(&fake, &["v1.2-rc/x"]);
        let page = container.list("t/", Some("v1.2"), 1).await.unwrap();
        assert_eq!(page.entries[0].name, "v1.2-rc");
    }

    #[tokio::test]
    async fn a_marker_that_is_refused_is_forgotten() {
        let fake = Fake::default();
        fill(&fake, &["a", "b", "c", "d", "e"]);
        let container = container(&fake);
        container.list("t/", None, 2).await.unwrap();
        container.list("t/", Some("b"), 1).await.unwrap();
        fake.refuse_markers();
        let page = container.list("t/", Some("b"), 10).await.unwrap();
        assert_eq!(page.entries.len(), 3);
    }

    #[tokio::test]
    async fn remembered_markers_are_bounded() {
        let cursors = Cursors::default();
        for index in 0..CURSORS_MAX + 10 {
            cursors.remember("t/", &format!("{index:06}"), "m");
        }
        assert_eq!(cursors.0.lock().unwrap().markers.len(), CURSORS_MAX);
        assert_eq!(cursors.nearest("t/", "000000"), None);
        assert_eq!(cursors.nearest("t/", "999999").unwrap().0, format!("{:06}", CURSORS_MAX + 9));
        assert_eq!(cursors.nearest("u/", "999999"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn pages_are_the_names_in_byte_order(
            names in prop::collection::btree_set("[a.\\-1_]{1,4}", 0..30),
            folders in any::<u64>(),
            limit in 1usize..8,
            late in prop::collection::btree_set("[a.\\-1_]{1,4}", 0..4),
        ) {
            let names: BTreeSet<String> = names.into_iter().filter(|name| StoragePath::is_component(name)).collect();
            let late: BTreeSet<String> = late.into_iter().filter(|name| StoragePath::is_component(name)).collect();
            let fake = Fake::default();
            fake.put_now("t/~hidden", "");
            for (index, name) in names.iter().enumerate() {
                let below = if folders >> index & 1 == 0 { "" } else { "/x/y" };
                fake.put_now(&format!("t/{name}{below}"), "");
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(async {
                let container = container(&fake);
                assert_eq!(all(&container, "t/", limit).await, names.iter().cloned().collect::<Vec<_>>());
                let mut both = names.clone();
                for name in late.iter().filter(|name| !names.contains(*name)) {
                    fake.put_now(&format!("t/{name}/late"), "");
                    both.insert(name.clone());
                }
                assert_eq!(all(&container, "t/", limit).await, both.iter().cloned().collect::<Vec<_>>());
            });
        }
    }
}
