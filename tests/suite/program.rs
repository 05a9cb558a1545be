//! The program from the command line: what it says, and the code that it ends with.

use std::fs;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use wharf_tests::{Server, Settings, root, scratch, wharf};

use crate::listener::tls::Authority;

/// Runs the program to its end.
fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(wharf());
    command.args(arguments).env_remove("REGISTRY_CONFIGURATION_PATH").output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Writes a configuration and checks it. Gives the exit code, and all that was said.
fn check(text: &str) -> (Option<i32>, String) {
    let folder = scratch();
    let file = folder.path().join("config.yml");
    fs::write(&file, text).unwrap();
    let output = run(&["config", "check", file.to_str().unwrap()]);
    (output.status.code(), stdout(&output) + &stderr(&output))
}

#[test]
fn the_version_is_that_of_the_workspace() {
    let output = run(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output), format!("wharf {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(stderr(&output), "");
}

#[test]
fn help_names_every_command() {
    let output = run(&["--help"]);
    assert_eq!(output.status.code(), Some(0));
    for word in ["serve", "config", "access", "api-descriptor", "copy", "ls", "inspect", "rm", "--version"] {
        assert!(stdout(&output).contains(word), "{}", stdout(&output));
    }
}

#[test]
fn what_it_does_not_understand_ends_with_2_and_a_usage() {
    for arguments in [&["push"][..], &["serve", "a", "b"], &["--quiet"], &["config"], &["config", "check"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains("Usage"), "{arguments:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
}

#[test]
fn a_configuration_that_cannot_be_used_ends_with_1_and_the_reason() {
    let output = run(&["serve", "/does/not/exist.yml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("/does/not/exist.yml"), "{}", stderr(&output));
    let folder = scratch();
    let file = folder.path().join("config.yml");
    fs::write(&file, "version: 0.1\nstorage: {floppy: {}}\n").unwrap();
    let output = run(&["serve", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("config.yml:2:"), "{}", stderr(&output));
}

#[test]
fn a_good_configuration_passes_the_check() {
    let (code, said) = check("version: 0.1\nstorage: inmemory\nhttp: {addr: ':5000', secret: x}\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("warning"), "{said}");
}

#[test]
fn the_documented_example_passes_the_check() {
    let example = root().join("deploy/config.yml");
    let output = run(&["config", "check", example.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(!stdout(&output).contains("warning"), "{}", stdout(&output));
}

#[test]
fn a_key_that_nobody_reads_is_a_warning_with_its_place() {
    let (code, said) = check("version: 0.1\nstorage: inmemory\nhttp:\n  secret: x\n  adress: ':5000'\n");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("adress") && said.contains(":5:3"), "{said}");
}

#[test]
fn a_bad_configuration_fails_the_check_with_its_place() {
    let cases = [
        ("version: 0.1\n", "storage"),
        ("version: 0.1\nstorage: {floppy: {}}\n", ":2:"),
        ("version: 0.1\nstorage: inmemory\nhttp: {draintimeout: soon}\n", ":3:"),
        ("version: 0.1\nstorage: inmemory\nlog: {level: [}\n", ":3:"),
        ("version: 7.0\nstorage: inmemory\n", ":1:"),
        ("version: 0.1\nstorage: {inmemory: {}, filesystem: {}}\n", "storage"),
    ];
    for (text, part) in cases {
        let (code, said) = check(text);
        assert_eq!(code, Some(1), "{text}: {said}");
        assert!(said.contains(part), "{text}: {said}");
    }
}

#[test]
fn a_check_names_all_that_is_wrong_and_not_only_the_first() {
    let text = "version: 0.1
storage: {inmemory: , maintenance: {uploadpurging: {enabled: true, age: 168}}}
log: {level: loud}
http:
  draintimeout: soon
  tls: {minimumtls: ssl3}
";
    let (code, said) = check(text);
    assert_eq!((code, said.lines().count()), (Some(1), 4), "{said}");
    for place in [":2:", ":3:", ":5:", ":6:"] {
        assert!(said.contains(&format!("config.yml{place}")), "{place}: {said}");
    }
}

/// Files that a configuration can name, good ones and others.
fn files() -> TempDir {
    let folder = scratch();
    let path = |name: &str| folder.path().join(name);
    let authority = Authority::new();
    authority.renew(folder.path());
    fs::rename(path("certificate.pem"), path("old.pem")).unwrap();
    authority.renew(folder.path());
    fs::write(path("clients.pem"), Authority::new().pem()).unwrap();
    fs::write(path("text"), "no PEM at all").unwrap();
    fs::write(path("users"), format!("alice:{}\nbob:plain\n", bcrypt::hash("x", 4).unwrap())).unwrap();
    fs::write(path("broken"), "alice\n\nbob\n").unwrap();
    fs::write(path("keys.json"), r#"{"keys":[]}"#).unwrap();
    folder
}

/// Checks a configuration with these files in a folder, in which `FOLDER` stands for the folder.
fn check_files(folder: &TempDir, certificate: &str, cas: [&str; 2], auth: &str) -> (Option<i32>, String) {
    let text = format!(
        "version: 0.1
storage: inmemory
auth:
  {auth}
http:
  secret: x
  tls:
    certificate: FOLDER/{certificate}
    key: FOLDER/key.pem
    clientcas:
      - FOLDER/{}
      - FOLDER/{}
",
        cas[0], cas[1]
    );
    check(&text.replace("FOLDER", folder.path().to_str().unwrap()))
}

const USERS: &str = "htpasswd: {realm: r, path: FOLDER/users}";
const CLIENTS: [&str; 2] = ["clients.pem"; 2];

#[test]
fn a_check_opens_the_files_that_a_server_needs() {
    let folder = files();
    let (code, said) = check_files(&folder, "certificate.pem", CLIENTS, USERS);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("users:2: \"bob\" cannot log in"), "{said}");
    let missing = "htpasswd: {realm: r, path: FOLDER/none/users}";
    let (code, said) = check_files(&folder, "certificate.pem", CLIENTS, missing);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("config.yml:4:30: auth.htpasswd.path: there is no"), "{said}");
    assert!(!folder.path().join("none").exists(), "a check makes nothing");
}

#[test]
fn a_check_names_every_file_that_keeps_a_server_from_starting() {
    let folder = files();
    let token = |keys: &str| format!("token: {{realm: r, service: s, issuer: i, {keys}}}");
    let (broken, empty) = ("htpasswd: {realm: r, path: FOLDER/broken}", token("jwks: FOLDER/keys.json"));
    let (text, both) = (token("jwks: FOLDER/text"), token("rootcertbundle: FOLDER/none, jwks: FOLDER/text"));
    for (certificate, cas, auth, expected) in [
        ("text", CLIENTS, USERS, &[":8:18: http.tls.certificate: "][..]),
        (
            "none",
            ["text", "clients.pem"],
            USERS,
            &[":8:18: http.tls.certificate: ", ":11:9: http.tls.clientcas[0]: "],
        ),
        ("old.pem", CLIENTS, USERS, &[":9:10: http.tls.key: "]),
        (
            "certificate.pem",
            ["clients.pem", "none"],
            broken,
            &[":12:9: http.tls.clientcas[1]: ", "broken:1: found no colon", "broken:3: found no colon"],
        ),
        ("certificate.pem", CLIENTS, empty.as_str(), &["auth.token.jwks: "]),
        ("certificate.pem", CLIENTS, text.as_str(), &["expected a JSON Web Key Set"]),
        ("certificate.pem", CLIENTS, both.as_str(), &["auth.token.rootcertbundle: ", "auth.token.jwks: "]),
    ] {
        let (code, said) = check_files(&folder, certificate, cas, auth);
        let problems = said.lines().filter(|line| line.starts_with("wharf: ")).count();
        assert_eq!((code, problems), (Some(1), expected.len()), "{said}");
        assert!(expected.iter().all(|part| said.contains(part)), "{expected:?}: {said}");
        assert!(said.contains("expected a file "), "{said}");
    }
}

#[test]
fn a_check_opens_the_files_of_a_cache_too() {
    let folder = files();
    let redis = |certificate: &str, roots: &str| {
        let text = format!(
            "version: 0.1
storage: {{inmemory: , cache: {{blobdescriptor: redis}}}}
http: {{secret: x}}
redis:
  addrs: [\"localhost:6379\"]
  tls:
    certificate: FOLDER/{certificate}
    key: FOLDER/key.pem
    rootcas: [FOLDER/clients.pem, FOLDER/{roots}]
"
        );
        check(&text.replace("FOLDER", folder.path().to_str().unwrap()))
    };
    let (code, said) = redis("certificate.pem", "clients.pem");
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = redis("none", "text");
    assert_eq!(code, Some(1), "{said}");
    for place in [":7:18: redis.tls.certificate: ", "redis.tls.rootcas[1]: "] {
        assert!(said.contains(place), "{place}: {said}");
    }
}

#[test]
fn what_would_be_unsafe_to_pass_over_is_refused() {
    for section in [
        "auth: {ldap: {realm: r}}",
        "http: {tls: {key: b}}",
        "http: {tls: {letsencrypt: {hosts: [c.example]}}}",
    ] {
        let (code, said) = check(&format!("version: 0.1\nstorage: inmemory\n{section}\n"));
        assert_eq!(code, Some(1), "{section}: {said}");
        assert!(said.contains(":3:"), "{section}: {said}");
    }
}

#[test]
fn one_line_at_the_start_says_version_address_driver_and_root() {
    for settings in [Settings::filesystem(), Settings::inmemory()] {
        let server = Server::wharf(&settings);
        let log = server.log();
        let root = server.data().display().to_string();
        let driver =
            if log.contains("filesystem") { ("filesystem", root.as_str()) } else { ("inmemory", "memory") };
        let parts = [env!("CARGO_PKG_VERSION"), &server.address().to_string(), driver.0, driver.1];
        let line = log.lines().find(|line| parts.iter().all(|part| line.contains(part)));
        assert!(line.is_some(), "no line has all of {parts:?}:\n{log}");
    }
}

#[test]
fn a_log_in_json_is_json_on_every_line() {
    let mut server =
        Server::wharf(&Settings::filesystem().with("log.formatter", "json").with("log.level", "debug"));
    server.get("/v2/a/b/manifests/v1").assert_status(404);
    assert!(server.terminate().success());
    for line in server.log().lines() {
        let entry: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(entry["level"].is_string(), "{line}");
    }
}

#[test]
fn no_secret_is_ever_in_the_log() {
    let settings =
        Settings::filesystem().with("log.level", "debug").with("http.secret", "a very secret secret");
    let mut server = Server::wharf(&settings);
    let at = server.open_upload("a/b");
    let state = at.split_once("_state=").unwrap().1.to_owned();
    let request = wharf_tests::Request::patch(&at).header("Authorization", "Bearer a-secret-token");
    server.send(&request.body("x")).assert_status(202);
    server.delete(&at.replace("a/b", "a/c")).assert_status(404);
    assert!(server.terminate().success());
    for secret in ["a very secret secret", "a-secret-token", state.as_str()] {
        assert!(!server.log().contains(secret), "{secret} is in\n{}", server.log());
    }
}

#[test]
fn an_address_that_is_taken_ends_it_with_1_and_the_reason() {
    let server = Server::wharf(&Settings::inmemory());
    let folder = scratch();
    let file = folder.path().join("config.yml");
    let settings = Settings::inmemory().with("http.addr", server.address().to_string());
    fs::write(&file, settings.text(folder.path())).unwrap();
    let output = run(&["serve", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&server.address().to_string()), "{}", stderr(&output));
}

/// A program that is killed when the test is over.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _already_ended = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the program in a folder of its own, with only these arguments and variables, and waits for its first line.
fn first_line(arguments: &[&str], variables: &[(&str, &str)]) -> (tempfile::TempDir, String) {
    use std::io::BufRead as _;
    let folder = scratch();
    let mut command = Command::new(wharf());
    command.args(arguments).current_dir(folder.path()).envs(variables.iter().copied());
    let mut running = Running(command.stderr(std::process::Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    std::io::BufReader::new(running.0.stderr.take().unwrap()).read_line(&mut line).unwrap();
    (folder, line)
}

#[test]
fn without_a_file_it_serves_files_below_the_folder_it_was_started_in() {
    for arguments in [&["serve"][..], &[]] {
        let (folder, line) = first_line(arguments, &[("REGISTRY_HTTP_ADDR", "127.0.0.1:0")]);
        assert!(line.contains("filesystem") && line.contains("registry-data"), "{line}");
        assert!(line.contains("127.0.0.1:"), "{line}");
        drop(folder);
    }
}

#[test]
fn the_environment_overrides_the_file() {
    let overrides = [("REGISTRY_HTTP_ADDR", "127.0.0.1:0"), ("REGISTRY_STORAGE", "inmemory")];
    let (folder, line) = first_line(&["serve"], &overrides);
    assert!(line.contains("inmemory"), "{line}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is written");
}

#[test]
fn a_file_can_be_named_by_the_environment() {
    let folder = scratch();
    let file = folder.path().join("config.yml");
    fs::write(&file, Settings::inmemory().text(folder.path())).unwrap();
    let (_elsewhere, line) =
        first_line(&["serve"], &[("REGISTRY_CONFIGURATION_PATH", file.to_str().unwrap())]);
    assert!(line.contains("inmemory"), "{line}");
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let folder = scratch();
    let file = folder.path().join("config.yml");
    fs::write(&file, "{version: 0.1, storage: inmemory, auth: {htpasswd: {realm: r, path: p}}}").unwrap();
    let file = file.to_str().unwrap();
    let explain =
        ["access", "explain", file, "--user", "alice", "--action", "pull", "--repository", "team/app"];
    for arguments in
        [&["api-descriptor"][..], &["config", "show", file], &["config", "check", file], &explain[..]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(wharf()).args(arguments).stdout(writer).stderr(Stdio::piped()).output();
        let output = output.unwrap();
        assert_eq!((output.status.code(), stderr(&output).as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output =
        Command::new(wharf()).arg("api-descriptor").stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("No space left"), "{}", stderr(&output));
}
