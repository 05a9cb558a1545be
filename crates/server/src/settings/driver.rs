//! The one driver that `storage` names.

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use wharf_configuration::{Choice, Error};

#[cfg(feature = "azure")]
use super::azure::AzureSettings;
#[cfg(feature = "s3")]
use super::s3::S3Settings;
use crate::environment::Environment;
use crate::logging::SdkLog;

/// A store.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum DriverSettings {
    /// `storage.filesystem`
    Filesystem {
        /// The folder.
        root: PathBuf,
        /// Calls at once.
        threads: NonZeroUsize,
    },
    /// `storage.inmemory`
    InMemory,
    /// `storage.s3`
    #[cfg(feature = "s3")]
    S3(Box<S3Settings>),
    /// `storage.azure`
    #[cfg(feature = "azure")]
    Azure(Box<AzureSettings>),
}

/// What a driver's section is read with.
#[cfg_attr(
    not(any(feature = "s3", feature = "azure")),
    expect(dead_code, reason = "only stores that are far away look around")
)]
pub(super) struct Around<'a> {
    /// `storage.redirect.expiry`
    pub(super) redirect_lifetime: Option<Duration>,
    /// The environment.
    pub(super) environment: &'a Environment,
    /// What the operator should know.
    pub(super) remarks: &'a mut Vec<String>,
}

impl DriverSettings {
    #[cfg_attr(
        not(any(feature = "s3", feature = "azure")),
        expect(unused_variables, reason = "only stores that are far away look around")
    )]
    pub(super) fn read(choice: &Choice<'_>, around: Around<'_>) -> Result<Self, Error> {
        match choice.name {
            "inmemory" => Ok(Self::InMemory),
            "filesystem" => filesystem(choice),
            #[cfg(feature = "s3")]
            "s3" | "s3aws" => Ok(Self::S3(Box::new(S3Settings::read(&choice.parameters, around)?))),
            #[cfg(feature = "azure")]
            "azure" => Ok(Self::Azure(Box::new(AzureSettings::read(&choice.parameters, around)?))),
            name => {
                let expected = format!("one of {}: this build knows no other driver", KNOWN.join(", "));
                Err(choice.beside.refuse(name, &expected))
            }
        }
    }

    /// How much the SDK of the driver says.
    pub(super) fn sdk_log(&self) -> SdkLog {
        match self {
            #[cfg(feature = "s3")]
            Self::S3(settings) => settings.log,
            _ => SdkLog::default(),
        }
    }
}

impl fmt::Display for DriverSettings {
    /// Says in a few words which store this is, without secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InMemory => formatter.write_str("memory"),
            Self::Filesystem { root, .. } => write!(formatter, "files under {}", root.display()),
            #[cfg(feature = "s3")]
            Self::S3(settings) => settings.fmt(formatter),
            #[cfg(feature = "azure")]
            Self::Azure(settings) => settings.fmt(formatter),
        }
    }
}

fn filesystem(choice: &Choice<'_>) -> Result<DriverSettings, Error> {
    let threads = choice.parameters.integer::<i64>("maxthreads")?.unwrap_or(THREADS).max(THREADS_LEAST);
    Ok(DriverSettings::Filesystem {
        root: choice.parameters.string("rootdirectory")?.unwrap_or_else(|| ROOT.to_owned()).into(),
        threads: usize::try_from(threads).ok().and_then(NonZeroUsize::new).unwrap_or(NonZeroUsize::MIN),
    })
}

/// The names of the drivers of this build.
const KNOWN: &[&str] = &[
    "filesystem",
    "inmemory",
    #[cfg(feature = "s3")]
    "s3",
    #[cfg(feature = "azure")]
    "azure",
];
/// The default of `storage.filesystem.rootdirectory`.
const ROOT: &str = "/var/lib/registry";
/// The default of `storage.filesystem.maxthreads`.
const THREADS: i64 = 100;
/// The least that `storage.filesystem.maxthreads` means, whatever is written.
const THREADS_LEAST: i64 = 25;
