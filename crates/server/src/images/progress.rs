//! How a copy goes, for whoever watches: a bar on a terminal, lines elsewhere, and a sum at the end.

use std::fmt;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use wharf_copy::{Event, Outcome, Watcher};

use crate::output;

/// How often the bar moves while nothing does.
const TICK: Duration = Duration::from_millis(200);

/// What happened so far.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    manifests: Counts,
    blobs: Counts,
    bytes: AtomicU64,
}

#[derive(Default)]
struct Counts {
    copied: AtomicU64,
    present: AtomicU64,
    mounted: AtomicU64,
    foreign: AtomicU64,
}

impl Progress {
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let template = "{spinner} {msg} [{bar:30}] {bytes}/{total_bytes} {binary_bytes_per_sec} {eta}";
            bar.set_style(
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { bar, manifests: Counts::default(), blobs: Counts::default(), bytes: AtomicU64::new(0) }
    }

    /// Takes the bar away and says what it came to.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.say(&self.to_string());
    }

    /// Writes a line beside the bar.
    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) if !bar.is_finished() => bar.println(line),
            _ => output::remark(line),
        }
    }
}

impl Counts {
    fn count(&self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Copied => &self.copied,
            Outcome::Present => &self.present,
            Outcome::Mounted => &self.mounted,
            Outcome::Foreign => &self.foreign,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Watcher for Progress {
    fn happened(&self, event: Event<'_>) {
        match event {
            Event::Moving(blob) => {
                if let Some(bar) = &self.bar {
                    bar.inc_length(blob.size);
                }
            }
            Event::Passed(bytes) => {
                self.bytes.fetch_add(bytes, Ordering::Relaxed);
                if let Some(bar) = &self.bar {
                    bar.inc(bytes);
                }
            }
            Event::Blob(blob, outcome) => {
                self.blobs.count(outcome);
                if self.bar.is_none() && outcome != Outcome::Present {
                    self.say(&format!("{} {}, {}", word(outcome), blob.digest, HumanBytes(blob.size)));
                }
            }
            Event::Manifest(_, outcome) => {
                self.manifests.count(outcome);
                if let Some(bar) = &self.bar {
                    bar.set_message(format!("{} manifests", self.manifests.copied.load(Ordering::Relaxed)));
                }
            }
            // The copy goes on, whoever hears of it.
            Event::Tagged(tag, digest) => drop(output::line(&format!("{tag} {digest}"))),
            _ => {}
        }
    }
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Copied => "copied",
        Outcome::Present => "already there",
        Outcome::Mounted => "mounted",
        Outcome::Foreign => "left elsewhere",
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        write!(
            formatter,
            "{} manifests and {} blobs copied ({}); already there: {} and {}; mounted: {}",
            of(&self.manifests.copied),
            of(&self.blobs.copied),
            HumanBytes(of(&self.bytes)),
            of(&self.manifests.present),
            of(&self.blobs.present),
            of(&self.blobs.mounted),
        )?;
        match of(&self.blobs.foreign) {
            0 => Ok(()),
            foreign => write!(formatter, "; left where they are: {foreign}"),
        }
    }
}
