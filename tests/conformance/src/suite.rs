//! The tests, and how they are run: a few at a time, each with repositories of its own.
//!
//! One file per area. The standing rules come last, when all others are through: they judge every answer of the run.

mod base;
mod cancel;
mod chunks;
mod chunks_out_of_order;
mod deletion;
mod digests;
mod errors;
mod limits;
mod listing;
mod manifest_bytes;
mod manifest_put;
mod manifest_references;
mod mounts;
mod names;
mod negotiation;
mod paging;
mod proxying;
mod pull_blob;
mod pull_manifest;
mod push_blob;
mod push_failures;
mod ranges;
mod referrers;
mod referrers_changes;
mod sha512;
mod single_post;
mod standing;
mod tag_parameters;
mod wire;

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};

use futures_util::{StreamExt as _, stream};

use crate::case::Case;
use crate::check::{Stop, Verdict};
use crate::report::{Outcome, Report, TestReport};
use crate::requirement::{Level, requirements};
use crate::target::Target;
use crate::watch::Watch;

/// Holds a test: its name, where it belongs, and how to run it.
#[derive(Clone, Copy)]
pub struct Test {
    /// What it checks, as a sentence with underscores. Never changes its meaning.
    pub name: &'static str,
    /// The section that asks for it most strongly.
    pub section: &'static str,
    /// The strongest word that it holds the registry to.
    pub level: Level,
    run: RunTest,
}

/// Says which tests a run takes.
#[derive(Clone, Debug, Default)]
pub enum Filter {
    /// All of them.
    #[default]
    All,
    /// Those whose name or section holds this text.
    Containing(String),
}

/// How many tests run at the same time.
const AT_ONCE: usize = 4;

type RunTest = for<'a> fn(&'a Case) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// A test before the table of requirements says where it belongs.
struct Definition {
    name: &'static str,
    run: RunTest,
}

/// The tests of one area, by the names of their functions.
macro_rules! suite {
    ($($test:ident),+ $(,)?) => {
        pub(super) static TESTS: &[super::Definition] =
            &[$(super::Definition { name: stringify!($test), run: |case| Box::pin($test(case)) }),+];
    };
}
use suite;

/// Gives every test of the suite, in the order in which they run.
#[must_use]
pub fn tests() -> &'static [Test] {
    static ALL: LazyLock<Vec<Test>> = LazyLock::new(|| {
        let areas = [
            base::TESTS,
            names::TESTS,
            pull_manifest::TESTS,
            negotiation::TESTS,
            pull_blob::TESTS,
            ranges::TESTS,
            push_blob::TESTS,
            push_failures::TESTS,
            single_post::TESTS,
            chunks::TESTS,
            chunks_out_of_order::TESTS,
            cancel::TESTS,
            mounts::TESTS,
            manifest_put::TESTS,
            manifest_bytes::TESTS,
            manifest_references::TESTS,
            tag_parameters::TESTS,
            limits::TESTS,
            sha512::TESTS,
            digests::TESTS,
            listing::TESTS,
            paging::TESTS,
            referrers::TESTS,
            referrers_changes::TESTS,
            deletion::TESTS,
            proxying::TESTS,
            wire::TESTS,
            errors::TESTS,
            standing::TESTS,
        ];
        areas.into_iter().flatten().map(place).collect()
    });
    &ALL
}

/// Runs the tests that the filter lets through. Needs a tokio runtime with network and time.
pub async fn run(target: &Target, filter: &Filter) -> Report {
    run_each(target, filter, |_| ()).await
}

/// Runs the tests like [`run`], and shows each result, in the order of the suite, as soon as it is there.
pub async fn run_each(target: &Target, filter: &Filter, mut seen: impl FnMut(&TestReport)) -> Report {
    let run = uuid::Uuid::new_v4().simple().to_string();
    let watch = Arc::new(Watch::default());
    let mut report = Report::default();
    let (rules, others): (Vec<_>, Vec<_>) = tests()
        .iter()
        .enumerate()
        .filter(|(_, test)| filter.lets_through(test))
        .partition(|(_, test)| standing::TESTS.iter().any(|rule| rule.name == test.name));
    for part in [others, rules] {
        let results = part.into_iter().map(|(number, test)| {
            let root = format!("{}/{}/t{number}", target.repository_prefix, &run[..12]);
            test.report(Case::new(target, Arc::clone(&watch), root))
        });
        let mut results = stream::iter(results).buffered(AT_ONCE);
        while let Some(result) = results.next().await {
            seen(&result);
            report.tests.push(result);
        }
    }
    report
}

impl Test {
    async fn report(self, case: Case) -> TestReport {
        let outcome = match (self.run)(&case).await {
            Ok(()) => Outcome::Pass,
            Err(Stop::Fail(reason)) => Outcome::Fail(reason),
            Err(Stop::Skip(reason)) => Outcome::Skip(reason),
        };
        TestReport { name: self.name, section: self.section, level: self.level, outcome }
    }
}

impl Filter {
    fn lets_through(&self, test: &Test) -> bool {
        match self {
            Filter::All => true,
            Filter::Containing(text) => {
                test.name.contains(text.as_str()) || test.section.contains(text.as_str())
            }
        }
    }
}

impl fmt::Debug for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}, {}]", self.name, self.section, self.level)
    }
}

/// Finds the row that asks for a test most strongly.
fn place(definition: &Definition) -> Test {
    let rows = requirements().iter().filter(|row| row.tests.contains(&definition.name));
    let (section, level) = match rows.min_by_key(|row| row.level) {
        Some(row) => (row.section, row.level),
        None => ("", Level::Promise),
    };
    Test { name: definition.name, section, level, run: definition.run }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// Answers everything with the same text.
    async fn parrot(text: &'static str) -> Target {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Target::new(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut heard = [0; 1 << 16];
                    while stream.read(&mut heard).await.is_ok_and(|read| read > 0) {
                        if stream.write_all(text.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        target
    }

    #[tokio::test]
    async fn a_registry_that_always_fails_passes_nothing() {
        let target = parrot("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n").await;
        let report = run(&target, &Filter::All).await;
        assert_eq!(report.tests.len(), tests().len());
        assert_eq!(report.passed(), [""; 0]);
        assert_eq!(report.skipped(), [""; 0]);
    }

    #[tokio::test]
    async fn a_filter_looks_at_names_and_sections() {
        let target = parrot("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
        let filter = Filter::Containing("Deleting tags".to_owned());
        let report = run(&target, &filter).await;
        assert!(!report.tests.is_empty() && report.tests.len() < tests().len());
        assert!(report.tests.iter().all(|test| test.section == "Deleting tags"));
    }
}
