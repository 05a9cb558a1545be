//! `kill -9` in the middle of 200 pushes, at moments drawn by a seed.

use std::collections::VecDeque;
use std::sync::Mutex;

use wharf_tests::{Server, Settings};

use super::{Journal, Moment, Push, assert_clean, assert_every_tag_can_be_pulled, push_until_crash};

const PUSHES: usize = 200;
/// How many acknowledgements a round has at most. A push has eight of them.
const MOST: usize = 120;

#[test]
fn what_was_acknowledged_before_kill_9_is_whole_and_the_server_starts_clean() {
    let mut server = Server::wharf(&Settings::filesystem().without("log.accesslog"));
    let pushes: Mutex<VecDeque<Push>> = Mutex::new((0..PUSHES).map(Push::new).collect());
    let journal = Journal::default();
    let mut rounds = 0;
    while !pushes.lock().unwrap().is_empty() {
        let moment = Moment::draw(rounds, MOST);
        push_until_crash(server.address(), &pushes, &journal, &moment, || server.kill_9());
        server.start_again();
        assert_clean(&server);
        journal.assert_kept(&server);
        assert_every_tag_can_be_pulled(&server);
        rounds += 1;
        assert!(rounds < 1_000, "the pushes come to no end");
    }
    // Those that were cut off have been pushed again.
    assert!(journal.tried.lock().unwrap().values().all(|tried| tried.acknowledged));
    println!("{rounds} rounds, {} things kept", journal.tried.lock().unwrap().len());
}
