//! `auth`: the guard at the entrance, and the files that it goes by.

use std::path::Path;
use std::sync::Arc;

use wharf_auth::{AccessController, Authenticator, Guard, Open, Silly};

use crate::reload::Watched;
use crate::settings::{AccessSettings, AuthenticatorSettings};
use crate::start::StartError;

/// Who decides about requests, and what to look at from time to time.
pub(crate) struct Entrance {
    pub(crate) controller: Arc<dyn AccessController>,
    /// What the controller has read, that may change.
    pub(crate) watched: Vec<Watched>,
}

/// Makes the access controller. `file` is the configuration that the settings come from, if it is one.
pub(crate) fn open(settings: &AccessSettings, file: Option<&Path>) -> Result<Entrance, StartError> {
    let mut watched = Vec::new();
    let authenticator = authenticator(&settings.authenticator, &mut watched)?;
    let guard = Arc::new(Guard::new(authenticator, settings.rules.clone()));
    watched.extend(file.map(|file| rules(file, settings.clone(), Arc::clone(&guard))));
    Ok(Entrance { controller: guard, watched })
}

#[cfg_attr(
    not(any(feature = "auth-htpasswd", feature = "auth-token")),
    expect(unused_variables, reason = "others read no files")
)]
fn authenticator(
    settings: &AuthenticatorSettings,
    watched: &mut Vec<Watched>,
) -> Result<Arc<dyn Authenticator>, StartError> {
    Ok(match settings {
        AuthenticatorSettings::None => Arc::new(Open),
        AuthenticatorSettings::Silly { realm, service } => Arc::new(Silly::new(realm, service)),
        #[cfg(feature = "auth-htpasswd")]
        AuthenticatorSettings::Htpasswd(settings) => htpasswd(settings, watched)?,
        #[cfg(not(feature = "auth-htpasswd"))]
        AuthenticatorSettings::Htpasswd(_) => return Err(StartError::NotBuiltIn("auth.htpasswd")),
        #[cfg(feature = "auth-token")]
        AuthenticatorSettings::Token(settings) => token(settings, watched)?,
        #[cfg(not(feature = "auth-token"))]
        AuthenticatorSettings::Token(_) => return Err(StartError::NotBuiltIn("auth.token")),
    })
}

#[cfg(feature = "auth-htpasswd")]
fn htpasswd(
    settings: &crate::settings::HtpasswdSettings,
    watched: &mut Vec<Watched>,
) -> Result<Arc<dyn Authenticator>, StartError> {
    use wharf_auth_htpasswd::{Config, Htpasswd};

    let mut config = Config::new(&settings.realm, &settings.path);
    config.concurrency = settings.checks.unwrap_or(config.concurrency);
    config.queue = settings.queue.unwrap_or(config.queue);
    config.remember = settings.remember.unwrap_or(config.remember);
    let watch = Watched::before_reading("users", [settings.path.clone()]);
    let users =
        Htpasswd::open(config).map_err(|error| StartError::Setting("auth.htpasswd", Box::new(error)))?;
    let users = Arc::new(users);
    let again = Arc::clone(&users);
    watched.push(watch.with(move || Ok(again.reload()?)));
    Ok(users)
}

#[cfg(feature = "auth-token")]
fn token(
    settings: &crate::settings::TokenSettings,
    watched: &mut Vec<Watched>,
) -> Result<Arc<dyn Authenticator>, StartError> {
    use wharf_auth_token::TokenAuthenticator;

    let config = token_config(settings);
    let files = settings.certificates.iter().chain(&settings.key_set).cloned();
    let watch = Watched::before_reading("token keys", files);
    let tokens = TokenAuthenticator::open(config)
        .map_err(|error| StartError::Setting("auth.token", Box::new(error)))?;
    let tokens = Arc::new(tokens);
    let again = Arc::clone(&tokens);
    watched.push(watch.with(move || Ok(again.reload()?)));
    Ok(tokens)
}

/// What tokens are verified by.
#[cfg(feature = "auth-token")]
pub(crate) fn token_config(settings: &crate::settings::TokenSettings) -> wharf_auth_token::Config {
    use wharf_auth_token::{Algorithm, Config, Realm};

    let named = settings.algorithms.iter().filter_map(|name| name.parse().ok());
    let algorithms: Vec<Algorithm> = named.collect();
    Config {
        realm: Realm { url: settings.realm.clone(), redirect: settings.redirect.clone() },
        service: settings.service.clone(),
        issuer: settings.issuer.clone(),
        certificates: settings.certificates.clone(),
        key_set: settings.key_set.clone(),
        algorithms: if algorithms.is_empty() { Algorithm::ALL.to_vec() } else { algorithms },
    }
}

/// Reads the rules again when the configuration has changed. All else in it waits for the next start.
fn rules(file: &Path, started_with: AccessSettings, guard: Arc<Guard>) -> Watched {
    let path = file.to_owned();
    Watched::before_reading("access rules", [path.clone()]).with(move || {
        let read = crate::configure::load(Some(&path))?.settings.access;
        if read.authenticator != started_with.authenticator || read.is_open() != started_with.is_open() {
            return Err("auth names another way to log in, which takes a restart".into());
        }
        guard.set_rules(read.rules);
        Ok(())
    })
}
