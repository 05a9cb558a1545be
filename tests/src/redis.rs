//! A Redis of one's own, to ask, to kill and to freeze.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;

use crate::port::free_port;
use crate::program::{installed, scratch};
use crate::settings::Settings;
use crate::skip::skip;

/// How long it may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// Is a Redis server that runs, or ran. Dropping the value kills it.
#[derive(Debug)]
pub struct Redis {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    child: Option<Child>,
}

impl Redis {
    /// Starts one on a free port; `None` where Redis is not installed, which is said.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    #[must_use]
    pub fn start() -> Option<Redis> {
        let Some(program) = installed("redis-server") else {
            skip("redis-server is not installed");
            return None;
        };
        let mut redis = Redis { program, folder: scratch(), port: free_port(), child: None };
        redis.start_again();
        Some(redis)
    }

    /// Starts it again on the same port, as empty as it was at first.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "it still runs");
        let log = File::create(self.folder.path().join("log")).unwrap();
        let mut command = Command::new(&self.program);
        command.args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", "", "--dir"]);
        command.arg(self.folder.path()).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < until, "redis does not come up: {log}");
            sleep(Duration::from_millis(5));
        }
    }

    /// Sends a command and gives what it answers: a text, or a number as one. Nothing is an empty text.
    ///
    /// # Panics
    ///
    /// When it refuses, or answers a list.
    #[track_caller]
    pub fn ask(&self, command: &[&str]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let words: String = command.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
        write!(stream, "*{}\r\n{words}", command.len()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let (kind, rest) = line.trim_end().split_at(1);
        match kind {
            "+" | ":" => rest.to_owned(),
            "$" => {
                let mut text = vec![0; rest.parse().unwrap_or(0)];
                reader.read_exact(&mut text).unwrap();
                String::from_utf8(text).unwrap()
            }
            _ => panic!("{command:?}: {line}"),
        }
    }

    /// Kills it: no time for anything.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Stops it from doing anything, though it still takes connections.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(self.child.as_ref().expect("it runs"));
        kill_process(pid, signal).unwrap();
    }

    /// Gives settings whose cache is this, in the spelling that all servers know. Ours waits for it longer than any machine
    /// stands still: where another deadline passes, another replica may be told late of what was deleted.
    #[must_use]
    pub fn caching(&self, settings: Settings) -> Settings {
        let address = format!("127.0.0.1:{}", self.port);
        let timeout = PATIENCE.as_secs();
        let redis = json!({
            "addr": address, "addrs": [address],
            "dialtimeout": format!("{timeout}s"), "readtimeout": format!("{timeout}s"),
        });
        settings
            .with("storage.cache.blobdescriptor", "redis")
            .with("storage.cache.deadline", format!("{timeout}s"))
            .with("redis", redis)
    }

    /// Kills and freezes it by turns from now on, until the value that this gives is dropped.
    #[must_use]
    pub fn trouble(mut self) -> Trouble {
        let (stop, stopped) = channel::<()>();
        let mut turn = 0;
        let thread = thread::spawn(move || {
            while stopped.recv_timeout(UP) == Err(RecvTimeoutError::Timeout) {
                turn += 1;
                if turn % 3 == 0 {
                    self.freeze();
                    sleep(DOWN);
                    self.thaw();
                } else {
                    self.kill();
                    sleep(DOWN);
                    self.start_again();
                }
            }
        });
        Trouble { stop: Some(stop), thread: Some(thread) }
    }
}

/// How long it runs between two troubles, and how long each takes: longer than [`Redis::impatient`] servers wait.
const UP: Duration = Duration::from_millis(150);
const DOWN: Duration = Duration::from_millis(100);

impl Redis {
    /// Gives settings whose cache is this, for a server that waits for it a moment only, and comes back at once.
    #[must_use]
    pub fn impatient(&self, settings: Settings) -> Settings {
        self.caching(settings)
            .with("storage.cache.deadline", "50ms")
            .with("redis.dialtimeout", "1s")
            .with("redis.minretrybackoff", "5ms")
            .with("redis.maxretrybackoff", "50ms")
    }
}

/// Is a Redis that is killed and frozen by turns. Dropping the value ends it.
#[derive(Debug)]
pub struct Trouble {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Trouble {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // When it failed, that was printed.
            let _ = thread.join();
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _already_dead = child.kill();
            let _ = child.wait();
        }
    }
}
