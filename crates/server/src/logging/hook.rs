//! Who wants mail about which lines of the log; `log.hooks`.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

#[cfg(feature = "mail")]
use tracing::{Level, Metadata};

/// One entry of `log.hooks` whose `type` is `mail`.
#[derive(Clone, PartialEq, Eq)]
pub struct MailHook {
    /// `levels`: how grave a line has to be, exactly.
    pub levels: Vec<Severity>,
    /// The host of `options.smtp.addr`.
    pub host: String,
    /// The port of `options.smtp.addr`.
    pub port: u16,
    /// `options.smtp.username` and `options.smtp.password`; none where nobody logs in.
    pub login: Option<(String, String)>,
    /// `options.from`
    pub from: String,
    /// `options.to`
    pub to: Vec<String>,
    /// `queue`: how many lines may wait to be sent; more are lost, and counted.
    pub queue: NonZeroUsize,
    /// `timeout`: how long the server may leave us waiting each time.
    pub timeout: Duration,
}

impl MailHook {
    /// The default of [`queue`](Self::queue).
    pub const QUEUE: NonZeroUsize = NonZeroUsize::new(100).unwrap();
    /// The default of [`timeout`](Self::timeout).
    pub const TIMEOUT: Duration = Duration::from_secs(30);
}

impl fmt::Debug for MailHook {
    /// Leaves the password out.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.login.as_ref().map(|(user, _)| user);
        formatter
            .debug_struct("MailHook")
            .field("levels", &self.levels)
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &user)
            .field("from", &self.from)
            .field("to", &self.to)
            .field("queue", &self.queue)
            .field("timeout", &self.timeout)
            .finish()
    }
}

/// How grave a line is, by the names of Distribution's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// A part of the program gave up in the middle of something.
    Panic,
    /// The program ends.
    Fatal,
    /// `error`
    Error,
    /// `warning`, or `warn`
    Warning,
    /// `info`
    Info,
    /// `debug`
    Debug,
    /// `trace`
    Trace,
}

impl Severity {
    /// How grave an event is.
    #[cfg(feature = "mail")]
    pub(super) fn of(metadata: &Metadata<'_>) -> Self {
        match (metadata.target(), *metadata.level()) {
            (PANICS, _) => Self::Panic,
            (_, Level::ERROR) => Self::Error,
            (_, Level::WARN) => Self::Warning,
            (_, Level::INFO) => Self::Info,
            (_, Level::DEBUG) => Self::Debug,
            _ => Self::Trace,
        }
    }

    /// Its name in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Fatal => "fatal",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(text: &str) -> Result<Self, UnknownSeverity> {
        const ALL: [Severity; 7] = [
            Severity::Panic,
            Severity::Fatal,
            Severity::Error,
            Severity::Warning,
            Severity::Info,
            Severity::Debug,
            Severity::Trace,
        ];
        let name = if text.eq_ignore_ascii_case("warn") { "warning" } else { text };
        ALL.into_iter().find(|one| one.name().eq_ignore_ascii_case(name)).ok_or(UnknownSeverity)
    }
}

/// A text names no level of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no level of the log")]
pub struct UnknownSeverity;

/// The target of the event that tells of a panic.
pub(super) const PANICS: &str = "wharf_server::panic";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_go_by_the_names_of_logrus() {
        for (text, expected) in [
            ("panic", Severity::Panic),
            ("FATAL", Severity::Fatal),
            ("warn", Severity::Warning),
            ("Warning", Severity::Warning),
            ("trace", Severity::Trace),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        assert_eq!("".parse::<Severity>(), Err(UnknownSeverity));
        assert_eq!("errors".parse::<Severity>(), Err(UnknownSeverity));
    }

    #[test]
    fn a_password_is_not_printed() {
        let hook = MailHook {
            levels: vec![],
            host: "h".to_owned(),
            port: 25,
            login: Some(("me".to_owned(), "hush".to_owned())),
            from: String::new(),
            to: vec![],
            queue: MailHook::QUEUE,
            timeout: MailHook::TIMEOUT,
        };
        let text = format!("{hook:?}");
        assert!(text.contains("me") && !text.contains("hush"), "{text}");
    }
}
