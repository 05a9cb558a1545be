//! From a file and the environment to settings.

use std::io;
use std::path::{Path, PathBuf};

use wharf_configuration::{Document, Error as FileError};

use crate::environment::{self, Environment};
use crate::settings::{Settings, WITHOUT_A_FILE};

/// Why there is no configuration to go by.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigureError {
    /// The file could not be read.
    #[error("cannot read {}", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// What is in it is wrong.
    #[error("configuration error: {0}")]
    Wrong(FileError),
}

/// A configuration that was understood.
pub(crate) struct Configured {
    /// What was read.
    document: Document,
    /// What it says.
    pub(crate) settings: Settings,
    /// What it says without any effect.
    pub(crate) warnings: Vec<String>,
}

/// Reads a file, or the one that `REGISTRY_CONFIGURATION_PATH` names, or else the configuration for none, and applies the
/// `REGISTRY_*` variables of the environment.
pub(crate) fn load(file: Option<&Path>) -> Result<Configured, ConfigureError> {
    let variables = variables();
    let named = variables.iter().find(|(name, value)| name == PATH_VARIABLE && !value.is_empty());
    let path = file.map(Path::to_owned).or_else(|| named.map(|(_, value)| PathBuf::from(value)));
    let document = match &path {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|error| ConfigureError::Unreadable(path.clone(), error))?;
            Document::parse(&path.display().to_string(), &text).map_err(ConfigureError::Wrong)?
        }
        None => Document::parse("no configuration file", WITHOUT_A_FILE).map_err(ConfigureError::Wrong)?,
    };
    let is_override = |name: &str| name.starts_with(PREFIX) && name != PATH_VARIABLE;
    let overrides = variables.iter().filter(|(name, _)| is_override(name));
    let document = document.with_overrides(overrides.map(|(name, value)| (name, value)));
    let mut settings =
        Settings::read(&document, Environment::new(variables)).map_err(ConfigureError::Wrong)?;
    settings.file.clone_from(&path);
    if path.is_none() {
        // Nobody who just tries it wants to hear about secrets and replicas.
        settings.remarks.clear();
    }
    let warnings = document.unread().iter().map(ToString::to_string).collect();
    Ok(Configured { document, settings, warnings })
}

/// Says what a file would do, without doing it.
#[expect(clippy::print_stdout, reason = "this is the answer to a question on the command line")]
pub(crate) fn check(file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let Configured { settings, warnings, .. } = load(Some(file))?;
    for warning in warnings.iter().chain(&settings.remarks) {
        println!("warning: {warning}");
    }
    let store = &settings.storage.driver;
    let address = if settings.http.address.is_empty() { "a random port" } else { &settings.http.address };
    println!("{}: good; it serves {store} on {address}", file.display());
    Ok(())
}

/// Prints what a file and the environment come to, defaults included and secrets left out.
#[expect(clippy::print_stdout, reason = "this is the answer to a question on the command line")]
pub(crate) fn show(file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let Configured { document, settings, .. } = load(Some(file))?;
    let defaults =
        Document::parse("defaults", &settings.defaults(&document)).map_err(ConfigureError::Wrong)?;
    print!("{}", document.effective_over(&defaults));
    Ok(())
}

/// The variables of this process that are text and could concern us.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn variables() -> Vec<(String, String)> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let concerns_us = |name: &str| name.starts_with(PREFIX) || environment::counts(name);
    std::env::vars_os().filter_map(text).filter(|(name, _)| concerns_us(name)).collect()
}

/// What the names of variables begin with that override keys of the configuration.
const PREFIX: &str = "REGISTRY_";
/// Names the configuration file when the command line does not.
const PATH_VARIABLE: &str = "REGISTRY_CONFIGURATION_PATH";
