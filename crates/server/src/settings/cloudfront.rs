//! `middleware.storage: [{name: cloudfront}]`

use wharf_configuration::{Error, GoDuration, Section};
use wharf_storage_driver_cloudfront::{Config, IpFilter, PrivateKey, RangesSource};

use super::driver::DriverSettings;
use super::given;

/// Reads the options; the prefix of keys is for the caller to add, who knows the driver.
pub(super) fn read(options: &Section<'_>, remarks: &mut Vec<String>) -> Result<Config, Error> {
    let needed = |key: &str| given::text(options, key)?.ok_or_else(|| options.missing(key));
    let mut config =
        Config::new(needed("baseurl")?, needed("keypairid")?, private_key(needed("privatekey")?));
    if let Some(duration) = text_duration(options, "duration", remarks)? {
        config.duration = duration;
    }
    let frequency = text_duration(options, "updatefrequency", remarks)?;
    let misspelt = text_duration(options, "updatefrenquency", remarks)?;
    if misspelt.is_some() {
        remarks.push(format!("{}.updatefrenquency is spelt updatefrequency now", options.name()));
    }
    if let Some(frequency) = frequency.or(misspelt) {
        config.update_frequency = frequency;
    }
    config.ip_filter = ip_filter(options)?;
    if let Some(source) = given::text(options, "iprangesurl")? {
        config.ip_ranges = ranges_source(options, source)?;
    }
    Ok(config)
}

/// Completes the options with what the driver knows. CloudFront stands before a bucket, so it must be told the keys of
/// objects, and as in Distribution only the S3 driver itself does: around another driver, or around another wrapper, it
/// changes nothing.
pub(super) fn before(
    mut config: Config,
    driver: &DriverSettings,
    innermost: bool,
    remarks: &mut Vec<String>,
) -> Option<Config> {
    let DriverSettings::S3(s3) = driver else {
        remarks
            .push("middleware.storage: cloudfront has no effect, since it stands before S3 only".to_owned());
        return None;
    };
    if !innermost {
        remarks.push("middleware.storage: cloudfront has no effect unless it comes first".to_owned());
        return None;
    }
    config.key_prefix.clone_from(&s3.config.root_directory);
    Some(config)
}

/// The key itself, or the file that holds it.
fn private_key(text: String) -> PrivateKey {
    if text.trim_start().starts_with("-----BEGIN") {
        PrivateKey::Pem(text.into_bytes())
    } else {
        PrivateKey::File(text.into())
    }
}

fn ip_filter(options: &Section<'_>) -> Result<IpFilter, Error> {
    let regions = given::text(options, "awsregion")?.unwrap_or_default();
    let regions: Vec<String> = regions
        .split(',')
        .map(|region| region.trim().to_owned())
        .filter(|region| !region.is_empty())
        .collect();
    let filters = [
        ("none", IpFilter::None),
        ("aws", IpFilter::Aws),
        ("awsregion", IpFilter::AwsRegion(regions)),
        ("", IpFilter::None),
    ];
    let filter = options.variant("ipfilteredby", &filters)?.unwrap_or_default();
    if filter == IpFilter::AwsRegion(Vec::new()) {
        return Err(options.missing("awsregion"));
    }
    Ok(filter)
}

/// A URL, the URL of a file, or the path of a file.
fn ranges_source(options: &Section<'_>, source: String) -> Result<RangesSource, Error> {
    if let Some(path) = source.strip_prefix("file://") {
        // `file://localhost/path` is the long form of `file:///path`.
        let path = path.strip_prefix("localhost").unwrap_or(path);
        if !path.starts_with('/') {
            return Err(
                options.refuse("iprangesurl", "a file of this machine, such as file:///etc/ip-ranges.json")
            );
        }
        return Ok(RangesSource::File(path.into()));
    }
    match source.split_once("://") {
        Some(("http" | "https", _)) => Ok(RangesSource::Url(source)),
        Some(_) => {
            Err(options.refuse("iprangesurl", "a URL with http, https or file, or the path of a file"))
        }
        None => Ok(RangesSource::File(source.into())),
    }
}

