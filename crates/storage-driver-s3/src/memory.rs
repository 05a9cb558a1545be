//! The memory that uploads may take, all those of one driver together.
//!
//! Who writes reserves before it takes bytes: a little for the first bytes, since most files are small, and a whole part
//! as soon as there are more. A part that is on its way keeps its reservation until the store has it.
//!
//! Why writers cannot wait for each other for ever: a writer waits in one of two places. To send a part it needs no more
//! memory than the part has, so parts that are full always leave in the end. To reserve a part it may hold the little
//! that it began with, but never another part that is not on its way. All that is held for first bytes is at most
//! one half of the budget, and a part is counted as at most the other half; so once the parts on their way have left, there
//! is room for whoever waits longest. A writer that holds a part and waits for its client holds up others all the same:
//! how long a client may take is the server's to say.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Config;

/// How much is reserved for the first bytes of a file, in bytes.
pub(crate) const FIRST_BYTES: u64 = 1024 * 1024;

/// What a permit stands for, in bytes: they are counted in 32 bits.
const UNIT_BYTES: u64 = 1024;

/// How much memory uploads take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryUse {
    /// What is reserved at this moment, in bytes.
    pub reserved_bytes: u64,
    /// The most that ever was, in bytes.
    pub peak_bytes: u64,
}

/// The budget of a driver.
#[derive(Debug)]
pub(crate) struct Memory {
    all: Arc<Semaphore>,
    /// What may be held for first bytes: one half of all.
    first: Arc<Semaphore>,
    half_bytes: u64,
    gauge: Arc<Gauge>,
}

/// A part of the budget, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    bytes: u64,
    /// What it was asked for, which may be more.
    covered: u64,
    gauge: Arc<Gauge>,
    _all: OwnedSemaphorePermit,
    _first: Option<OwnedSemaphorePermit>,
}

#[derive(Debug, Default)]
struct Gauge {
    reserved: AtomicU64,
    peak: AtomicU64,
}

impl Memory {
    /// The budget of the configuration, but at least two parts.
    pub(crate) fn new(config: &Config) -> Self {
        Self::of(config.upload_memory_bytes.max(config.chunk_bytes.saturating_mul(2)))
    }

    fn of(budget_bytes: u64) -> Self {
        let half = units(budget_bytes / 2);
        Self {
            all: Arc::new(Semaphore::new(2 * half as usize)),
            first: Arc::new(Semaphore::new(half as usize)),
            half_bytes: u64::from(half) * UNIT_BYTES,
            gauge: Arc::default(),
        }
    }

    /// Reserves room for the first bytes of a file.
    pub(crate) async fn first(&self) -> Reservation {
        let bytes = FIRST_BYTES.min(self.half_bytes);
        let first = acquired(&self.first, bytes).await;
        let all = acquired(&self.all, bytes).await;
        self.reservation([bytes, bytes], all, Some(first))
    }

    /// Reserves room for a part. Whoever waits here may hold the room for its first bytes.
    pub(crate) async fn part(&self, part_bytes: u64) -> Reservation {
        let bytes = part_bytes.min(self.half_bytes);
        let all = acquired(&self.all, bytes).await;
        self.reservation([bytes, part_bytes], all, None)
    }

    /// The largest part that is counted for what it is, in bytes.
    pub(crate) fn largest_part(&self) -> u64 {
        self.half_bytes
    }

    /// How much is taken.
    pub(crate) fn in_use(&self) -> MemoryUse {
        MemoryUse {
            reserved_bytes: self.gauge.reserved.load(Ordering::Relaxed),
            peak_bytes: self.gauge.peak.load(Ordering::Relaxed),
        }
    }

    fn reservation(
        &self,
        [bytes, covered]: [u64; 2],
        all: OwnedSemaphorePermit,
        first: Option<OwnedSemaphorePermit>,
    ) -> Reservation {
        let reserved = self.gauge.reserved.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.gauge.peak.fetch_max(reserved, Ordering::Relaxed);
        Reservation { bytes, covered, gauge: Arc::clone(&self.gauge), _all: all, _first: first }
    }
}

impl Reservation {
    /// Whether it is for so many bytes.
    pub(crate) fn covers(&self, bytes: u64) -> bool {
        bytes <= self.covered
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // Before the permits go to someone else, who adds to it.
        self.gauge.reserved.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

async fn acquired(semaphore: &Arc<Semaphore>, bytes: u64) -> OwnedSemaphorePermit {
    let permit = Arc::clone(semaphore).acquire_many_owned(units(bytes)).await;
    #[expect(clippy::expect_used, reason = "nobody closes these semaphores")]
    permit.expect("the budget is open")
}

/// In units, at most as many as half of them can be counted in 32 bits.
fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX).min(u32::MAX / 2)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::task::JoinSet;
    use tokio::time::timeout;

