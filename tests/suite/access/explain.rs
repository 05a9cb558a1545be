//! `wharf access explain` says what the server does.

use std::process::{Command, Output};

use wharf_tests::{Settings, scratch, wharf};

use super::{Guarded, rules};

fn explain(file: &str, arguments: &str) -> Output {
    let mut command = Command::new(wharf());
    command.args(["access", "explain", file]).args(arguments.split_whitespace());
    command.output().unwrap()
}

#[test]
fn the_rule_that_decides_is_named_and_the_exit_code_agrees_with_the_server() {
    let folder = scratch();
    let path = folder.path().join("config.yml");
    let text = Guarded::settings(&Settings::inmemory(), &folder, &rules()).text(folder.path());
    std::fs::write(&path, &text).unwrap();
    let line_of = |text_of_rule: &str| {
        let at = text.find(text_of_rule).unwrap();
        let object = text[..at].rfind('{').unwrap();
        text[..object].lines().count()
    };
    let file = path.to_str().unwrap();
    for (arguments, code, reason) in [
        (
            "--anonymous --action pull --repository public/app",
            0,
            format!(":{} allows it", line_of("public/**")),
        ),
        ("--anonymous --action push --repository public/app", 1, "no rule allows it".to_owned()),
        ("--user alice --action push --repository team/app", 0, format!(":{} allows it", line_of("team/**"))),
        (
            "--user admin --action delete --repository public/kept/app",
            1,
            format!(":{} denies it", line_of("public/kept/**")),
        ),
        ("--user bob --action catalog", 0, "allows it".to_owned()),
    ] {
        let output = explain(file, arguments);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments}: {said}");
        assert!(said.contains(&reason), "{arguments}: {said}, expected {reason}");
    }
}

#[test]
fn where_there_is_no_answer_the_exit_code_is_neither() {
    for (file, arguments) in [
        ("/does/not/exist.yml", "--anonymous --action pull --repository a"),
        ("/does/not/exist.yml", "--action pull --repository a"),
        ("/does/not/exist.yml", "--anonymous --action pull"),
    ] {
        let output = explain(file, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments}");
    }
}
