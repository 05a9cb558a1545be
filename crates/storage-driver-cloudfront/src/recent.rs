//! Remembers URLs that were signed a moment ago: a signature takes milliseconds of computing, and when an image is rolled
//! out, many machines ask for the same few files at once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How many URLs are remembered, each of less than a kilobyte. When there are more, all are forgotten: signing a few of
/// them again is cheaper than keeping order among them.
pub const MAX_REMEMBERED: usize = 4096;

/// A URL is given again while it has lost no more than this part of the time that it should work.
const MOST_LOST: u64 = 20;

/// What was signed, by the URL before it was signed.
#[derive(Default)]
pub(crate) struct Recent(Mutex<HashMap<String, Signed>>);

struct Signed {
    expires: u64,
    url: String,
}

impl Recent {
    /// The signed form of a URL that is to work for `lifetime` from `now`, in seconds; never longer, and hardly shorter.
    pub(crate) fn find(&self, url: &str, now: u64, lifetime: u64) -> Option<String> {
        let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let signed = remembered.get(url)?;
        let left = signed.expires.saturating_sub(now);
        (left <= lifetime && lifetime - left <= lifetime / MOST_LOST).then(|| signed.url.clone())
    }

    /// Remembers one.
    pub(crate) fn remember(&self, url: String, expires: u64, signed: String) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED {
            remembered.clear();
        }
        remembered.insert(url, Signed { expires, url: signed });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_given_again_while_it_is_nearly_new() {
        let recent = Recent::default();
        recent.remember("a".to_owned(), 2_200, "signed".to_owned());
        assert_eq!(recent.find("a", 1_000, 1_200).as_deref(), Some("signed"));
        assert_eq!(recent.find("a", 1_060, 1_200).as_deref(), Some("signed"));
        assert_eq!(recent.find("a", 1_061, 1_200), None, "too short");
        assert_eq!(recent.find("a", 1_000, 1_199), None, "too long");
        assert_eq!(recent.find("a", 9_000, 1_200), None);
        assert_eq!(recent.find("b", 1_000, 1_200), None);
    }

    #[test]
    fn there_is_an_end_to_remembering() {
        let recent = Recent::default();
        for index in 0..=MAX_REMEMBERED {
            recent.remember(index.to_string(), 1_200, String::new());
        }
        assert_eq!(recent.0.lock().unwrap().len(), 1);
        assert!(recent.find(&MAX_REMEMBERED.to_string(), 0, 1_200).is_some());
    }
}
