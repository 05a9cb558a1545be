//! A running server: started with a configuration file, spoken to over its port, ended by signals.
//!
//! It binds a port of the system's choice and says which one in its log, where we read it: no two servers of a run can
//! ask for the same one. Dropping the value kills the program and deletes its folder, also while a test panics.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::http::{Answer, Connection, Request};
use crate::program::{installed, scratch, wharf};
use crate::proxy::Proxy;
use crate::room::Room;
use crate::settings::Settings;

/// How long a server may take until it answers, and to end after a signal.
const PATIENCE: Duration = Duration::from_secs(30);

/// Is a server that runs, or ran.
#[derive(Debug)]
pub struct Server {
    program: PathBuf,
    folder: TempDir,
    settings: Settings,
    child: Option<Child>,
    address: SocketAddr,
    starts: usize,
    pair: Option<Pair>,
}

/// Is what makes a server two: another one over the same store, and who takes turns with them.
#[derive(Debug)]
struct Pair {
    peer: Box<Server>,
    proxy: Proxy,
}

impl Server {
    /// Starts the program under test.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    #[must_use]
    pub fn wharf(settings: &Settings) -> Server {
        Server::start(wharf(), settings)
    }

    /// Starts Debian's `docker-registry`; `None` where it is not installed.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    #[must_use]
    pub fn docker_registry(settings: &Settings) -> Option<Server> {
        Some(Server::start(&installed("docker-registry")?, settings))
    }

    fn start(program: &Path, settings: &Settings) -> Server {
        let mut server = Server {
            program: program.to_owned(),
            folder: scratch(),
            settings: settings.clone(),
            child: None,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            starts: 0,
            pair: None,
        };
        server.start_again();
        if settings.replicas() > 1 {
            let peer = Box::new(Server::start(program, &settings.of_one_replica()));
            let proxy = Proxy::round_robin(&[server.address, peer.address]);
            server.pair = Some(Pair { peer, proxy });
        }
        server
    }

