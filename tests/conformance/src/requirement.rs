//! What is asked of a registry, row by row, and which tests hold it to that.
//!
//! The rows are in our own words; the specification's sentence is found by its section. What it asks of clients only is
//! not here. The same table says what section and what strength a test has, so that nothing is said twice.

mod api;
mod discovery;
mod management;
mod manifests;
mod pull;
mod push;
mod strict;

use std::fmt;
use std::sync::LazyLock;

/// Holds one thing that is asked of a registry.
#[derive(Clone, Copy, Debug)]
pub struct Requirement {
    /// The heading in the specification, or what else asks for it.
    pub section: &'static str,
    /// The first edition that asks for it this strongly.
    pub edition: Edition,
    /// How strongly.
    pub level: Level,
    /// What is asked, in our words.
    pub says: &'static str,
    /// The names of the tests that would notice.
    pub tests: &'static [&'static str],
}

/// Names an edition of the OCI distribution specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edition {
    /// Version 1.1, and it still holds.
    V1_1,
    /// The main branch after 1.1.1, which becomes 1.2.
    Main,
    /// None: what strict clients and testers need, and what Wharf promises beyond the specification.
    Beyond,
}

/// Says how strongly something is asked, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// "MUST".
    Must,
    /// "MUST NOT".
    MustNot,
    /// "SHOULD".
    Should,
    /// "SHOULD NOT".
    ShouldNot,
    /// "MAY" and "OPTIONAL": the tests check that the choice made is a legal one, and that it is kept to.
    May,
    /// Not in the specification.
    Promise,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Must => "MUST",
            Level::MustNot => "MUST NOT",
            Level::Should => "SHOULD",
            Level::ShouldNot => "SHOULD NOT",
            Level::May => "MAY",
            Level::Promise => "promise",
        })
    }
}

/// Gives the whole table, in the order of the specification.
#[must_use]
pub fn requirements() -> &'static [Requirement] {
    static ALL: LazyLock<Vec<Requirement>> = LazyLock::new(|| {
        let parts = [
            pull::ROWS,
            push::ROWS,
            manifests::ROWS,
            discovery::ROWS,
            management::ROWS,
            api::ROWS,
            strict::ROWS,
        ];
        parts.concat()
    });
    &ALL
}

/// The rows of one section, as the tables write them: edition, level, what is asked, tests.
macro_rules! rows {
    ($($section:literal { $($edition:ident $level:ident $says:literal: $($test:ident),+;)+ })+) => {
        pub(super) const ROWS: &[super::Requirement] = &[$($(super::Requirement {
            section: $section,
            edition: super::Edition::$edition,
            level: super::Level::$level,
            says: $says,
            tests: &[$(stringify!($test)),+],
        }),+),+];
    };
}
use rows;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::suite::tests;

    #[test]
    fn every_row_has_a_test_and_every_test_is_in_a_row() {
        let known: BTreeSet<&str> = tests().iter().map(|test| test.name).collect();
        let named: BTreeSet<&str> = requirements().iter().flat_map(|row| row.tests).copied().collect();
        let missing: Vec<_> = named.difference(&known).collect();
        let idle: Vec<_> = known.difference(&named).collect();
        assert!(missing.is_empty(), "rows name tests that do not exist: {missing:#?}");
        assert!(idle.is_empty(), "tests are in no row: {idle:#?}");
        for row in requirements() {
            assert!(!row.tests.is_empty() && !row.says.is_empty(), "{row:?}");
        }
    }

    #[test]
    fn no_two_tests_share_a_name() {
        let mut seen = BTreeSet::new();
        let twice: Vec<_> = tests().iter().map(|test| test.name).filter(|name| !seen.insert(*name)).collect();
        assert!(twice.is_empty(), "{twice:?}");
    }

    #[test]
    fn no_row_is_there_twice_and_none_names_a_test_twice() {
        let mut seen = BTreeSet::new();
        for row in requirements() {
            assert!(seen.insert((row.section, row.level, row.says)), "{row:?}");
            let distinct: BTreeSet<_> = row.tests.iter().collect();
            assert_eq!(distinct.len(), row.tests.len(), "{row:?}");
        }
    }

    #[test]
    fn every_strict_point_has_a_row() {
        for point in 1..=16 {
            let section = format!("Strict point {point}");
            assert!(requirements().iter().any(|row| row.section == section), "{section}");
        }
    }
}
