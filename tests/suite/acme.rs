//! Certificates that are fetched: from a real ACME server, for the clients of a real registry.

mod pebble;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::json;
use wharf_tests::{Client, Image, Server, free_port, installed, scratch};

use crate::listener::soon;
use crate::listener::tls::{Authority, Stream, ask};
use pebble::{Pebble, trusting};

/// A certificate that is not renewed while a test runs, in seconds.
const LONG: u64 = 90 * 24 * 3600;
/// One that is, when two thirds of this are over, in seconds.
const SHORT: u64 = 30;
/// How long a handshake may take, an order included.
const PATIENCE: Duration = Duration::from_secs(40);

fn connect(address: SocketAddr, host: &str, config: &Arc<ClientConfig>) -> io::Result<Stream> {
    let socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let host = host.to_owned().try_into().map_err(io::Error::other)?;
    let connection = ClientConnection::new(Arc::clone(config), host).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, socket))
}

/// Asks for `/v2/`, and gives the certificate that was shown.
fn shown(address: SocketAddr, host: &str, config: &Arc<ClientConfig>) -> io::Result<Vec<u8>> {
    let mut stream = connect(address, host, config)?;
    ask(&mut stream)?;
    Ok(stream.conn.peer_certificates().unwrap()[0].to_vec())
}

/// The certificate that a server shows, which it has to.
#[track_caller]
fn certificate_of(server: &Server, host: &str, config: &Arc<ClientConfig>) -> Vec<u8> {
    shown(server.address(), host, config).unwrap_or_else(|error| panic!("{host}: {error}\n{}", server.log()))
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_certificate_is_fetched_at_the_first_handshake_and_kept() {
    let Some(mut pebble) = Pebble::start(LONG, "127.0.0.1") else { return };
    let above = scratch();
    let folder = above.path().join("certificates");
    let mut server = Server::wharf(&pebble.settings(&folder, &["localhost", "registry.test"]));
    assert_eq!(pebble.orders_and_accounts(), (0, 0), "nobody has asked yet");
    let config = trusting(&pebble.root());
    let first = certificate_of(&server, "registry.test", &config);
    assert_eq!(certificate_of(&server, "Registry.TEST", &config), first);
    assert_eq!(pebble.orders_and_accounts(), (1, 1));
    soon("the answer to the challenge is gone", || {
        let expected = ["acme_account+key", "registry.test", "registry.test+lock"].map(str::to_owned);
        (names(&folder) == BTreeSet::from(expected)).then_some(())
    });
    for name in ["acme_account+key", "registry.test"] {
        let file = folder.join(name);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(&file).unwrap().starts_with("-----BEGIN EC PRIVATE KEY-----\n"));
    }
    assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(!server.log().contains("PRIVATE KEY"));

    pebble.kill();
    server.restart();
    assert_eq!(certificate_of(&server, "registry.test", &config), first, "it was kept");
}

#[test]
fn clients_push_and_pull_over_a_fetched_certificate() {
    let Some(pebble) = Pebble::start(LONG, "127.0.0.1") else { return };
    let crane = std::env::var_os("WHARF_TESTS_CRANE").map(Into::into).or_else(|| installed("crane"));
    let Some(crane) = crane else { return wharf_tests::skip("crane is not installed") };
    let (certificates, layouts) = (scratch(), scratch());
    let server = Server::wharf(&pebble.settings(certificates.path(), &["localhost"]));
    let roots = format!("SSL_CERT_FILE={}", pebble.root().display());
    let crane = Client::installed("env").unwrap().with([roots, crane.display().to_string()]);
    let (pushed, pulled) = (layouts.path().join("pushed"), layouts.path().join("pulled"));
    let layout = Image::tiny(1).write_layout(&pushed, "v1");
    let reference = format!("localhost:{}/a/b:v1", server.address().port());
    crane.run(&["push", layout.folder.to_str().unwrap(), &reference]);
    crane.run(&["pull", "--format=oci", &reference, pulled.to_str().unwrap()]);
    crane.run(&["validate", "--remote", &reference]);
    assert!(server.access_log().contains("PUT /v2/a/b/manifests/v1"), "{}", server.access_log());
    assert_eq!(pebble.orders_and_accounts(), (1, 1));
}

