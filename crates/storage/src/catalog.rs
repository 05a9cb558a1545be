//! The names of all repositories, in byte order, at a cost that follows the page.
//!
//! The store lists folders, and the order of folders is not that of names: `foo-bar` comes before `foo/a`,
//! though the folder `foo` comes before the folder `foo-bar`. So what remains to be listed is kept as
//! cursors, each a folder and what was listed of it, in a heap by the next name that each can give. The
//! smallest is always the next name of all. Folders that a page does not reach are never listed.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

use futures_util::future;
use wharf_reference::RepositoryName;
use wharf_registry::{Error, Page, PageRequest};
use wharf_storage_driver::{Kind, ListOptions, ListPage, StorageDriver, StoragePath};

use crate::error::found;
use crate::layout;

/// How many names of a folder are asked for at once.
const LIST_LIMIT: usize = 1000;
/// How many folders are looked into together.
const CONCURRENCY: usize = 16;

/// The repositories after one.
pub(crate) async fn repositories(
    driver: &dyn StorageDriver,
    page: PageRequest<RepositoryName>,
) -> Result<Page<RepositoryName>, Error> {
    let wanted = page.limit.get().saturating_add(1);
    let mut walk = Walk { driver, cursors: cursors_after(page.after.as_ref()) };
    let mut items = Vec::new();
    while items.len() < wanted {
        let ahead = (wanted - items.len()).min(CONCURRENCY);
        match walk.step(ahead).await? {
            Step::Repository(name) => items.push(name),
            Step::Other => {}
            Step::End => break,
        }
    }
    let more = items.len() == wanted;
    items.truncate(page.limit.get());
    Ok(Page { items, more })
}

/// What one step of a walk met.
enum Step {
    Repository(RepositoryName),
    Other,
    End,
}

struct Walk<'a> {
    driver: &'a dyn StorageDriver,
    cursors: BinaryHeap<Reverse<Cursor>>,
}

/// A folder, and how far it was listed.
#[derive(Debug)]
struct Cursor {
    /// Nothing that this can still give comes before this name.
    key: String,
    /// The name that the folder stands for; empty for the folder of all.
    folder: String,
    children: VecDeque<Child>,
    /// The last name that was listed.
    after: Option<String>,
    /// Only what comes after this name is wanted; empty for everything.
    floor: String,
    /// Whether there may be more than was listed.
    more: bool,
}

#[derive(Debug)]
struct Child {
    name: String,
    /// What is in it, once somebody looked.
    look: Option<Look>,
}

/// What is in the folder of a name.
#[derive(Debug)]
struct Look {
    is_repository: bool,
    below: Cursor,
}

impl Walk<'_> {
    /// Takes the smallest cursor one name further; looks into up to `ahead` folders together where it has to.
    async fn step(&mut self, ahead: usize) -> Result<Step, Error> {
        let Some(Reverse(mut cursor)) = self.cursors.pop() else { return Ok(Step::End) };
        if cursor.children.is_empty() {
            if self.list(&mut cursor).await? {
                self.cursors.push(Reverse(cursor));
            }
            return Ok(Step::Other);
        }
        if cursor.children.front().is_some_and(|child| child.look.is_none()) {
            self.look_ahead(&mut cursor, ahead).await?;
        }
        let Some(child) = cursor.children.pop_front() else { return Ok(Step::Other) };
        let name = cursor.name_of(&child.name);
        cursor.settle();
        self.cursors.push(Reverse(cursor));
        let Some(look) = child.look else { return Ok(Step::Other) };
        self.cursors.push(Reverse(look.below));
        Ok(match name.parse() {
            Ok(name) if look.is_repository => Step::Repository(name),
            _ => Step::Other,
        })
    }

    /// Lists the next names of a folder; says whether there is anything left in it.
    async fn list(&self, cursor: &mut Cursor) -> Result<bool, Error> {
        if !cursor.more {
            return Ok(false);
        }
        let page = self.page(&cursor.folder, cursor.after.as_deref()).await?;
        cursor.take(page);
        Ok(cursor.more || !cursor.children.is_empty())
    }

    async fn look_ahead(&self, cursor: &mut Cursor, ahead: usize) -> Result<(), Error> {
        let folder = cursor.folder.clone();
        let unseen = cursor.children.iter_mut().take(ahead).filter(|child| child.look.is_none());
        let looks = unseen.map(|child| {
            let name = join(&folder, &child.name);
            async move {
                child.look = Some(self.look(name).await?);
                Ok::<_, Error>(())
            }
        });
        future::try_join_all(looks).await.map(drop)
    }

    /// Looks into the folder of a name: whether it is a repository, and what else is in it.
    async fn look(&self, name: String) -> Result<Look, Error> {
        let page = self.page(&name, None).await?;
        let seen =
            page.entries.iter().any(|entry| entry.name == layout::MANIFESTS && entry.kind == Kind::Folder);
        let unseen =
            page.more && page.entries.last().is_none_or(|last| last.name.as_str() < layout::MANIFESTS);
        let is_repository = seen || (unseen && self.is_repository(&name).await?);
        let mut below = Cursor::new(format!("{name}/"), name, None);
        below.take(page);
        Ok(Look { is_repository, below })
    }

    async fn is_repository(&self, name: &str) -> Result<bool, Error> {
        let Some(path) = folder_path(name) else { return Ok(false) };
        Ok(found(self.driver.stat(&layout::below(&path, layout::MANIFESTS)).await)?.is_some())
    }

    async fn page(&self, folder: &str, after: Option<&str>) -> Result<ListPage, Error> {
        let Some(path) = folder_path(folder) else { return Ok(ListPage::default()) };
        let options = ListOptions { start_after: after, limit: LIST_LIMIT, holding: None };
        Ok(found(self.driver.list(&path, options).await)?.unwrap_or_default())
    }
}

