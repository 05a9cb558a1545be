//! Whether bytes move fast enough.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep};

use super::limits::Limits;

/// Watches one body: it has to move `http.limits.minrate` over each `http.limits.stall` in which it is waited for.
#[derive(Debug, Default)]
pub(super) struct Pace {
    stretch: Option<Stretch>,
}

/// One stretch of time in which enough has to move.
#[derive(Debug)]
struct Stretch {
    ends: Pin<Box<Sleep>>,
    moved_bytes: u64,
}

impl Pace {
    /// Takes note that bytes moved.
    pub(super) fn moved(&mut self, bytes: usize) {
        if let Some(stretch) = &mut self.stretch {
            stretch.moved_bytes += bytes as u64;
        }
    }

    /// Takes note that nobody waits: the next wait begins a new stretch.
    pub(super) fn rest(&mut self) {
        self.stretch = None;
    }

    /// Called while nothing moves: is ready once too little did for too long.
    pub(super) fn poll_stalled(&mut self, limits: &Limits, context: &mut Context<'_>) -> Poll<()> {
        let begin = || Stretch { ends: Box::pin(tokio::time::sleep(limits.stall)), moved_bytes: 0 };
        let stretch = self.stretch.get_or_insert_with(begin);
        loop {
            ready!(stretch.ends.as_mut().poll(context));
            if stretch.moved_bytes < limits.stall_bytes() {
                return Poll::Ready(());
            }
            stretch.moved_bytes = 0;
            stretch.ends.as_mut().reset(Instant::now() + limits.stall);
        }
    }
}