#[test]
fn a_certificate_is_renewed_under_load_and_no_request_fails() {
    let Some(pebble) = Pebble::start(SHORT, "127.0.0.1") else { return };
    let folder = scratch();
    let server = Server::wharf(&pebble.settings(folder.path(), &["registry.test"]));
    let config = trusting(&pebble.root());
    let first = certificate_of(&server, "registry.test", &config);
    let started = Instant::now();
    let (stop, requests) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (server, config) = (&server, &config);
    scope(|threads| {
        for kept in [true, false] {
            let (stop, requests) = (&stop, &requests);
            threads.spawn(move || {
                let connect = || connect(server.address(), "registry.test", config).unwrap();
                let mut stream = connect();
                while !stop.load(Ordering::Relaxed) {
                    ask(&mut stream).unwrap_or_else(|error| panic!("{error}\n{}", server.log()));
                    requests.fetch_add(1, Ordering::Relaxed);
                    if !kept {
                        stream = connect();
                    }
                    sleep(Duration::from_millis(2));
                }
            });
        }
        let until = Instant::now() + Duration::from_secs(SHORT);
        let is_old = || shown(server.address(), "registry.test", config).is_ok_and(|shown| shown == first);
        while is_old() && Instant::now() < until {
            sleep(Duration::from_millis(100));
        }
        stop.store(true, Ordering::Relaxed);
    });
    // What had ended would have been replaced at a handshake, and that would have been too late.
    let ahead = Instant::now() < started + Duration::from_secs(SHORT - 2);
    assert!(ahead, "it is not renewed ahead of its end\n{}", server.log());
    assert!(requests.load(Ordering::Relaxed) > 100, "that was no load");
    let renewed = certificate_of(server, "registry.test", config);
    assert_ne!(renewed, first);
    assert_eq!(pebble.orders_and_accounts(), (2, 1));
}

#[test]
fn a_host_that_is_not_on_the_list_gets_no_certificate_and_no_order() {
    let Some(pebble) = Pebble::start(LONG, "127.0.0.1") else { return };
    let folder = scratch();
    let server = Server::wharf(&pebble.settings(folder.path(), &["registry.test"]));
    let config = trusting(&pebble.root());
    // An address is not sent as a name: such a client asks for no host at all.
    for host in ["other.test", "a.registry.test", "registry.test.other", "localhost", "127.0.0.1"] {
        assert!(shown(server.address(), host, &config).is_err(), "{host}");
    }
    assert_eq!(pebble.orders_and_accounts(), (0, 0));
    assert_eq!(names(folder.path()), BTreeSet::new());
    // Nor is anything served to whoever claims to be an ACME server.
    let mut proof = ClientConfig::clone(&config);
    proof.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    for host in ["other.test", "registry.test"] {
        assert!(shown(server.address(), host, &Arc::new(proof.clone())).is_err(), "{host}");
    }
    assert_eq!(pebble.orders_and_accounts(), (0, 0));
    certificate_of(&server, "registry.test", &config);
}

#[test]
fn an_acme_server_that_does_not_answer_is_said_and_asked_again_later() {
    let Some(pebble) = Pebble::start(LONG, "127.0.0.1") else { return };
    let (folder, nobody) = (scratch(), free_port());
    let settings = pebble
        .settings(folder.path(), &["registry.test"])
        .with("http.tls.letsencrypt.directoryurl", format!("https://localhost:{nobody}/directory"));
    let mut server = Server::wharf(&settings);
    let config = trusting(&pebble.root());
    for _ in 0..3 {
        assert!(shown(server.address(), "registry.test", &config).is_err());
    }
    let log = server.log();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("no certificate could be fetched")).collect();
    assert!(lines.len() == 1, "it was tried once, and not again at once:\n{log}");
    for part in ["host=registry.test", "again=60s", "onnection refused"] {
        assert!(lines[0].contains(part), "{part}: {}", lines[0]);
    }
    assert!(!log.contains("PRIVATE KEY"));
    let key = fs::read(folder.path().join("acme_account+key")).unwrap();
    assert!(server.terminate().success());

    server.reconfigure(&pebble.settings(folder.path(), &["registry.test"]));
    server.start_again();
    certificate_of(&server, "registry.test", &config);
    assert!(fs::read(folder.path().join("acme_account+key")).unwrap() == key, "the account stays the same");
}

