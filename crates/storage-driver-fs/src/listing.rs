//! Folders in the order of their names, a page at a time.
//!
//! A system gives the names of a folder in no order, so a page can only be cut once all names were read and sorted. To do
//! that again for each page of a hundred tags is what makes a listing of a hundred thousand slow. Sorted listings are
//! therefore kept, and used as long as the folder has not changed, which its times tell: any name that comes or goes moves
//! them. They move in ticks, though, and a change within the tick of the last one leaves no trace; so a listing is kept only
//! if the folder had been at rest for longer than a tick when it was read.
//!
//! With a kept listing go the marks of which folders were found to hold the file that was asked for. A folder loses that
//! file together with its own name, which moves the times; one that a crash of another process left behind without it may be
//! listed until they move.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::fs::{Dir, FileType};
use rustix::io::Errno;
use wharf_storage_driver::{Entry, Kind, ListPage, StoragePath};

use crate::failure::Failure;
use crate::names;

/// How much all kept listings may weigh together, in bytes of memory, and how much one may weigh while it is read.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// How long a folder must have been at rest for its times to tell of every later change; a kernel's tick is 10 ms at most.
const AT_REST: Duration = Duration::from_millis(20);
/// From how many names on a listing is worth keeping.
const WORTH_KEEPING: usize = 64;

/// What a listing was asked for.
#[derive(Debug)]
pub(crate) struct Query {
    pub(crate) start_after: Option<String>,
    pub(crate) limit: usize,
    pub(crate) holding: Option<String>,
}

/// Which state of a folder this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    folder: (u64, u64),
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            folder: (metadata.dev(), metadata.ino()),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// The names in a folder, or as many of the first as fit.
#[derive(Debug)]
struct Listing {
    entries: Vec<Entry>,
    is_complete: bool,
    marks: Marks,
}

/// Which entries of a listing were found to hold a file: the one that was asked for first, which is the only one that a
/// folder is ever asked for.
#[derive(Debug, Default)]
struct Marks {
    below: OnceLock<String>,
    found: OnceLock<Box<[AtomicBool]>>,
}

/// The listings that are kept.
#[derive(Debug, Default)]
pub(crate) struct Listings {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    listings: HashMap<StoragePath, Page>,
    bytes: usize,
    clock: u64,
}

#[derive(Debug)]
struct Page {
    stamp: Stamp,
    listing: Arc<Listing>,
    bytes: usize,
    used: u64,
}

impl Listings {
    /// A page from a kept listing, without a look at the disk; none when there is none of this state of the folder.
    pub(crate) fn kept_page(&self, path: &StoragePath, stamp: &Stamp, query: &Query) -> Option<ListPage> {
        let listing = self.kept(path, stamp)?;
        let start = listing.start(query.start_after.as_deref());
        let needed = start..listing.entries.len().min(start.saturating_add(query.limit).saturating_add(1));
        if let Some(below) = &query.holding
            && !needed.clone().all(|index| listing.is_marked(index, below))
        {
            return None;
        }
        let page = listing.entries[needed].iter().take(query.limit).cloned().collect();
        Some(ListPage { entries: page, more: listing.entries.len() - start > query.limit })
    }

    /// A page, read from the disk as far as need be.
    pub(crate) fn page(&self, path: &StoragePath, at: &Path, query: &Query) -> Result<ListPage, Failure> {
        let mut page = ListPage::default();
        let mut after = query.start_after.clone();
        loop {
            let listing = self.read(path, at, after.as_deref())?;
            for index in listing.start(after.as_deref())..listing.entries.len() {
                if query.holding.as_ref().is_some_and(|below| !listing.holds(index, at, below)) {
                    continue;
                }
                if page.entries.len() == query.limit {
                    page.more = true;
                    return Ok(page);
                }
                page.entries.push(listing.entries[index].clone());
            }
            match listing.entries.last() {
                Some(last) if !listing.is_complete => after = Some(last.name.clone()),
                _ => return Ok(page),
            }
        }
    }

