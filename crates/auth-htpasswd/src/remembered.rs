//! Pairs of user and password that were good a moment ago.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::Error;

/// Remembers pairs by a hash under a key that leaves this value nowhere, each for a while.
pub(crate) struct Remembered {
    mac: Hmac<Sha256>,
    time: Duration,
    most: usize,
    until: Mutex<HashMap<Pair, Instant>>,
}

/// A user and a password, of which neither can be told from it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Pair([u8; 32]);

impl Remembered {
    /// Remembers at most `most` pairs for this time, under a random key.
    #[expect(clippy::expect_used, reason = "an HMAC takes keys of every length")]
    pub(crate) fn new(time: Duration, most: usize) -> Result<Self, Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| Error::Random(io::Error::other(error)))?;
        let mac = Hmac::new_from_slice(&key).expect("an HMAC takes keys of every length");
        Ok(Self { mac, time, most, until: Mutex::default() })
    }

    /// What a user and a password are remembered as.
    pub(crate) fn pair(&self, user: &str, password: &str) -> Pair {
        let mut mac = self.mac.clone();
        mac.update(&(user.len() as u64).to_le_bytes());
        mac.update(user.as_bytes());
        mac.update(password.as_bytes());
        Pair(mac.finalize().into_bytes().into())
    }

    /// A number that is always the same for a user, and that nobody else can tell.
    pub(crate) fn number(&self, user: &str) -> usize {
        let Pair(bytes) = self.pair(user, "");
        bytes.iter().take(size_of::<usize>()).fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    /// Whether the pair was good a moment ago.
    pub(crate) fn knows(&self, pair: &Pair) -> bool {
        let until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.get(pair).is_some_and(|until| Instant::now() < *until)
    }

    /// Remembers a pair that was good. When there are too many, the one that was good first is forgotten.
    pub(crate) fn add(&self, pair: Pair) {
        let now = Instant::now();
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= self.most {
            until.retain(|_, until| now < *until);
        }
        if until.len() >= self.most {
            let first = until.iter().min_by_key(|(_, until)| **until).map(|(pair, _)| *pair);
            first.and_then(|first| until.remove(&first));
        }
        if self.most > 0 {
            until.insert(pair, now + self.time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered(most: usize) -> Remembered {
        Remembered::new(Duration::from_secs(60), most).unwrap()
    }

    #[test]
    fn a_pair_is_both_of_it() {
        let remembered = remembered(10);
        remembered.add(remembered.pair("ab", "c"));
        assert!(remembered.knows(&remembered.pair("ab", "c")));
        for (user, password) in [("a", "bc"), ("ab", "d"), ("", "abc"), ("abc", "")] {
            assert!(!remembered.knows(&remembered.pair(user, password)), "{user} {password}");
        }
    }

    #[test]
    fn the_key_is_another_each_time() {
        assert!(remembered(1).pair("a", "b") != remembered(1).pair("a", "b"));
    }

    #[test]
    fn when_there_are_too_many_the_oldest_goes() {
        let remembered = remembered(2);
        let [a, b, c] = ["a", "b", "c"].map(|user| remembered.pair(user, ""));
        for pair in [a, b, c] {
            remembered.add(pair);
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(!remembered.knows(&a) && remembered.knows(&b) && remembered.knows(&c));
    }
}
