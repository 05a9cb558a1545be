//! Real clients log in, push and pull: with users from a file, with both kinds of token server, and not at all.

use std::path::Path;

use tempfile::TempDir;
use wharf_tests::{Client, Image, KeyName, Layout, Server, Settings, TokenServer, installed, scratch};

use super::{Guarded, rules};

/// Is an image to push, in both places that clients take one from: a folder, and a registry that is open to everyone.
struct Goods {
    layout: Layout,
    open: Server,
    _folder: TempDir,
}

impl Goods {
    fn new() -> Goods {
        let (folder, image) = (scratch(), Image::tiny(5));
        let open = Server::wharf(&Settings::inmemory());
        open.push_image("goods", "v1", &image);
        Goods { layout: image.write_layout(&folder.path().join("image"), "latest"), open, _folder: folder }
    }
}

/// Is a client with a folder for what it remembers of logins.
struct Visitor {
    folder: TempDir,
    name: &'static str,
    client: Client,
}

impl Visitor {
    /// Every client that is here. Each is spoken to in its own words.
    fn all() -> Vec<Visitor> {
        ["skopeo", "crane", "buildah"].into_iter().filter_map(Visitor::named).collect()
    }

    fn named(name: &'static str) -> Option<Visitor> {
        let folder = scratch();
        let policy = folder.path().join("policy.json");
        std::fs::write(&policy, r#"{"default":[{"type":"insecureAcceptAnything"}]}"#).unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let client = match name {
            "skopeo" => Client::installed(name)?.with(["--policy", &path("policy.json")]),
            "buildah" => Client::installed(name)?.with([
                "--root",
                &path("root"),
                "--runroot",
                &path("run"),
                "--storage-driver",
                "vfs",
            ]),
            // It keeps logins where docker does, and docker asks the environment.
            _ => {
                let crane = match std::env::var_os("WHARF_TESTS_CRANE") {
                    Some(crane) => Some(crane.into()),
                    None => installed("crane"),
                };
                let Some(crane) = crane else {
                    wharf_tests::skip("crane is not installed");
                    return None;
                };
                let home = format!("DOCKER_CONFIG={}", folder.path().display());
                Client::installed("env")?.with([home.as_str(), crane.to_str().unwrap()])
            }
        };
        Some(Visitor { folder, name, client })
    }

    fn logins(&self) -> String {
        self.folder.path().join("config.json").to_str().unwrap().to_owned()
    }

    /// Whether a login is accepted.
    fn login(&self, server: &Server, user: &str, password: &str) -> bool {
        let (address, logins) = (server.address().to_string(), self.logins());
        let words: Vec<&str> = match self.name {
            "crane" => vec!["auth", "login", "--insecure", "-u", user, "-p", password, &address],
            _ => vec![
                "login",
                "--tls-verify=false",
                "--authfile",
                &logins,
                "-u",
                user,
                "-p",
                password,
                &address,
            ],
        };
        self.client.succeeds(&words)
    }

    /// Whether a client believes the server that a login is wrong. One of them never asks.
    fn believes(&self, server: &Server, user: &str, password: &str) -> bool {
        self.name == "crane" || !self.login(server, user, password)
    }

    /// Whether goods can be pushed.
    fn push(&self, Goods { layout, open, .. }: &Goods, reference: &str) -> bool {
        let logins = self.logins();
        // Without a login there is no such file, and some will not do without one that they are told of.
        if !Path::new(&logins).exists() {
            std::fs::write(&logins, "{}").unwrap();
        }
        let source = format!("oci:{}:{}", layout.folder.display(), layout.tag);
        let target = format!("docker://{reference}");
        match self.name {
            "crane" => {
                self.client.succeeds(&["push", "--insecure", layout.folder.to_str().unwrap(), reference])
            }
            "skopeo" => self.client.succeeds(&[
                "copy",
                "--dest-tls-verify=false",
                "--authfile",
                &logins,
                &source,
                &target,
            ]),
            _ => {
                let policy =
                    format!("--signature-policy={}", self.folder.path().join("policy.json").display());
                let goods = format!("docker://{}/goods:v1", open.address());
                let id = self.client.run(&["pull", "--quiet", "--tls-verify=false", &policy, &goods]);
                let id = id.lines().last().unwrap_or_default();
                self.client.succeeds(&[
                    "push",
                    "--tls-verify=false",
                    "--authfile",
                    &logins,
                    &policy,
                    id,
                    &target,
                ])
            }
        }
    }

