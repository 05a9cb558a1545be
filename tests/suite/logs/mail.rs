//! Mail about lines of the log, to a real server: Debian's aiosmtpd, in a few lines of Python.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use wharf_tests::{Server, Settings, scratch, skip};

use crate::listener::tls::Authority;
use crate::listener::{Program, soon};

/// Prints the port, then each letter with how it came.
const SERVER: &str = r#"
import asyncio, json, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult

class Printed:
    async def handle_DATA(self, server, session, envelope):
        print(json.dumps({
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "encrypted": session.ssl is not None,
            "user": (session.auth_data or b"").decode() if session.authenticated else None,
            "text": envelope.content.decode(),
        }), flush=True)
        return "250 OK"

def login(server, session, envelope, mechanism, data):
    good = (data.login, data.password) == (b"mailuser", b"not for the log")
    return AuthResult(success=good, auth_data=data.login)

async def main():
    context = None
    if len(sys.argv) > 1:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
    make = lambda: SMTP(Printed(), hostname="mail", tls_context=context, authenticator=login, auth_require_tls=True)
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"#;

/// A mail server, and what it was sent.
struct Post {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
    port: u16,
}

impl Post {
    /// Starts a server, with TLS where there is a folder with a certificate; none where it is not installed.
    fn start(tls: Option<&TempDir>) -> Option<Post> {
        let installed =
            Command::new("/usr/bin/python3").args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status();
        if !installed.is_ok_and(|status| status.success()) {
            skip("aiosmtpd is not installed");
            return None;
        }
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-W", "ignore", "-c", SERVER]).stdout(Stdio::piped());
        if let Some(folder) = tls {
            command.arg(folder.path().join("certificate.pem")).arg(folder.path().join("key.pem"));
        }
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        output.read_line(&mut port).unwrap();
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Some(Post { child, lines, port: port.trim().parse().unwrap() })
    }

    /// The next letter.
    #[track_caller]
    fn letter(&self) -> Value {
        let line = self.lines.recv_timeout(super::PATIENCE).expect("a letter");
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Post {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server without `http.secret`, which it warns about, with a hook for lines of these levels.
fn hooked(port: u16, levels: &[&str]) -> Settings {
    let options = json!({
        "smtp": { "addr": format!("127.0.0.1:{port}") }, "from": "registry@example.com",
        "to": ["ops@example.com", "others@example.com"],
    });
    let hooks = json!([{ "type": "mail", "levels": levels, "options": options }]);
    Settings::inmemory().without("http.secret").with("log.hooks", hooks)
}

/// The text of a letter, without what makes lines short.
fn text(letter: &Value) -> String {
    letter["text"].as_str().unwrap().replace("=\r\n", "").replace("\r\n ", " ")
}

#[test]
fn a_line_of_a_level_that_is_wanted_is_sent_as_distribution_sends_it() {
    let Some(post) = Post::start(None) else { return };
    let users = scratch();
    let htpasswd = json!({ "realm": "r", "path": users.path().join("users") });
    let settings =
        hooked(post.port, &["warn"]).with("auth.htpasswd", htpasswd).with("log.fields.service", "depot");
    let server = Server::wharf(&settings);
    let log = server.log();
    let made = post.letter();
    assert_eq!(made["from"], "registry@example.com");
    assert_eq!(made["to"], json!(["ops@example.com", "others@example.com"]));
    let said = text(&made);
    assert!(said.contains("Subject: [warning] 127.0.0.1: there was no htpasswd file: "), "{said}");
    assert!(said.contains("service: depot\r\n") && said.contains("user: docker\r\n"), "{said}");
    assert!(said.contains("password: (hidden)\r\n"), "{said}");
    let password = log.split_once("password=").unwrap().1.split_whitespace().next().unwrap();
    assert!(!said.contains(password.trim_matches('"')), "{said}");
    assert!(text(&post.letter()).contains("http.secret is not set"));
}

#[test]
fn whoever_logs_in_does_so_over_tls_that_is_verified() {
    let (folder, authority) = (scratch(), Authority::new());
    authority.renew(folder.path());
    let Some(post) = Post::start(Some(&folder)) else { return };
    let roots = folder.path().join("roots.pem");
    fs::write(&roots, authority.pem()).unwrap();
    let login = json!({ "addr": format!("localhost:{}", post.port), "username": "mailuser", "password": "not for the log" });
    let settings = hooked(post.port, &["warning"]).with("http.addr", "127.0.0.1:0");
    let mut hooks = json!([{ "type": "mail", "levels": ["warning"] }]);
    hooks[0]["options"] = json!({ "smtp": login, "from": "registry@example.com", "to": ["ops@example.com"] });
    let settings = settings.with("log.hooks", hooks);
    let mut program = Program::start(&settings, scratch(), |command| {
        command.env("SSL_CERT_FILE", &roots);
    });
    let letter = post.letter();
    assert_eq!((&letter["encrypted"], &letter["user"]), (&json!(true), &json!("mailuser")));
    program.stop();

    let mut stranger = Program::start(&settings, scratch(), |command| {
        command.env("SSL_CERT_FILE", "/dev/null");
    });
    soon("it complains", || stranger.log().contains("could not be sent by mail").then_some(()));
    stranger.stop();
    assert!(post.lines.try_recv().is_err(), "nothing is sent to somebody else");
    assert!(!stranger.log().contains("not for the log"), "{}", stranger.log());
}

#[test]
fn the_reason_that_a_server_ends_for_is_sent_before_it_does() {
    let Some(post) = Post::start(None) else { return };
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = scratch();
    let file = folder.path().join("config.yml");
    let settings = hooked(post.port, &["fatal"]).with("http.addr", address.as_str());
    fs::write(&file, settings.text(folder.path())).unwrap();
    let output = Command::new(wharf_tests::wharf()).arg("serve").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&post.letter());
    assert!(said.contains("Subject: [fatal] 127.0.0.1: cannot listen on"), "{said}");
    assert!(said.contains(&address), "{said}");
}

#[test]
fn a_mail_server_that_is_away_or_says_nothing_holds_up_nobody() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port = silent.local_addr().unwrap().port();
    for (port, complains) in [(port, false), (away, true)] {
        let settings = hooked(port, &["info", "warning"]);
        let server = Server::wharf(&settings);
        for _ in 0..300 {
            server.get("/v2/a/b/manifests/none").assert_status(404);
        }
        assert_eq!(server.log().matches("could not be sent by mail").count(), usize::from(complains));
    }
}
