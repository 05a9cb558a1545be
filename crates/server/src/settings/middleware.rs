//! `middleware.storage`: what stands around the driver.

use wharf_configuration::{Error, Section};
use wharf_storage_driver::Rewrite;

#[cfg(feature = "cloudfront")]
use super::cloudfront;
use super::driver::DriverSettings;
use super::given;

/// A wrapper around a driver.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MiddlewareSettings {
    /// Sends clients below this URL.
    Redirect(String),
    /// Changes the driver's own redirects.
    Rewrite(Rewrite),
    /// Sends clients to CloudFront.
    #[cfg(feature = "cloudfront")]
    CloudFront(Box<wharf_storage_driver_cloudfront::Config>),
}

/// Reads the wrappers that have an effect, innermost first.
#[cfg_attr(
    not(feature = "cloudfront"),
    expect(unused_variables, clippy::ptr_arg, reason = "the others stand before any driver")
)]
pub(super) fn read(
    root: &Section<'_>,
    driver: &DriverSettings,
    remarks: &mut Vec<String>,
) -> Result<Vec<MiddlewareSettings>, Error> {
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
        let needed = |key: &str| given::text(&options, key)?.ok_or_else(|| options.missing(key));
        let wrapper = match name.as_str() {
            "redirect" => MiddlewareSettings::Redirect(needed("baseurl")?),
            "rewrite" => MiddlewareSettings::Rewrite(Rewrite {
                scheme: given::text(&options, "scheme")?,
                host: given::text(&options, "host")?,
                trim_path_prefix: given::text(&options, "trimpathprefix")?,
            }),
            #[cfg(feature = "cloudfront")]
            "cloudfront" => MiddlewareSettings::CloudFront(Box::new(cloudfront::read(&options, remarks)?)),
            _ => {
                let expected = format!("one of {}: this build knows no other middleware", KNOWN.join(", "));
                return Err(entry.refuse("name", &expected));
            }
        };
        if entry.bool("disabled")?.unwrap_or(false) {
            continue;
        }
        #[cfg(feature = "cloudfront")]
        if let MiddlewareSettings::CloudFront(config) = wrapper {
            let config = cloudfront::before(*config, driver, wrappers.is_empty(), remarks);
            wrappers.extend(config.map(Box::new).map(MiddlewareSettings::CloudFront));
            continue;
        }
        wrappers.push(wrapper);
    }
    Ok(wrappers)
}

/// The names of the wrappers of this build.
const KNOWN: &[&str] = &[
    "redirect",
    "rewrite",
    #[cfg(feature = "cloudfront")]
    "cloudfront",
];
