//! `wharf api-descriptor`: what the registry speaks, as a document.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::arguments::DocumentFormat;
use crate::output;

/// Why no document is printed.
#[derive(Debug, thiserror::Error)]
enum DescribeError {
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    #[error("{0}")]
    Template(PathBuf, #[source] wharf_api_descriptor::Error),
}

/// Prints the document, or what a template makes of the routes.
///
/// # Errors
///
/// When the template cannot be read or rendered, or standard output takes no more.
pub(crate) fn run(format: DocumentFormat, template: Option<&Path>) -> Result<(), Box<dyn Error>> {
    let document = match (template, format) {
        (Some(path), _) => rendered(path)?,
        (None, DocumentFormat::Markdown) => wharf_api_descriptor::markdown()?,
        (None, DocumentFormat::Openapi) => format!("{:#}\n", wharf_api_descriptor::openapi()),
    };
    output::answer(document.as_bytes())?;
    Ok(())
}

fn rendered(path: &Path) -> Result<String, DescribeError> {
    let text = fs::read_to_string(path).map_err(|error| DescribeError::Read(path.to_owned(), error))?;
    wharf_api_descriptor::render(&text).map_err(|error| DescribeError::Template(path.to_owned(), error))
}
