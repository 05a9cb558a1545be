//! The tree that a configuration is read into: what was written, where, and whether anybody asked for it.
//!
//! Nothing in it has a type yet. A scalar keeps its source text, because the same `0123` is a password to one reader and
//! eighty-three to another; whoever reads a value says what it should be.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Error, Place};

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// What a value is before anybody says what it should be.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Mapping),
    /// A variable was aimed here and could not be applied. Whoever reads this gets the error; if nobody does, the
    /// variable was none of ours, as those that Kubernetes sets for a service named `registry`.
    Unusable(Error),
}

/// A single value as it was written.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) text: Arc<str>,
    pub(crate) style: Style,
}

/// Whether a scalar may become something else than text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Quoted,
}

/// Keys and values in the order of the file, each key once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mapping {
    pub(crate) entries: Vec<Entry>,
}

/// One key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Arc<str>,
    pub(crate) key_place: Place,
    pub(crate) value: Node,
    pub(crate) read: ReadMark,
}

/// Remembers that somebody asked for a key.
#[derive(Debug, Default)]
pub(crate) struct ReadMark(AtomicBool);

impl Node {
    pub(crate) fn null(place: Place) -> Self {
        Self { place, value: Value::Scalar(Scalar { text: Arc::from(""), style: Style::Plain }) }
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.is_null())
    }

    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Marks every key below this value as read, for readers that take a value as a whole.
    pub(crate) fn mark_all_read(&self) {
        match &self.value {
            Value::Sequence(items) => items.iter().for_each(Self::mark_all_read),
            Value::Mapping(mapping) => mapping.entries.iter().for_each(|entry| {
                entry.read.set();
                entry.value.mark_all_read();
            }),
            Value::Scalar(_) | Value::Unusable(_) => {}
        }
    }
}

impl Mapping {
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| &*entry.key == key)
    }
}

impl ReadMark {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Clone for ReadMark {
    /// A copy of a value is a value of its own, which nobody has read yet.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Scalar {
    /// Leaves the text out: it may be a secret, and a debug print ends up in logs.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Scalar").field("style", &self.style).finish_non_exhaustive()
    }
}

/// The full dotted name of `key` inside of `parent`.
pub(crate) fn dotted(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}

/// The full name of the item at `index` inside of the list `parent`.
pub(crate) fn indexed(parent: &str, index: usize) -> String {
    format!("{parent}[{index}]")
}
