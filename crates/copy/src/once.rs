//! What several images share is moved once: the first who needs it moves it, the others wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;
use wharf_registry::Digest;

/// Something for each digest, made by whoever asks first. When that fails, the next one tries.
pub(crate) struct Once<T>(Mutex<HashMap<Digest, Arc<OnceCell<T>>>>);

impl<T> Once<T> {
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    pub(crate) fn of(&self, digest: &Digest) -> Arc<OnceCell<T>> {
        let mut cells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(cells.entry(*digest).or_default())
    }
}
