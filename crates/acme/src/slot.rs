//! What is known of one host: what it shows, whether somebody orders for it, and when the next may.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::Instant;

use crate::certificate::Certificate;
use crate::{Host, Options};

/// One host of the list.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) host: Host,
    shown: RwLock<Shown>,
    progress: Mutex<Progress>,
    /// Changes when a turn ends.
    ended: watch::Sender<()>,
}

/// The certificates of a host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    /// The one that is ordered and renewed.
    pub(crate) ecdsa: Option<Arc<Certificate>>,
    /// One that somebody else left in the folder.
    pub(crate) rsa: Option<Arc<Certificate>>,
}

#[derive(Debug, Default)]
struct Progress {
    running: bool,
    failures: u32,
    not_before: Option<Instant>,
}

/// The right to order for a host, of which there is one at a time. Dropping it without a word counts as a failure.
pub(crate) struct Turn {
    pub(crate) slot: Arc<Slot>,
    first_retry: Duration,
    last_retry: Duration,
    settled: bool,
}

impl Slot {
    pub(crate) fn new(host: Host, shown: Shown) -> Self {
        let (ended, _) = watch::channel(());
        Self { host, shown: RwLock::new(shown), progress: Mutex::default(), ended }
    }

    /// What the host shows at this time; what has ended is not shown.
    pub(crate) fn shown(&self, now: SystemTime) -> Shown {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner).clone();
        let valid = |certificate: &Arc<Certificate>| certificate.is_valid_at(now);
        Shown { ecdsa: shown.ecdsa.filter(valid), rsa: shown.rsa.filter(valid) }
    }

    /// Shows another certificate from the next handshake on.
    pub(crate) fn show(&self, certificate: Certificate) {
        self.shown.write().unwrap_or_else(PoisonError::into_inner).ecdsa = Some(Arc::new(certificate));
    }

    /// How long until its certificate is to be renewed and may be; none for a host that has none yet.
    pub(crate) fn due(&self, now: SystemTime, before: Duration) -> Option<Duration> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        let renewal = shown.ecdsa.as_ref()?.renewal(before).duration_since(now).unwrap_or_default();
        let allowed = self.progress().not_before.map(|at| at.saturating_duration_since(Instant::now()));
        Some(renewal.max(allowed.unwrap_or_default()))
    }

    /// To be asked for before [`turn`](Self::turn), so that no end is missed.
    pub(crate) fn ends(&self) -> watch::Receiver<()> {
        self.ended.subscribe()
    }

    /// Takes the turn; none while another has it, or too soon after a failure.
    pub(crate) fn turn(self: &Arc<Self>, options: &Options) -> Option<Turn> {
        let mut progress = self.progress();
        if progress.running || progress.not_before.is_some_and(|at| Instant::now() < at) {
            return None;
        }
        progress.running = true;
        let Options { first_retry, last_retry, .. } = *options;
        Some(Turn { slot: Arc::clone(self), first_retry, last_retry, settled: false })
    }

    /// Whether somebody has the turn.
    pub(crate) fn is_running(&self) -> bool {
        self.progress().running
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// Ends the turn; there is a certificate.
    pub(crate) fn succeed(mut self) {
        *self.slot.progress() = Progress { running: true, ..Progress::default() };
        self.settled = true;
    }

    /// Ends the turn, and says how long the host is left alone now.
    pub(crate) fn fail(mut self) -> Duration {
        self.settled = true;
        self.delay()
    }

    fn delay(&self) -> Duration {
        let mut progress = self.slot.progress();
        let wait =
            self.first_retry.saturating_mul(3_u32.saturating_pow(progress.failures)).min(self.last_retry);
        progress.failures += 1;
        progress.not_before = Some(Instant::now() + wait);
        wait
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.settled {
            self.delay();
        }
        self.slot.progress().running = false;
        self.slot.ended.send_replace(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> Arc<Slot> {
        Arc::new(Slot::new("a.example".parse().unwrap(), Shown::default()))
    }

    #[tokio::test(start_paused = true)]
    async fn after_failures_a_host_is_left_alone_longer_and_longer() {
        let (slot, options) = (slot(), Options::new("unused"));
        for minutes in [1, 3, 9, 27, 60, 60] {
            let turn = slot.turn(&options).unwrap();
            assert!(slot.turn(&options).is_none(), "one at a time");
            assert_eq!(turn.fail(), Duration::from_secs(60 * minutes));
            assert!(slot.turn(&options).is_none(), "not at once");
            tokio::time::advance(Duration::from_secs(60 * minutes)).await;
        }
        slot.turn(&options).unwrap().succeed();
        assert_eq!(slot.turn(&options).unwrap().fail(), Duration::from_secs(60), "all is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_that_is_lost_is_a_failure_and_wakes_who_waits() {
        let (slot, options) = (slot(), Options::new("unused"));
        let mut ends = slot.ends();
        let turn = slot.turn(&options).unwrap();
        assert!(slot.is_running() && !ends.has_changed().unwrap());
        drop(turn);
        ends.changed().await.unwrap();
        assert!(!slot.is_running() && slot.turn(&options).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_fails_to_be_renewed_is_not_tried_at_once() {
        let (slot, options) = (slot(), Options::new("unused"));
        let (now, before) = (SystemTime::now(), options.renew_before);
        assert_eq!(slot.due(now, before), None);
        let pem = crate::certificate::tests::pem("a.example", 80, 10);
        slot.show(Certificate::from_pem(pem.as_bytes(), &slot.host).unwrap());
        assert_eq!(slot.due(now, before), Some(Duration::ZERO));
        slot.turn(&options).unwrap().fail();
        assert_eq!(slot.due(now, before), Some(options.first_retry));
    }
}
