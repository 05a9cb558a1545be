//! A small token server: it knows a few users and gives out what each may have.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::{fs, thread};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{TokenKey, basic, claims};
use crate::program::scratch;

/// Is how tokens name the key that signed them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyName {
    /// As 3.x does.
    Thumbprint,
    /// As 2.x does.
    Libtrust,
    /// By the certificate itself.
    Chain,
}

/// Is a token server that runs until it is dropped. User `alice` with the password `wonder` may do anything below `team/`
/// and pull from `public/`; whoever does not say who it is may pull from `public/`.
#[derive(Debug)]
pub struct TokenServer {
    key: Arc<TokenKey>,
    name: KeyName,
    address: SocketAddr,
    folder: TempDir,
    asked: Arc<Mutex<Vec<String>>>,
}

impl TokenServer {
    /// Starts one whose tokens name their key in this way.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    #[must_use]
    pub fn start(name: KeyName) -> TokenServer {
        let (key, folder) = (Arc::new(TokenKey::generate()), scratch());
        fs::write(folder.path().join("bundle.pem"), key.pem()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = TokenServer { key, name, address, folder, asked: Arc::default() };
        let (key, asked) = (Arc::clone(&server.key), Arc::clone(&server.asked));
        // The thread ends with the process: nobody waits for it.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let _the_client_went_away = serve(stream, &key, name, &asked);
            }
        });
        server
    }

    /// Gives the key that signs its tokens.
    #[must_use]
    pub fn key(&self) -> &TokenKey {
        &self.key
    }

    /// Gives the file with the certificate of its key.
    #[must_use]
    pub fn bundle(&self) -> PathBuf {
        self.folder.path().join("bundle.pem")
    }

    /// Gives its folder, for other files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Gives the `auth` section of a registry that believes it.
    #[must_use]
    pub fn auth(&self) -> Value {
        json!({ "token": {
            "realm": format!("http://{}/token", self.address), "service": "registry.test", "issuer": "tests",
            "rootcertbundle": self.bundle(),
        }})
    }

    /// Gives an `Authorization` header with a token that it would give out.
    #[must_use]
    pub fn bearer(&self, user: &str, scopes: &[&str]) -> String {
        format!("Bearer {}", self.key.sign(header(&self.key, self.name), &claims(user, scopes)))
    }

    /// Gives the queries that it was asked.
    ///
    /// # Panics
    ///
    /// When it died.
    #[must_use]
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn header(key: &TokenKey, name: KeyName) -> Value {
    match name {
        KeyName::Thumbprint => json!({ "typ": "JWT", "kid": key.thumbprint() }),
        KeyName::Libtrust => json!({ "typ": "JWT", "kid": key.libtrust_id() }),
        KeyName::Chain => json!({ "typ": "JWT", "x5c": [key.x5c()] }),
    }
}

fn serve(
    mut stream: TcpStream,
    key: &TokenKey,
    name: KeyName,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut authorization = String::new();
    for line in lines.by_ref() {
        let line = line?;
        match line.split_once(": ") {
            Some((key, value)) if key.eq_ignore_ascii_case("authorization") => {
                value.clone_into(&mut authorization)
            }
            Some(_) => {}
            None => break,
        }
    }
    let query =
        request.split(' ').nth(1).and_then(|target| target.split_once('?')).map_or("", |(_, query)| query);
    asked.lock().unwrap().push(query.to_owned());
    let user = match authorization {
        none if none.is_empty() => Some(""),
        alice if alice == basic("alice", "wonder") => Some("alice"),
        _ => None,
    };
    let (status, body) = match user {
        // Some clients ask by POST first, and by GET when they are told that this is unknown.
        _ if !request.starts_with("GET /token") => ("404 Not Found", json!({})),
        None => ("401 Unauthorized", json!({ "details": "incorrect username or password" })),
        Some(user) => {
            let scopes = granted(user, query);
            let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
            let token = key.sign(header(key, name), &claims(user, &scopes));
            ("200 OK", json!({ "token": token, "access_token": token, "expires_in": 300 }))
        }
    };
    let body = body.to_string();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// What of the scopes in a query a user gets.
fn granted(user: &str, query: &str) -> Vec<String> {
    let scopes = query.split('&').filter_map(|pair| pair.strip_prefix("scope="));
    let scopes = scopes.map(|scope| scope.replace("%3A", ":").replace("%2F", "/").replace("%2C", ","));
    let scopes: Vec<String> =
        scopes.flat_map(|scopes| scopes.split(['+', ' ']).map(str::to_owned).collect::<Vec<_>>()).collect();
    let grant = |scope: &String| {
        let (resource, actions) = scope.rsplit_once(':')?;
        match resource.strip_prefix("repository:")? {
            name if name.starts_with("team/") && user == "alice" => Some(scope.clone()),
            name if name.starts_with("public/") && actions.contains("pull") => {
                Some(format!("{resource}:pull"))
            }
            _ => None,
        }
    };
    scopes.iter().filter_map(grant).collect()
}
