//! `http.tls.letsencrypt`

use wharf_configuration::{Error, Section};

use super::given::text;
use super::tls::CertificateSettings;

/// What a section can have that names no folder. Distribution speaks plain HTTP with it, which nobody can have meant.
pub(super) fn without_folder(section: &Section<'_>) -> Result<(), Error> {
    let hosts = section.strings("hosts")?.unwrap_or_default();
    if !hosts.is_empty() || text(section, "email")?.is_some() || text(section, "directoryurl")?.is_some() {
        return Err(section.missing("cachefile"));
    }
    ignore(section);
    Ok(())
}

/// Counts all keys as read where none of them matters.
pub(super) fn ignore(section: &Section<'_>) {
    section.ignore(&["email", "hosts", "directoryurl", "renewbefore", "handshakewait", "ordertimeout"]);
    section.ignore(&["minretrybackoff", "maxretrybackoff"]);
}

/// Reads a section that names a folder, in `cachefile`.
#[cfg(feature = "acme")]
pub(super) fn read(section: &Section<'_>, remarks: &mut Vec<String>) -> Result<CertificateSettings, Error> {
    use super::given::duration;

    let folder = text(section, "cachefile")?.ok_or_else(|| section.missing("cachefile"))?;
    if std::path::Path::new(&folder).is_file() {
        let cure =
            "a folder: before 3.0 it was a file, which is of no use any more; name another path, it is made";
        return Err(section.refuse("cachefile", cure));
    }
    let default = wharf_acme::Options::new(folder);
    let names = section.strings("hosts")?.unwrap_or_default();
    let hosts: Result<_, _> = names.iter().map(|name| name.parse()).collect();
    let expected =
        "names of hosts such as registry.example.org, in ASCII (xn--...), no addresses, no wildcards";
    if names.is_empty() {
        remarks.push(format!(
            "{}.hosts is empty: no host may have a certificate, and so no client can connect",
            section.name()
        ));
    }
    let options = wharf_acme::Options {
        email: text(section, "email")?,
        hosts: hosts.map_err(|_| section.refuse("hosts", expected))?,
        directory: directory(section)?.unwrap_or(default.directory),
        renew_before: duration(section, "renewbefore")?.unwrap_or(default.renew_before),
        handshake_wait: duration(section, "handshakewait")?.unwrap_or(default.handshake_wait),
        order_timeout: duration(section, "ordertimeout")?.unwrap_or(default.order_timeout),
        first_retry: duration(section, "minretrybackoff")?.unwrap_or(default.first_retry),
        last_retry: duration(section, "maxretrybackoff")?.unwrap_or(default.last_retry),
        folder: default.folder,
    };
    Ok(CertificateSettings::Acme(options))
}

/// Refuses the section where the program cannot do what it says.
#[cfg(not(feature = "acme"))]
pub(super) fn read(section: &Section<'_>, _: &mut Vec<String>) -> Result<CertificateSettings, Error> {
    let cure = "nothing: this build cannot fetch certificates; keep http.tls.certificate and http.tls.key up to date \
                with an ACME client beside it, they are read again when they change";
    Err(section.refuse("cachefile", cure))
}

/// The URL of an ACME server's directory. Whoever sits between here and a server without TLS decides what clients are shown.
#[cfg(feature = "acme")]
fn directory(section: &Section<'_>) -> Result<Option<String>, Error> {
    let Some(url) = text(section, "directoryurl")? else { return Ok(None) };
    let parsed = url.parse::<http::Uri>().ok();
    let is_good = parsed.is_some_and(|url| url.scheme_str() == Some("https") && url.host().is_some());
    let expected = || section.refuse("directoryurl", "an https URL");
    if is_good { Ok(Some(url)) } else { Err(expected()) }
}

#[cfg(test)]
#[cfg(feature = "acme")]
mod tests {
    use std::time::Duration;

    use wharf_configuration::Document;

    use super::*;

    fn read_from(text: &str) -> Result<(wharf_acme::Options, Vec<String>), String> {
        let document = Document::parse("c", text).unwrap();
        let mut remarks = Vec::new();
        let settings = read(&document.root(), &mut remarks).map_err(|error| error.to_string())?;
        assert_eq!(document.unread(), [], "{text}");
        let CertificateSettings::Acme(options) = settings else { panic!() };
        Ok((options, remarks))
    }

    #[test]
    fn all_keys_count_and_have_defaults() {
        let (options, remarks) = read_from("{cachefile: f, hosts: [A.example]}").unwrap();
        let expected = wharf_acme::Options {
            hosts: vec!["a.example".parse().unwrap()],
            ..wharf_acme::Options::new("f")
        };
        assert_eq!((options, remarks), (expected, vec![]));
        let (options, _) = read_from(
            "{cachefile: f, hosts: [a.example], email: a@b, directoryurl: 'https://ca', renewbefore: 1h,
              handshakewait: 2s, ordertimeout: 3s, minretrybackoff: 4s, maxretrybackoff: 5s}",
        )
        .unwrap();
        assert_eq!((options.email.as_deref(), &*options.directory), (Some("a@b"), "https://ca"));
        let times = [options.handshake_wait, options.order_timeout, options.first_retry, options.last_retry];
        assert_eq!(times, [2, 3, 4, 5].map(Duration::from_secs));
        assert_eq!(options.renew_before, Duration::from_secs(3600));
    }

    #[test]
    fn an_empty_list_lets_nobody_in_and_says_so() {
        let (options, remarks) = read_from("{cachefile: f}").unwrap();
        assert!(options.hosts.is_empty() && remarks[0].contains("no client can connect"), "{remarks:?}");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_a_cure() {
        for (keys, cure) in [
            ("hosts: ['*.example']", "no wildcards"),
            ("hosts: [127.0.0.1]", "no addresses"),
            ("directoryurl: 'http://ca.example'", "an https URL"),
            ("directoryurl: '/directory'", "an https URL"),
            ("handshakewait: 0", "a duration above zero"),
        ] {
            let error = read_from(&format!("{{cachefile: f, {keys}}}")).unwrap_err();
            assert!(error.starts_with("c:1:") && error.contains(cure), "{error}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = read_from(&format!("{{cachefile: {}}}", file.path().display())).unwrap_err();
        assert!(error.contains("a folder: before 3.0 it was a file"), "{error}");
    }
}
