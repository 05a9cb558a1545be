//! Every way in which Redis can be set up.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wharf_cache_redis::{Address, Config, Identity, Servers, Tls};

use crate::config;
use crate::server::{Redis, free_port};

/// Servers, and how they are reached.
pub(crate) struct Setup {
    pub(crate) servers: Vec<Redis>,
    pub(crate) config: Config,
    _folder: Option<TempDir>,
}

impl Setup {
    pub(crate) fn plain() -> Option<Setup> {
        Redis::plain().map(Setup::of)
    }

    fn of(server: Redis) -> Setup {
        let config = config(server.servers());
        Setup { servers: vec![server], config, _folder: None }
    }

    pub(crate) fn password() -> Option<Setup> {
        let port = free_port();
        let arguments = ["--bind", "127.0.0.1", "--port", &port.to_string(), "--requirepass", "s3cret word"];
        let client = ["-p", &port.to_string(), "-a", "s3cret word", "--no-auth-warning"];
        let mut setup = Setup::of(Redis::start(port, &arguments, &client)?);
        setup.config.password = Some("s3cret word".to_owned());
        setup.config.database = 3;
        Some(setup)
    }

    /// A user who may do no more than what the cache needs.
    pub(crate) fn user() -> Option<Setup> {
        let port = free_port();
        let number = port.to_string();
        let mut arguments = vec!["--bind", "127.0.0.1", "--port", &number, "--user", "wharf", "on", ">pw"];
        arguments.extend([
            "~blobs::*",
            "~repository::*",
            "~wharf::*",
            "+hello",
            "+auth",
            "+get",
            "+set",
            "+del",
        ]);
        arguments.extend(["+hget", "+hmget", "+hset", "+hsetnx", "+hdel", "+sadd", "+srem", "+sismember"]);
        let mut setup = Setup::of(Redis::start(port, &arguments, &[])?);
        setup.config.username = Some("wharf".to_owned());
        setup.config.password = Some("pw".to_owned());
        setup.config.protocol = wharf_cache_redis::Protocol::Resp2;
        Some(setup)
    }

    pub(crate) fn unix() -> Option<Setup> {
        let folder = TempDir::new().unwrap();
        let socket = folder.path().join("r.sock");
        let path = socket.to_str().unwrap();
        let server = Redis::start(0, &["--port", "0", "--unixsocket", path], &["-s", path])?;
        let config = config(Servers::One(Address::Unix(socket.clone())));
        Some(Setup { servers: vec![server], config, _folder: Some(folder) })
    }

    /// A server that wants a certificate from its clients.
    pub(crate) fn tls() -> Option<Setup> {
        let certificates = Certificates::new();
        let port = free_port();
        let mut arguments = vec!["--bind", "127.0.0.1", "--port", "0", "--tls-port"];
        let number = port.to_string();
        arguments.push(&number);
        let files = certificates.arguments();
        arguments.extend(files.iter().map(String::as_str));
        let client = certificates.client_arguments(port);
        let client: Vec<&str> = client.iter().map(String::as_str).collect();
        let mut setup = Setup::of(Redis::start(port, &arguments, &client)?);
        setup.config.tls = Some(certificates.tls());
        setup._folder = Some(certificates.folder);
        Some(setup)
    }

