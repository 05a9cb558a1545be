//! Why a command failed, and what might help.

use std::error::Error;
use std::fmt;

use wharf_registry::Error as RegistryError;

/// Why a command failed. It prints what was tried, its causes follow.
#[derive(Debug)]
pub(super) struct Failure {
    what: String,
    cure: Option<&'static str>,
    usage: bool,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// Something went wrong.
    pub(super) fn new(what: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        let cure = cure(&*source);
        Self { what: what.into(), cure, usage: false, source: Some(source) }
    }

    /// What was typed makes no sense.
    pub(super) fn usage(what: impl Into<String>) -> Self {
        Self { what: what.into(), cure: None, usage: true, source: None }
    }

    /// The exit code of the program.
    pub(super) fn code(&self) -> u8 {
        if self.usage { 2 } else { 1 }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.what)?;
        match &self.cure {
            Some(cure) => write!(formatter, " ({cure})"),
            None => Ok(()),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// What helps against an error, if anything does.
fn cure(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(RegistryError::Denied(_)) = error.downcast_ref() {
            return Some(
                "say who you are by --user, WHARF_USER and WHARF_PASSWORD or `docker login`, or ask for the right",
            );
        }
        if let Some(RegistryError::Unsupported(_)) = error.downcast_ref() {
            return Some(
                "where tags cannot be deleted, delete by @DIGEST; deleting may have to be switched on at the registry",
            );
        }
        if let Some(http) = error.downcast_ref::<wharf_http_client::Error>() {
            return match http.kind() {
                wharf_http_client::ErrorKind::Tls => {
                    Some("trust its authority by --ca, or use --plain-http if it speaks no TLS")
                }
                wharf_http_client::ErrorKind::Connect | wharf_http_client::ErrorKind::Timeout => {
                    Some("is the host right, and does a registry listen there?")
                }
                _ => None,
            };
        }
        cause = error.source();
    }
    None
}
