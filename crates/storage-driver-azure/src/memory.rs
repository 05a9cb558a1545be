//! How many bytes of uploads may wait in memory, of all writers together.
//!
//! A writer that finds no room first sends off what it has gathered and only then waits for more. So nobody waits
//! while holding bytes that are not on their way, and however many writers share the budget, they cannot block one
//! another: what is on its way comes back. Those who wait are served in turn.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The smallest amount that is counted, in bytes; a piece counts as at least one.
const UNIT_BYTES: usize = 1024;

/// The budget. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Memory {
    free: Arc<Semaphore>,
    units: u32,
}

/// Bytes that are counted, until this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Held(Option<OwnedSemaphorePermit>);

impl Memory {
    /// A budget of so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let units = u32::try_from(bytes / UNIT_BYTES).unwrap_or(u32::MAX).clamp(1, u32::MAX >> 3);
        Self { free: Arc::new(Semaphore::new(units as usize)), units }
    }

    /// Takes room for so many bytes, if there is any right now.
    pub(crate) fn try_take(&self, bytes: usize) -> Option<Held> {
        let permit = Arc::clone(&self.free).try_acquire_many_owned(self.units_of(bytes)).ok()?;
        Some(Held(Some(permit)))
    }

    /// Waits for room for so many bytes. Whoever waits must not hold any that are not on their way.
    pub(crate) async fn take(&self, bytes: usize) -> Held {
        // The semaphore is never closed.
        Held(Arc::clone(&self.free).acquire_many_owned(self.units_of(bytes)).await.ok())
    }

    /// More than the whole budget counts as the whole budget.
    fn units_of(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).min(self.units)
    }
}

impl Held {
    /// Counts both as one.
    pub(crate) fn add(&mut self, other: Held) {
        match (&mut self.0, other.0) {
            (Some(held), Some(more)) => held.merge(more),
            (held @ None, more) => *held = more,
            (Some(_), None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_given_back_can_be_taken_again() {
        let memory = Memory::new(10 * UNIT_BYTES);
        let mut held = memory.take(4 * UNIT_BYTES).await;
        held.add(memory.take(6 * UNIT_BYTES).await);
        assert!(memory.try_take(1).is_none());
        drop(held);
        assert!(memory.try_take(10 * UNIT_BYTES).is_some());
    }

    #[tokio::test]
    async fn more_than_there_is_takes_all() {
        let memory = Memory::new(2 * UNIT_BYTES);
        let held = memory.take(100 * UNIT_BYTES).await;
        assert!(memory.try_take(1).is_none());
        drop(held);
    }
}
