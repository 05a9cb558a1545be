//! How a store is connected to. Stores with the same answer share one client and its pool.

use std::path::PathBuf;
use std::time::Duration;

use wharf_configuration::{Error, Section};
use wharf_http_client::{DEFAULT_CONNECT_TIMEOUT, Verification};

use super::given;

/// How a store is connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// `skipverify`
    pub verification: Verification,
    /// `connecttimeout`
    pub timeout: Duration,
    /// A PEM file of authorities that are trusted beside those of the machine.
    pub more_roots: Option<PathBuf>,
}

impl Default for Connection {
    fn default() -> Self {
        Self { verification: Verification::Full, timeout: DEFAULT_CONNECT_TIMEOUT, more_roots: None }
    }
}

impl Connection {
    /// Reads what is common to all stores.
    pub(super) fn read(section: &Section<'_>, verification: Verification) -> Result<Self, Error> {
        let timeout = given::duration(section, "connecttimeout")?.unwrap_or(DEFAULT_CONNECT_TIMEOUT);
        Ok(Self { verification, timeout, more_roots: None })
    }

    /// Remarks what is dangerous.
    pub(super) fn warn(&self, section: &Section<'_>, remarks: &mut Vec<String>) {
        if self.verification == Verification::None {
            remarks.push(format!(
                "{}.skipverify is on: whoever sits between here and the store can read and change everything",
                section.name()
            ));
        }
    }
}

/// Reads `skipverify`.
pub(super) fn verification(section: &Section<'_>) -> Result<Verification, Error> {
    let skip = section.lenient_bool("skipverify")?.unwrap_or(false);
    Ok(if skip { Verification::None } else { Verification::Full })
}
