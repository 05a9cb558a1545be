//! What a run found, for people and for programs.

use std::fmt;

use serde_json::{Value, json};

use crate::requirement::Level;

/// Holds the outcome of every test of a run, in the order of the suite.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// One entry for each test that the filter let through.
    pub tests: Vec<TestReport>,
}

/// Says how one test ended. Prints as one line, or as several when it failed.
#[derive(Clone, Debug)]
pub struct TestReport {
    /// The test's name.
    pub name: &'static str,
    /// The section of the specification that it belongs to.
    pub section: &'static str,
    /// The strongest word that it holds the registry to.
    pub level: Level,
    /// How it ended.
    pub outcome: Outcome,
}

/// Says how a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The registry did what is asked of it.
    Pass,
    /// It did not; with the request and an excerpt of the answer.
    Fail(String),
    /// It legally said that it does not offer this; with its words.
    Skip(String),
}

impl Report {
    /// Gives the names of the tests that failed, in alphabetical order.
    #[must_use]
    pub fn failed(&self) -> Vec<&'static str> {
        self.names(|outcome| matches!(outcome, Outcome::Fail(_)))
    }

    /// Gives the names of the tests that were skipped, in alphabetical order.
    #[must_use]
    pub fn skipped(&self) -> Vec<&'static str> {
        self.names(|outcome| matches!(outcome, Outcome::Skip(_)))
    }

    /// Gives the names of the tests that passed, in alphabetical order.
    #[must_use]
    pub fn passed(&self) -> Vec<&'static str> {
        self.names(|outcome| matches!(outcome, Outcome::Pass))
    }

    /// Prints the report as JSON: the three counts, and the tests one by one.
    #[must_use]
    pub fn to_json(&self) -> String {
        let tests: Vec<Value> = self.tests.iter().map(TestReport::json).collect();
        let report = json!({
            "passed": self.passed().len(),
            "failed": self.failed().len(),
            "skipped": self.skipped().len(),
            "tests": tests,
        });
        format!("{report:#}")
    }

    fn names(&self, wanted: impl Fn(&Outcome) -> bool) -> Vec<&'static str> {
        let mut names: Vec<_> =
            self.tests.iter().filter(|test| wanted(&test.outcome)).map(|test| test.name).collect();
        names.sort_unstable();
        names
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (passed, failed, skipped) = (self.passed().len(), self.failed().len(), self.skipped().len());
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

impl TestReport {
    fn json(&self) -> Value {
        let (outcome, reason) = match &self.outcome {
            Outcome::Pass => ("pass", None),
            Outcome::Fail(reason) => ("fail", Some(reason)),
            Outcome::Skip(reason) => ("skip", Some(reason)),
        };
        json!({
            "name": self.name,
            "section": self.section,
            "level": self.level.to_string(),
            "outcome": outcome,
            "reason": reason,
        })
    }
}

impl fmt::Display for TestReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Pass => write!(f, "pass  {}", self.name),
            Outcome::Skip(reason) => write!(f, "skip  {}: {reason}", self.name),
            Outcome::Fail(reason) => {
                write!(f, "FAIL  {} [{}, {}]", self.name, self.section, self.level)?;
                reason.lines().try_for_each(|line| write!(f, "\n        {line}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let test = |name, outcome| TestReport { name, section: "Pulling blobs", level: Level::Must, outcome };
        Report {
            tests: vec![
                test("b", Outcome::Fail("no\nnever".to_owned())),
                test("a", Outcome::Fail("no".to_owned())),
                test("c", Outcome::Pass),
                test("d", Outcome::Skip("405".to_owned())),
            ],
        }
    }

    #[test]
    fn the_closing_line_counts() {
        assert_eq!(report().to_string(), "1 passed, 2 failed, 1 skipped");
        assert_eq!(report().failed(), ["a", "b"]);
    }

    #[test]
    fn a_failure_says_where_it_belongs_and_keeps_its_lines() {
        let text = report().tests[0].to_string();
        assert_eq!(text, "FAIL  b [Pulling blobs, MUST]\n        no\n        never");
    }

    #[test]
    fn the_json_form_holds_the_same() {
        let value: Value = serde_json::from_str(&report().to_json()).unwrap();
        assert_eq!(value["failed"], 2);
        assert_eq!(value["tests"][3]["reason"], "405");
    }
}
