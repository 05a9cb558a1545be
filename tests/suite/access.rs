//! Who may enter and what they may do: by users, tokens and rules, and in spite of those who try to get around them.

mod attacks;
mod clients;
mod explain;
mod htpasswd;
mod reload;
mod rules;
mod timing;
mod token;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use wharf_tests::{Answer, Image, Request, Server, Settings, basic, scratch, sha256, with_query};

/// The cost of hashes where nobody measures time.
const CHEAP: u32 = 4;

/// Is a registry with users `alice`, `bob` and `admin`, whose passwords are their names backwards.
struct Guarded {
    server: Server,
    folder: TempDir,
}

impl Guarded {
    /// Starts one with rules, or without where they are null.
    fn start(settings: &Settings, rules: &Value) -> Guarded {
        Guarded::with_cost(settings, rules, CHEAP)
    }

    fn with_cost(settings: &Settings, rules: &Value, cost: u32) -> Guarded {
        let folder = scratch();
        let lines = ["alice", "bob", "admin"].map(|user| line(user, &password(user), cost));
        std::fs::write(folder.path().join("users"), lines.concat()).unwrap();
        let settings = Guarded::settings(settings, &folder, rules);
        Guarded { server: Server::wharf(&settings), folder }
    }

    fn settings(settings: &Settings, folder: &TempDir, rules: &Value) -> Settings {
        let mut auth = json!({ "htpasswd": { "realm": "the tests", "path": folder.path().join("users") } });
        if !rules.is_null() {
            auth["rules"] = rules.clone();
        }
        settings.clone().with("auth", auth)
    }

    /// Sends a request as a user whose password is right; as nobody for an empty name.
    #[track_caller]
    fn send(&self, user: &str, request: Request) -> Answer {
        let request = match user {
            "" => request,
            user => request.header("Authorization", basic(user, &password(user))),
        };
        self.server.send(&request)
    }

    #[track_caller]
    fn get(&self, user: &str, target: &str) -> Answer {
        self.send(user, Request::get(target))
    }

    #[track_caller]
    fn push_blob(&self, user: &str, repository: &str, bytes: &[u8]) -> Answer {
        let target = format!("/v2/{repository}/blobs/uploads/?digest={}", sha256(bytes));
        self.send(user, Request::post(&target).body(bytes.to_vec()))
    }

    #[track_caller]
    fn push_image(&self, user: &str, repository: &str, tag: &str, image: &Image) {
        for blob in image.blobs() {
            self.push_blob(user, repository, &blob.bytes).assert_status(201);
        }
        let put = Request::put(&format!("/v2/{repository}/manifests/{tag}"))
            .header("Content-Type", image.manifest.media_type)
            .body(image.manifest.bytes.clone());
        self.send(user, put).assert_status(201);
    }

    /// Mounts, or begins to push.
    #[track_caller]
    fn post(&self, user: &str, repository: &str, query: &str) -> Answer {
        self.send(user, Request::post(&with_query(&format!("/v2/{repository}/blobs/uploads/"), query)))
    }
}

fn password(user: &str) -> String {
    user.chars().rev().collect()
}

fn line(user: &str, password: &str, cost: u32) -> String {
    format!("{user}:{}\n", bcrypt::hash(password, cost).unwrap())
}

/// Anonymous pull, authenticated push: what people want most.
fn rules() -> Value {
    json!([
        { "repositories": ["public/**"], "who": ["anonymous"], "allow": ["pull"] },
        { "repositories": ["team/**"], "who": ["user:alice"], "allow": ["pull", "push"] },
        { "repositories": ["team/**"], "who": ["user:bob"], "allow": ["pull"] },
        { "repositories": ["own/**"], "who": ["user:bob"], "allow": ["pull", "push"] },
        { "who": ["user:bob", "user:admin"], "allow": ["catalog"] },
        { "who": ["user:admin"], "allow": ["pull", "push", "delete"] },
        { "repositories": ["public/kept/**"], "who": ["authenticated"], "deny": ["delete"] },
    ])
}

/// Waits until something is so, which takes a server that looks at its files a few seconds at most.
#[track_caller]
fn soon(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < until, "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
