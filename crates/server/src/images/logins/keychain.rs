//! A program that keeps logins for docker: `docker-credential-NAME get`, a server on its standard input, JSON on its output.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use wharf_client::Credentials;

/// How long a helper may take; it may ask somebody for a passphrase.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much of its output is read, in bytes.
const OUTPUT_BYTES: u64 = 64 * 1024;

/// The user of what is no password but a refresh token.
const TOKEN_USER: &str = "<token>";

/// Asks a helper for the login of a server; none when it has none.
pub(super) async fn ask(name: &str, server: &str, path: Option<&str>) -> io::Result<Option<Credentials>> {
    let program = program(name, path)?;
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let conversation = async {
        if let Some(mut stdin) = stdin {
            // A helper that does not listen may answer all the same.
            let _not_read = stdin.write_all(format!("{server}\n").as_bytes()).await;
        }
        let mut output = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(OUTPUT_BYTES).read_to_end(&mut output).await?;
        }
        Ok::<_, io::Error>((child.wait().await?, output))
    };
    let (status, output) = tokio::time::timeout(PATIENCE, conversation)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "it does not answer"))??;
    if !status.success() {
        let said = String::from_utf8_lossy(&output);
        let unknown = said.contains("not found") || said.contains("no credentials");
        return if unknown { Ok(None) } else { Err(io::Error::other(format!("it ended with {status}"))) };
    }
    read(&output).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its answer is no login"))
}

fn read(output: &[u8]) -> Option<Option<Credentials>> {
    let answer: Value = serde_json::from_slice(output).ok()?;
    let (user, secret) = (answer.get("Username")?.as_str()?, answer.get("Secret")?.as_str()?);
    Some(match (user, secret) {
        (_, "") => None,
        (TOKEN_USER, token) => Some(Credentials::Identity(token.to_owned())),
        (user, password) => Some(Credentials::Basic { user: user.to_owned(), password: password.to_owned() }),
    })
}

/// Finds the program in the folders of `PATH`.
fn program(name: &str, path: Option<&str>) -> io::Result<PathBuf> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if !plain {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "that is no name of a program"));
    }
    let file = format!("docker-credential-{name}");
    let folders = std::env::split_paths(path.unwrap_or_default());
    let found = folders.map(|folder| folder.join(&file)).find(|program| program.is_file());
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it is not in PATH"))
}