    /// A master, two replicas, three sentinels.
    pub(crate) fn sentinel() -> Option<Setup> {
        let master = Redis::plain()?;
        let mut servers = vec![];
        for _ in 0..2 {
            let port = free_port();
            let of = format!("127.0.0.1 {}", master.port());
            let number = port.to_string();
            servers.push(Redis::start(
                port,
                &[
                    "--bind",
                    "127.0.0.1",
                    "--port",
                    &number,
                    "--repl-diskless-sync-delay",
                    "0",
                    "--replicaof",
                    &of,
                ],
                &[],
            )?);
        }
        for replica in &servers {
            wait_until(|| replica.ask(&["INFO", "replication"]).contains("master_link_status:up"));
        }
        servers.insert(0, master);
        let folder = TempDir::new().unwrap();
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            let port = free_port();
            let file = folder.path().join(format!("{port}.conf"));
            let text = format!(
                "bind 127.0.0.1\nport {port}\nsentinel monitor mymaster 127.0.0.1 {} 2\nsentinel down-after-milliseconds mymaster 1000\nsentinel failover-timeout mymaster 5000\n",
                servers[0].port(),
            );
            std::fs::write(&file, text).unwrap();
            let sentinel = Redis::start(port, &[file.to_str().unwrap(), "--sentinel"], &[])?;
            sentinels.push(sentinel.address());
            servers.push(sentinel);
        }
        for sentinel in &servers[3..] {
            wait_until(|| {
                let told = sentinel.ask(&["SENTINEL", "MASTER", "mymaster"]);
                let number =
                    |name: &str| told.lines().skip_while(|line| *line != name).nth(1).map(str::to_owned);
                number("num-slaves").as_deref() == Some("2")
                    && number("num-other-sentinels").as_deref() == Some("2")
            });
        }
        let master = "mymaster".to_owned();
        let config = config(Servers::Sentinel { master, sentinels, username: None, password: None });
        Some(Setup { servers, config, _folder: Some(folder) })
    }

    /// Three masters, each with a replica.
    pub(crate) fn cluster() -> Option<Setup> {
        let mut servers = Vec::new();
        for _ in 0..6 {
            let (port, bus) = (free_port(), free_port().to_string());
            let number = port.to_string();
            let arguments = [
                "--bind",
                "127.0.0.1",
                "--port",
                &number,
                "--cluster-port",
                &bus,
                "--cluster-enabled",
                "yes",
                "--cluster-node-timeout",
                "2000",
                "--repl-diskless-sync-delay",
                "0",
            ];
            servers.push(Redis::start(port, &arguments, &[])?);
        }
        let addresses: Vec<String> =
            servers.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
        let mut create = Command::new("redis-cli");
        create.args(["--cluster", "create"]).args(&addresses).args([
            "--cluster-replicas",
            "1",
            "--cluster-yes",
        ]);
        let made = create.output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        for server in &servers {
            wait_until(|| server.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok"));
            wait_until(|| {
                let told = server.ask(&["INFO", "replication"]);
                told.contains("role:master") || told.contains("master_link_status:up")
            });
        }
        let config = config(Servers::Cluster(servers.iter().take(2).map(Redis::address).collect()));
        Some(Setup { servers, config, _folder: None })
    }
}

pub(crate) fn wait_until(mut met: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(60);
    while !met() {
        assert!(Instant::now() < until, "it does not come about");
        sleep(Duration::from_millis(50));
    }
}

/// A certification authority with a certificate for this machine and one for a client.
pub(crate) struct Certificates {
    folder: TempDir,
}

impl Certificates {
    pub(crate) fn new() -> Certificates {
        let certificates = Certificates { folder: TempDir::new().unwrap() };
        let (subject, days) = ("/CN=wharf tests", "2");
        certificates.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days {days} -keyout ca.key -out ca.crt -subj"
        ), &[subject]);
        for name in ["server", "client"] {
            certificates.openssl(&format!(
                "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key -out {name}.csr -subj"
            ), &[&format!("/CN={name}")]);
            std::fs::write(certificates.path("extensions"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n")
                .unwrap();
            certificates.openssl(&format!(
                "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days {days} -extfile extensions -out {name}.crt"
            ), &[]);
        }
        certificates
    }

    fn openssl(&self, arguments: &str, more: &[&str]) {
        let mut command = Command::new("openssl");
        command.args(arguments.split(' ')).args(more).current_dir(self.folder.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn tls(&self) -> Tls {
        let identity = Identity { certificate: self.read("client.crt"), key: self.read("client.key") };
        Tls { roots: Some(self.read("ca.crt")), identity: Some(identity) }
    }

    fn arguments(&self) -> Vec<String> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        vec![
            "--tls-cert-file".into(),
            text(&self.path("server.crt")),
            "--tls-key-file".into(),
            text(&self.path("server.key")),
            "--tls-ca-cert-file".into(),
            text(&self.path("ca.crt")),
            "--tls-auth-clients".into(),
            "yes".into(),
        ]
    }

    fn client_arguments(&self, port: u16) -> Vec<String> {
        let text = |name: &str| self.path(name).to_str().unwrap().to_owned();
        let mut arguments = vec!["-p".to_owned(), port.to_string(), "--tls".to_owned()];
        for (option, file) in [("--cert", "client.crt"), ("--key", "client.key"), ("--cacert", "ca.crt")] {
            arguments.extend([option.to_owned(), text(file)]);
        }
        arguments
    }
}
