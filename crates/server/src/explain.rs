//! `wharf access explain`: why somebody may do something, or may not.

use std::error::Error;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use wharf_auth::{Caller, Decision, Permission, Rules, Standing};

use crate::arguments::{ActionArgument, Question};
use crate::settings::{AccessSettings, AuthenticatorSettings};
use crate::{complain, configure, output};

/// Answers on standard output and by the exit code: 0 for allowed, 1 for denied, 2 where there is no answer.
pub(crate) fn run(question: &Question) -> ExitCode {
    let told = answer(question).and_then(|Answer { allowed, text }| {
        output::line(&text)?;
        Ok(allowed)
    });
    match told {
        Ok(allowed) => ExitCode::from(u8::from(!allowed)),
        Err(error) => {
            complain(&*error);
            ExitCode::from(2)
        }
    }
}

struct Answer {
    allowed: bool,
    text: String,
}

fn answer(question: &Question) -> Result<Answer, Box<dyn Error>> {
    let access = configure::load(Some(&question.file))?.settings.access;
    let mut answer = match &access.rules {
        Some(rules) => by_rules(question, rules),
        None => by_credentials(question, &access),
    };
    if answer.allowed
        && question.user.is_some()
        && matches!(access.authenticator, AuthenticatorSettings::Token(_))
    {
        answer.text.push_str("\nbesides, its token has to allow it");
    }
    Ok(answer)
}

/// Pushing wants to read as well, as clients do and as the API asks for it.
fn by_rules(question: &Question, rules: &Rules) -> Answer {
    let permissions: &[Permission] = match question.action {
        ActionArgument::Pull => &[Permission::Pull],
        ActionArgument::Push => &[Permission::Push, Permission::Pull],
        ActionArgument::Delete => &[Permission::Delete],
        ActionArgument::Catalog => &[Permission::Catalog],
    };
    let caller = Caller { user: question.user.clone(), claims: question.claims.clone(), ..Caller::default() };
    let standing = Standing::of(Arc::new(rules.clone()), &caller);
    let mut answer = Answer { allowed: true, text: String::new() };
    for permission in permissions {
        let decision = standing.decide(*permission, repository(question));
        let reason = match decision {
            Decision::Allowed(rule) => format!("the rule at {} allows it", rule.origin),
            Decision::Denied(rule) => format!("the rule at {} denies it", rule.origin),
            Decision::Unmentioned => "no rule allows it".to_owned(),
        };
        let (may, note) = match (decision.is_allowed(), permission, question.action) {
            (true, ..) => ("may", ""),
            (false, Permission::Pull, ActionArgument::Push) => ("may not", ", which pushing needs"),
            (false, ..) => ("may not", ""),
        };
        answer.allowed &= decision.is_allowed();
        let separator = if answer.text.is_empty() { "" } else { "\n" };
        let _ = write!(
            answer.text,
            "{separator}{} {may} {permission}{}: {reason}{note}",
            who(question),
            what(question)
        );
    }
    answer
}

fn by_credentials(question: &Question, access: &AccessSettings) -> Answer {
    let (allowed, reason) = match (&access.authenticator, &question.user) {
        (AuthenticatorSettings::None, _) => (true, "there is no access control"),
        (_, Some(_)) => (true, "there are no rules, so whoever logs in may do everything"),
        (_, None) => (false, "there are no rules, so only whoever logs in may do anything"),
    };
    let may = if allowed { "may" } else { "may not" };
    let action = format!("{:?}", question.action).to_lowercase();
    Answer { allowed, text: format!("{} {may} {action}{}: {reason}", who(question), what(question)) }
}

fn who(question: &Question) -> &str {
    question.user.as_deref().unwrap_or("anonymous")
}

fn what(question: &Question) -> String {
    repository(question).map(|name| format!(" {name}")).unwrap_or_default()
}