impl Cursor {
    fn new(key: String, folder: String, after: Option<String>) -> Self {
        Self { key, folder, children: VecDeque::new(), after, floor: String::new(), more: true }
    }

    /// Takes in what was listed: folders that can be part of a name.
    fn take(&mut self, page: ListPage) {
        self.more = page.more && !page.entries.is_empty();
        self.after = page.entries.last().map(|entry| entry.name.clone()).or(self.after.take());
        let folders = page
            .entries
            .into_iter()
            .filter(|entry| entry.kind == Kind::Folder && !entry.name.starts_with('_'));
        let names = folders.filter(|entry| {
            let name = self.name_of(&entry.name);
            name > self.floor && name.parse::<RepositoryName>().is_ok()
        });
        let children: Vec<Child> = names.map(|entry| Child { name: entry.name, look: None }).collect();
        self.children.extend(children);
        self.settle();
    }

    /// Brings the key up to what comes next.
    fn settle(&mut self) {
        let next = self.children.front().map(|child| child.name.as_str()).or(self.after.as_deref());
        if let Some(next) = next {
            self.key = join(&self.folder, next);
        }
    }

    fn name_of(&self, child: &str) -> String {
        join(&self.folder, child)
    }
}

/// The cursors that give every name after one, and nothing else.
///
/// In each folder on the way to that name: the siblings that come after it as a whole, which for `foo/a`
/// leaves out `foo-bar`; and what is below those siblings before it whose names it begins with, such as `foo`
/// for `foo-bar`, because `foo/a` comes after it.
fn cursors_after(after: Option<&RepositoryName>) -> BinaryHeap<Reverse<Cursor>> {
    let mut cursors = BinaryHeap::new();
    let mut folder = String::new();
    for component in after.into_iter().flat_map(|name| name.as_str().split('/')) {
        let separators = component.match_indices(['-', '.']).filter(|(at, _)| *at > 0);
        for (at, _) in separators {
            let shorter = join(&folder, &component[..at]);
            if shorter.parse::<RepositoryName>().is_ok() {
                cursors.push(Reverse(Cursor::new(format!("{shorter}/"), shorter, None)));
            }
        }
        let name = join(&folder, component);
        let folder_of_siblings = std::mem::replace(&mut folder, name.clone());
        let mut siblings = Cursor::new(name, folder_of_siblings, Some(component.to_owned()));
        siblings.floor = after.map(|after| after.as_str().to_owned()).unwrap_or_default();
        cursors.push(Reverse(siblings));
    }
    cursors.push(Reverse(Cursor::new(format!("{folder}/"), folder, None)));
    cursors
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Where a name's folder is; none when the text is no path, in which case no repository is there.
fn folder_path(name: &str) -> Option<StoragePath> {
    let root = layout::repositories();
    if name.is_empty() { Some(root) } else { root.join(name).ok() }
}

impl Ord for Cursor {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl PartialOrd for Cursor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Cursor {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Cursor {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::num::NonZeroUsize;

    use bytes::Bytes;
    use proptest::prelude::*;
    use wharf_storage_driver::{MemoryDriver, PutOptions};

    use super::*;

    const NAMES: &str = "[ab]([-.]?[ab0]){0,2}(/[ab]([-.]?[ab0]){0,2}){0,2}";

    async fn listed(names: &BTreeSet<String>, after: Option<&str>, limit: usize) -> Vec<String> {
        let driver = MemoryDriver::new();
        for name in names {
            let path = folder_path(&format!("{name}/_manifests/x")).unwrap();
            driver.put(&path, Bytes::new(), PutOptions::default()).await.unwrap();
        }
        let mut all: Vec<String> = Vec::new();
        let mut after = after.map(|name| name.parse().unwrap());
        loop {
            let request = PageRequest { after, limit: NonZeroUsize::new(limit).unwrap() };
            let page = repositories(&driver, request).await.unwrap();
            all.extend(page.items.iter().map(ToString::to_string));
            after = page.items.last().cloned();
            if !page.more {
                return all;
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn pages_of_any_size_after_any_name_are_what_sorting_gives(
            names in proptest::collection::btree_set(NAMES, 0..20),
            after in proptest::option::of(NAMES),
            limit in 1_usize..6,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let listed = runtime.block_on(listed(&names, after.as_deref(), limit));
            let expected: Vec<_> = names.into_iter().filter(|name| after.as_ref().is_none_or(|after| name > after)).collect();
            prop_assert_eq!(listed, expected);
        }
    }
}