#[test]
fn a_host_that_cannot_prove_itself_is_said_with_what_the_acme_server_saw() {
    // Nobody listens where it looks.
    let Some(pebble) = Pebble::start(LONG, "127.0.0.9") else { return };
    let folder = scratch();
    let server = Server::wharf(&pebble.settings(folder.path(), &["registry.test"]));
    let config = trusting(&pebble.root());
    for _ in 0..3 {
        assert!(shown(server.address(), "registry.test", &config).is_err());
    }
    let log = server.log();
    let line = log.lines().find(|line| line.contains("no certificate could be fetched")).unwrap();
    assert!(
        line.contains("did not prove itself") && line.contains("Failed to connect to 127.0.0.9:"),
        "{line}"
    );
    assert_eq!(pebble.orders_and_accounts().0, 1, "it is left alone for a while");
    assert!(!names(folder.path()).contains("registry.test+token"), "nothing stays behind");
}

#[test]
fn two_servers_on_one_folder_order_once_and_answer_for_each_other() {
    // It finds the host at the first server, whoever has ordered.
    let Some(pebble) = Pebble::start(LONG, "127.0.0.1") else { return };
    let folder = scratch();
    let hosts = ["one.test", "two.test", "three.test"];
    let settings = pebble.settings(folder.path(), &hosts);
    let first = Server::wharf(&settings);
    let second = Server::wharf(&settings.with("http.addr", format!("127.0.0.2:{}", pebble.tls_port)));
    let config = trusting(&pebble.root());
    let by_second = certificate_of(&second, "one.test", &config);
    assert_eq!(certificate_of(&first, "one.test", &config), by_second);
    assert_eq!(pebble.orders_and_accounts(), (1, 1));

    let found: Vec<Vec<u8>> = scope(|threads| {
        let asked = [(&first, hosts[1]), (&second, hosts[1]), (&first, hosts[2]), (&second, hosts[2])];
        let asked = asked.map(|(server, host)| {
            let config = &config;
            threads.spawn(move || certificate_of(server, host, config))
        });
        asked.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(found[0] == found[1] && found[2] == found[3] && found[0] != found[2]);
    assert_eq!(pebble.orders_and_accounts(), (3, 1), "one for each host, by one account");
}

#[test]
fn an_acme_server_needs_no_certificate_where_clients_need_one() {
    let Some(pebble) = Pebble::start(LONG, "127.0.0.1") else { return };
    let (folder, clients) = (scratch(), Authority::new());
    let file = folder.path().join("clients.pem");
    fs::write(&file, clients.pem()).unwrap();
    let settings = pebble.settings(&folder.path().join("certificates"), &["localhost"]);
    let server = Server::wharf(&settings.with("http.tls.clientcas", json!([file])));
    assert!(
        shown(server.address(), "localhost", &trusting(&pebble.root())).is_err(),
        "no client certificate"
    );
    let mut stream = connect(server.address(), "localhost", &clients.client_of(&pebble.root())).unwrap();
    ask(&mut stream).unwrap();
    assert_eq!(pebble.orders_and_accounts(), (1, 1));
}

#[test]
fn a_handshake_may_wait_longer_for_its_certificate_than_a_client_for_its_words() {
    let Some(pebble) = Pebble::start(LONG, "127.0.0.1") else { return };
    let folder = scratch();
    let settings = pebble.settings(folder.path(), &["registry.test"]);
    let server = Server::wharf(&settings.with("http.limits.header", "2s"));
    // Another process orders for the host, it seems.
    let lock = fs::File::create(folder.path().join("registry.test+lock")).unwrap();
    lock.lock().unwrap();
    let config = trusting(&pebble.root());
    scope(|threads| {
        let waiting = threads.spawn(|| certificate_of(&server, "registry.test", &config));
        sleep(Duration::from_secs(4));
        assert!(!waiting.is_finished() && pebble.orders_and_accounts() == (0, 0));
        drop(lock);
        waiting.join().unwrap();
    });
    assert_eq!(pebble.orders_and_accounts(), (1, 1));
}

#[test]
fn a_handshake_that_nobody_finishes_holds_up_no_order() {
    let Some(pebble) = Pebble::start(LONG, "127.0.0.1") else { return };
    let folder = scratch();
    let server = Server::wharf(&pebble.settings(folder.path(), &["registry.test"]));
    let config = trusting(&pebble.root());
    // They say what they want, and are gone before there is a certificate.
    for _ in 0..20 {
        let mut stream = connect(server.address(), "registry.test", &config).unwrap();
        stream.conn.write_tls(&mut stream.sock).unwrap();
        stream.sock.flush().unwrap();
    }
    certificate_of(&server, "registry.test", &config);
    assert_eq!(pebble.orders_and_accounts(), (1, 1));
}
