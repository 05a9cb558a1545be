//! From a file and the environment to settings.

use std::io;
use std::path::{Path, PathBuf};

use wharf_configuration::{Document, Error as FileError};

use crate::environment::{self, Environment};
use crate::inspect;
use crate::output;
use crate::settings::{Settings, WITHOUT_A_FILE, problems};

/// Why there is no configuration to go by.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigureError {
    /// The file could not be read.
    #[error("cannot read {}", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// It is no text in UTF-8; how many lines of it are.
    #[error("{}:{}: found bytes that are no UTF-8, expected a text", .0.display(), .1 + 1)]
    NoText(PathBuf, usize),
    /// What is in it is wrong; there is at least one problem.
    #[error("configuration error: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Wrong(Vec<FileError>),
}

impl From<FileError> for ConfigureError {
    fn from(error: FileError) -> Self {
        Self::Wrong(vec![error])
    }
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

impl Configured {
    /// Opens the files that the configuration names, so that what is wrong with one is said with the place that names it.
    pub(crate) fn check_files(&self) -> Result<(), ConfigureError> {
        let problems = inspect::files(&self.document, &self.settings)?.problems;
        if problems.is_empty() { Ok(()) } else { Err(ConfigureError::Wrong(problems)) }
    }
}

/// Reads a file, or the one that `REGISTRY_CONFIGURATION_PATH` names, or else the configuration for none, and applies the
/// `REGISTRY_*` variables of the environment.
pub(crate) fn load(file: Option<&Path>) -> Result<Configured, ConfigureError> {
    let variables = variables();
    let named = variables.iter().find(|(name, value)| name == PATH_VARIABLE && !value.is_empty());
    let path = file.map(Path::to_owned).or_else(|| named.map(|(_, value)| PathBuf::from(value)));
    let document = match &path {
        Some(path) => {
            let unreadable = |error| ConfigureError::Unreadable(path.clone(), error);
            let text = String::from_utf8(std::fs::read(path).map_err(unreadable)?)
                .map_err(|error| ConfigureError::NoText(path.clone(), place_of(&error)))?;
            Document::parse(&path.display().to_string(), &text)?
        }
        None => Document::parse("no configuration file", WITHOUT_A_FILE)?,
    };
    let is_override = |name: &str| name.starts_with(PREFIX) && name != PATH_VARIABLE;
    let overrides = variables.iter().filter(|(name, _)| is_override(name));
    let document = document.with_overrides(overrides.map(|(name, value)| (name, value)));
    let environment = Environment::new(variables);
    let mut settings = Settings::read(&document, environment.clone()).map_err(|first| {
        let all = problems(&document, &environment);
        ConfigureError::Wrong(if all.is_empty() { vec![first] } else { all })
    })?;
    settings.file.clone_from(&path);
    if path.is_none() {
        // Nobody who just tries it wants to hear about secrets and replicas.
        settings.remarks.clear();
    }
    let warnings = document.unread().iter().map(ToString::to_string).collect();
    Ok(Configured { document, settings, warnings })
}

/// How many whole lines there are before what is no text.
fn place_of(error: &std::string::FromUtf8Error) -> usize {
    let good = error.as_bytes().iter().take(error.utf8_error().valid_up_to());
    good.filter(|byte| **byte == b'\n').count()
}

/// Says what a file would do, without doing it, and whether the files that it names can be used.
pub(crate) fn check(file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let Configured { document, settings, warnings } = load(Some(file))?;
    let findings = inspect::files(&document, &settings)?;
    for warning in warnings.iter().chain(&settings.remarks).chain(&findings.warnings) {
        output::line(&format!("warning: {warning}"))?;
    }
    if !findings.problems.is_empty() {
        return Err(ConfigureError::Wrong(findings.problems).into());
    }
    let store = &settings.storage.driver;
    let address = if settings.http.address.is_empty() { "a random port" } else { &settings.http.address };
    output::line(&format!("{}: good; it serves {store} on {address}", file.display()))?;
    Ok(())
}

/// Prints what a file and the environment come to, defaults included and secrets left out.
pub(crate) fn show(file: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let Configured { document, settings, .. } = load(Some(file))?;
    let defaults = Document::parse("defaults", &settings.defaults(&document))?;
    output::answer(document.effective_over(&defaults).as_bytes())?;
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