    /// Whether an image can be pulled.
    fn pull(&self, reference: &str) -> bool {
        let (logins, folder) = (self.logins(), scratch());
        if !Path::new(&logins).exists() {
            std::fs::write(&logins, "{}").unwrap();
        }
        let source = format!("docker://{reference}");
        let target = format!("dir:{}", folder.path().join("pulled").display());
        match self.name {
            "crane" => self.client.succeeds(&[
                "pull",
                "--insecure",
                "--format=oci",
                reference,
                folder.path().join("pulled").to_str().unwrap(),
            ]),
            "skopeo" => self.client.succeeds(&[
                "copy",
                "--src-tls-verify=false",
                "--authfile",
                &logins,
                &source,
                &target,
            ]),
            _ => {
                let policy =
                    format!("--signature-policy={}", self.folder.path().join("policy.json").display());
                self.client.succeeds(&[
                    "pull",
                    "--quiet",
                    "--tls-verify=false",
                    "--authfile",
                    &logins,
                    &policy,
                    &source,
                ])
            }
        }
    }
}

#[test]
fn clients_log_in_push_and_pull_with_users_from_a_file() {
    let registry = Guarded::start(&Settings::filesystem(), &rules());
    let (server, goods) = (&registry.server, Goods::new());
    for client in Visitor::all() {
        let name = client.name;
        let reference = |repository: &str| format!("{}/{repository}/{name}:v1", server.address());
        assert!(!client.push(&goods, &reference("team")), "{name} pushed without a login");
        assert!(client.believes(server, "alice", "wrong"), "{name} logged in with a wrong password");
        assert!(client.login(server, "alice", "ecila"), "{name} cannot log in");
        assert!(client.push(&goods, &reference("team")), "{name} cannot push");
        assert!(client.pull(&reference("team")), "{name} cannot pull what it pushed");
        assert!(!client.push(&goods, &reference("own")), "{name} pushed where it may not");
        registry.get("admin", &format!("/v2/team/{name}/manifests/v1")).assert_status(200);
    }
}

#[test]
fn clients_pull_without_a_login_what_is_public() {
    let registry = Guarded::start(&Settings::filesystem(), &rules());
    for repository in ["public/app", "secret/app"] {
        registry.push_image("admin", repository, "v1", &Image::tiny(5));
    }
    for client in Visitor::all() {
        let reference = |repository: &str| format!("{}/{repository}:v1", registry.server.address());
        assert!(client.pull(&reference("public/app")), "{} cannot pull what is public", client.name);
        assert!(!client.pull(&reference("secret/app")), "{} pulled what is secret", client.name);
    }
}

fn with_tokens(key: KeyName) {
    let tokens = TokenServer::start(key);
    let server = Server::wharf(&Settings::filesystem().with("auth", tokens.auth()));
    let goods = Goods::new();
    for client in Visitor::all() {
        let name = client.name;
        let reference = |repository: &str| format!("{}/{repository}/{name}:v1", server.address());
        assert!(!client.push(&goods, &reference("team")), "{name} pushed without a login");
        assert!(client.believes(&server, "alice", "wrong"), "{name} logged in with a wrong password");
        assert!(client.login(&server, "alice", "wonder"), "{name} cannot log in: {:?}", tokens.asked());
        assert!(client.push(&goods, &reference("team")), "{name} cannot push: {:?}", tokens.asked());
        assert!(client.pull(&reference("team")), "{name} cannot pull: {:?}", tokens.asked());
        assert!(!client.push(&goods, &reference("elsewhere")), "{name} pushed where it may not");
    }
    assert!(
        tokens.asked().iter().any(|query| query.contains("scope=")),
        "nobody was sent to the token server"
    );
}

#[test]
fn clients_fetch_tokens_of_a_server_made_for_3() {
    with_tokens(KeyName::Thumbprint);
}

#[test]
fn clients_fetch_tokens_of_a_server_made_for_2() {
    with_tokens(KeyName::Libtrust);
}
