//! Logging in, as everybody does who has a registry: by name and password, by tokens, by what docker and podman keep.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use wharf_tests::{Image, KeyName, Server, Settings, TokenServer, scratch};

use super::{Person, registry};

/// The hash of `wonder` for `alice`.
fn users() -> String {
    format!("alice:{}\n", bcrypt::hash("wonder", 4).unwrap())
}

/// Starts a registry that lets `alice` in, and nobody else.
fn guarded(folder: &std::path::Path) -> Server {
    fs::write(folder.join("users"), users()).unwrap();
    let auth = json!({ "htpasswd": { "realm": "tests", "path": folder.join("users") } });
    Server::wharf(&Settings::filesystem().with("auth", auth))
}

/// The same login in every place that it is looked for.
fn persons(at: &str) -> Vec<(&'static str, Person)> {
    let alice = "YWxpY2U6d29uZGVy";
    let docker = Person::new();
    docker.docker_config(&json!({ "auths": { at: { "auth": alice } } }));
    let helper = Person::new();
    let script = helper.home.path().join("docker-credential-tests");
    let text = format!(
        "#!/bin/sh\nread server\n[ \"$1 $server\" = 'get {at}' ] || exit 1\necho '{{\"Username\":\"alice\",\"Secret\":\"wonder\"}}'\n"
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    helper.docker_config(&json!({ "credHelpers": { at: "tests" } }));
    let path = format!("{}:/usr/bin:/bin", helper.home.path().display());
    let podman = Person::new();
    let file = podman.home.path().join("auth.json");
    fs::write(&file, json!({ "auths": { format!("{at}/team"): { "auth": alice } } }).to_string()).unwrap();
    vec![
        ("the environment", Person::new().with("WHARF_USER", "alice").with("WHARF_PASSWORD", "wonder")),
        ("docker", docker),
        ("a helper", helper.with("PATH", path)),
        ("podman", podman.with("REGISTRY_AUTH_FILE", file.to_str().unwrap())),
    ]
}

#[test]
fn a_password_is_found_wherever_it_is_kept() {
    let (folder, open) = (scratch(), registry());
    let guarded = guarded(folder.path());
    let at = guarded.address().to_string();
    open.push_image("goods", "v1", &Image::tiny(5));
    let goods = format!("{}/goods:v1", open.address());
    let complaint = Person::new().fail(1, &["copy", &goods, &format!("{at}/team/app")]);
    assert!(complaint.contains("--user") && complaint.contains("401"), "{complaint}");
    let wrong = Person::new().with("WHARF_PASSWORD", "hush-hush");
    let complaint = wrong.fail(1, &["copy", &goods, &format!("{at}/team/app"), "--user", "alice"]);
    assert!(!complaint.contains("hush"), "{complaint}");
    for (number, (kept, person)) in persons(&at).into_iter().enumerate() {
        let to = format!("{at}/team/app:v{number}");
        let output = person.output(&["copy", &goods, &to]);
        assert!(output.status.success(), "{kept}: {output:?}");
        person.run(&["inspect", &to]);
    }
    // By name, and the password from standard input.
    let mut command =
        Person::new().command(&["ls", &format!("{at}/team/app"), "--user", "alice", "--password-stdin"]);
    let mut child =
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"wonder\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 4, "{output:?}");
}

#[test]
fn a_token_is_asked_for_once_for_each_repository() {
    for name in [KeyName::Thumbprint, KeyName::Libtrust] {
        let (tokens, open) = (TokenServer::start(name), registry());
        let Some(guarded) = (match name {
            KeyName::Libtrust => Server::docker_registry(&Settings::filesystem().with("auth", tokens.auth())),
            _ => Some(Server::wharf(&Settings::filesystem().with("auth", tokens.auth()))),
        }) else {
            return wharf_tests::skip("docker-registry is not installed");
        };
        let image = Image::many_layers(6);
        open.push_image("goods", "v1", &image);
        let person = Person::new().with("WHARF_USER", "alice").with("WHARF_PASSWORD", "wonder");
        let to = format!("{}/team/app:v1", guarded.address());
        person.run(&["copy", &format!("{}/goods:v1", open.address()), &to]);
        let asked = tokens.asked();
        assert!(asked.len() <= 2, "one to pull, one to pull and push: {asked:?}");
        let shown: serde_json::Value = serde_json::from_str(&person.run(&["inspect", &to])).unwrap();
        assert_eq!(shown["digest"], image.manifest.digest);
        Person::new().fail(1, &["inspect", &to]);
        person.fail(1, &["copy", &to, &format!("{}/elsewhere/app:v1", guarded.address())]);
    }
}

#[test]
fn a_login_is_not_told_to_the_other_side_of_a_copy() {
    let (folder, tokens) = (scratch(), TokenServer::start(KeyName::Thumbprint));
    let (guarded, other) =
        (guarded(folder.path()), Server::wharf(&Settings::filesystem().with("auth", tokens.auth())));
    // Only the destination is told who alice is; the source, where nobody may look without a name, refuses.
    let person = Person::new().with("WHARF_USER", "alice").with("WHARF_PASSWORD", "wonder");
    let (from, to) =
        (format!("{}/team/app:v1", other.address()), format!("{}/team/app:v1", guarded.address()));
    person.fail(1, &["copy", &from, &to]);
    assert!(tokens.asked().iter().all(|query| !query.contains("account=")), "{:?}", tokens.asked());
    let both = person.with("WHARF_FROM_USER", "alice").with("WHARF_FROM_PASSWORD", "wonder");
    let complaint = both.fail(1, &["copy", &from, &to]);
    assert!(complaint.contains("unknown"), "alice may look, and finds nothing: {complaint}");
}
