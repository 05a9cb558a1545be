//! A small memory that forgets the oldest: what a registry told us and may want to hear again.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most recent entries, at most so many.
pub(crate) struct Recent<K, V> {
    limit: usize,
    inner: Mutex<Inner<K, V>>,
}

struct Inner<K, V> {
    entries: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K: Clone + Eq + Hash, V: Clone> Recent<K, V> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, inner: Mutex::new(Inner { entries: HashMap::new(), order: VecDeque::new() }) }
    }

    pub(crate) fn get(&self, key: &K) -> Option<V> {
        self.inner().entries.get(key).cloned()
    }

    pub(crate) fn insert(&self, key: K, value: V) {
        let mut inner = self.inner();
        if inner.entries.insert(key.clone(), value).is_some() {
            return;
        }
        inner.order.push_back(key);
        while inner.order.len() > self.limit {
            if let Some(oldest) = inner.order.pop_front() {
                inner.entries.remove(&oldest);
            }
        }
    }

    pub(crate) fn remove(&self, key: &K) -> Option<V> {
        let mut inner = self.inner();
        let value = inner.entries.remove(key)?;
        inner.order.retain(|other| other != key);
        Some(value)
    }

    fn inner(&self) -> MutexGuard<'_, Inner<K, V>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let recent = Recent::new(2);
        recent.insert("a", 1);
        recent.insert("b", 2);
        recent.insert("a", 3);
        recent.insert("c", 4);
        assert_eq!((recent.get(&"a"), recent.get(&"b"), recent.get(&"c")), (None, Some(2), Some(4)));
        assert_eq!((recent.remove(&"b"), recent.remove(&"b")), (Some(2), None));
        recent.insert("d", 5);
        assert_eq!((recent.get(&"c"), recent.get(&"d")), (Some(4), Some(5)));
    }
}
