//! Configurations, each with what the program makes of it: what it warns about, why it refuses, what it comes to.
//!
//! `golden/configuration` holds them, each with a word on what it is for and with the variables of its environment
//! (`# $NAME=value`); beside each lies what `wharf config check` and `wharf config show` say to it. They are written anew
//! with `WHARF_TESTS_BLESS=1`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use wharf_tests::{root, scratch, wharf};

/// What secrets are called in the configurations.
const SECRET: [&str; 3] = ["not for the log", "bm90IGZvciB0aGUgbG9n", "0123456789"];

fn folder() -> PathBuf {
    root().join("tests/golden/configuration")
}

/// The configurations, by their names.
fn names() -> Vec<String> {
    let files =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> =
        files.filter_map(|file| Some(file.strip_suffix(".yml")?.to_owned())).collect();
    names.sort();
    names
}

/// A command in the environment that a configuration asks for, and no other.
fn command(name: &str) -> Command {
    let mut command = Command::new(wharf());
    command.env_clear().current_dir(folder());
    let text = fs::read_to_string(folder().join(format!("{name}.yml"))).unwrap();
    let variables = text.lines().filter_map(|line| line.strip_prefix("# $")?.split_once('='));
    command.envs(variables);
    command
}

fn run(name: &str, words: [&str; 2]) -> Output {
    command(name).args(words).arg(format!("{name}.yml")).output().unwrap()
}

fn said(output: &Output) -> String {
    let mut said = String::from_utf8(output.stdout.clone()).unwrap();
    said += std::str::from_utf8(&output.stderr).unwrap();
    said
}

#[test]
fn each_is_read_as_it_was() {
    let names = names();
    assert!(names.len() >= 60);
    let mut differences = Vec::new();
    for name in names {
        let check = run(&name, ["config", "check"]);
        let mut found = format!("$ wharf config check {name}.yml\n{}", said(&check));
        found += &format!("# exit {}\n", check.status.code().unwrap());
        // What is only wrong with the files that it names can be shown all the same.
        let show = run(&name, ["config", "show"]);
        if show.status.success() {
            assert!(show.stderr.is_empty(), "{name}");
            found += &format!("\n$ wharf config show {name}.yml\n{}", said(&show));
        }
        assert!(!SECRET.iter().any(|secret| found.contains(secret)), "{name}:\n{found}");
        let file = folder().join(format!("{name}.txt"));
        if std::env::var_os("WHARF_TESTS_BLESS").is_some() {
            fs::write(&file, &found).unwrap();
        } else if fs::read_to_string(&file).unwrap_or_default() != found {
            differences.push(format!("{name}:\n{found}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn what_is_shown_is_read_as_the_same() {
    let folder = scratch();
    for name in names() {
        let show = run(&name, ["config", "show"]);
        // A key of Azure that is hidden is none.
        if !show.status.success() || name.starts_with("storage-azure") {
            continue;
        }
        let file = folder.path().join("shown.yml");
        fs::write(&file, &show.stdout).unwrap();
        let again = Command::new(wharf()).env_clear().args(["config", "show"]).arg(&file).output().unwrap();
        let plain = |text: &[u8]| String::from_utf8_lossy(text).replace(" # default", "");
        assert_eq!(plain(&again.stdout), plain(&show.stdout), "{name}: {}", said(&again));
    }
}

#[test]
fn what_is_refused_does_not_start() {
    for name in names() {
        let check = run(&name, ["config", "check"]);
        if !check.status.success() {
            let serve = command(&name).arg("serve").arg(format!("{name}.yml")).output().unwrap();
            assert_eq!(serve.status.code(), Some(1), "{name}: {}", said(&serve));
            // What it would only have warned about is in the log before that.
            assert!(serve.stderr.ends_with(&check.stderr), "{name}: {}", said(&serve));
        }
    }
}

#[test]
fn what_is_good_starts_where_it_needs_nothing_but_memory() {
    let mut started = 0;
    for name in names() {
        let text = fs::read_to_string(folder().join(format!("{name}.yml"))).unwrap();
        let needs =
            ["filesystem", "s3", "azure", "tls", "TLS", "path:", "token:", "unix", "debug", "TRUSTKEY"];
        let is_good = run(&name, ["config", "check"]).status.success();
        if is_good && !needs.iter().any(|need| text.contains(need)) {
            starts(&name);
            started += 1;
        }
    }
    assert!(started > 30, "{started}");
}

/// Starts the program until it says where it listens.
fn starts(name: &str) {
    let log = scratch();
    let file = log.path().join("log");
    let mut command = command(name);
    command.arg("serve").arg(format!("{name}.yml")).env("REGISTRY_HTTP_ADDR", "127.0.0.1:0");
    command.stdout(Stdio::null()).stderr(fs::File::create(&file).unwrap());
    let mut child = command.spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    let listens = loop {
        if said_so(&file) {
            break true;
        }
        if Instant::now() > until || child.try_wait().unwrap().is_some() {
            break false;
        }
        sleep(Duration::from_millis(5));
    };
    let _already_ended = child.kill();
    child.wait().unwrap();
    assert!(listens || quiet(name), "{name}:\n{}", fs::read_to_string(&file).unwrap());
}

fn said_so(file: &Path) -> bool {
    fs::read_to_string(file).unwrap().contains("listens on 127.0.0.1:")
}

/// Whether the level of the log keeps the program from saying that it listens.
fn quiet(name: &str) -> bool {
    name == "log-by-old-spelling"
}
