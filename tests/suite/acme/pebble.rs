//! Pebble: the ACME server by which Let's Encrypt lets clients be tested, with a DNS server that knows every host.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;
use wharf_tests::{Settings, free_port, installed, scratch, skip};

use crate::listener::soon;

/// Is an ACME server that runs. Dropping the value kills it.
pub(super) struct Pebble {
    folder: TempDir,
    port: u16,
    management: u16,
    /// Where it looks for hosts.
    pub(super) tls_port: u16,
    children: Vec<Child>,
}

impl Pebble {
    /// Starts one whose certificates hold for so many seconds, and which finds every host at an address; `None` where it is not
    /// installed, which is said.
    pub(super) fn start(seconds: u64, address: &str) -> Option<Pebble> {
        let (Some(pebble), Some(dns)) = (installed("pebble"), installed("pebble-challtestsrv")) else {
            skip("pebble and pebble-challtestsrv are not installed");
            return None;
        };
        let (port, management, tls_port) = (free_port(), free_port(), free_port());
        let mut server = Pebble { folder: scratch(), port, management, tls_port, children: Vec::new() };
        server.write_certificate();
        fs::write(server.path("config.json"), server.config(seconds).to_string()).unwrap();
        let dns_address = format!("127.0.0.1:{}", free_port());
        let nowhere = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "", "-defaultIPv6", ""];
        let management = format!("127.0.0.1:{}", free_port());
        let at = ["-dnsserver", &dns_address, "-management", &management, "-defaultIPv4", address];
        server.launch(Command::new(dns).args(nowhere).args(at), "dns");
        let mut command = Command::new(pebble);
        command.arg("-config").arg(server.path("config.json")).args(["-dnsserver", &dns_address]);
        // It refuses some nonces, to see whether clients try again. With its default, one in twenty, a few orders would fail.
        server.launch(command.env("PEBBLE_VA_NOSLEEP", "1").env("PEBBLE_WFE_NONCEREJECT", "1"), "log");
        let ports = [port, server.management].map(|port| format!("127.0.0.1:{port}"));
        for address in ports.iter().chain([&dns_address]) {
            soon("the ACME server is up", || TcpStream::connect(address).ok());
        }
        Some(server)
    }

    /// Settings of a server whose certificates are its, for hosts of a list, in a folder.
    pub(super) fn settings(&self, folder: &Path, hosts: &[&str]) -> Settings {
        let letsencrypt = json!({
            "cachefile": folder, "hosts": hosts, "email": "operator@example.org", "directoryurl": self.directory(),
        });
        Settings::filesystem()
            .with("http.addr", format!("127.0.0.1:{}", self.tls_port))
            .with("http.tls.letsencrypt", letsencrypt)
            .with_variable("SSL_CERT_FILE", self.authority().display().to_string())
    }

    fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.port)
    }

    /// The file with the certificate that vouches for the ACME server itself.
    fn authority(&self) -> PathBuf {
        self.path("authority.pem")
    }

    /// A file with the certificate that vouches for all that it issues.
    pub(super) fn root(&self) -> PathBuf {
        let file = self.path("root.pem");
        if !file.exists() {
            let socket = TcpStream::connect(("127.0.0.1", self.management)).unwrap();
            let connection =
                ClientConnection::new(trusting(&self.authority()), "localhost".try_into().unwrap());
            let mut stream = StreamOwned::new(connection.unwrap(), socket);
            stream.write_all(b"GET /roots/0 HTTP/1.0\r\n\r\n").unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            fs::write(&file, &answer[answer.find("-----BEGIN").unwrap()..]).unwrap();
        }
        file
    }

    /// How many orders it was given, and how many accounts it has.
    pub(super) fn orders_and_accounts(&self) -> (usize, usize) {
        let log = fs::read_to_string(self.path("log")).unwrap();
        let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count();
        (lines("Added order "), lines("accounts in memory"))
    }

    /// Ends it.
    pub(super) fn kill(&mut self) {
        for mut child in self.children.drain(..) {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn launch(&mut self, command: &mut Command, log: &str) {
        let log = File::create(self.path(log)).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.children.push(command.spawn().unwrap());
    }

    fn config(&self, seconds: u64) -> Value {
        let address = |port: u16| format!("127.0.0.1:{port}");
        json!({ "pebble": {
            "listenAddress": address(self.port), "managementListenAddress": address(self.management),
            "certificate": self.path("certificate.pem"), "privateKey": self.path("key.pem"),
            "httpPort": 1, "tlsPort": self.tls_port, "retryAfter": { "authz": 1, "order": 1 }, "keyAlgorithm": "ecdsa",
            "profiles": { "default": { "description": "the only one", "validityPeriod": seconds } },
        }})
    }

    /// Makes the certificate that the ACME server itself shows, and who vouches for it.
    fn write_certificate(&self) {
        let mut params = CertificateParams::new(vec!["authority.example".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pair = KeyPair::generate().unwrap();
        fs::write(self.authority(), params.self_signed(&pair).unwrap().pem()).unwrap();
        let issuer = Issuer::new(params, pair);
        let pair = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        fs::write(self.path("certificate.pem"), params.signed_by(&pair, &issuer).unwrap().pem()).unwrap();
        fs::write(self.path("key.pem"), pair.serialize_pem()).unwrap();
    }
}

impl Drop for Pebble {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _already_dead = child.kill();
            let _ = child.wait();
        }
    }
}

/// What a client goes by that trusts the certificates of a file. It never resumes a session, and so sees what is shown each time.
pub(super) fn trusting(file: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Arc::new(config)
}
