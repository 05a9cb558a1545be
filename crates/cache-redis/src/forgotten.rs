//! The deletions that Redis may not know of.
//!
//! Redis may be gone when something is deleted, and it may come back with an older state than it had: from a snapshot, or as
//! another server that never got the last writes. So every deletion is noted here before Redis is told, and whoever connects
//! again first tells what that Redis was not told before.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use wharf_cache::Content;
use wharf_digest::Digest;
use wharf_reference::RepositoryName;

/// How many deletions are noted. When there are more the era ends instead, which makes every voucher void.
pub(crate) const MOST: usize = 10_000;

/// Something that was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Deletion {
    pub(crate) repository: RepositoryName,
    pub(crate) content: Content,
    pub(crate) digest: Digest,
}

/// What has to be told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Untold {
    /// Nothing.
    Nothing,
    /// That a new era begins: more was deleted than could be noted.
    Era,
    /// These deletions, and then perhaps others.
    Some(Vec<Deletion>),
}

/// The notes. A visit is one connection to Redis, from 1; what was told in an earlier one may have been lost since.
#[derive(Debug)]
pub(crate) struct Forgotten {
    noted: HashMap<Deletion, Note>,
    overflow: Option<Note>,
    /// For how long it matters that Redis might have lost what it was told: as long as vouchers live.
    keep: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Note {
    at: Instant,
    told_in: Option<u64>,
}

impl Note {
    fn is_due(&self, visit: u64, keep: Duration) -> bool {
        match self.told_in {
            None => true,
            Some(told_in) => told_in != visit && self.at.elapsed() < keep,
        }
    }
}

impl Forgotten {
    pub(crate) fn new(keep: Duration) -> Self {
        Self { noted: HashMap::new(), overflow: None, keep }
    }

    /// Notes deletions that are about to be told.
    pub(crate) fn note(&mut self, deletions: impl IntoIterator<Item = Deletion>) {
        let note = Note { at: Instant::now(), told_in: None };
        for deletion in deletions {
            if self.noted.len() >= MOST {
                self.make_room(note);
            }
            self.noted.insert(deletion, note);
        }
    }

    fn make_room(&mut self, note: Note) {
        let keep = self.keep;
        self.noted.retain(|_, noted| noted.told_in.is_none() || noted.at.elapsed() < keep);
        if self.noted.len() >= MOST {
            self.noted.clear();
            self.overflow = Some(note);
        }
    }

    /// At most `limit` of what this visit has to be told.
    pub(crate) fn untold(&self, visit: u64, limit: usize) -> Untold {
        if self.overflow.is_some_and(|note| note.is_due(visit, self.keep)) {
            return Untold::Era;
        }
        let due = self.noted.iter().filter(|(_, note)| note.is_due(visit, self.keep));
        let due: Vec<_> = due.take(limit).map(|(deletion, _)| deletion.clone()).collect();
        if due.is_empty() { Untold::Nothing } else { Untold::Some(due) }
    }

    /// Notes that deletions were told in a visit.
    pub(crate) fn told(&mut self, deletions: &[Deletion], visit: u64) {
        for deletion in deletions {
            if let Some(note) = self.noted.get_mut(deletion) {
                note.told_in = Some(visit);
            }
        }
    }

    /// Notes that a new era was begun in a visit.
    pub(crate) fn told_era(&mut self, visit: u64) {
        if let Some(note) = &mut self.overflow {
            note.told_in = Some(visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use wharf_digest::Algorithm;

    use super::*;

    fn deletion(index: usize) -> Deletion {
        let digest = Algorithm::Sha256.digest(&index.to_le_bytes());
        Deletion { repository: "a".parse().unwrap(), content: Content::Blob, digest }
    }

    #[test]
    fn a_deletion_is_told_once_in_every_visit() {
        let mut forgotten = Forgotten::new(Duration::from_secs(60));
        forgotten.note([deletion(1)]);
        assert_eq!(forgotten.untold(1, 10), Untold::Some(vec![deletion(1)]));
        forgotten.told(&[deletion(1)], 1);
        assert_eq!(forgotten.untold(1, 10), Untold::Nothing);
        assert_eq!(forgotten.untold(2, 10), Untold::Some(vec![deletion(1)]));
        forgotten.note([deletion(1)]);
        assert_eq!(forgotten.untold(1, 10), Untold::Some(vec![deletion(1)]));
    }

    #[test]
    fn what_was_told_long_ago_is_not_told_again_and_what_was_never_told_is() {
        let mut forgotten = Forgotten::new(Duration::ZERO);
        forgotten.note([deletion(1), deletion(2)]);
        forgotten.told(&[deletion(1)], 1);
        assert_eq!(forgotten.untold(2, 10), Untold::Some(vec![deletion(2)]));
    }

    #[test]
    fn too_many_deletions_end_the_era() {
        let mut forgotten = Forgotten::new(Duration::from_secs(60));
        forgotten.note((0..=MOST).map(deletion));
        assert!(forgotten.noted.len() <= MOST);
        assert_eq!(forgotten.untold(1, 10), Untold::Era);
        forgotten.told_era(1);
        assert_eq!(forgotten.untold(1, 10), Untold::Some(vec![deletion(MOST)]));
        assert_eq!(forgotten.untold(2, 10), Untold::Era);
    }
}
