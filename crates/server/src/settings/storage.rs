//! `storage`, `middleware.storage` and `validation`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use wharf_configuration::{Choice, Error, Section};
use wharf_storage::{Deletes, ImageChecks, IndexChecks, IndexPlatform, Options, PurgeMode, Redirects};
use wharf_storage_driver::Rewrite;

/// Where images are kept, and by which rules.
#[derive(Debug)]
pub struct StorageSettings {
    /// The one driver.
    pub driver: DriverSettings,
    /// `middleware.storage`, innermost first.
    pub middleware: Vec<MiddlewareSettings>,
    /// `storage.cache`
    pub cache: CacheSettings,
    /// `storage.maintenance.uploadpurging`; none when it is off.
    pub purge: Option<PurgeSettings>,
    /// `storage.maintenance.readonly`
    pub read_only: bool,
    /// Everything that the storage crate decides by.
    pub options: Options,
}

/// A store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DriverSettings {
    /// `storage.filesystem`
    Filesystem {
        /// The folder.
        root: PathBuf,
        /// Calls at once.
        threads: NonZeroUsize,
    },
    /// `storage.inmemory`
    InMemory,
}

/// A wrapper around a driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MiddlewareSettings {
    /// Sends clients below this URL.
    Redirect(String),
    /// Changes the driver's own redirects.
    Rewrite(Rewrite),
}

/// What remembers descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheSettings {
    /// Nothing.
    Off,
    /// The process, so many entries.
    InMemory(usize),
}

/// When unfinished uploads are thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurgeSettings {
    /// Those that began longer ago than this.
    pub age: Duration,
    /// How often to look.
    pub interval: Duration,
    /// Whether to do it, or only to say what would be done.
    pub mode: PurgeMode,
}

const RESERVED: [&str; 5] = ["maintenance", "cache", "delete", "redirect", "tag"];

impl StorageSettings {
    pub(super) fn read(root: &Section<'_>, remarks: &mut Vec<String>) -> Result<Self, Error> {
        let choice = root.one_of("storage", &RESERVED)?.ok_or_else(|| root.missing("storage"))?;
        let storage = &choice.beside;
        let maintenance = storage.section("maintenance")?;
        Ok(Self {
            driver: driver(&choice)?,
            middleware: middleware(root)?,
            cache: cache(&storage.section("cache")?, remarks)?,
            purge: purge(&maintenance)?,
            read_only: maintenance.section("readonly")?.bool("enabled")?.unwrap_or(false),
            options: options(root, storage)?,
        })
    }
}

fn driver(choice: &Choice<'_>) -> Result<DriverSettings, Error> {
    match choice.name {
        "inmemory" => Ok(DriverSettings::InMemory),
        "filesystem" => {
            let threads =
                choice.parameters.integer::<i64>("maxthreads")?.unwrap_or(THREADS).max(THREADS_LEAST);
            Ok(DriverSettings::Filesystem {
                root: choice.parameters.string("rootdirectory")?.unwrap_or_else(|| ROOT.to_owned()).into(),
                threads: usize::try_from(threads)
                    .ok()
                    .and_then(NonZeroUsize::new)
                    .unwrap_or(NonZeroUsize::MIN),
            })
        }
        name => Err(choice.beside.refuse(name, "filesystem or inmemory: this build knows no other driver")),
    }
}

fn middleware(root: &Section<'_>) -> Result<Vec<MiddlewareSettings>, Error> {
    let section = root.section("middleware")?;
    for kind in ["registry", "repository"] {
        if !section.sections(kind)?.is_empty() {
            return Err(section.refuse(kind, "nothing: there is no such middleware"));
        }
    }
    let mut wrappers = Vec::new();
    for entry in section.sections("storage")? {
        let name = entry.string("name")?.ok_or_else(|| entry.missing("name"))?;
        let options = entry.section("options")?;
        let wrapper = match name.as_str() {
            "redirect" => MiddlewareSettings::Redirect(
                options.string("baseurl")?.ok_or_else(|| options.missing("baseurl"))?,
            ),
            "rewrite" => MiddlewareSettings::Rewrite(Rewrite {
                scheme: options.string("scheme")?,
                host: options.string("host")?,
                trim_path_prefix: options.string("trimpathprefix")?,
            }),
            _ => {
                return Err(entry.refuse("name", "redirect or rewrite: this build knows no other middleware"));
            }
        };
        if !entry.bool("disabled")?.unwrap_or(false) {
            wrappers.push(wrapper);
        }
    }
    Ok(wrappers)
}

fn cache(section: &Section<'_>, remarks: &mut Vec<String>) -> Result<CacheSettings, Error> {
    let old_spelling = section.string("layerinfo")?;
    let kind = section.string("blobdescriptor")?.or(old_spelling);
    let size = section.integer::<i64>("blobdescriptorsize")?;
    match kind.as_deref() {
        None | Some("") => Ok(CacheSettings::Off),
        Some("inmemory") => {
            let entries = usize::try_from(size.unwrap_or(CACHE_ENTRIES)).ok().filter(|entries| *entries > 0);
            if entries.is_none() {
                remarks.push(format!(
                    "storage.cache.blobdescriptorsize asks for a cache without bounds, it gets {CACHE_ENTRIES_MOST} entries"
                ));
            }
            Ok(CacheSettings::InMemory(entries.unwrap_or(CACHE_ENTRIES_MOST)))
        }
        Some("redis") => {
            remarks.push(
                "storage.cache.blobdescriptor is redis, which this build cannot use yet: caching is off"
                    .to_owned(),
            );
            Ok(CacheSettings::Off)
        }
        Some(other) => {
            remarks.push(format!("storage.cache.blobdescriptor {other:?} is unknown, caching is off"));
            Ok(CacheSettings::Off)
        }
    }
}