    use super::*;

    const MIB: u64 = 1024 * 1024;

    /// With the clock paused, this passes as soon as nobody can go on.
    const FOR_EVER: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn what_is_dropped_is_given_back() {
        let memory = Memory::of(20 * MIB);
        let parts = [memory.part(10 * MIB).await, memory.part(10 * MIB).await];
        assert_eq!(memory.in_use(), MemoryUse { reserved_bytes: 20 * MIB, peak_bytes: 20 * MIB });
        assert!(timeout(FOR_EVER, memory.first()).await.is_err());
        drop(parts);
        assert!(memory.first().await.covers(FIRST_BYTES));
        assert_eq!(memory.in_use(), MemoryUse { reserved_bytes: 0, peak_bytes: 20 * MIB });
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_longest_is_first() {
        let memory = Arc::new(Memory::of(20 * MIB));
        let held = [memory.part(10 * MIB).await, memory.part(10 * MIB).await];
        let order = Arc::new(std::sync::Mutex::new(Vec::new()));
        let mut waiting = JoinSet::new();
        for (name, bytes) in [("large", 10 * MIB), ("small", MIB)] {
            let (memory, order) = (Arc::clone(&memory), Arc::clone(&order));
            waiting.spawn(async move {
                let _part = memory.part(bytes).await;
                order.lock().unwrap().push(name);
            });
            tokio::task::yield_now().await;
        }
        drop(held);
        waiting.join_all().await;
        assert_eq!(*order.lock().unwrap(), ["large", "small"]);
    }

    #[tokio::test(start_paused = true)]
    async fn first_bytes_leave_room_for_a_part() {
        let memory = Memory::of(20 * MIB);
        let mut held = Vec::new();
        while let Ok(first) = timeout(FOR_EVER, memory.first()).await {
            held.push(first);
        }
        assert_eq!(held.len(), 10);
        timeout(FOR_EVER, memory.part(10 * MIB)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_beyond_half_of_the_budget_is_counted_as_half() {
        let memory = Memory::of(20 * MIB);
        let part = memory.part(5 << 30).await;
        assert!(part.covers(5 << 30));
        assert_eq!(memory.in_use().reserved_bytes, 10 * MIB);
        assert_eq!(memory.largest_part(), 10 * MIB);
    }

    #[test]
    fn the_budget_holds_at_least_two_parts() {
        let mut config = Config::new("bucket");
        config.upload_memory_bytes = 1;
        config.chunk_bytes = 5 << 30;
        assert_eq!(Memory::new(&config).largest_part(), 5 << 30);
        config.upload_memory_bytes = u64::MAX;
        assert!(Memory::new(&config).largest_part() > 1 << 40);
    }

    /// A writer as ours: a little first, then parts, several on their way.
    async fn write(memory: Arc<Memory>, parts: Vec<u8>, part_bytes: u64, concurrency: usize) {
        let mut sending = JoinSet::new();
        let mut held = Some(memory.first().await);
        for pauses in parts {
            for _ in 0..pauses % 4 {
                tokio::task::yield_now().await;
            }
            let part = memory.part(part_bytes).await;
            drop(held.take());
            while sending.len() >= concurrency {
                sending.join_next().await;
            }
            sending.spawn(async move {
                for _ in 0..pauses {
                    tokio::task::yield_now().await;
                }
                drop(part);
            });
        }
        sending.join_all().await;
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn writers_never_wait_for_ever_and_the_budget_is_never_exceeded(
            writers in proptest::collection::vec(
                (proptest::collection::vec(0_u8..9, 0..12), 1_u64..40, 1_usize..6), 1..60,
            ),
            budget in 2_u64..64,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            let memory = Arc::new(Memory::of(budget * MIB));
            runtime.block_on(async {
                let mut running = JoinSet::new();
                for (parts, mib, concurrency) in writers {
                    running.spawn(write(Arc::clone(&memory), parts, mib * MIB, concurrency));
                }
                timeout(FOR_EVER, running.join_all()).await.expect("someone waits for ever");
            });
            let used = memory.in_use();
            prop_assert_eq!(used.reserved_bytes, 0);
            prop_assert!(used.peak_bytes <= budget * MIB);
        }
    }
}
