//! The power goes: XFS on a loop device is shut down without a last write, 50 times. What comes back is what was synced.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use wharf_tests::{Mounted, Server, Settings};

use super::{Journal, Moment, Push, assert_clean, assert_every_tag_can_be_pulled, push_until_crash};

/// How often the power goes, unless `WHARF_TESTS_POWER_CUTS` says another number.
const CUTS: u64 = 50;
/// How many acknowledgements a round has at most.
const MOST: usize = 40;

#[test]
fn what_was_acknowledged_before_the_power_went_is_whole_and_the_server_starts_clean() {
    let cuts = std::env::var("WHARF_TESTS_POWER_CUTS").map_or(CUTS, |number| number.parse().unwrap());
    let Some(disk) = Mounted::xfs() else { return };
    let settings = Settings::filesystem_at(&disk.path().join("data")).without("log.accesslog");
    let mut server = Server::wharf(&settings);
    let everything = Journal::default();
    for cut in 0..cuts {
        let first = cut as usize * 10;
        let pushes: Mutex<VecDeque<Push>> = Mutex::new((first..first + 10).map(Push::new).collect());
        let journal = Journal::default();
        let moment = Moment::draw(cut ^ 0xdead, MOST);
        push_until_crash(server.address(), &pushes, &journal, &moment, || {
            // Nobody lives on after a real power cut. Here the server does for a moment, and XFS lets a sync of a folder
            // succeed that it was asked for after the shutdown: it holds no changes of it any more.
            journal.closed.store(true, Ordering::SeqCst);
            disk.cut_power();
            server.kill_9();
        });
        disk.power_on();
        server.start_again();
        assert_clean(&server);
        journal.assert_kept(&server);
        everything.tried.lock().unwrap().append(&mut journal.tried.lock().unwrap());
    }
    everything.assert_kept(&server);
    assert_every_tag_can_be_pulled(&server);
    let tried = everything.tried.lock().unwrap();
    let kept = tried.values().filter(|tried| tried.acknowledged).count();
    assert!(kept as u64 > 5 * cuts, "too little was acknowledged to tell: {kept} of {}", tried.len());
    println!("{cuts} power cuts, {kept} of {} things acknowledged and kept", tried.len());
}