    fn read(&self, path: &StoragePath, at: &Path, after: Option<&str>) -> Result<Arc<Listing>, Failure> {
        let folder = File::open(at)?;
        let metadata = folder.metadata()?;
        let stamp = Stamp::of(&metadata);
        if let Some(listing) = self.kept(path, &stamp) {
            return Ok(listing);
        }
        let was_at_rest = is_at_rest(&metadata);
        let mut listing = Listing::read(&folder, at, None, MAX_BYTES)?;
        if !listing.is_complete && after > listing.entries.last().map(|entry| entry.name.as_str()) {
            listing = Listing::read(&folder, at, after, MAX_BYTES)?;
        }
        let listing = Arc::new(listing);
        let is_whole = listing.is_complete && listing.entries.len() >= WORTH_KEEPING;
        if was_at_rest && is_whole && Stamp::of(&folder.metadata()?) == stamp {
            self.keep(path, stamp, Arc::clone(&listing));
        }
        Ok(listing)
    }

    fn kept(&self, path: &StoragePath, stamp: &Stamp) -> Option<Arc<Listing>> {
        let mut kept = self.lock();
        kept.clock += 1;
        let now = kept.clock;
        // What is out of date stays until it is replaced: to free it may take a while, and this thread may not have that.
        let page = kept.listings.get_mut(path).filter(|page| page.stamp == *stamp)?;
        page.used = now;
        Some(Arc::clone(&page.listing))
    }

