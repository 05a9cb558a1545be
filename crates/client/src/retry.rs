//! How long to wait before a request is sent again.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;

use crate::Options;

/// What a registry asks for: seconds, or a date.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// The wait before attempt `attempt + 1`; none when the registry asks for more patience than there is.
pub(crate) fn wait(options: &Options, attempt: u32, asked: Option<Duration>) -> Option<Duration> {
    match asked {
        Some(asked) if asked > options.max_retry_after => None,
        Some(asked) => Some(asked),
        None => Some(backoff(options, attempt).mul_f64(chance())),
    }
}

/// The longest wait after so many attempts.
fn backoff(options: &Options, attempt: u32) -> Duration {
    let doubled = 1u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    options.first_backoff.saturating_mul(doubled).min(options.max_backoff)
}

/// A random number from 0 to 1.
fn chance() -> f64 {
    // Without randomness clients come back together, which is no reason to fail.
    let random = getrandom::u32().unwrap_or(u32::MAX);
    f64::from(random) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().unwrap());
        retry_after(&headers)
    }

    #[test]
    fn seconds_and_dates_are_understood() {
        assert_eq!(asked("7"), Some(Duration::from_secs(7)));
        assert_eq!(asked("Thu, 01 Jan 1970 00:00:00 GMT"), Some(Duration::ZERO));
        assert!(asked("Fri, 31 Dec 9999 23:59:59 GMT").unwrap() > Duration::from_secs(1_000_000));
        assert_eq!(asked("soon"), None);
    }

    #[test]
    fn waits_grow_to_their_limit_and_are_never_above_it() {
        let options = Options::default();
        for attempt in 1..100 {
            let longest = backoff(&options, attempt);
            assert!(wait(&options, attempt, None).unwrap() <= longest);
            assert!(longest <= options.max_backoff);
        }
        assert_eq!(backoff(&options, 1), options.first_backoff);
        assert_eq!(backoff(&options, 90), options.max_backoff);
    }

    #[test]
    fn nobody_is_waited_for_forever() {
        let options = Options::default();
        assert_eq!(wait(&options, 1, Some(Duration::from_secs(3))), Some(Duration::from_secs(3)));
        assert_eq!(wait(&options, 1, Some(Duration::from_secs(86_400))), None);
    }
}
