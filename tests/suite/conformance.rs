//! The specification: our suite over every driver and against a peer, and the official program where a person has built it.

mod redirected;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use wharf_conformance::{Filter, Outcome, Report, Sparse, Target, run};
use wharf_tests::{Server, Settings, root, scratch, skip, skip_given_from_outside};

macro_rules! over_every_store {
    ($($store:ident),+) => {
        $(
            over!($store:
                our_suite_finds_nothing,
                our_suite_finds_nothing_where_sparse_manifests_are_taken,
                the_official_program_finds_nothing_in_1_1,
                the_official_program_finds_nothing_in_dev,
            );
        )+
    };
}

over_every_store!(filesystem, inmemory, minio, ceph, azurite);
over!(pair: our_suite_finds_nothing);
over!(shared: our_suite_finds_nothing);
over!(restless: our_suite_finds_nothing);

/// Takes manifests whose parts are missing. With a cache, because without one a blob that is only known by its sha512
/// cannot be found without a repository to look in.
fn sparse(settings: &Settings) -> Settings {
    let settings = settings.clone().with("validation.manifests.indexes.platforms", "none");
    settings
        .with("validation.manifests.images.blobs", "none")
        .with("storage.cache.blobdescriptor", "inmemory")
}

fn report(server: &Server, sparse: Sparse) -> Report {
    let mut target = Target::new(&server.url()).unwrap();
    target.sparse = sparse;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run(&target, &Filter::All))
}

fn assert_nothing_found(report: &Report) {
    let found: Vec<String> =
        report.tests.iter().filter(|test| test.outcome != Outcome::Pass).map(ToString::to_string).collect();
    assert!(found.is_empty(), "{report}\n{}", found.join("\n"));
    assert!(report.passed().len() > 100, "{report}");
    println!("\nour conformance suite: {report}");
}

fn our_suite_finds_nothing(settings: &Settings) {
    assert_nothing_found(&report(&Server::wharf(settings), Sparse::Refused));
}

fn our_suite_finds_nothing_where_sparse_manifests_are_taken(settings: &Settings) {
    assert_nothing_found(&report(&Server::wharf(&sparse(settings)), Sparse::Accepted));
}

/// The proof that the suite can fail. What fails is known, each by its name: a test that begins to fail there, or ceases
/// to, has changed its meaning.
#[test]
fn our_suite_finds_in_docker_registry_what_it_always_found() {
    let Some(server) = Server::docker_registry(&Settings::filesystem().without("storage.cache")) else {
        return skip("docker-registry is not installed");
    };
    let report = report(&server, Sparse::Refused);
    println!("\nour conformance suite on docker-registry: {report}");
    let file = root().join("tests/conformance/peers/docker-registry-2.8.2.txt");
    let known = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let names = known.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let known: BTreeSet<&str> = names.collect();
    let found = BTreeSet::from_iter(report.failed());
    let no_more: Vec<_> = known.difference(&found).collect();
    let new: Vec<String> = report
        .tests
        .iter()
        .filter(|test| found.contains(test.name) && !known.contains(test.name))
        .map(ToString::to_string)
        .collect();
    assert!(no_more.is_empty() && new.is_empty(), "no longer: {no_more:#?}\nnew:\n{}", new.join("\n"));
}

fn the_official_program_finds_nothing_in_1_1(settings: &Settings) {
    official(settings, "1.1");
}

fn the_official_program_finds_nothing_in_dev(settings: &Settings) {
    official(settings, "dev");
}

fn official(settings: &Settings, version: &str) {
    let Some(program) = std::env::var_os("WHARF_CONFORMANCE_PROGRAM").map(PathBuf::from) else {
        return skip_given_from_outside("WHARF_CONFORMANCE_PROGRAM names no official conformance program");
    };
    let server = Server::wharf(&sparse(settings));
    let folder = scratch();
    let output = Command::new(&program)
        .current_dir(folder.path())
        .env("OCI_REGISTRY", server.address().to_string())
        .env("OCI_TLS", "disabled")
        .env("OCI_REPO1", "conformance/first")
        .env("OCI_REPO2", "conformance/second")
        .env("OCI_VERSION", version)
        .env("OCI_DATA_SPARSE", "true")
        .env("OCI_RESULTS_DIR", folder.path())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let counts = Counts::read(&folder.path().join("junit.xml"));
    println!("\nofficial conformance program, {version}: {counts:?}");
    let nothing_found = counts.failures + counts.errors + counts.skipped == 0;
    assert!(nothing_found && counts.tests > 500 && output.status.success(), "{counts:?}\n{}", excerpt(&said));
}

/// The end of what a program said.
fn excerpt(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(200)..].join("\n")
}

/// What the official program counted.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    disabled: usize,
}

impl Counts {
    /// Reads the results in the format of JUnit: the counts stand on the outermost element.
    fn read(file: &Path) -> Counts {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        Counts::parse(&text)
    }

    fn parse(text: &str) -> Counts {
        let start = text.find("<testsuites").or_else(|| text.find("<testsuite")).expect("results");
        let element = &text[start..start + text[start..].find('>').unwrap()];
        let count = |name: &str| -> usize {
            let value = element.split_once(&format!(" {name}=\"")).and_then(|(_, rest)| rest.split_once('"'));
            value.map_or(0, |(number, _)| number.parse().unwrap())
        };
        Counts {
            tests: count("tests"),
            failures: count("failures"),
            errors: count("errors"),
            skipped: count("skipped"),
            disabled: count("disabled"),
        }
    }
}

#[test]
fn the_counts_of_the_official_program_are_read() {
    let text = "<?xml version=\"1.0\"?>\n<testsuites tests=\"9\" failures=\"1\" errors=\"2\" skipped=\"3\" disabled=\"1\"><testsuite tests=\"5\"/></testsuites>";
    assert_eq!(Counts::parse(text), Counts { tests: 9, failures: 1, errors: 2, skipped: 3, disabled: 1 });
}
