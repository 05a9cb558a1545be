//! systemd: a socket that it has bound, and the word that the program is ready.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::Command;

use wharf_tests::{Settings, scratch};

use super::{PATIENCE, Program, ask};

/// Hands a socket over as the first of those that systemd passes.
fn give(command: &mut Command, socket: impl Into<OwnedFd>) {
    command.env("LISTEN_FDS", "1").stdin(socket.into());
}

#[test]
fn a_socket_of_systemd_is_used_in_place_of_the_address() {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    // The address would be an error if anybody looked at it.
    let settings = Settings::inmemory().with("http.addr", "256.0.0.1:1");
    let mut program = Program::start(&settings, scratch(), |command| give(command, socket));
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap_or_else(|error| panic!("{error}\n{}", program.log()));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    program.stop();
    assert!(program.log().contains("using the socket of systemd"), "{}", program.log());

    let folder = scratch();
    let path = folder.path().join("given.sock");
    let socket = UnixListener::bind(&path).unwrap();
    let mut program = Program::start(&settings, folder, |command| give(command, socket));
    assert!(ask(&path).starts_with("HTTP/1.1 200"), "{}", program.log());
    program.stop();
    assert!(path.exists(), "systemd still listens there");
}

#[test]
fn systemd_hears_when_the_program_is_ready_and_when_it_stops() {
    let folder = scratch();
    let path = folder.path().join("notify.sock");
    let notified = UnixDatagram::bind(&path).unwrap();
    notified.set_read_timeout(Some(PATIENCE)).unwrap();
    let heard = || {
        let mut text = [0; 100];
        let length = notified.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).trim().to_owned()
    };
    let mut program = Program::start(&Settings::inmemory(), folder, |command| {
        command.env("NOTIFY_SOCKET", &path);
    });
    assert_eq!(heard(), "READY=1");
    program.stop();
    assert_eq!(heard(), "STOPPING=1");
}
