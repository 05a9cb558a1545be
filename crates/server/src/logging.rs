//! Where the log goes and how it looks.

mod hook;
mod lines;
#[cfg(feature = "mail")]
mod mail;

use std::fmt;
use std::io;
#[cfg(feature = "mail")]
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

pub use hook::{MailHook, Severity, UnknownSeverity};
use lines::Lines;
#[cfg(feature = "mail")]
use mail::Mailer;
#[cfg(feature = "mail")]
pub(crate) use mail::check_addresses;

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Format {
    /// For people: `key=value`.
    #[default]
    Text,
    /// For machines: one JSON object a line.
    Json,
    /// The same with the names that Logstash expects.
    Logstash,
}

/// Whether there is a line for each request on standard output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AccessLines {
    /// There is, in the combined format of Apache.
    #[default]
    Written,
    /// There is none.
    Off,
}

/// The log, as the configuration wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logging {
    /// How lines look.
    pub format: Format,
    /// What is too unimportant to be written.
    pub level: LevelFilter,
    /// What is added to each line.
    pub fields: Vec<(String, String)>,
    /// Whether each line says where in the source it comes from.
    pub caller: bool,
    /// Whether requests are logged on standard output.
    pub access: AccessLines,
    /// How much the S3 SDK says, whatever the level of all the rest.
    pub sdk: SdkLog,
    /// Who wants mail about which lines; `log.hooks`.
    pub mail: Vec<MailHook>,
}

/// A log that is being written.
pub struct Log {
    #[cfg(feature = "mail")]
    mailers: Arc<[Mailer]>,
}

/// How much the S3 SDK says; `storage.s3.loglevel`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SdkLog {
    /// Warnings.
    #[default]
    Quiet,
    /// What it does, retries included.
    Debug,
    /// The same, and what exactly it signs: the token of a session is part of that.
    Signing,
    /// The same as the second, and the requests as they go out.
    Http,
}

impl Default for Logging {
    fn default() -> Self {
        Self {
            format: Format::Text,
            level: LevelFilter::INFO,
            fields: Vec::new(),
            caller: false,
            access: AccessLines::Written,
            sdk: SdkLog::Quiet,
            mail: Vec::new(),
        }
    }
}

impl Logging {
    /// Begins to write the log to standard error, panics included. Only the first call of a process does that.
    pub fn start(&self) -> Log {
        let colors = io::IsTerminal::is_terminal(&io::stderr());
        #[cfg(feature = "mail")]
        let (mailers, failed) = self.mailers();
        let lines = Lines {
            log: self.clone(),
            colors,
            #[cfg(feature = "mail")]
            mailers: Arc::clone(&mailers),
        };
        let started = tracing_subscriber::registry().with(lines.with_filter(self.filter())).try_init();
        // A second start happens only where several servers run in one process, as in tests.
        if started.is_ok() {
            std::panic::set_hook(Box::new(|panic| tracing::error!(target: hook::PANICS, "{panic}")));
        }
        #[cfg(feature = "mail")]
        for error in failed {
            tracing::warn!(target: mail::TARGET, error = &*error as &dyn std::error::Error, "no mail can be sent");
        }
        Log {
            #[cfg(feature = "mail")]
            mailers,
        }
    }

    #[cfg(feature = "mail")]
    fn mailers(&self) -> (Arc<[Mailer]>, Vec<Box<dyn std::error::Error + Send + Sync>>) {
        let (mut mailers, mut failed) = (Vec::new(), Vec::new());
        for hook in &self.mail {
            match Mailer::start(hook) {
                Ok(mailer) => mailers.push(mailer),
                Err(error) => failed.push(error),
            }
        }
        (mailers.into(), failed)
    }

    /// What passes. Names are the beginnings of targets, of which the longest counts.
    fn filter(&self) -> Targets {
        let sdk = match self.sdk {
            SdkLog::Quiet => LevelFilter::WARN,
            _ => LevelFilter::DEBUG,
        };
        let mut filter = Targets::new().with_default(self.level).with_target("aws_", sdk);
        match self.sdk {
            SdkLog::Quiet | SdkLog::Debug => {}
            SdkLog::Signing => filter = filter.with_target("aws_sigv4", LevelFilter::TRACE),
            SdkLog::Http => filter = filter.with_target("aws_smithy_runtime", LevelFilter::TRACE),
        }
        let at_most_info = self.level.min(LevelFilter::INFO);
        // RUSTSEC-2026-0275: Azure's SDK writes the Authorization header into its debug log, and knows no better.
        filter = filter.with_target("azure_", at_most_info);
        // Several lines for each request that goes out, of which none says what it is about.
        filter.with_target("hyper_util", at_most_info)
    }
}

impl Log {
    /// Says why the program ends, to whoever gets mail about that. On standard error it is said by the command line.
    pub(crate) fn last_words(&self, error: &dyn std::error::Error) {
        #[cfg(feature = "mail")]
        for mailer in &*self.mailers {
            mailer.tell(Severity::Fatal, &crate::in_one_line(error), &serde_json::Map::new());
        }
        #[cfg(not(feature = "mail"))]
        let _ = error;
    }

    /// Lets what is on its way be sent, for a while.
    pub fn finish(&self) {
        let until = Instant::now() + FAREWELL;
        #[cfg(feature = "mail")]
        for mailer in &*self.mailers {
            mailer.finish(until);
        }
        #[cfg(not(feature = "mail"))]
        let _ = until;
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Log").finish_non_exhaustive()
    }
}

/// How long the end of the program waits for mail to be sent.
const FAREWELL: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn filter(level: LevelFilter, sdk: SdkLog) -> Targets {
        Logging { level, sdk, ..Logging::default() }.filter()
    }

    #[test]
    fn azures_sdk_never_gets_to_write_its_secrets() {
        for sdk in [SdkLog::Quiet, SdkLog::Debug, SdkLog::Signing, SdkLog::Http] {
            for target in [
                "azure_core",
                "azure_core::policies::transport",
                "azure_storage",
                "azure_storage_blobs",
                "azure_identity",
            ] {
                let filter = filter(LevelFilter::TRACE, sdk);
                assert!(!filter.would_enable(target, &Level::DEBUG), "{target}");
                assert!(filter.would_enable(target, &Level::INFO), "{target}");
            }
        }
        assert!(!filter(LevelFilter::WARN, SdkLog::Quiet).would_enable("azure_core", &Level::INFO));
    }

    #[test]
    fn the_s3_sdk_has_a_level_of_its_own() {
        let quiet = filter(LevelFilter::DEBUG, SdkLog::Quiet);
        assert!(!quiet.would_enable("aws_smithy_runtime::client", &Level::INFO));
        assert!(quiet.would_enable("aws_config", &Level::WARN));
        assert!(quiet.would_enable("wharf_storage", &Level::DEBUG));
        let debug = filter(LevelFilter::ERROR, SdkLog::Debug);
        assert!(debug.would_enable("aws_smithy_runtime::client", &Level::DEBUG));
        assert!(!debug.would_enable("aws_sigv4::http_request", &Level::TRACE));
        assert!(!debug.would_enable("wharf_storage", &Level::WARN));
        let signing = filter(LevelFilter::ERROR, SdkLog::Signing);
        assert!(signing.would_enable("aws_sigv4::http_request", &Level::TRACE));
        assert!(filter(LevelFilter::ERROR, SdkLog::Http).would_enable("aws_smithy_runtime", &Level::TRACE));
    }
}
