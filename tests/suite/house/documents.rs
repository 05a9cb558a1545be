//! The documents: a README in every crate, the map of all of them, and what may lie at the top.

use std::collections::BTreeSet;

use super::{assert_none, entries, packages, read};
use wharf_tests::root;

/// What may be at the top besides files whose names begin with a dot. The last two are never committed.
const TOP: [&str; 9] = [
    "Cargo.toml",
    "Cargo.lock",
    "crates",
    "tests",
    "deploy",
    "README.md",
    "LICENSE",
    "target",
    "registry-data",
];

fn crates() -> BTreeSet<String> {
    packages()
        .iter()
        .filter_map(|path| Some(path.strip_prefix("crates").ok()?.to_str()?.to_owned()))
        .collect()
}

#[test]
fn only_the_house_stands_at_the_top() {
    let breaches: Vec<String> = entries(root())
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .filter(|name| !name.starts_with('.') && !TOP.contains(&name.as_str()))
        .collect();
    assert_none("the top holds the house and nothing else", &breaches);
}

#[test]
fn the_map_shows_every_crate_and_no_other() {
    let map = read("crates/README.md");
    let row = |line: &str| Some(line.strip_prefix("| [")?.split_once("](")?.0.to_owned());
    let shown: BTreeSet<String> = map.lines().filter_map(row).collect();
    assert_eq!(shown, crates());
}

#[test]
fn the_map_draws_every_crate_on_its_layer() {
    let map = read("crates/README.md");
    let drawing = map.split("```").nth(1).expect("a drawing");
    let mut breaches = Vec::new();
    for name in crates() {
        let manifest: toml::Table = read(format!("crates/{name}/Cargo.toml")).parse().unwrap();
        let layer = manifest["package"]["metadata"]["layer"].as_integer().unwrap();
        let line = drawing.lines().find(|line| line.starts_with(&format!("{layer}  ")));
        if !line.is_some_and(|line| line.split_whitespace().any(|word| word == name)) {
            breaches.push(format!("{name} is not on line {layer}"));
        }
    }
    assert_none("the drawing and the manifests agree", &breaches);
}

#[test]
fn every_crate_has_a_readme_which_is_its_documentation_and_shows_an_example() {
    let mut breaches = Vec::new();
    for package in packages() {
        let readme = read(package.join("README.md"));
        let library = read(package.join("src/lib.rs"));
        if !library.starts_with("#![doc = include_str!(\"../README.md\")]") {
            breaches.push(format!("{}: the README is not the documentation", package.display()));
        }
        // A fence of text, a shell session or YAML is no example; `ignore` is one that nobody compiles.
        let examples = readme.lines().filter_map(|line| line.strip_prefix("```")).step_by(2);
        let compiles = |info: &str| {
            let mut words = info.split(',').filter(|word| !word.is_empty());
            words.all(|word| ["rust", "no_run"].contains(&word))
        };
        if !examples.clone().any(compiles) {
            breaches.push(format!(
                "{}: no example that compiles: {:?}",
                package.display(),
                examples.collect::<Vec<_>>()
            ));
        }
    }
    assert_none("a README is what a crate is for, with an example", &breaches);
}
