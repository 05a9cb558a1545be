//! `storage`, `middleware.storage` and `validation`.

use std::num::NonZeroUsize;
use std::time::Duration;

use wharf_configuration::{Error, Section};
use wharf_storage::{Deletes, ImageChecks, IndexChecks, IndexPlatform, Options, PurgeMode, Redirects};

use super::cache::CacheSettings;
use super::driver::{Around, DriverSettings};
use super::middleware::{self, MiddlewareSettings};
use super::{given, policy};
use crate::environment::Environment;

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
    pub(super) fn read(
        root: &Section<'_>,
        environment: &Environment,
        remarks: &mut Vec<String>,
    ) -> Result<Self, Error> {
        let choice = root.one_of("storage", &RESERVED)?.ok_or_else(|| root.missing("storage"))?;
        let storage = &choice.beside;
        let maintenance = storage.section("maintenance")?;
        let redirect_lifetime = given::duration(&storage.section("redirect")?, "expiry")?;
        let driver = DriverSettings::read(&choice, Around { redirect_lifetime, environment, remarks })?;
        Ok(Self {
            middleware: middleware::read(root, &driver, remarks)?,
            driver,
            cache: CacheSettings::read(root, storage, remarks)?,
            purge: purge(&maintenance)?,
            read_only: maintenance.section("readonly")?.bool("enabled")?.unwrap_or(false),
            options: options(root, storage, remarks)?,
        })
    }
}

fn purge(maintenance: &Section<'_>) -> Result<Option<PurgeSettings>, Error> {
    let section = maintenance.section("uploadpurging")?;
    let enabled = section.bool("enabled")?.unwrap_or(true);
    let settings = PurgeSettings {
        age: given::duration_with_unit(&section, "age")?.unwrap_or(PURGE_AGE),
        interval: given::duration_with_unit(&section, "interval")?.unwrap_or(PURGE_INTERVAL),
        mode: if section.bool("dryrun")?.unwrap_or(false) { PurgeMode::DryRun } else { PurgeMode::Delete },
    };
    if enabled && settings.interval.is_zero() {
        return Err(section.refuse("interval", "a duration above zero, such as 24h"));
    }
    Ok(enabled.then_some(settings))
}

fn options(root: &Section<'_>, storage: &Section<'_>, remarks: &mut Vec<String>) -> Result<Options, Error> {
    let mut options = Options::default();
    match storage.section("delete")?.bool("enabled") {
        Ok(Some(true)) => options.deletes = Deletes::Allowed,
        Ok(_) => {}
        Err(error) => remarks.push(format!("{error}; so deletes are off, as in Distribution")),
    }
    if storage.section("redirect")?.bool("disable")?.unwrap_or(false) {
        options.redirects = Redirects::Never;
    }
    if let Some(limit) =
        storage.section("tag")?.integer::<usize>("concurrencylimit")?.and_then(NonZeroUsize::new)
    {
        options.tag_concurrency = limit;
    }
    options.immutable = policy::immutable(&storage.section("tag")?)?;
    options.classes = root.section("policy")?.section("repository")?.strings("classes")?.unwrap_or_default();
    limits(root, storage, &mut options)?;
    let validation = root.section("validation")?;
    let enabled = validation.bool("enabled")?.unwrap_or(false);
    let disabled = validation.bool("disabled")?.unwrap_or(false);
    let manifests = validation.section("manifests")?;
    let urls = manifests.section("urls")?;
    let urls = policy::urls(&urls)?;
    let index_checks = index_checks(&manifests.section("indexes")?)?;
    let image_checks = manifests
        .section("images")?
        .variant("blobs", &[("all", ImageChecks::All), ("none", ImageChecks::None)])?;
    if enabled || !disabled {
        options.index_checks = index_checks;
        options.image_checks = image_checks.unwrap_or_default();
        options.urls = urls;
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

/// The default of `storage.maintenance.uploadpurging.age`: a week.
const PURGE_AGE: Duration = Duration::from_secs(168 * 3600);
/// The default of `storage.maintenance.uploadpurging.interval`: a day.
const PURGE_INTERVAL: Duration = Duration::from_secs(24 * 3600);
