//! Debian's `docker-registry` 2.8.2 and we, side by side on the same file: the same requests get the same answers, but for
//! what differs on purpose, which is named here one by one. A difference that is gone has to go from the list.
//!
//! What is compared of an answer is its status, the headers that clients go by, and its body; of an error its codes and
//! messages, since the details of 2.x are printed values of Go. What depends on the run (ports, ids, states, dates) is not.

mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::{Value, json};
use tempfile::TempDir;
use wharf_tests::{Answer, Connection, Request, Server, Settings, basic, scratch};

use self::requests::{Step, steps};
use crate::interop::docker_registry;
use crate::listener::tls::Authority;

/// How each request that is answered otherwise is called, and why it is.
const ON_PURPOSE: [(&str, &str); 14] = [
    ("alive", "every answer names the version of the API, also the one that only says that we are there"),
    ("base without slash", "a redirect has no page beside its Location"),
    ("upload of nobody", "a status needs no state, so what is missing is the upload"),
    ("upload without state", "where nothing can be pushed, that is said first"),
    ("blob range beyond", "416 with a body of its own length; theirs announces the blob's and breaks off"),
    ("blob that is known", "304 has what 200 would have"),
    ("manifest that is known", "the same"),
    ("manifest without accept", "stored bytes with their media type, not 404"),
    ("tags head", "HEAD is GET without the body, not 405"),
    ("catalog head", "the same"),
    ("catalog", "a repository without a manifest is not listed"),
    ("catalog page", "the same, so nothing follows"),
    ("catalog after", "the same"),
    ("delete unknown tag", "tags can be deleted, so an unknown one is unknown"),
];

/// A way to run both, and to speak to them.
struct Manner {
    name: &'static str,
    settings: Settings,
    prefix: &'static str,
    authorization: Option<String>,
    _folder: Option<TempDir>,
}

fn manner(name: &'static str, change: impl FnOnce(Settings) -> Settings) -> Manner {
    let settings = change(Settings::filesystem());
    Manner { name, settings, prefix: "", authorization: None, _folder: None }
}

fn manners() -> Vec<Manner> {
    let folder = scratch();
    let users = folder.path().join("users");
    fs::write(&users, format!("alice:{}\n", bcrypt::hash("secret", 4).unwrap())).unwrap();
    let headers = json!({ "X-Content-Type-Options": ["nosniff"], "X-Two": ["a", "b"] });
    vec![
        manner("files", |settings| settings),
        manner("memory", |_| Settings::inmemory()),
        manner("headers", |settings| settings.with("http.headers", headers)),
        manner("relative", |settings| settings.with("http.relativeurls", true)),
        manner("host", |settings| settings.with("http.host", "https://registry.example:8443")),
        manner("no deletes", |settings| settings.without("storage.delete")),
        manner("read only", |settings| settings.with("storage.maintenance.readonly.enabled", true)),
        Manner {
            prefix: "/some/path",
            ..manner("prefix", |settings| settings.with("http.prefix", "/some/path/"))
        },
        Manner {
            authorization: Some("Bearer anything".to_owned()),
            ..manner("silly", |settings| settings.with("auth.silly", json!({ "realm": "r", "service": "s" })))
        },
        Manner {
            authorization: Some(basic("alice", "secret")),
            _folder: Some(folder),
            ..manner("htpasswd", |settings| {
                settings.with("auth.htpasswd", json!({ "realm": "the \"realm\"", "path": users }))
            })
        },
    ]
}

/// How clients reach a server.
enum Wire {
    /// A port.
    Port,
    /// A port, with TLS and certificates of both sides.
    Tls(Arc<ClientConfig>),
    /// A socket of this machine.
    Socket,
}

impl Wire {
    fn connect(&self, server: &Server) -> Connection {
        const PATIENCE: Duration = Duration::from_secs(20);
        match self {
            Self::Port => server.connect(),
            Self::Tls(config) => {
                let socket = TcpStream::connect(server.address()).unwrap();
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
                let name = "localhost".try_into().unwrap();
                let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
                Connection::over(StreamOwned::new(connection, socket), server.address().to_string())
            }
            Self::Socket => {
                let socket = UnixStream::connect(server.socket().unwrap()).unwrap();
                socket.set_read_timeout(Some(PATIENCE)).unwrap();
                Connection::over(socket, server.address().to_string())
            }
        }
    }
}

#[test]
fn the_same_requests_get_the_same_answers_but_for_what_is_named() {
    compare(&Wire::Port, |settings| settings);
}

#[test]
fn so_do_those_over_tls_of_clients_with_certificates() {
    let (folder, authority, clients) = (scratch(), Authority::new(), Authority::new());
    authority.renew(folder.path());
    fs::write(folder.path().join("clients.pem"), clients.pem()).unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let tls = json!({
        "certificate": path("certificate.pem"), "key": path("key.pem"), "clientcas": [path("clients.pem")],
        "minimumtls": "tls1.2",
    });
    let wire = Wire::Tls(authority.config(Some(clients.client())));
    compare(&wire, |settings| settings.with("http.tls", tls.clone()));
}

#[test]
fn so_do_those_over_a_socket_of_the_machine() {
    compare(&Wire::Socket, |settings| settings.with("http.net", "unix").with("http.addr", "registry.sock"));
}

