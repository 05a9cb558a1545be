//! What can go wrong between a server and its store, and when it does.

use std::time::Duration;

/// Is one thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// An answer with this status and this code of S3, and nothing is done.
    Refused(u16, &'static str),
    /// The connection is reset in the middle of the request.
    ResetInRequest,
    /// The request is carried out, but instead of its answer there is a reset.
    ResetBeforeAnswer,
    /// The connection is reset in the middle of the answer.
    ResetInAnswer,
    /// The request is not read to its end for so long, then reset.
    StallInRequest(Duration),
    /// The request is carried out, but there is no answer for so long, then a reset.
    StallBeforeAnswer(Duration),
    /// Half of the answer comes, then nothing for so long, then a reset.
    StallInAnswer(Duration),
    /// Both bodies pass at so many bytes a second, and nothing breaks.
    Slow(u64),
    /// The answer is carried out and closed in its middle, as if that were all.
    ShortAnswer,
    /// The answer promises this many bytes more than there are.
    TooLongPromise(u64),
    /// The answer promises half of what there is, and keeps that promise.
    TooShortPromise,
}

/// Is when something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chance {
    /// Each time.
    Always,
    /// The first so many times.
    First(u64),
    /// Only that time, counted from 1.
    Nth(u64),
    /// Once in so many times, as luck has it; the same luck for the same seed.
    OneIn(u64, u64),
}

/// Says what goes wrong with which requests.
#[derive(Clone, Debug)]
pub struct Rule {
    operations: &'static [&'static str],
    chance: Chance,
    fault: Fault,
    seen: u64,
    broken: u64,
}

impl Rule {
    /// Makes a rule for operations of S3 by their names; for all where none is named.
    #[must_use]
    pub fn new(operations: &'static [&'static str], chance: Chance, fault: Fault) -> Rule {
        Rule { operations, chance, fault, seen: 0, broken: 0 }
    }

    /// Gives how often it has broken something.
    #[must_use]
    pub fn broken(&self) -> u64 {
        self.broken
    }

    pub(crate) fn strikes(&mut self, operation: &str) -> Option<Fault> {
        if !self.operations.is_empty() && !self.operations.contains(&operation) {
            return None;
        }
        self.seen += 1;
        let strikes = match self.chance {
            Chance::Always => true,
            Chance::First(count) => self.seen <= count,
            Chance::Nth(n) => self.seen == n,
            Chance::OneIn(n, seed) => luck(seed, self.seen).is_multiple_of(n),
        };
        self.broken += u64::from(strikes);
        strikes.then_some(self.fault)
    }
}

/// Gives a number that looks random, the same for the same two.
fn luck(seed: u64, n: u64) -> u64 {
    let bytes = crate::image::noise(seed.wrapping_mul(0x1_0001).wrapping_add(n), 8);
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(chance: Chance) -> Vec<u64> {
        let mut rule = Rule::new(&["GetObject"], chance, Fault::ResetInAnswer);
        assert_eq!(rule.strikes("PutObject"), None);
        (1..=1_000).filter(|_| rule.strikes("GetObject").is_some()).collect()
    }

    #[test]
    fn a_rule_strikes_as_often_as_it_says() {
        assert_eq!(strikes(Chance::Always).len(), 1_000);
        assert_eq!(strikes(Chance::First(2)), [1, 2]);
        assert_eq!(strikes(Chance::Nth(7)), [7]);
        let by_luck = strikes(Chance::OneIn(5, 1)).len();
        assert!((100..300).contains(&by_luck), "{by_luck}");
        assert_ne!(strikes(Chance::OneIn(5, 1)), strikes(Chance::OneIn(5, 2)));
    }
}
