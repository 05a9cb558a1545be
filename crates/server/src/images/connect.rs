//! From a place to a repository that can be spoken to.

use std::io::BufRead;
use std::num::NonZeroUsize;
use std::sync::Arc;

use wharf_client::{Credentials, Endpoint, Options, RemoteRegistry};
use wharf_http_client::{HttpClient, Identity, Proxy, ProxyEnvironment, Roots, Tls, Verification};
use wharf_oci_layout::OciLayout;
use wharf_reference::Host;
use wharf_registry::{Namespace, Repository};

use super::command::Reach;
use super::failure::Failure;
use super::place::{Place, RemotePlace, is_loopback, listens_at};
use super::{Variables, logins};

/// How many connections to a registry are kept for each job.
const CONNECTIONS_PER_JOB: usize = 2;

/// How places are reached: one pool of connections for all of them.
pub(super) struct Connector<'a> {
    reach: &'a Reach,
    variables: &'a Variables,
    http: HttpClient,
    jobs: NonZeroUsize,
    password: Option<String>,
}

/// Who is meant by whom at a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// `--user` and `WHARF_USER`.
    Main,
    /// `--from-user` and `WHARF_FROM_USER`.
    From,
}

impl<'a> Connector<'a> {
    pub(super) fn new(
        reach: &'a Reach,
        jobs: NonZeroUsize,
        variables: &'a Variables,
    ) -> Result<Self, Failure> {
        let variable = |name: &str| {
            let found = variables.get(name).or_else(|| variables.get(&name.to_ascii_lowercase()));
            found.cloned().unwrap_or_default()
        };
        let proxies = ProxyEnvironment {
            http: variable("HTTP_PROXY"),
            https: variable("HTTPS_PROXY"),
            no_proxy: variable("NO_PROXY"),
        };
        let identity = reach.cert.clone().zip(reach.key.clone());
        let tls = Tls {
            roots: reach.ca.clone().map_or(Roots::System, Roots::File),
            verification: if reach.insecure { Verification::None } else { Verification::Full },
            identity: identity.map(|(certificates, key)| Identity { certificates, key }),
        };
        let options = wharf_http_client::Options {
            tls,
            proxy: Proxy::Environment(proxies),
            idle_per_host: jobs
                .get()
                .saturating_mul(CONNECTIONS_PER_JOB)
                .max(wharf_http_client::DEFAULT_IDLE_PER_HOST),
            ..wharf_http_client::Options::default()
        };
        let http =
            HttpClient::new(options).map_err(|error| Failure::new("cannot connect as asked", error))?;
        let password = reach.password_stdin.then(read_password).transpose()?;
        Ok(Self { reach, variables, http, jobs, password })
    }

    /// The registry of a host.
    pub(super) async fn registry(
        &self,
        host: &Host,
        name: Option<&str>,
        role: Role,
        user: Option<&str>,
    ) -> Result<RemoteRegistry, Failure> {
        let plain = self.reach.plain_http || (is_loopback(host) && !self.reach.wants_tls());
        let scheme = if plain { "http" } else { "https" };
        let endpoint = format!("{scheme}://{}", listens_at(host)).parse::<Endpoint>();
        let endpoint = endpoint.map_err(|error| Failure::new(format!("cannot speak to {host}"), error))?;
        let credentials = match self.given(role, user)? {
            Some(credentials) => credentials,
            None => logins::find(self.variables, host, name)
                .await
                .map_err(|error| Failure::new(format!("cannot log in to {host}"), error))?,
        };
        let options = Options { downloads: self.jobs, uploads: self.jobs, ..Options::default() };
        Ok(RemoteRegistry::new(endpoint, self.http.clone(), credentials, options))
    }

    /// The repository of a place at a registry.
    pub(super) async fn remote(
        &self,
        place: &RemotePlace,
        role: Role,
        user: Option<&str>,
    ) -> Result<Arc<dyn Repository>, Failure> {
        let registry = self.registry(&place.host, Some(place.name.as_str()), role, user).await?;
        Ok(registry.repository(&place.name))
    }

    /// The repository of a place that is there.
    pub(super) async fn repository(&self, place: &Place) -> Result<Arc<dyn Repository>, Failure> {
        match place {
            Place::Remote(remote) => self.remote(remote, Role::Main, self.reach.user.as_deref()).await,
            Place::Layout { folder, .. } => Ok(Arc::new(open(folder)?)),
        }
    }

    /// Who is named on the command line, or by the environment.
    fn given(&self, role: Role, user: Option<&str>) -> Result<Option<Credentials>, Failure> {
        let (user_variable, password_variable) = match role {
            Role::Main => ("WHARF_USER", "WHARF_PASSWORD"),
            Role::From => ("WHARF_FROM_USER", "WHARF_FROM_PASSWORD"),
        };
        let Some(user) = user.or(self.variables.get(user_variable).map(String::as_str)) else {
            return Ok(None);
        };
        if let Some((user, password)) = user.split_once(':') {
            return Ok(Some(Credentials::Basic { user: user.to_owned(), password: password.to_owned() }));
        }
        let read = self.password.as_ref().filter(|_| role == Role::Main);
        let password = read.or_else(|| self.variables.get(password_variable));
        let missing = || {
            Failure::usage(format!(
                "no password for {user}: set {password_variable}, or use --password-stdin"
            ))
        };
        let password = password.ok_or_else(missing)?.clone();
        Ok(Some(Credentials::Basic { user: user.to_owned(), password }))
    }
}

/// A layout that is there.
pub(super) fn open(folder: &std::path::Path) -> Result<OciLayout, Failure> {
    OciLayout::open(folder).map_err(|error| Failure::new(format!("no images in {}", folder.display()), error))
}

fn read_password() -> Result<String, Failure> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Failure::new("cannot read the password from standard input", error))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
