//! Programs of other people that speak to a registry, or do something to the machine under it.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output};

use crate::program::installed;
use crate::skip::skip;

/// How long one run of a client may take, in seconds.
const PATIENCE: &str = "180";

/// Is a program with the arguments that each of its runs begins with.
#[derive(Clone, Debug)]
pub struct Client {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Client {
    /// Finds an installed program. Where there is none, says so as [`skip`](crate::skip()) does.
    #[must_use]
    pub fn installed(name: &str) -> Option<Client> {
        let program = installed(name);
        if program.is_none() {
            skip(&format!("{name} is not installed"));
        }
        Some(Client { program: program?, arguments: Vec::new() })
    }

    /// Finds a program that an environment variable names, or else an installed one.
    #[must_use]
    pub fn named_by(variable: &str, name: &str) -> Option<Client> {
        match std::env::var_os(variable) {
            Some(program) => Some(Client { program: program.into(), arguments: Vec::new() }),
            None => Client::installed(name),
        }
    }

    /// Adds arguments that each run begins with.
    #[must_use]
    pub fn with<S: AsRef<str>>(mut self, arguments: impl IntoIterator<Item = S>) -> Client {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Runs it and gives what it printed.
    ///
    /// # Panics
    ///
    /// When it fails, with everything that it said.
    #[track_caller]
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{}", self.told(arguments, &output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Runs it where it must fail, and gives its complaint.
    ///
    /// # Panics
    ///
    /// When it does not fail by itself.
    #[track_caller]
    pub fn fail<S: AsRef<OsStr>>(&self, arguments: &[S]) -> String {
        let output = self.output(arguments);
        // 124 is what `timeout` says when it had to end the program.
        let failed = output.status.code().is_some_and(|code| code != 0 && code != 124);
        assert!(failed, "{}", self.told(arguments, &output));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Runs it and says whether it succeeded.
    pub fn succeeds<S: AsRef<OsStr>>(&self, arguments: &[S]) -> bool {
        self.output(arguments).status.success()
    }

    fn output<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Output {
        let mut command = Command::new("timeout");
        command.arg("--kill-after=5").arg(PATIENCE).arg(&self.program).args(&self.arguments).args(arguments);
        // Not every client knows by itself that nobody stands between it and this machine.
        command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
        command.output().unwrap_or_else(|error| panic!("{}: {error}", self.program.display()))
    }

    fn told<S: AsRef<OsStr>>(&self, arguments: &[S], output: &Output) -> String {
        let arguments: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        format!("{} {arguments:?}: {}\n{said}\n{complained}", self.program.display(), output.status)
    }
}
