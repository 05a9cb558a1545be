//! Where the log goes and how it looks.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
}

/// The log, as the configuration wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logging {
    /// How lines look.
    pub format: Format,
    /// What is too unimportant to be written.
    pub level: LevelFilter,
}

impl Default for Logging {
    fn default() -> Self {
        Self { format: Format::Text, level: LevelFilter::INFO }
    }
}

impl Logging {
    /// Begins to write the log to standard error. Only the first call of a process does anything.
    pub fn start(self) {
        let colors = io::IsTerminal::is_terminal(&io::stderr());
        let lines = fmt::layer().with_writer(io::stderr).with_target(false);
        let lines = match self.format {
            Format::Text => lines.with_ansi(colors).boxed(),
            Format::Json => lines.json().flatten_event(true).boxed(),
        };
        // A second start happens only where several servers run in one process, as in tests.
        let _already_started = tracing_subscriber::registry().with(lines.with_filter(self.level)).try_init();
    }
}