fn purge(maintenance: &Section<'_>) -> Result<Option<PurgeSettings>, Error> {
    let section = maintenance.section("uploadpurging")?;
    let enabled = section.bool("enabled")?.unwrap_or(true);
    let settings = PurgeSettings {
        age: section.duration("age")?.unwrap_or(PURGE_AGE),
        interval: section.duration("interval")?.unwrap_or(PURGE_INTERVAL),
        mode: if section.bool("dryrun")?.unwrap_or(false) { PurgeMode::DryRun } else { PurgeMode::Delete },
    };
    if enabled && settings.interval.is_zero() {
        return Err(section.refuse("interval", "a duration above zero, such as 24h"));
    }
    Ok(enabled.then_some(settings))
}

fn options(root: &Section<'_>, storage: &Section<'_>) -> Result<Options, Error> {
    let mut options = Options::default();
    if storage.section("delete")?.bool("enabled")?.unwrap_or(false) {
        options.deletes = Deletes::Allowed;
    }
    if storage.section("redirect")?.bool("disable")?.unwrap_or(false) {
        options.redirects = Redirects::Never;
    }
    if let Some(limit) =
        storage.section("tag")?.integer::<usize>("concurrencylimit")?.and_then(NonZeroUsize::new)
    {
        options.tag_concurrency = limit;
    }
    limits(root, storage, &mut options)?;
    let validation = root.section("validation")?;
    let enabled = validation.bool("enabled")?.unwrap_or(false);
    let disabled = validation.bool("disabled")?.unwrap_or(false);
    let manifests = validation.section("manifests")?;
    let urls = manifests.section("urls")?;
    for key in ["allow", "deny"] {
        if urls.strings(key)?.is_some_and(|patterns| !patterns.is_empty()) {
            return Err(urls.refuse(key, "nothing: this build cannot check URLs against patterns"));
        }
    }
    let index_checks = index_checks(&manifests.section("indexes")?)?;
    let image_checks = manifests
        .section("images")?
        .variant("blobs", &[("all", ImageChecks::All), ("none", ImageChecks::None)])?;
    if enabled || !disabled {
        options.index_checks = index_checks;
        options.image_checks = image_checks.unwrap_or_default();
    } else {
        options.index_checks = IndexChecks::None;
    }
    Ok(options)
}

/// Limits that only this program has, so they stand where Distribution does not look.
fn limits(root: &Section<'_>, storage: &Section<'_>, options: &mut Options) -> Result<(), Error> {
    if let Some(bytes) = storage.section("cache")?.bytes("manifestbytes")? {
        options.manifest_cache_bytes = bytes;
    }
    let at_once = root.section("validation")?.section("manifests")?.integer::<usize>("concurrency")?;
    if let Some(at_once) = at_once.and_then(NonZeroUsize::new) {
        options.reference_concurrency = at_once;
    }
    let referrers = root.section("referrers")?;
    if let Some(page) = referrers.integer::<usize>("page")?.and_then(NonZeroUsize::new) {
        options.referrers_per_page = page;
    }
    if let Some(bytes) = referrers.bytes("pagebytes")?.and_then(|bytes| usize::try_from(bytes).ok()) {
        options.referrers_page_bytes = bytes;
    }
    if let Some(wait) = root.section("http")?.section("limits")?.duration("uploadwait")? {
        options.upload_wait = wait;
    }
    Ok(())
}

fn index_checks(section: &Section<'_>) -> Result<IndexChecks, Error> {
    let mut platforms = Vec::new();
    for entry in section.sections("platformlist")? {
        platforms.push(IndexPlatform {
            architecture: entry.string("architecture")?.unwrap_or_default(),
            os: entry.string("os")?.unwrap_or_default(),
        });
    }
    let listed = IndexChecks::Platforms(platforms);
    let checks = [("all", IndexChecks::All), ("none", IndexChecks::None), ("list", listed)];
    Ok(section.variant("platforms", &checks)?.unwrap_or_default())
}

/// The default of `storage.filesystem.rootdirectory`.
const ROOT: &str = "/var/lib/registry";
/// The default of `storage.filesystem.maxthreads`.
const THREADS: i64 = 100;
/// The least that `storage.filesystem.maxthreads` means, whatever is written.
const THREADS_LEAST: i64 = 25;
/// The default of `storage.cache.blobdescriptorsize`.
const CACHE_ENTRIES: i64 = 10_000;
/// What a cache without bounds gets: some 200 MB of entries.
const CACHE_ENTRIES_MOST: usize = 1_000_000;
/// The default of `storage.maintenance.uploadpurging.age`: a week.
const PURGE_AGE: Duration = Duration::from_secs(168 * 3600);
/// The default of `storage.maintenance.uploadpurging.interval`: a day.
const PURGE_INTERVAL: Duration = Duration::from_secs(24 * 3600);
