#![doc = include_str!("../README.md")]

mod adapters;
mod arguments;
mod configure;
mod describe;
mod environment;
mod explain;
#[cfg(feature = "client")]
mod images;
mod inspect;
pub mod listen;
mod logging;
mod output;
mod reload;
mod settings;
mod start;
mod systemd;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::arguments::{AccessCommand, Arguments, Command, ConfigCommand};
pub use crate::configure::ConfigureError;
pub use crate::environment::Environment;
pub use crate::logging::{AccessLines, Format, Log, Logging, MailHook, SdkLog, Severity, UnknownSeverity};
#[cfg(feature = "azure")]
pub use crate::settings::AzureSettings;
#[cfg(any(feature = "s3", feature = "azure"))]
pub use crate::settings::Connection;
#[cfg(feature = "s3")]
pub use crate::settings::S3Settings;
pub use crate::settings::{
    AccessSettings, AuthenticatorSettings, CacheSettings, CertificateSettings, DriverSettings,
    HtpasswdSettings, HttpSettings, KeyFile, MiddlewareSettings, Net, PurgeSettings, RedisSettings,
    RedisTlsSettings, SIGNING_ALGORITHMS, Schema1Settings, Settings, StorageSettings, TlsSettings,
    TokenSettings, UnusableKey, WITHOUT_A_FILE,
};
pub use crate::start::{StartError, serve};

/// Does what the command line of this process says, and tells how it went.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.command.unwrap_or(Command::Serve { file: None }) {
        Command::Serve { file } => run_server(file.as_deref()),
        Command::Config { command: ConfigCommand::Check { file } } => configure::check(&file),
        Command::Config { command: ConfigCommand::Show { file } } => configure::show(&file),
        Command::Access { command: AccessCommand::Explain(question) } => return explain::run(&question),
        Command::ApiDescriptor { format, template } => describe::run(format, template.as_deref()),
        #[cfg(feature = "client")]
        Command::Images(command) => return images::run(command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&*error);
            ExitCode::FAILURE
        }
    }
}

fn run_server(file: Option<&std::path::Path>) -> Result<(), Box<dyn Error>> {
    let configured = configure::load(file)?;
    let log = configured.settings.log.start();
    for warning in &configured.warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome: Result<(), Box<dyn Error>> = match configured.check_files() {
        Ok(()) => runtime.block_on(serve(configured.settings)).map_err(Into::into),
        Err(error) => Err(error.into()),
    };
    if let Err(error) = &outcome {
        log.last_words(&**error);
    }
    log.finish();
    // A password that is still being checked, or a file of a store that hangs, holds up nobody any more.
    runtime.shutdown_timeout(LAST_WORK);
    outcome
}

/// How long what runs on threads of its own may take at the end.
const LAST_WORK: Duration = Duration::from_secs(1);

/// Prints an error with everything that caused it on one line, or each of several problems on a line of its own.
fn complain(error: &(dyn Error + 'static)) {
    match error.downcast_ref() {
        Some(ConfigureError::Wrong(problems)) => {
            for problem in problems {
                output::remark(&format!("wharf: configuration error: {problem}"));
            }
        }
        _ => output::remark(&format!("wharf: {}", in_one_line(error))),
    }
}

/// An error with everything that caused it.
fn in_one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}
