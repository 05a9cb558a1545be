//! A Redis server of one's own.

use std::fs::File;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use wharf_cache_redis::{Address, Servers};

/// A server that is killed when this is dropped.
pub(crate) struct Redis {
    folder: TempDir,
    port: u16,
    arguments: Vec<String>,
    client: Vec<String>,
    child: Option<Child>,
}

const PATIENCE: Duration = Duration::from_secs(60);

impl Redis {
    /// A server without anything special; none where Redis is not installed, which is said.
    pub(crate) fn plain() -> Option<Redis> {
        let port = free_port();
        Redis::start(port, &["--bind", "127.0.0.1", "--port", &port.to_string()], &[])
    }

    /// A server with these arguments, asked by `redis-cli` with those.
    pub(crate) fn start(port: u16, arguments: &[&str], client: &[&str]) -> Option<Redis> {
        if !is_installed() {
            println!("SKIPPED redis-server is not installed");
            assert!(std::env::var_os("WHARF_TESTS_STRICT").is_none(), "redis-server is not installed");
            return None;
        }
        let mut redis = Redis {
            folder: TempDir::new().unwrap(),
            port,
            arguments: arguments.iter().map(ToString::to_string).collect(),
            client: client.iter().map(ToString::to_string).collect(),
            child: None,
        };
        redis.start_again();
        Some(redis)
    }

    pub(crate) fn start_again(&mut self) {
        assert!(self.child.is_none(), "it still runs");
        let log = File::create(self.folder.path().join("log")).unwrap();
        let mut command = Command::new("redis-server");
        // Arguments without a leading file come first to those that have one.
        command.args(&self.arguments).args(["--dir", self.folder.path().to_str().unwrap()]);
        if !self.arguments.iter().any(|argument| argument == "--sentinel") {
            command.args(["--save", "", "--appendonly", "no"]);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        let until = Instant::now() + PATIENCE;
        while self.try_ask(&["PING"]).trim() != "PONG" {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < until, "redis does not come up: {log}");
            sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn freeze(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
    }

    pub(crate) fn thaw(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().unwrap())
    }

    /// What `redis-cli` prints.
    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        let answer = self.try_ask(arguments);
        assert!(!answer.contains("Could not connect"), "{answer}");
        answer.trim().to_owned()
    }

    fn try_ask(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        if self.client.is_empty() {
            command.args(["-p", &self.port.to_string()]);
        }
        let output = command.args(&self.client).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub(crate) fn address(&self) -> Address {
        Address::Tcp("127.0.0.1".to_owned(), self.port)
    }

    pub(crate) fn servers(&self) -> Servers {
        Servers::One(self.address())
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
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

/// A port that nobody uses now, below those that the system gives to whoever asks for any: while a server is dead nobody
/// else may get its port.
pub(crate) fn free_port() -> u16 {
    static ASKED: AtomicU16 = AtomicU16::new(0);
    loop {
        let asked = u32::from(ASKED.fetch_add(1, Ordering::Relaxed));
        let start = std::process::id().wrapping_mul(2_654_435_761) >> 8;
        let port = u16::try_from(10_000 + start.wrapping_add(asked) % 9_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn is_installed() -> bool {
    ["redis-server", "redis-cli", "openssl"].iter().all(|program| {
        let paths = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&paths).any(|folder: PathBuf| folder.join(program).is_file())
    })
}
