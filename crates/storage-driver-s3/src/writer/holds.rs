//! Which paths are being written in this process.
//!
//! It keeps two requests of one server from undoing each other's work. Nothing relies on it: two servers can write to
//! one path, and then the journal's version says who was first.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The keys that are held.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holds(Arc<Mutex<HashSet<String>>>);

/// A key that nobody else of this driver can hold until this is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    holds: Holds,
    key: String,
}

impl Holds {
    /// Holds a key; none when someone does.
    pub(crate) fn take(&self, key: &str) -> Option<Hold> {
        let is_new = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned());
        is_new.then(|| Hold { holds: self.clone(), key: key.to_owned() })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.holds.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_held_once_and_then_again() {
        let holds = Holds::default();
        let hold = holds.take("a").unwrap();
        assert!(holds.take("a").is_none());
        assert!(holds.take("b").is_some());
        drop(hold);
        assert!(holds.take("a").is_some());
    }
}
