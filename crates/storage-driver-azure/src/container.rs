//! What the driver and its writers share.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::Config;
use crate::keys::Keys;
use crate::listing::Cursors;
use crate::memory::Memory;
use crate::redirect::Delegations;
use crate::retrying::Retrying;
use crate::service::Service;

/// A container, and all that is kept about it in this process.
pub(crate) struct Container {
    pub(crate) service: Retrying,
    pub(crate) config: Config,
    pub(crate) keys: Keys,
    pub(crate) memory: Memory,
    pub(crate) cursors: Cursors,
    pub(crate) delegations: Delegations,
    claims: Claims,
}

impl Container {
    pub(crate) fn new(config: Config, service: Arc<dyn Service>) -> Arc<Self> {
        Arc::new(Self {
            service: Retrying::new(service, &config),
            keys: Keys::new(&config.root_directory),
            memory: Memory::new(config.upload_memory_bytes),
            cursors: Cursors::default(),
            delegations: Delegations::default(),
            claims: Claims::default(),
            config,
        })
    }

    /// Claims a key for one writer; none while another has it.
    pub(crate) fn claim(&self, key: &str) -> Option<Claim> {
        let claims = Arc::clone(&self.claims);
        let is_free = claims.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned());
        is_free.then(|| Claim { claims, key: key.to_owned() })
    }

    /// Whether a writer of this driver is at a key.
    pub(crate) fn is_claimed(&self, key: &str) -> bool {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner).contains(key)
    }
}

type Claims = Arc<Mutex<HashSet<String>>>;

/// The right to write at a key, among the writers of this driver.
///
/// It keeps honest callers apart. Writers of other processes do not see it, and need not: each stages at a key of its
/// own.
pub(crate) struct Claim {
    claims: Claims,
    key: String,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
