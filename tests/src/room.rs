//! A root directory of its own for each test in the bucket that all share.

use std::collections::BTreeMap;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crate::part::Place;
use crate::store::Store;

/// Is a root directory in a bucket. Dropping the value deletes everything in it.
#[derive(Debug)]
pub struct Room {
    place: Place,
    root: String,
}

impl Room {
    /// Makes one that nobody else has.
    #[must_use]
    pub fn new(place: &Place) -> Room {
        static ROOMS: AtomicU64 = AtomicU64::new(0);
        let now =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_micros());
        let root = format!("room-{now:x}-{:x}-{:x}", process::id(), ROOMS.fetch_add(1, Ordering::Relaxed));
        Room { place: place.clone(), root }
    }

    /// Gives where the bucket is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Gives the root directory, without slashes.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// Gives the key of a path in the layout of a registry.
    #[must_use]
    pub fn key(&self, path: &str) -> String {
        format!("{}/docker/registry/v2/{path}", self.root)
    }

    /// Makes a client of the bucket.
    #[must_use]
    pub fn store(&self) -> Store {
        Store::at(&self.place)
    }

    /// Gives everything in it, paths relative to it.
    ///
    /// # Panics
    ///
    /// When the store does not tell.
    #[must_use]
    pub fn tree(&self) -> BTreeMap<String, String> {
        self.store().tree(&format!("{}/", self.root)).unwrap()
    }

    /// Gives the keys of all uploads of S3 that were begun in it and neither completed nor aborted.
    ///
    /// # Panics
    ///
    /// When the store does not tell.
    #[must_use]
    pub fn unfinished_uploads(&self) -> Vec<String> {
        self.store().unfinished_uploads(&format!("{}/", self.root)).unwrap()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Err(error) = self.store().delete_all(&format!("{}/", self.root)) {
            println!("\n{} was not emptied: {error}", self.root);
        }
    }
}
