//! All that is wrong with a configuration, though reading it stops at the first thing.

use wharf_configuration::{Document, Error, ErrorKind, Place};

use super::{AccessSettings, HttpSettings, Schema1Settings, StorageSettings};
use super::{logging, refuse_what_would_be_unsafe};
use crate::environment::Environment;

/// A part of the configuration that can be read without the others.
type Part = fn(&Document, &Environment) -> Result<(), Error>;

const PARTS: [Part; 7] = [
    |document, _| document.check_version(),
    |document, _| refuse_what_would_be_unsafe(&document.root()),
    |document, _| Schema1Settings::read(&document.root()).map(drop),
    |document, _| AccessSettings::read(&document.root(), &mut Vec::new()).map(drop),
    |document, environment| StorageSettings::read(&document.root(), environment, &mut Vec::new()).map(drop),
    |document, _| logging(&document.root(), &mut Vec::new()).map(drop),
    |document, _| HttpSettings::read(&document.root(), &mut Vec::new()).map(drop),
];

/// Everything that keeps a configuration from being read, in the order of the file.
///
/// Each part is read again without what was wrong with it, as long as that can be left out.
pub(crate) fn problems(document: &Document, environment: &Environment) -> Vec<Error> {
    let mut problems: Vec<Error> = Vec::new();
    for part in PARTS {
        let mut rest = document.clone();
        let mut left_out: Vec<String> = Vec::new();
        while let Err(error) = part(&rest, environment) {
            // What is missed now may well be what was left out before, or what would have been needed in its place.
            let missed = error.kind() == ErrorKind::Missing && !left_out.is_empty();
            if missed || left_out.iter().any(|name| is_within(name, error.name())) {
                break;
            }
            let without = rest.without(&error);
            left_out.push(error.name().to_owned());
            if !problems.contains(&error) {
                problems.push(error);
            }
            match without {
                Some(without) => rest = without,
                None => break,
            }
        }
    }
    problems.sort_by_key(|problem| match problem.place() {
        Place::Whole(_) => (0, 0),
        Place::File { line, column, .. } => (*line, *column),
        Place::Variable(_) => (usize::MAX, 0),
    });
    problems
}

/// Whether `name` is that of a key, or of something below it.
fn is_within(name: &str, key: &str) -> bool {
    name.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let document = Document::parse("c", text).unwrap();
        problems(&document, &Environment::default()).iter().map(|error| error.name().to_owned()).collect()
    }

    #[test]
    fn all_that_is_wrong_is_found_and_nothing_else() {
        let text = "version: 0.2
storage: {inmemory: , filesystem: , delete: {enabled: [x]}}
auth: {htpasswd: {realm: [x], path: ''}, rules: [{who: [x], alow: [pull]}]}
log: {level: loud, formatter: xml}
http: {net: ipx, draintimeout: soon, tls: {minimumtls: ssl3}, limits: {idle: 0, headersize: 1, header: x}}
catalog: {maxentries: x}
";
        assert_eq!(
            found(text),
            [
                "version",
                "storage",
                "auth.htpasswd.realm",
                "log.level",
                "log.formatter",
                "http.net",
                "http.draintimeout",
                "http.tls.minimumtls",
                "http.limits.idle",
                "http.limits.headersize",
                "http.limits.header",
                "catalog.maxentries",
            ]
        );
        assert_eq!(found("{version: 0.1, storage: inmemory}"), [""; 0]);
    }
}
