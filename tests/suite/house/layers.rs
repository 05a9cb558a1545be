//! Arrows point down, features live where they may, versions are said once.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{assert_none, packages, read};

/// The fraction of the source that one crate may be.
const LARGEST_SHARE: f64 = 0.2;

struct Manifest {
    folder: String,
    table: Table,
}

fn manifests() -> Vec<Manifest> {
    packages()
        .into_iter()
        .map(|folder| Manifest {
            table: read(folder.join("Cargo.toml")).parse().unwrap(),
            folder: folder.to_str().unwrap().to_owned(),
        })
        .collect()
}

impl Manifest {
    fn name(&self) -> &str {
        self.table["package"]["name"].as_str().unwrap()
    }

    fn layer(&self) -> i64 {
        let layer = self.table["package"].get("metadata").and_then(|metadata| metadata.get("layer"));
        layer.and_then(Value::as_integer).unwrap_or_else(|| panic!("{} states no layer", self.folder))
    }

    fn section(&self, name: &str) -> Vec<(&String, &Value)> {
        self.table.get(name).and_then(Value::as_table).into_iter().flatten().collect()
    }
}

#[test]
fn every_arrow_points_to_a_lower_layer() {
    let manifests = manifests();
    let layers: BTreeMap<&str, i64> =
        manifests.iter().map(|manifest| (manifest.name(), manifest.layer())).collect();
    let mut breaches = Vec::new();
    for manifest in &manifests {
        for section in ["dependencies", "build-dependencies"] {
            for (name, _) in manifest.section(section) {
                if layers.get(name.as_str()).is_some_and(|layer| *layer >= manifest.layer()) {
                    breaches.push(format!("{} ({}) depends on {name}", manifest.folder, manifest.layer()));
                }
            }
        }
        // Tests may look sideways: the storage crate's run over the filesystem driver, a port's over its own contract.
        for (name, _) in manifest.section("dev-dependencies") {
            if layers.get(name.as_str()).is_some_and(|layer| *layer > manifest.layer()) {
                breaches.push(format!(
                    "the tests of {} ({}) depend on {name}",
                    manifest.folder,
                    manifest.layer()
                ));
            }
        }
    }
    assert_none("a crate depends on lower layers only", &breaches);
}

#[test]
fn the_tests_of_the_whole_know_the_program_only_from_outside() {
    let crates: Vec<String> = packages()
        .iter()
        .filter_map(|path| path.strip_prefix("crates").ok())
        .map(|path| format!("wharf-{}", path.display()))
        .collect();
    let mut breaches = Vec::new();
    for manifest in manifests().iter().filter(|manifest| manifest.folder.starts_with("tests")) {
        for section in ["dependencies", "dev-dependencies"] {
            let ours = manifest.section(section).into_iter().filter(|(name, _)| crates.contains(*name));
            breaches.extend(ours.map(|(name, _)| format!("{} depends on {name}", manifest.folder)));
        }
    }
    assert_none("the suites speak to the program over its port", &breaches);
}

#[test]
fn a_package_is_named_for_its_folder_and_takes_the_rest_from_the_workspace() {
    let mut breaches = Vec::new();
    for manifest in manifests() {
        let folder = manifest.folder.rsplit('/').next().unwrap();
        if manifest.name() != format!("wharf-{folder}") {
            breaches.push(format!("{} is named {}", manifest.folder, manifest.name()));
        }
        for key in ["version", "edition", "rust-version", "license", "authors", "publish"] {
            let inherited = manifest.table["package"].get(key).and_then(|value| value.get("workspace"));
            if inherited.is_none() {
                breaches.push(format!("{} states its own {key}", manifest.folder));
            }
        }
        if manifest.table.get("lints").and_then(|lints| lints.get("workspace")).is_none() {
            breaches.push(format!("{} has lints of its own", manifest.folder));
        }
    }
    assert_none("what holds for all is said once", &breaches);
}

#[test]
fn versions_are_in_the_workspace_table_only() {
    let mut breaches = Vec::new();
    for manifest in manifests() {
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in manifest.section(section) {
                let from_workspace = value.get("workspace").and_then(Value::as_bool) == Some(true);
                let itself =
                    name == manifest.name() && value.get("path").and_then(Value::as_str) == Some(".");
                if !from_workspace && !itself {
                    breaches.push(format!("{}: {name}", manifest.folder));
                }
            }
        }
    }
    assert_none("a version is chosen once for the workspace", &breaches);
}

#[test]
fn features_live_in_the_server_and_in_contracts() {
    let mut breaches = Vec::new();
    for manifest in manifests().iter().filter(|manifest| manifest.name() != "wharf-server") {
        let features = manifest.section("features").into_iter().filter(|(name, _)| *name != "contract");
        breaches.extend(features.map(|(name, _)| format!("{}: {name}", manifest.folder)));
        for (name, value) in manifest.section("dependencies") {
            if value.get("optional").is_some() {
                breaches.push(format!("{}: {name} is optional", manifest.folder));
            }
        }
    }
    assert_none("a feature in a library is a switch that someone else can flip", &breaches);
}

#[test]
fn no_crate_is_above_a_fifth_of_the_source() {
    let mut lines: BTreeMap<String, usize> = BTreeMap::new();
    for source in super::sources::all() {
        if let Some((name, rest)) = source.path.strip_prefix("crates/").and_then(|path| path.split_once('/'))
            && rest.starts_with("src/")
        {
            *lines.entry(name.to_owned()).or_default() += source.text.lines().count();
        }
    }
    let total: usize = lines.values().sum();
    let share = |lines: usize| lines as f64 / total as f64;
    let breaches: Vec<String> = lines
        .iter()
        .filter(|(_, lines)| share(**lines) > LARGEST_SHARE)
        .map(|(name, lines)| format!("{name} has {lines} of {total} lines, {:.1} %", 100.0 * share(*lines)))
        .collect();
    assert_none("no crate is above a fifth of the source", &breaches);
}
