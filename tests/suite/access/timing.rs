//! Names of users cannot be found out by a clock. (Distribution answers an unknown user in 3 ms, a wrong password in 130.)

use std::time::{Duration, Instant};

use serde_json::Value;
use wharf_tests::{Request, Settings, basic};

use super::Guarded;

#[test]
fn an_unknown_user_takes_as_long_as_a_wrong_password() {
    let registry = Guarded::with_cost(&Settings::inmemory(), &Value::Null, 9);
    let time = |user: &str, round: u32| {
        let request = Request::get("/v2/").header("Authorization", basic(user, &format!("wrong {round}")));
        let begun = Instant::now();
        registry.server.send(&request).assert_status(401);
        begun.elapsed()
    };
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    // One after the other, so that what else the machine does slows both.
    for round in 0..25 {
        known.push(time("alice", round));
        unknown.push(time(&format!("nobody{round}"), round));
    }
    let (known, unknown) = (median(known), median(unknown));
    let ratio = unknown.as_secs_f64() / known.as_secs_f64();
    println!("wrong password {known:?}, unknown user {unknown:?}, ratio {ratio:.2}");
    assert!((0.5..2.0).contains(&ratio), "wrong password {known:?}, unknown user {unknown:?}");
}

#[test]
fn a_password_that_was_right_need_not_be_checked_again() {
    let registry = Guarded::with_cost(&Settings::inmemory(), &Value::Null, 12);
    let time = || {
        let begun = Instant::now();
        registry.get("alice", "/v2/").assert_status(200);
        begun.elapsed()
    };
    let first = time();
    let again = median((0..9).map(|_| time()).collect());
    assert!(again < first / 4, "first {first:?}, then {again:?}");
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
