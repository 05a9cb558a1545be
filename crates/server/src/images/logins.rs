//! Logins that docker and podman keep: their files, and the helpers that those name.
//!
//! The first file that knows the registry counts, in podman's order: `$REGISTRY_AUTH_FILE` alone if it is set; else
//! `$XDG_RUNTIME_DIR/containers/auth.json`, `~/.config/containers/auth.json`, and docker's `config.json` in `$DOCKER_CONFIG`
//! or `~/.docker`. Source: containers-auth.json(5), and docker's reference of `docker login`.

mod file;
mod keychain;

use std::io;
use std::path::{Path, PathBuf};

use wharf_client::Credentials;
use wharf_reference::Host;

use self::file::{Found, LoginFile};
use super::Variables;

/// Why a login that is there cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoginError {
    /// A file cannot be read, or is none.
    #[error("cannot read the logins in {}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A helper does not work.
    #[error("cannot ask docker-credential-{name}, which {} names", path.display())]
    Helper {
        /// Which helper.
        name: String,
        /// Who names it.
        path: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
}

/// The login for a registry, and for one of its repositories if some are kept apart.
pub(super) async fn find(
    variables: &Variables,
    host: &Host,
    name: Option<&str>,
) -> Result<Credentials, LoginError> {
    for path in paths(variables) {
        let Some(file) = read(&path)? else { continue };
        let path_variable = variables.get("PATH").map(String::as_str);
        for found in file.find(host.as_str(), name) {
            let helper = match found {
                Found::Login(credentials) => return Ok(credentials),
                Found::Helper(helper) => helper,
            };
            let asked = keychain::ask(&helper, file::server_of(host.as_str()), path_variable).await;
            let asked =
                asked.map_err(|source| LoginError::Helper { name: helper, path: path.clone(), source })?;
            if let Some(credentials) = asked {
                return Ok(credentials);
            }
        }
    }
    Ok(Credentials::Anonymous)
}

fn paths(variables: &Variables) -> Vec<PathBuf> {
    let folder = |name: &str| variables.get(name).map(|folder| Path::new(folder).to_owned());
    if let Some(file) = folder("REGISTRY_AUTH_FILE") {
        return vec![file];
    }
    let home = folder("HOME");
    let runtime = folder("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json"));
    let configuration = folder("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
    let docker = folder("DOCKER_CONFIG").or_else(|| Some(home?.join(".docker")));
    let podman = configuration.map(|folder| folder.join("containers/auth.json"));
    runtime.into_iter().chain(podman).chain(docker.map(|folder| folder.join("config.json"))).collect()
}

/// A file of logins, if it is there.
fn read(path: &Path) -> Result<Option<LoginFile>, LoginError> {
    let failed = |source| LoginError::File { path: path.to_owned(), source };
    match std::fs::read(path) {
        Ok(text) => LoginFile::parse(&text).map(Some).map_err(|error| failed(error.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn files_are_looked_for_where_podman_and_docker_keep_them() {
        let all = variables(&[("HOME", "/h"), ("XDG_RUNTIME_DIR", "/r")]);
        let expected =
            ["/r/containers/auth.json", "/h/.config/containers/auth.json", "/h/.docker/config.json"]
                .map(PathBuf::from);
        assert_eq!(paths(&all), expected);
        let named = variables(&[("HOME", "/h"), ("REGISTRY_AUTH_FILE", "/f")]);
        assert_eq!(paths(&named), [PathBuf::from("/f")]);
        assert_eq!(paths(&variables(&[("DOCKER_CONFIG", "/d")])), [PathBuf::from("/d/config.json")]);
        assert!(paths(&Variables::new()).is_empty());
    }

    #[tokio::test]
    async fn a_helper_is_asked_and_what_it_does_not_know_is_looked_up_further() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("docker-credential-test");
        let text = "#!/bin/sh\nread server\ncase $server in\na.test) echo '{\"Username\":\"<token>\",\"Secret\":\"refresh\"}';;\n\
            *) echo 'credentials not found in native keychain'; exit 1;;\nesac\n";
        std::fs::write(&script, text).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let config = r#"{"credsStore":"test","auths":{"a.test":{},"b.test":{"auth":"dTpw"}}}"#;
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let at = folder.path().to_str().unwrap();
        let path = format!("{at}:/bin:/usr/bin");
        let variables = variables(&[("DOCKER_CONFIG", at), ("PATH", &path)]);
        let find = |host: &str| {
            let host: Host = host.parse().unwrap();
            let variables = &variables;
            async move { find(variables, &host, None).await.unwrap() }
        };
        assert_eq!(find("a.test").await, Credentials::Identity("refresh".into()));
        assert_eq!(find("b.test").await, Credentials::Basic { user: "u".into(), password: "p".into() });
        assert_eq!(find("c.test").await, Credentials::Anonymous);
    }

    #[tokio::test]
    async fn a_broken_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), "{").unwrap();
        let variables = variables(&[("DOCKER_CONFIG", folder.path().to_str().unwrap())]);
        let error = find(&variables, &"a.test".parse().unwrap(), None).await.unwrap_err();
        assert!(error.to_string().contains("config.json"), "{error}");
    }
}