/// The repository, which the catalog has none of.
fn repository(question: &Question) -> Option<&str> {
    let named = question.repository.as_ref().filter(|_| question.action != ActionArgument::Catalog);
    named.map(wharf_reference::RepositoryName::as_str)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::{AccessCommand, Arguments, Command};

    const RULES: &str = "version: 0.1
storage: inmemory
auth:
  htpasswd: {realm: r, path: p}
  rules:
    - {repositories: ['public/**'], who: [anonymous], allow: [pull]}
    - {repositories: ['team/**'], who: ['user:alice'], allow: [pull, push]}
    - {repositories: ['team/**'], who: ['user:bob'], allow: [push]}
    - {who: ['claim:role=auditor'], allow: [pull, catalog]}
    - {repositories: ['team/old/**'], who: [authenticated], deny: [push]}
";

    /// Whether it is allowed, and the text.
    fn ask(text: &str, arguments: &str) -> Result<(bool, String), String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let path = file.path().display().to_string();
        let words = ["wharf", "access", "explain", &path].into_iter().chain(arguments.split_whitespace());
        let arguments = Arguments::try_parse_from(words).map_err(|error| error.to_string())?;
        let Some(Command::Access { command: AccessCommand::Explain(question) }) = arguments.command else {
            panic!("another command")
        };
        let answer = answer(&question).map_err(|error| error.to_string())?;
        Ok((answer.allowed, answer.text.replace(&path, "config.yml")))
    }

    #[test]
    fn the_rule_that_decides_is_named_with_its_line() {
        for (arguments, allowed, text) in [
            (
                "--user alice --action push --repository team/a",
                true,
                "alice may push team/a: the rule at config.yml:7 allows it\nalice may pull team/a: the rule at config.yml:7 allows it",
            ),
            (
                "--user alice --action push --repository team/old/a",
                false,
                "alice may not push team/old/a: the rule at config.yml:10 denies it\nalice may pull team/old/a: the rule at config.yml:7 allows it",
            ),
            (
                "--user bob --action push --repository team/a",
                false,
                "bob may push team/a: the rule at config.yml:8 allows it\nbob may not pull team/a: no rule allows it, which pushing needs",
            ),
            (
                "--anonymous --action pull --repository public/x",
                true,
                "anonymous may pull public/x: the rule at config.yml:6 allows it",
            ),
            (
                "--anonymous --action delete --repository public/x",
                false,
                "anonymous may not delete public/x: no rule allows it",
            ),
            (
                "--user eve --claim role=auditor --action catalog",
                true,
                "eve may catalog: the rule at config.yml:9 allows it",
            ),
        ] {
            assert_eq!(ask(RULES, arguments), Ok((allowed, text.to_owned())), "{arguments}");
        }
    }

    #[test]
    fn without_rules_credentials_decide() {
        let file = |auth: &str| format!("{{version: 0.1, storage: inmemory, auth: {auth}}}");
        let pull =
            |auth: &str, who: &str| ask(&file(auth), &format!("{who} --action pull --repository a")).unwrap();
        assert!(pull("none", "--anonymous").0);
        assert!(!pull("{silly: {realm: r, service: s}}", "--anonymous").0);
        assert!(pull("{silly: {realm: r, service: s}}", "--user a").0);
        let token = "{token: {realm: r, service: s, issuer: i, jwks: k}}";
        assert!(pull(token, "--user a").1.ends_with("its token has to allow it"));
    }

    #[test]
    fn a_question_that_lacks_something_is_refused() {
        for arguments in [
            "--action pull --repository a",
            "--user a --anonymous --action pull --repository a",
            "--anonymous --claim a=b --action pull --repository a",
            "--user a --action push",
            "--user a --action read --repository a",
            "--user a --action pull --repository A",
        ] {
            assert!(ask(RULES, arguments).is_err(), "{arguments}");
        }
        assert!(ask("version: 0.2", "--user a --action pull --repository a").is_err());
    }
}
