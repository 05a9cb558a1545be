//! Finds every source file of the tree.

use std::fs;
use std::path::Path;

use wharf_tests::root;

use super::{entries, packages};

/// Is a Rust file.
pub(super) struct Source {
    /// Relative to the top folder.
    pub(super) path: String,
    pub(super) text: String,
}

impl Source {
    /// Says whether the whole file is a test: everything but the sources of a library or a program.
    pub(super) fn is_test(&self) -> bool {
        !self.path.contains("/src/")
    }

    /// Gives the lines before its unit tests.
    pub(super) fn lines_before_tests(&self) -> usize {
        let lines: Vec<&str> = self.text.lines().collect();
        let unit_tests =
            lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod "));
        unit_tests.filter(|_| !self.is_test()).unwrap_or(lines.len())
    }
}

/// Gives every Rust file of every package.
pub(super) fn all() -> Vec<Source> {
    let mut sources = Vec::new();
    for package in packages().iter().filter(|package| !package.ends_with("conformance")) {
        collect(&root().join(package), &mut sources);
    }
    assert!(sources.len() > 100, "only {} files were found", sources.len());
    sources
}

fn collect(folder: &Path, into: &mut Vec<Source>) {
    for path in entries(folder) {
        if path.is_dir() {
            // What a fuzzer builds and finds beside its target.
            if !["target", "corpus", "artifacts"].iter().any(|name| path.ends_with(name)) {
                collect(&path, into);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            into.push(Source { path: path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(), text });
        }
    }
}
