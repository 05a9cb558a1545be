//! `wharf copy`, `ls`, `inspect` and `rm`: what people do with images, at registries and in folders.

mod asking;
mod command;
mod connect;
mod copying;
mod failure;
mod logins;
mod place;
mod progress;

use std::collections::BTreeMap;
use std::process::ExitCode;

pub(crate) use self::command::ImageCommand;

use self::failure::Failure;
use crate::complain;

/// The variables of the environment that count here, by name.
type Variables = BTreeMap<String, String>;

/// Does what was typed: 0 for done, 1 for failed, 2 for what makes no sense.
pub(crate) fn run(command: ImageCommand) -> ExitCode {
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("cannot begin", error))
        .and_then(|runtime| runtime.block_on(obey(command)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::from(failure.code())
        }
    }
}

async fn obey(command: ImageCommand) -> Result<(), Failure> {
    let variables = variables();
    match command {
        ImageCommand::Copy(arguments) => copying::copy(&arguments, &variables).await,
        ImageCommand::Ls(arguments) => asking::list(&arguments, &variables).await,
        ImageCommand::Inspect(arguments) => asking::inspect(&arguments, &variables).await,
        ImageCommand::Rm(arguments) => asking::remove(&arguments, &variables).await,
    }
}

/// The variables that are text. Proxies and logins are looked up among them by name.
#[expect(
    clippy::disallowed_methods,
    reason = "a command of the program reads the environment of whoever typed it"
)]
fn variables() -> Variables {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).filter(|(_, value)| !value.is_empty()).collect()
}
