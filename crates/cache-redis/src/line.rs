//! The line to Redis, which may be cut at any time.
//!
//! Either it is open, or one task tries to open it, each time after a longer pause. Whoever calls while it is not open is told
//! so at once. The first call that fails closes it; others that fail in the same visit find that done. Before it is open again
//! Redis is told of every deletion that it may not know of: nobody can find what was deleted while it was gone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use redis::{Cmd, RedisError, Value};
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::config::{Backoff, Config};
use crate::door::{Connection, Door, Failure};
use crate::forgotten::{Deletion, Forgotten, Untold};
use crate::keys;

/// A line that keeps itself open.
pub(crate) struct Line {
    door: Door,
    connect: Duration,
    deadline: Duration,
    backoff: Backoff,
    keep: Duration,
    state: Mutex<State>,
}

struct State {
    visit: Option<Arc<Visit>>,
    /// The number of the latest visit.
    visits: u64,
    forgotten: Forgotten,
    /// Since when the line is as it is.
    since: Instant,
    /// The next pause before an attempt.
    pause: Duration,
    /// Calls that went without an answer since it was cut.
    missed: u64,
}

/// One connection, from its beginning to its end.
struct Visit {
    number: u64,
    connection: Connection,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    /// The line is cut.
    #[error("redis is gone, and will be asked again when it is back")]
    Cut,
    /// Redis took too long.
    #[error("redis takes longer than {0:?}")]
    Late(Duration),
    /// Redis failed.
    #[error("redis failed")]
    Failed(#[source] Failure),
}

/// How many deletions are told at once.
const TOLD_AT_ONCE: usize = 100;

impl Line {
    /// A line that is open, if Redis answers within its time; else one that will be.
    pub(crate) async fn open(config: &Config, keep: Duration) -> Result<Arc<Self>, RedisError> {
        let line = Arc::new(Self {
            door: Door::new(config)?,
            connect: config.connect,
            deadline: config.deadline,
            backoff: config.backoff,
            keep,
            state: Mutex::new(State {
                visit: None,
                visits: 0,
                forgotten: Forgotten::new(keep),
                since: Instant::now(),
                pause: config.backoff.least,
                missed: 0,
            }),
        });
        match line.connect().await {
            Ok(_) => info!("redis answers"),
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "redis does not answer, going on without it");
                tokio::spawn(reconnect(Arc::downgrade(&line)));
            }
        }
        Ok(line)
    }

    /// Sends commands and waits for the answers. When Redis refuses, the line is cut.
    pub(crate) async fn ask<const STAGES: usize>(
        self: &Arc<Self>,
        stages: [Vec<Cmd>; STAGES],
    ) -> Result<Vec<Value>, Unanswered> {
        self.call(stages, Refusals::Cut).await.map(|(_, answers)| answers)
    }

    /// Sends commands that Redis may refuse, for instance because it is full.
    pub(crate) async fn offer<const STAGES: usize>(
        self: &Arc<Self>,
        stages: [Vec<Cmd>; STAGES],
    ) -> Result<Vec<Value>, Unanswered> {
        self.call(stages, Refusals::Pass).await.map(|(_, answers)| answers)
    }

    /// Tells of deletions: now, or before anybody gets an answer again.
    pub(crate) async fn tell(self: &Arc<Self>, deletions: &[Deletion]) -> Result<(), Unanswered> {
        self.lock().forgotten.note(deletions.iter().cloned());
        let (visit, _) = self.call(told(deletions, self.keep), Refusals::Cut).await?;
        self.lock().forgotten.told(deletions, visit);
        Ok(())
    }

    async fn call<const STAGES: usize>(
        self: &Arc<Self>,
        stages: [Vec<Cmd>; STAGES],
        refusals: Refusals,
    ) -> Result<(u64, Vec<Value>), Unanswered> {
        let visit = {
            let mut state = self.lock();
            match &state.visit {
                Some(visit) => Arc::clone(visit),
                None => {
                    state.missed += 1;
                    return Err(Unanswered::Cut);
                }
            }
        };
        let error = match self.in_time(visit.connection.ask(stages)).await {
            Ok(answers) => return Ok((visit.number, answers)),
            Err(error) => error,
        };
        let refused = matches!(error, Unanswered::Failed(Failure::Refused(_)));
        if !(refused && refusals == Refusals::Pass) {
            self.cut(visit.number, &error);
        }
        Err(error)
    }

    async fn in_time<T>(&self, call: impl Future<Output = Result<T, Failure>>) -> Result<T, Unanswered> {
        match timeout(self.deadline, call).await {
            Ok(result) => result.map_err(Unanswered::Failed),
            Err(_) => Err(Unanswered::Late(self.deadline)),
        }
    }

    fn cut(self: &Arc<Self>, visit: u64, error: &Unanswered) {
        let mut state = self.lock();
        if state.visit.as_ref().is_none_or(|current| current.number != visit) {
            return;
        }
        // One that was open for long gets a new chance at once, one that opens and fails by turns does not.
        let lasted = state.since.elapsed() > self.backoff.most;
        state.pause = if lasted { self.backoff.least } else { self.next_pause(state.pause) };
        state.visit = None;
        state.since = Instant::now();
        state.missed = 1;
        drop(state);
        warn!(error = error as &dyn std::error::Error, "redis does not answer, going on without it");
        tokio::spawn(reconnect(Arc::downgrade(self)));
    }

    fn next_pause(&self, pause: Duration) -> Duration {
        (pause * 2).clamp(self.backoff.least, self.backoff.most.max(self.backoff.least))
    }

    /// Connects, tells what is to be told, and opens the line. Returns how many deletions were told.
    async fn connect(&self) -> Result<usize, Unanswered> {
        let connection = timeout(self.connect, self.door.open()).await;
        let connection = connection
            .map_err(|_| Unanswered::Late(self.connect))?
            .map_err(|error| Unanswered::Failed(Failure::Gone(error)))?;
        let number = {
            let mut state = self.lock();
            state.visits += 1;
            state.visits
        };
        let visit = Arc::new(Visit { number, connection });
        // Whoever may not write here, or writes to a replica, had better know it now.
        self.in_time(visit.connection.ask([vec![set_era(SetEra::IfThereIsNone)], vec![get_era()]])).await?;
        let mut told_in_all = 0;
        loop {
            let untold = {
                let mut state = self.lock();
                let untold = state.forgotten.untold(number, TOLD_AT_ONCE);
                if untold == Untold::Nothing {
                    state.visit = Some(visit);
                    state.since = Instant::now();
                    return Ok(told_in_all);
                }
                untold
            };
            if let Untold::Some(deletions) = &untold {
                self.in_time(visit.connection.ask(told(deletions, self.keep))).await?;
                self.lock().forgotten.told(deletions, number);
                told_in_all += deletions.len();
            } else {
                self.in_time(visit.connection.ask([vec![set_era(SetEra::Anyway)]])).await?;
                self.lock().forgotten.told_era(number);
                warn!("more was deleted than could be noted: all that redis knows of ours is void");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Refusals {
    Cut,
    Pass,
}

/// Tries until it succeeds, or nobody needs the line any more.
async fn reconnect(line: Weak<Line>) {
    loop {
        let Some(pause) = line.upgrade().map(|line| line.lock().pause) else { return };
        sleep(pause).await;
        let Some(line) = line.upgrade() else { return };
        let cut_since = line.lock().since;
        match line.connect().await {
            Ok(told) => {
                let missed = line.lock().missed;
                let gone = cut_since.elapsed();
                info!(
                    "redis answers again after {gone:.1?}: {missed} calls went without it, {told} deletions were told"
                );
                return;
            }
            Err(error) => debug!(error = &error as &dyn std::error::Error, "redis still does not answer"),
        }
        let mut state = line.lock();
        state.pause = line.next_pause(state.pause);
    }
}

/// What tells of deletions: first the marks, then away with what was known. Distribution's own keys go, too, for it would
/// believe them.
fn told(deletions: &[Deletion], keep: Duration) -> [Vec<Cmd>; 2] {
    let (mut marks, mut rest) = (Vec::new(), Vec::new());
    for Deletion { repository, digest, .. } in deletions {
        let mut mark = redis::cmd("SET");
        mark.arg(keys::deleted(repository, digest)).arg(new_mark()).arg("EX").arg(keep.as_secs().max(1));
        marks.push(mark);
        rest.push(keys::command("SREM", keys::members(repository)).arg(digest.to_string()).take());
        rest.push(keys::command("DEL", keys::member(repository, digest)));
        rest.push(
            keys::command("HDEL", keys::blob(digest)).arg("digest").arg("size").arg("mediatype").take(),
        );
        rest.push(keys::command("DEL", keys::manifest(repository, digest)));
    }
    [marks, rest]
}

pub(crate) enum SetEra {
    IfThereIsNone,
    Anyway,
}

pub(crate) fn set_era(when: SetEra) -> Cmd {
    let mut command = keys::command("SET", keys::ERA.to_owned());
    command.arg(new_mark());
    if let SetEra::IfThereIsNone = when {
        command.arg("NX");
    }
    command
}

pub(crate) fn get_era() -> Cmd {
    keys::command("GET", keys::ERA.to_owned())
}

/// A number that was never used before and is not 0, in hexadecimal digits.
fn new_mark() -> String {
    format!("{:x}", uuid::Uuid::new_v4().as_u64_pair().0)
}
