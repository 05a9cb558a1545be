//! The life of a server: introduce everyone to everyone, announce, serve, drain.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tracing::{error, info, warn};
use wharf_api_v2::Api;
use wharf_auth::AccessController;
use wharf_cache::NoCache;
use wharf_storage::{Storage, UploadPurge};
use wharf_storage_driver::StorageDriver;

use crate::adapters;
use crate::listen::{AccessLog, Identity, Listener, Tls};
use crate::logging::AccessLines;
use crate::reload::{self, Watched};
use crate::settings::{CertificateSettings, KeyFile, Net, PurgeSettings, Settings, TlsSettings};
use crate::systemd;

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting turned out to be wrong when it was used.
    #[error("{0} cannot be used")]
    Setting(&'static str, #[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store is there and does not let us in, or not the bucket that the settings name.
    #[error("the store, {0}, cannot be used")]
    Store(String, #[source] wharf_storage_driver::Error),
    /// The program was built without something.
    #[error("{0} is not part of this build")]
    NotBuiltIn(&'static str),
    /// The address could not be bound.
    #[error("cannot listen on {0:?}")]
    Listen(String, #[source] io::Error),
    /// The system did not give something that every process gets.
    #[error("the system refused")]
    System(#[source] io::Error),
}

/// Serves until the process is told to stop.
///
/// # Errors
///
/// When something that the settings name cannot be had.
pub async fn serve(settings: Settings) -> Result<(), StartError> {
    // From now on they end nobody in the middle of something; a reload can be asked for before there is anything to reload.
    let (stop, hangup) = (stop_signal()?, signal(SignalKind::hangup()).map_err(StartError::System)?);
    take_all_file_descriptors();
    let store = adapters::store(&settings).await?;
    let driver_name = store.bare.name();
    let mut entrance = adapters::access::open(&settings.access, settings.file.as_deref())?;
    let api_options = api_options(&settings, entrance.controller)?;
    let cache = adapters::cache(&settings.storage.cache, &api_options.secret).await?;
    let purge = settings.storage.purge.map(|purge| (purge, Arc::clone(&store.bare)));
    let storage = Storage::new(store.wrapped, cache, settings.storage.options.clone());
    let api = Api::new(Arc::new(storage), api_options);

    let mut background = JoinSet::new();
    let tls = tls(&settings, &mut entrance.watched, &mut background)?;
    let listener = listener(&settings, tls).await?;
    let listener = match settings.log.access {
        AccessLines::Written => listener.with_access_log(AccessLog::to(io::stdout())),
        AccessLines::Off => listener,
    };
    for remark in &settings.remarks {
        warn!("{remark}");
    }
    let version = env!("CARGO_PKG_VERSION");
    let store = &settings.storage.driver;
    info!("wharf {version} listens on {}, storage driver {driver_name}, {store}", listener.place());
    systemd::ready();

    let watching = tokio::spawn(reload::watch(entrance.watched, hangup));
    let purging = purge.map(|(purge, driver)| tokio::spawn(purge_for_ever(purge, driver)));
    let stop = async {
        stop.await;
        systemd::stopping();
    };
    listener.serve(api, stop, settings.http.drain).await;
    watching.abort();
    if let Some(purging) = purging {
        purging.abort();
    }
    info!("stopped");
    Ok(())
}

/// Reads what encrypts connections; none where nothing does.
#[cfg_attr(
    not(feature = "acme"),
    expect(unused_variables, reason = "only what is fetched has to be renewed")
)]
fn tls(
    settings: &Settings,
    watched: &mut Vec<Watched>,
    background: &mut JoinSet<()>,
) -> Result<Option<Arc<Tls>>, StartError> {
    let Some(TlsSettings { certificate, options }) = &settings.http.tls else { return Ok(None) };
    let identity = match certificate {
        CertificateSettings::Files { certificate, key } => {
            Identity::Files { certificate: certificate.clone(), key: key.clone() }
        }
        #[cfg(feature = "acme")]
        CertificateSettings::Acme(acme) => {
            let certificates = adapters::acme::open(acme, &settings.environment)?;
            background.spawn(Arc::clone(&certificates).renew());
            Identity::Acme(certificates)
        }
    };
    let files: Vec<_> = identity.files().into_iter().chain(options.client_cas.iter().cloned()).collect();
    let watch = (!files.is_empty()).then(|| Watched::before_reading("certificates", files));
    let tls = Tls::open(identity, options.clone());
    let tls = Arc::new(tls.map_err(|error| StartError::Setting("http.tls", Box::new(error)))?);
    let again = Arc::clone(&tls);
    watched.extend(watch.map(|watch| watch.with(move || Ok(again.reload()?))));
    Ok(Some(tls))
}

/// Opens the address of the settings, or takes the one that systemd gives us.
async fn listener(settings: &Settings, tls: Option<Arc<Tls>>) -> Result<Listener, StartError> {
    let settings = &settings.http;
    let failed = |error| StartError::Listen(settings.address.clone(), error);
    let listener = match systemd::socket(settings.limits).map_err(failed)? {
        Some(given) => given,
        None if settings.net == Net::Unix => {
            Listener::bind_unix(settings.address.as_ref(), settings.limits).map_err(failed)?
        }
        None => Listener::bind(&settings.address, settings.limits).await.map_err(failed)?,
    };
    let listener = listener.with_cleartext(settings.cleartext);
    Ok(match tls {
        Some(tls) => listener.with_tls(tls),
        None => listener,
    })
}

fn api_options(
    settings: &Settings,
    access: Arc<dyn AccessController>,
) -> Result<wharf_api_v2::Options, StartError> {
    let http = &settings.http;
    let key = settings.schema1.key.as_ref().map(KeyFile::open).transpose();
    let key =
        key.map_err(|error| StartError::Setting("compatibility.schema1.signingkeyfile", Box::new(error)))?;
    let mut options = wharf_api_v2::Options {
        access,
        host: http.host.clone(),
        prefix: http.prefix.clone(),
        relative_urls: http.relative_urls,
        headers: http.headers.clone(),
        read_only: settings.storage.read_only,
        limits: http.api_limits.clone(),
        chunk_min_bytes: http.chunk_min_bytes,
        schema1: wharf_api_v2::Schema1 { key, audience: settings.schema1.audience },
        ..wharf_api_v2::Options::default()
    };
    if let Some(secret) = &http.secret {
        options.secret.clone_from(secret);
    }
    Ok(options)
}

/// Raises the limit of open files to what the system allows this process at most: a connection and a file each take one,
/// and the usual limit of 1024 is meant for programs that cannot count further.
fn take_all_file_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        warn!(%error, "the limit of open files stays at {:?}", limit.current);
    }
}