/// Asks both everything, on each file as it is changed for the wire, and compares.
fn compare(wire: &Wire, change: impl Fn(Settings) -> Settings) {
    let (mut count, mut found) = (0, BTreeMap::<&str, String>::new());
    for manner in manners() {
        let settings = change(manner.settings.clone());
        let ours = Server::wharf(&settings);
        let Some(theirs) = docker_registry(&settings) else { return };
        let answers = [&ours, &theirs].map(|server| ask_all(server, wire, &manner));
        assert_eq!(answers[0].len(), answers[1].len(), "{}", manner.name);
        for ((step, ours), (_, theirs)) in answers[0].iter().zip(&answers[1]) {
            count += 1;
            if ours != theirs {
                let text = format!("{} ({}):\n ours {ours}\n theirs {theirs}\n", step, manner.name);
                found.entry(step).or_default().push_str(&text);
            }
        }
    }
    assert!(count >= 300, "{count}");
    let named: BTreeSet<&str> = ON_PURPOSE.iter().map(|(step, _)| *step).collect();
    let unnamed: Vec<&String> =
        found.iter().filter(|(step, _)| !named.contains(*step)).map(|(_, text)| text).collect();
    assert!(unnamed.is_empty(), "{}", unnamed.iter().map(|text| text.as_str()).collect::<String>());
    let gone: Vec<&&str> = named.iter().filter(|step| !found.contains_key(**step)).collect();
    assert!(gone.is_empty(), "these do not differ any more: {gone:?}");
}

/// Sends every request, each with what the ones before it were answered, and gives what is compared.
fn ask_all(server: &Server, wire: &Wire, manner: &Manner) -> Vec<(&'static str, String)> {
    let mut kept = BTreeMap::new();
    let mut answers = Vec::new();
    for Step { name, request, keeps, anonymous } in steps() {
        let fill = |text: &str| {
            kept.iter().fold(text.to_owned(), |text, (key, value): (&&str, &String)| text.replace(key, value))
        };
        let (head, body) = request.split_once("\n\n").unwrap_or((&request, ""));
        let (method, target) = head.split_once(' ').unwrap();
        let (target, head) = target.split_once('\n').unwrap_or((target, ""));
        let mut target = fill(target);
        if target.starts_with("/v2") && !target.starts_with(manner.prefix) {
            target = format!("{}{target}", manner.prefix);
        }
        if target.contains('{') {
            // There is no upload to go on with, since this registry does not take any.
            continue;
        }
        let mut sent = Request::new(method, &target);
        for line in head.lines() {
            let (name, value) = line.split_once(": ").unwrap();
            sent = sent.header(name, fill(value));
        }
        if let Some(authorization) = manner.authorization.as_ref().filter(|_| !anonymous) {
            sent = sent.header("Authorization", authorization.clone());
        }
        if !body.is_empty() || ["PUT", "PATCH", "POST"].contains(&method) {
            sent = sent.body(fill(body));
        }
        let Some(answer) = whole(wire.connect(server), &sent) else {
            answers.push((name, "an answer that is not whole".to_owned()));
            continue;
        };
        if let (Some(key), Some(location)) = (keeps, answer.header("location")) {
            kept.insert(key, wharf_tests::path_of(location));
        }
        answers.push((name, compared(server, &answer)));
    }
    answers
}

/// The answer to a request; none when it breaks off, as some of 2.8.2 do.
fn whole(mut connection: Connection, request: &Request) -> Option<Answer> {
    let _answered_before_it_was_sent = connection.send(request);
    connection.answer(request.method()).ok()
}

/// What is compared of an answer, as text.
fn compared(server: &Server, answer: &Answer) -> String {
    const HEADERS: [&str; 18] = [
        "content-type",
        "location",
        "range",
        "docker-content-digest",
        "etag",
        "docker-distribution-api-version",
        "www-authenticate",
        "link",
        "allow",
        "accept-ranges",
        "content-range",
        "cache-control",
        "x-two",
        "x-content-type-options",
        "docker-upload-uuid",
        "retry-after",
        "vary",
        "last-modified",
    ];
    // Where nothing leads, or nothing is done, theirs say so in plain text, and seldom what would be allowed.
    let plain = answer.all("content-type").iter().any(|kind| kind.starts_with("text/plain"));
    if matches!(answer.status, 404 | 405) && (plain || answer.code() == "UNSUPPORTED") {
        return format!("{}: there is no such thing to do", answer.status);
    }
    let mut text = answer.status.to_string();
    for name in HEADERS {
        for value in answer.all(name) {
            // 2.x names the encoding of JSON, 3.x does not.
            let value =
                value.replace(&server.address().to_string(), "ADDRESS").replace("; charset=utf-8", "");
            text += &format!(
                " {name}={}",
                if name == "docker-upload-uuid" { "ID".to_owned() } else { without_ids(&value) }
            );
        }
    }
    text + " " + &body(answer)
}

fn body(answer: &Answer) -> String {
    let Ok(json) = serde_json::from_slice::<Value>(&answer.body) else {
        return without_border(answer);
    };
    let Some(errors) = json["errors"].as_array() else { return json.to_string() };
    let told: Vec<String> =
        errors.iter().map(|error| format!("{} {}", error["code"], error["message"])).collect();
    told.join(", ")
}

/// A body of several ranges has a border that is made up anew each time.
fn without_border(answer: &Answer) -> String {
    let kind = answer.all("content-type").join("");
    match kind.split_once("boundary=") {
        Some((_, border)) => answer.text().replace(border, "BORDER"),
        None => answer.text(),
    }
}

/// A header without the id and the state of an upload, and without the border of several ranges.
fn without_ids(value: &str) -> String {
    let value = value.split("boundary=").next().unwrap_or_default();
    match value.split_once("/blobs/uploads/") {
        Some((before, _)) => format!("{before}/blobs/uploads/ID"),
        None => value.to_owned(),
    }
}