/// A duration with a unit. A bare number has no effect in Distribution, so it has none here.
fn text_duration(
    options: &Section<'_>,
    key: &str,
    remarks: &mut Vec<String>,
) -> Result<Option<std::time::Duration>, Error> {
    let Some(text) = given::text(options, key)? else { return Ok(None) };
    if text.parse::<f64>().is_ok() {
        remarks.push(format!("{}.{key} is a number without a unit and has no effect", options.name()));
        return Ok(None);
    }
    let duration =
        text.parse::<GoDuration>().ok().and_then(GoDuration::to_std).filter(|duration| !duration.is_zero());
    duration.map(Some).ok_or_else(|| options.refuse(key, "a duration above zero, such as 20m"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use wharf_configuration::Document;

    use crate::environment::Environment;
    use crate::settings::{MiddlewareSettings, Settings};

    use super::*;

    const NEEDED: &str = "baseurl: cdn.example, privatekey: /key.pem, keypairid: K1";
    const S3: &str = "s3: {bucket: b, region: us-east-1, rootdirectory: /images}";

    fn settings(storage: &str, middleware: &str) -> Result<Settings, String> {
        let text = format!(
            "version: 0.1\nhttp: {{secret: s}}\nstorage: {{{storage}}}\nmiddleware:\n  storage: [{middleware}]\n"
        );
        let document = Document::parse("config.yml", &text).unwrap();
        let settings =
            Settings::read(&document, Environment::default()).map_err(|error| error.to_string())?;
        assert_eq!(document.unread(), []);
        Ok(settings)
    }

    fn cloudfront(options: &str) -> String {
        format!("{{name: cloudfront, options: {{{NEEDED}, {options}}}}}")
    }

    fn read(options: &str) -> (Config, usize) {
        let mut settings = settings(S3, &cloudfront(options)).unwrap();
        match settings.storage.middleware.remove(0) {
            MiddlewareSettings::CloudFront(config) => (*config, settings.remarks.len()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn options_have_distributions_defaults_and_spellings() {
        let key = PrivateKey::File("/key.pem".into());
        let default = Config { key_prefix: "/images".to_owned(), ..Config::new("cdn.example", "K1", key) };
        assert_eq!(read("ipfilteredby: none"), (default.clone(), 0));
        assert_eq!(read("ipfilteredby: ''"), (default.clone(), 0));
        assert_eq!(read("duration: 3000"), (default.clone(), 1), "a bare number has no effect");
        let (config, _) = read("duration: 1h, updatefrequency: 30m, ipfilteredby: AWS");
        assert_eq!(
            (config.duration, config.update_frequency),
            (Duration::from_secs(3600), Duration::from_secs(1800))
        );
        assert_eq!(config.ip_filter, IpFilter::Aws);
        let (config, remarks) =
            read("updatefrenquency: 30m, ipfilteredby: awsregion, awsregion: 'us-east-1, us-west-2'");
        assert_eq!((config.update_frequency, remarks), (Duration::from_secs(1800), 1));
        let regions = ["us-east-1", "us-west-2"].map(str::to_owned).to_vec();
        assert_eq!(config.ip_filter, IpFilter::AwsRegion(regions));
    }

    #[test]
    fn the_list_of_addresses_may_be_a_file() {
        let source = |url: &str| read(&format!("iprangesurl: '{url}'")).0.ip_ranges;
        assert_eq!(source("http://host/list.json"), RangesSource::Url("http://host/list.json".to_owned()));
        assert_eq!(source("file:///etc/list.json"), RangesSource::File("/etc/list.json".into()));
        assert_eq!(source("file://localhost/etc/list.json"), RangesSource::File("/etc/list.json".into()));
        assert_eq!(source("/etc/list.json"), RangesSource::File("/etc/list.json".into()));
    }

    #[test]
    fn the_key_may_stand_in_the_file() {
        let pem = "{name: cloudfront, options: {baseurl: b, keypairid: K, privatekey: \"-----BEGIN RSA PRIVATE KEY-----\\nhush\"}}";
        let settings = settings(S3, pem).unwrap();
        assert!(
            matches!(&settings.storage.middleware[..], [MiddlewareSettings::CloudFront(config)] if matches!(config.private_key, PrivateKey::Pem(_)))
        );
        assert!(!format!("{settings:?}").contains("hush"));
    }

    #[test]
    fn complaints_say_where_and_what_would_be_right() {
        for (options, part) in [
            ("ipfilteredby: everyone", "one of none, aws, awsregion"),
            ("ipfilteredby: awsregion", "options.awsregion: found nothing"),
            ("duration: soon", "a duration above zero, such as 20m"),
            ("iprangesurl: 'ftp://x'", "a URL with http, https or file"),
            ("iprangesurl: 'file://host/x'", "a file of this machine"),
        ] {
            let complaint = settings(S3, &cloudfront(options)).unwrap_err();
            assert!(complaint.starts_with("config.yml:5:") && complaint.contains(part), "{complaint}");
        }
        let complaint = settings(S3, "{name: cloudfront, options: {baseurl: b, keypairid: K}}").unwrap_err();
        assert!(complaint.contains("middleware.storage[0].options.privatekey"), "{complaint}");
    }

    #[test]
    fn where_it_has_no_effect_it_says_so() {
        let redirect = "{name: redirect, options: {baseurl: 'https://x'}}";
        let off = cloudfront("duration: 1m").replacen("name:", "disabled: true, name:", 1);
        for (storage, middleware, wrappers, remarks) in [
            ("inmemory: ", cloudfront("duration: 1m"), 0, 1),
            (S3, format!("{redirect}, {}", cloudfront("duration: 1m")), 1, 1),
            (S3, format!("{}, {redirect}", cloudfront("duration: 1m")), 2, 0),
            (S3, off, 0, 0),
        ] {
            let settings = settings(storage, &middleware).unwrap();
            assert_eq!(
                (settings.storage.middleware.len(), settings.remarks.len()),
                (wrappers, remarks),
                "{middleware}"
            );
        }
    }
}
