//! Where the program listens: certificates that change under load, sockets of the machine and of systemd, and a thousand
//! clients that never finish what they say.

mod systemd;
pub(crate) mod tls;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use wharf_tests::{Request, Server, Settings, scratch, wharf};

over_local_drivers![a_thousand_slow_clients_do_not_hold_up_others, a_head_of_100_000_bytes_is_refused];

/// How long something may take that takes no time.
const PATIENCE: Duration = Duration::from_secs(20);

/// The program, where it listens on something that is no port, or needs an environment of its own.
pub(crate) struct Program {
    folder: TempDir,
    child: Child,
}

impl Program {
    /// Starts it on a configuration, by a command that has `PROGRAM` and `FILE` in its words.
    pub(crate) fn start(settings: &Settings, folder: TempDir, prepare: impl FnOnce(&mut Command)) -> Program {
        let file = folder.path().join("config.yml");
        fs::write(&file, settings.text(&folder.path().join("data"))).unwrap();
        let mut command = Command::new("sh");
        command.arg("-c").arg("LISTEN_PID=$$ exec \"$0\" serve \"$1\" 3<&0").arg(wharf()).arg(&file);
        let log = fs::File::create(folder.path().join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        prepare(&mut command);
        let child = command.spawn().unwrap();
        Program { folder, child }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn stop(&mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}\n{}", self.log());
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _already_dead = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
pub(crate) fn soon<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "not within {PATIENCE:?}: {what}");
        sleep(Duration::from_millis(20));
    }
}

/// Asks for `/v2/` on a socket of this machine.
fn ask(socket: &Path) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_socket_of_this_machine_is_served_after_a_crash_as_before() {
    let folder = scratch();
    let socket = folder.path().join("registry.sock");
    let settings =
        Settings::inmemory().with("http.net", "unix").with("http.addr", socket.display().to_string());
    let mut program = Program::start(&settings, folder, |_| {});
    soon("it listens", || UnixStream::connect(&socket).ok());
    assert!(ask(&socket).starts_with("HTTP/1.1 200"), "{}", program.log());
    program.child.kill().unwrap();
    program.child.wait().unwrap();
    assert!(socket.exists(), "a crash leaves its socket behind");

    let file = program.folder.path().join("config.yml");
    let log = fs::File::create(program.folder.path().join("log")).unwrap();
    let mut command = Command::new(wharf());
    command.arg("serve").arg(file).stdout(log.try_clone().unwrap()).stderr(log);
    program.child = command.spawn().unwrap();
    soon("it listens again", || UnixStream::connect(&socket).ok());
    assert!(ask(&socket).starts_with("HTTP/1.1 200"), "{}", program.log());
    program.stop();
    assert!(!socket.exists(), "what ends well leaves nothing behind");
}

#[test]
fn a_socket_that_another_server_listens_on_stays_its_own() {
    let folder = scratch();
    let socket = folder.path().join("registry.sock");
    let settings =
        Settings::inmemory().with("http.net", "unix").with("http.addr", socket.display().to_string());
    let mut first = Program::start(&settings, folder, |_| {});
    soon("it listens", || UnixStream::connect(&socket).ok());
    let mut second = Program::start(&settings, scratch(), |_| {});
    assert_eq!(second.child.wait().unwrap().code(), Some(1));
    let expected = format!("{} is the socket of another server that listens", socket.display());
    assert!(second.log().contains(&expected), "{}", second.log());
    assert!(ask(&socket).starts_with("HTTP/1.1 200"), "{}", first.log());
    // What somebody else puts there in the meantime is theirs.
    fs::remove_file(&socket).unwrap();
    fs::write(&socket, "theirs").unwrap();
    first.stop();
    assert_eq!(fs::read_to_string(&socket).unwrap(), "theirs");
}

fn a_thousand_slow_clients_do_not_hold_up_others(settings: &Settings) {
    let server = Server::wharf(&settings.clone().with("http.limits.header", "5s"));
    let digest = server.push_blob("a/b", vec![7; 100_000]);
    let mut slow: Vec<_> = (0..1000).map(|_| server.connect()).collect();
    for (number, connection) in slow.iter_mut().enumerate() {
        let head = format!("GET /v2/ HTTP/1.1\r\nHost: a\r\nX-{number}: ");
        connection.raw(head.as_bytes()).unwrap();
    }
    let mut worst = Duration::ZERO;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        for connection in slow.iter_mut().step_by(10) {
            let _given_up = connection.raw(b"x");
        }
        let asked = Instant::now();
        server.get(&format!("/v2/a/b/blobs/{digest}")).assert_status(200);
        worst = worst.max(asked.elapsed());
    }
    assert!(worst < Duration::from_secs(2), "somebody waited {worst:?}");
    let closed = |connection: &mut wharf_tests::Connection| {
        connection.socket().set_read_timeout(Some(PATIENCE)).unwrap();
        !matches!(connection.rest(), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    };
    assert!(slow.iter_mut().all(closed), "some of them are still there");
}

fn a_head_of_100_000_bytes_is_refused(settings: &Settings) {
    let server = Server::wharf(settings);
    let one = Request::get("/v2/").header("X-Large", "x".repeat(100_000));
    let many =
        (0..1000).fold(Request::get("/v2/"), |request, n| request.header(&format!("X-{n}"), "x".repeat(94)));
    for request in [one, many] {
        let mut connection = server.connect();
        let _cut_off_early = connection.send(&request);
        let status = connection.answer("GET").unwrap().status;
        assert!([431, 400].contains(&status), "{status}");
    }
    server.get("/v2/").assert_status(200);
    // Whoever needs more can have more.
    let server = Server::wharf(&settings.clone().with("http.limits.headersize", "256KiB"));
    let large = Request::get("/v2/").header("X-Large", "x".repeat(100_000));
    server.send(&large).assert_status(200);
}