    /// Starts the program again with the same file and folder, after it was ended. It gets another port.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none() && self.pair.is_none(), "it still runs, or is one of two");
        self.starts += 1;
        let file = self.configuration();
        fs::write(&file, self.settings.text(&self.folder.path().join("data"))).unwrap();
        let log = File::create(self.log_path()).unwrap();
        let mut command = Command::new(&self.program);
        command.arg("serve").arg(&file).current_dir(self.folder.path()).env_remove("AWS_CA_BUNDLE");
        command.envs(self.settings.variables().iter().map(|(name, value)| (name, value)));
        let requests = File::create(self.access_log_path()).unwrap();
        command.stdin(Stdio::null()).stdout(requests).stderr(log);
        self.child =
            Some(command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.program.display())));
        if let Some(socket) = self.socket() {
            return self.wait_for_socket(&socket);
        }
        self.address = self.wait_for_address();
        self.wait_until_it_answers();
    }

    /// Changes what the next start is configured with.
    pub fn reconfigure(&mut self, settings: &Settings) {
        self.settings = settings.clone();
    }

    /// Ends the program by SIGTERM and starts it again.
    ///
    /// # Panics
    ///
    /// When it does not end well, or does not come up.
    pub fn restart(&mut self) {
        let status = self.terminate();
        assert!(status.success(), "{status}\n{}", self.log());
        self.start_again();
    }

    /// Ends the program by SIGTERM and gives how it ended.
    ///
    /// # Panics
    ///
    /// When it does not end.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Ends the program by SIGKILL: no time for anything.
    pub fn kill_9(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Sends a signal and does not wait.
    ///
    /// # Panics
    ///
    /// When the program does not run.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(self.child.as_ref().expect("it runs"));
        kill_process(pid, signal).unwrap();
    }

    /// Waits until the program ends by itself.
    ///
    /// # Panics
    ///
    /// When it does not end within the harness's patience.
    pub fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        let child = self.child.as_mut().expect("it runs");
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                self.child = None;
                return status;
            }
            assert!(Instant::now() < until, "the server does not end");
            sleep(Duration::from_millis(5));
        }
    }

    /// Says whether the program still runs.
    pub fn runs(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| child.try_wait().unwrap().is_none())
    }

    /// Gives the id of the process.
    ///
    /// # Panics
    ///
    /// When the program does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Gives the resident memory of the process now, in bytes.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.status_field("VmRSS:")
    }

    /// Lets [`peak_memory`](Self::peak_memory) forget what was before.
    ///
    /// # Panics
    ///
    /// When the system does not allow it.
    pub fn forget_peak_memory(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").unwrap();
    }

    /// Gives the most resident memory that the process ever had, in bytes.
    #[must_use]
    pub fn peak_memory(&self) -> u64 {
        self.status_field("VmHWM:")
    }

    fn status_field(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).expect("a line for each field");
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Gives where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.pair.as_ref().map_or(self.address, |pair| pair.proxy.address())
    }

    /// Gives the socket of this machine that the server listens on, where it does not listen on a port.
    #[must_use]
    pub fn socket(&self) -> Option<PathBuf> {
        self.settings.socket().map(|name| self.folder.path().join(name))
    }

    /// Gives the base of its URLs, without a closing slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Gives the folder that its files are in, whether or not they are.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.settings.root().map_or_else(|| self.folder.path().join("data"), Path::to_owned)
    }

    /// Gives what it has written to standard error since its last start.
    #[must_use]
    pub fn log(&self) -> String {
        let log = String::from_utf8_lossy(&fs::read(self.log_path()).unwrap_or_default()).into_owned();
        match &self.pair {
            Some(pair) => format!("{log}\nand of the other one:\n{}", pair.peer.log()),
            None => log,
        }
    }

    /// Gives the root directory in a bucket.
    ///
    /// # Panics
    ///
    /// When the server keeps everything elsewhere.
    #[must_use]
    pub fn room(&self) -> &Room {
        self.settings.root_directory().expect("a server over a bucket")
    }

    /// Gives the configuration file, which is written anew at each start.
    #[must_use]
    pub fn configuration(&self) -> PathBuf {
        self.folder.path().join("config.yml")
    }

    /// Gives what it has written to standard output since its last start: a line for each request.
    #[must_use]
    pub fn access_log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.access_log_path()).unwrap_or_default()).into_owned()
    }

    fn access_log_path(&self) -> PathBuf {
        self.folder.path().join(format!("access-log-{}", self.starts))
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join(format!("log-{}", self.starts))
    }

    /// Opens a connection.
    ///
    /// # Panics
    ///
    /// When nobody listens.
    #[must_use]
    pub fn connect(&self) -> Connection {
        let address = self.address();
        Connection::open(address).unwrap_or_else(|error| panic!("{address}: {error}\n{}", self.log()))
    }

    /// Sends one request on a connection of its own and reads the answer. An answer that comes before the request was
    /// taken whole is an answer.
    ///
    /// # Panics
    ///
    /// When there is no whole answer.
    #[track_caller]
    #[must_use]
    pub fn send(&self, request: &Request) -> Answer {
        let mut connection = self.connect();
        let sent = connection.send(request);
        match connection.answer(request.method()) {
            Ok(answer) if answer.status == 500 => {
                // Whatever the test makes of it, why it came is in here.
                println!("\n{request:?}: {answer:?}\n{}", self.log());
                answer
            }
            Ok(answer) => answer,
            Err(error) => panic!("no answer to {request:?}: {error} (sending: {sent:?})\n{}", self.log()),
        }
    }

    /// Asks for something.
    #[track_caller]
    #[must_use]
    pub fn get(&self, target: &str) -> Answer {
        self.send(&Request::get(target))
    }

    /// Asks for the head of something.
    #[track_caller]
    #[must_use]
    pub fn head(&self, target: &str) -> Answer {
        self.send(&Request::head(target))
    }

    /// Deletes something.
    #[track_caller]
    #[must_use]
    pub fn delete(&self, target: &str) -> Answer {
        self.send(&Request::delete(target))
    }

    fn wait_for_address(&mut self) -> SocketAddr {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(address) = listening(&self.log()) {
                return address;
            }
            assert!(self.runs(), "the server ended at once\n{}", self.log());
            assert!(Instant::now() < until, "the server does not say where it listens\n{}", self.log());
            sleep(Duration::from_millis(5));
        }
    }

    fn wait_for_socket(&mut self, socket: &Path) {
        let until = Instant::now() + PATIENCE;
        while UnixStream::connect(socket).is_err() {
            assert!(self.runs(), "the server ended at once\n{}", self.log());
            assert!(Instant::now() < until, "nobody listens on {}\n{}", socket.display(), self.log());
            sleep(Duration::from_millis(5));
        }
    }

    fn wait_until_it_answers(&self) {
        let until = Instant::now() + PATIENCE;
        while Connection::open(self.address).is_err() {
            assert!(Instant::now() < until, "nobody listens on {}\n{}", self.address, self.log());
            sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _already_dead = child.kill();
            let _ = child.wait();
        }
    }
}

/// Finds where a server says that it listens. Port 0 is what was asked for, not what was given; other addresses are those of
/// stores. A line that is not finished may hold only a part of the port.
fn listening(log: &str) -> Option<SocketAddr> {
    let (whole_lines, _) = log.rsplit_once('\n')?;
    whole_lines.lines().find_map(|line| {
        let (_, rest) = line.split_once("listens on ").or_else(|| line.split_once("listening on "))?;
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ':')).unwrap_or(rest.len());
        rest[..end].parse().ok().filter(|address: &SocketAddr| address.port() != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_whole_lines_only() {
        assert_eq!(listening("asked 127.0.0.1:0\nlistening on 127.0.0.1:48"), None);
        let found = listening("the store at 127.0.0.1:80\nlistening on 127.0.0.1:4811, msg\n");
        assert_eq!(found, Some(SocketAddr::from(([127, 0, 0, 1], 4811))));
    }
}