/// Resolves when the process is told to stop, by SIGTERM or SIGINT.
fn stop_signal() -> Result<impl Future<Output = ()>, StartError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::System)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::System)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Throws away, at every interval, what clients began to push and never finished.
///
/// Replicas that are started together would all do it at once, so the first time is somewhere within the first hour, as
/// in Distribution, but never later than one interval.
async fn purge_for_ever(settings: PurgeSettings, driver: Arc<dyn StorageDriver>) {
    let storage = Storage::new(driver, Arc::new(NoCache), wharf_storage::Options::default());
    let first = jitter(FIRST_PURGE_WITHIN).min(settings.interval);
    info!(first = ?first, every = ?settings.interval, "unfinished uploads older than {:?} will be purged", settings.age);
    tokio::time::sleep(first).await;
    loop {
        let purge = UploadPurge { age: settings.age, mode: settings.mode };
        match storage.purge_uploads(SystemTime::now(), purge).await {
            Ok(report) => info!(?report, "unfinished uploads were purged"),
            Err(error) => {
                error!(error = &error as &dyn std::error::Error, "unfinished uploads could not be purged")
            }
        }
        tokio::time::sleep(settings.interval).await;
    }
}

/// A time within `most`, different in each process and at each start.
fn jitter(most: Duration) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mixed = (u64::from(now.subsec_nanos()) ^ u64::from(std::process::id()) << 16)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    most.mul_f64((mixed >> 32) as f64 / f64::from(u32::MAX))
}

/// The first purge is at a random time within this.
const FIRST_PURGE_WITHIN: Duration = Duration::from_secs(3600);