    fn keep(&self, path: &StoragePath, stamp: Stamp, listing: Arc<Listing>) {
        let bytes = listing.weight();
        let mut kept = self.lock();
        kept.clock += 1;
        let page = Page { stamp, listing, bytes, used: kept.clock };
        let mut gone = vec![kept.listings.insert(path.clone(), page)];
        kept.bytes += bytes;
        kept.bytes -= gone.iter().flatten().map(|page| page.bytes).sum::<usize>();
        while kept.bytes > MAX_BYTES {
            let oldest = kept.listings.iter().min_by_key(|(_, page)| page.used).map(|(path, _)| path.clone());
            let Some(page) = oldest.and_then(|path| kept.listings.remove(&path)) else { break };
            kept.bytes -= page.bytes;
            gone.push(Some(page));
        }
        // Others need not wait while the names are freed.
        drop(kept);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listing {
    /// Reads the names after `after`: all of them, or the first ones when they weigh more than `max_bytes`.
    fn read(folder: &File, at: &Path, after: Option<&str>, max_bytes: usize) -> Result<Self, Failure> {
        let (mut listing, mut bytes) =
            (Self { entries: Vec::new(), is_complete: true, marks: Marks::default() }, 0);
        let mut before: Option<String> = None;
        for found in Dir::read_from(folder)? {
            let found = found?;
            let Ok(name) = found.file_name().to_str() else { continue };
            if after.is_some_and(|after| name <= after)
                || before.as_deref().is_some_and(|before| name > before)
            {
                continue;
            }
            let Some(kind) = kind(at, name, found.file_type())? else { continue };
            let entry = Entry { name: name.to_owned(), kind };
            bytes += weight(&entry);
            listing.entries.push(entry);
            if bytes > max_bytes {
                bytes = listing.halve();
                before = listing.entries.last().map(|entry| entry.name.clone());
            }
        }
        listing.entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        listing.entries.shrink_to_fit();
        Ok(listing)
    }

    /// Forgets the later half of the names and says what is left weighs.
    fn halve(&mut self) -> usize {
        self.entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        self.entries.truncate(self.entries.len().div_ceil(2));
        self.is_complete = false;
        self.weight()
    }

    /// Where the entries after a name begin.
    fn start(&self, after: Option<&str>) -> usize {
        after.map_or(0, |name| self.entries.partition_point(|entry| entry.name.as_str() <= name))
    }

    /// Whether an entry is a folder that holds a file, by what is known or by a look.
    fn holds(&self, index: usize, at: &Path, below: &str) -> bool {
        if self.is_marked(index, below) {
            return true;
        }
        let holds = at.join(&self.entries[index].name).join(below).is_file();
        if holds && self.marks.below.get_or_init(|| below.to_owned()) == below {
            let unmarked = || self.entries.iter().map(|_| AtomicBool::new(false)).collect();
            self.marks.found.get_or_init(unmarked)[index].store(true, Ordering::Relaxed);
        }
        holds
    }

    /// Whether an entry is known to be a folder that holds a file.
    fn is_marked(&self, index: usize, below: &str) -> bool {
        let marks =
            self.marks.found.get().filter(|_| self.marks.below.get().is_some_and(|marked| marked == below));
        marks.is_some_and(|found| found[index].load(Ordering::Relaxed))
    }

    fn weight(&self) -> usize {
        self.entries.iter().map(weight).sum()
    }
}

fn weight(entry: &Entry) -> usize {
    size_of::<Entry>() + size_of::<AtomicBool>() + entry.name.capacity()
}

/// Whether the folder's times are old enough to tell of every change from now on.
fn is_at_rest(metadata: &Metadata) -> bool {
    let age = |time: SystemTime| SystemTime::now().duration_since(time).unwrap_or_default();
    let changed = u64::try_from(metadata.ctime()).ok().zip(u32::try_from(metadata.ctime_nsec()).ok());
    let changed = changed.map(|(seconds, nanos)| SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos));
    metadata.modified().is_ok_and(|time| age(time) >= AT_REST)
        && changed.is_some_and(|time| age(time) >= AT_REST)
}

/// What a name in a folder is; none for what is unfinished, what has no place in a store, and what is gone meanwhile.
fn kind(at: &Path, name: &str, file_type: FileType) -> io::Result<Option<Kind>> {
    if !StoragePath::is_component(name) {
        return Ok(None);
    }
    let kind = match file_type {
        FileType::Directory => Kind::Folder,
        FileType::RegularFile => Kind::File,
        FileType::Symlink | FileType::Unknown => match fs::metadata(at.join(name)) {
            Ok(metadata) if metadata.is_dir() => Kind::Folder,
            Ok(metadata) if metadata.is_file() => Kind::File,
            Ok(_) => return Ok(None),
            // Gone, or a link that leads nowhere.
            Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::NOENT | Errno::LOOP)) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        },
        _ => return Ok(None),
    };
    let is_seen = kind == Kind::Folder || !names::is_unfinished(name);
    Ok(is_seen.then_some(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(start_after: Option<&str>, limit: usize) -> Query {
        Query { start_after: start_after.map(str::to_owned), limit, holding: None }
    }

    fn folder_of(count: usize) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for index in 0..count {
            fs::write(root.path().join(format!("n{index:05}")), "").unwrap();
        }
        root
    }

    fn stamp(at: &Path) -> Stamp {
        Stamp::of(&fs::metadata(at).unwrap())
    }

    #[test]
    fn a_folder_at_rest_is_read_once() {
        let root = folder_of(200);
        let (listings, path) = (Listings::default(), StoragePath::root());
        std::thread::sleep(AT_REST * 2);
        let first = listings.page(&path, root.path(), &query(None, 100)).unwrap();
        let kept = listings.kept_page(&path, &stamp(root.path()), &query(Some("n00099"), 100)).unwrap();
        assert_eq!((first.entries.len(), first.more, kept.entries.len(), kept.more), (100, true, 100, false));
        fs::write(root.path().join("new"), "").unwrap();
        assert!(listings.kept_page(&path, &stamp(root.path()), &query(None, 100)).is_none());
        std::thread::sleep(AT_REST * 2);
        assert_eq!(listings.page(&path, root.path(), &query(None, 1000)).unwrap().entries.len(), 201);
        assert_eq!(listings.lock().listings.len(), 1, "the old one is replaced");
    }

    #[test]
    fn what_a_folder_holds_is_looked_at_once() {
        let root = folder_of(0);
        for index in 0..100 {
            let tag = root.path().join(format!("t{index:03}"));
            fs::create_dir(&tag).unwrap();
            if index % 10 != 0 {
                fs::write(tag.join("link"), "").unwrap();
            }
        }
        std::thread::sleep(AT_REST * 2);
        let (listings, path, now) = (Listings::default(), StoragePath::root(), stamp(root.path()));
        let holding =
            |after: &str, limit| Query { holding: Some("link".to_owned()), ..query(Some(after), limit) };
        let first = listings.page(&path, root.path(), &holding("", 1000)).unwrap();
        assert_eq!((first.entries.len(), first.more), (90, false));
        assert!(
            listings.kept_page(&path, &now, &holding("", 5)).is_none(),
            "t000 holds nothing, which is no news for long"
        );
        let kept = listings.kept_page(&path, &now, &holding("t000", 5)).unwrap();
        assert_eq!((kept.entries.len(), kept.more), (5, true));
        let other = Query { holding: Some("other".to_owned()), ..query(None, 5) };
        assert!(listings.kept_page(&path, &now, &other).is_none());
        assert_eq!(listings.page(&path, root.path(), &other).unwrap().entries.len(), 0);
    }

    #[test]
    fn a_folder_that_was_just_changed_is_not_kept() {
        let root = folder_of(200);
        let (listings, path) = (Listings::default(), StoragePath::root());
        fs::write(root.path().join("new"), "").unwrap();
        let file = File::open(root.path()).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(60)).unwrap();
        listings.page(&path, root.path(), &query(None, 100)).unwrap();
        assert!(listings.lock().listings.is_empty());
    }

    #[test]
    fn a_folder_too_large_to_hold_is_still_listed_in_order() {
        let root = folder_of(500);
        let file = File::open(root.path()).unwrap();
        let one = size_of::<Entry>() + size_of::<AtomicBool>() + 6;
        let (mut names, mut after): (Vec<String>, Option<String>) = (Vec::new(), None);
        loop {
            let listing = Listing::read(&file, root.path(), after.as_deref(), 50 * one).unwrap();
            assert!(listing.weight() <= 50 * one);
            names.extend(listing.entries.iter().map(|entry| entry.name.clone()));
            after = names.last().cloned();
            if listing.is_complete {
                break;
            }
        }
        assert_eq!(names, (0..500).map(|index| format!("n{index:05}")).collect::<Vec<_>>());
    }

    #[test]
    fn all_kept_listings_together_have_a_limit() {
        let listings = Listings::default();
        let root = folder_of(0);
        let entry = |index: usize| Entry { name: format!("{index:01000}"), kind: Kind::File };
        for folder in 0..5 {
            let entries: Vec<_> = (0..5000).map(entry).collect();
            let listing = Arc::new(Listing { entries, is_complete: true, marks: Marks::default() });
            let path = StoragePath::root().join(&format!("f{folder}")).unwrap();
            listings.keep(&path, stamp(root.path()), listing);
        }
        let kept = listings.lock();
        assert!(kept.bytes <= MAX_BYTES);
        assert_eq!(kept.listings.len(), 3);
        assert!(kept.listings.contains_key(&StoragePath::root().join("f4").unwrap()));
        assert_eq!(kept.bytes, kept.listings.values().map(|page| page.listing.weight()).sum::<usize>());
    }

    #[test]
    fn only_what_belongs_in_a_store_is_listed() {
        let root = folder_of(1);
        for name in ["lost+found", "x.uncommitted", "link.4ecd3de5-5a46-4a40-8b1c-ce2f4cb0e0a8.tmp", "ß"] {
            fs::write(root.path().join(name), "").unwrap();
        }
        fs::create_dir(root.path().join("tag.uncommitted")).unwrap();
        fs::create_dir(root.path().join("tag.4ecd3de5-5a46-4a40-8b1c-ce2f4cb0e0a8.tmp")).unwrap();
        fs::write(root.path().join("x.tmp"), "").unwrap();
        std::os::unix::fs::symlink("nowhere", root.path().join("dangling")).unwrap();
        std::os::unix::fs::symlink("n00000", root.path().join("alias")).unwrap();
        let page = Listings::default().page(&StoragePath::root(), root.path(), &query(None, 100)).unwrap();
        let listed: Vec<_> = page.entries.iter().map(|entry| entry.name.as_str()).collect();
        let expected =
            ["alias", "n00000", "tag.4ecd3de5-5a46-4a40-8b1c-ce2f4cb0e0a8.tmp", "tag.uncommitted", "x.tmp"];
        assert_eq!(listed, expected);
    }
}
