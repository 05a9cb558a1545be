//! Uploads that this process began and that nobody has come back to yet.
//!
//! Most uploads come back to the process that began them, and many with all of their bytes at once. Their
//! record is known here, so it need not be read. Another process may have changed it meanwhile: the memory is
//! therefore used only by clients that believe the upload to be empty, once, what is added to an upload
//! replaces the very version that is remembered or fails, and an upload is closed only if it still is there to
//! be deleted.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use wharf_reference::RepositoryName;
use wharf_registry::UploadId;

use crate::uploads::Held;

/// How many uploads are remembered; the oldest is forgotten first.
const REMEMBERED: usize = 256;

/// The uploads.
#[derive(Default)]
pub(crate) struct Begun {
    uploads: Mutex<VecDeque<(RepositoryName, UploadId, Held)>>,
}

impl Begun {
    /// Remembers an upload that has just begun.
    pub(crate) fn remember(&self, repository: &RepositoryName, id: &UploadId, held: Held) {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        if uploads.len() == REMEMBERED {
            uploads.pop_front();
        }
        uploads.push_back((repository.clone(), id.clone(), held));
    }

    /// What is remembered of an upload, for the last time.
    pub(crate) fn take(&self, repository: &RepositoryName, id: &UploadId) -> Option<Held> {
        let mut uploads = self.uploads.lock().unwrap_or_else(PoisonError::into_inner);
        let at = uploads.iter().position(|(holder, name, _)| name == id && holder == repository)?;
        uploads.remove(at).map(|(_, _, held)| held)
    }
}
