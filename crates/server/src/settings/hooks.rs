//! `log.hooks`, of which Distribution knows one type: mail.

use wharf_configuration::{Error, Section};

use super::given::{duration, text};
use crate::logging::{MailHook, Severity};

/// Reads `log.hooks`. One that could never send anything stops no server, as in Distribution; here it is said.
pub(super) fn read(log: &Section<'_>, remarks: &mut Vec<String>) -> Result<Vec<MailHook>, Error> {
    let mut hooks = Vec::new();
    for section in log.sections("hooks")? {
        match hook(&section, remarks) {
            Ok(Some(hook)) => {
                hooks.push(hook);
                continue;
            }
            Ok(None) => {}
            Err(error) => remarks.push(format!("{error}; this hook does nothing")),
        }
        section.ignore(&["type", "levels", "options", "queue", "timeout"]);
    }
    if cfg!(not(feature = "mail")) && !hooks.is_empty() {
        remarks.push("log.hooks: mail is not part of this build, none is sent".to_owned());
    }
    Ok(hooks)
}

fn hook(section: &Section<'_>, remarks: &mut Vec<String>) -> Result<Option<MailHook>, Error> {
    if section.bool("disabled")? == Some(true) {
        return Ok(None);
    }
    if section.string("type")?.as_deref() != Some("mail") {
        return Err(section.refuse("type", "mail, the only type there is"));
    }
    let options = section.section("options")?;
    let smtp = options.section("smtp")?;
    let (host, port) = address(&smtp)?;
    if smtp.bool("insecure")? == Some(true) {
        remarks.push(format!(
            "{}.insecure is not heeded, as in Distribution: certificates are verified where there are any",
            smtp.name()
        ));
    }
    let (user, password) = (text(&smtp, "username")?, text(&smtp, "password")?.unwrap_or_default());
    let from = text(&options, "from")?.ok_or_else(|| options.missing("from"))?;
    let to = options.strings("to")?.unwrap_or_default();
    if to.is_empty() {
        return Err(options.refuse("to", "at least one address such as [ops@example.com]"));
    }
    #[cfg(feature = "mail")]
    {
        use crate::logging::check_addresses;

        let wrong = |key: &str, error: std::io::Error| {
            options.refuse(key, &format!("an address such as ops@example.com: {error}"))
        };
        check_addresses([from.as_str()]).map_err(|error| wrong("from", error))?;
        check_addresses(to.iter().map(String::as_str)).map_err(|error| wrong("to", error))?;
    }
    Ok(Some(MailHook {
        levels: levels(section, remarks)?,
        host,
        port,
        login: user.map(|user| (user, password)),
        from,
        to,
        queue: section.parsed("queue", "a whole number that is not zero")?.unwrap_or(MailHook::QUEUE),
        timeout: duration(section, "timeout")?.unwrap_or(MailHook::TIMEOUT),
    }))
}

/// Host and port; an IPv6 address in brackets, as everywhere else.
fn address(smtp: &Section<'_>) -> Result<(String, u16), Error> {
    let wrong = || smtp.refuse("addr", "a host and a port such as mail.example.com:25");
    let addr = smtp.string("addr")?.unwrap_or_default();
    let (host, port) = addr.rsplit_once(':').ok_or_else(wrong)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = bare.unwrap_or(host);
    if host.is_empty() || (bare.is_none() && host.contains(':')) {
        return Err(wrong());
    }
    let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
    Ok((host.to_owned(), port))
}

/// A name that is none means `panic` in Distribution.
fn levels(section: &Section<'_>, remarks: &mut Vec<String>) -> Result<Vec<Severity>, Error> {
    let names = section.strings("levels")?.unwrap_or_default();
    if names.is_empty() {
        return Err(section.refuse("levels", "at least one, such as [panic, error]"));
    }
    let known = |name: &String| {
        name.parse().unwrap_or_else(|_| {
            remarks.push(format!(
                "{}.levels: {name:?} is no level, and taken for panic, as in Distribution",
                section.name()
            ));
            Severity::Panic
        })
    };
    Ok(names.iter().map(known).collect())
}

#[cfg(test)]
mod tests {
    use wharf_configuration::Document;

    use super::*;

    fn hooks(text: &str) -> (Vec<MailHook>, Vec<String>) {
        let document = Document::parse("config.yml", &format!("hooks: [{text}]")).unwrap();
        let mut remarks = Vec::new();
        let hooks = read(&document.root(), &mut remarks).unwrap();
        assert_eq!(document.unread(), [], "{text}");
        (hooks, remarks)
    }

    fn mail(change: impl Fn(String) -> String) -> (Vec<MailHook>, Vec<String>) {
        let text = "{type: mail, levels: [panic, warn], options: {smtp: {addr: 'mail.example:25', username: u, \
                    password: 12, insecure: false}, from: a@example.com, to: [b@example.com]}}";
        hooks(&change(text.to_owned()))
    }

    #[test]
    fn every_key_of_distribution_counts() {
        let (hooks, remarks) = mail(|text| text);
        let [hook] = &hooks[..] else { panic!("{hooks:?}") };
        assert_eq!((hook.host.as_str(), hook.port), ("mail.example", 25));
        assert_eq!(hook.login, Some(("u".to_owned(), "12".to_owned())));
        assert_eq!(hook.levels, [Severity::Panic, Severity::Warning]);
        assert_eq!((hook.from.as_str(), &hook.to[..]), ("a@example.com", &["b@example.com".to_owned()][..]));
        assert_eq!((hook.queue, hook.timeout), (MailHook::QUEUE, MailHook::TIMEOUT));
        assert_eq!(remarks, [""; 0]);
    }

    #[test]
    fn a_hook_that_can_send_nothing_is_said_with_its_place() {
        for (from, to, expected) in [
            ("mail.example:25", "mail.example", "a host and a port"),
            ("mail.example:25", "a:b:25", "a host and a port"),
            ("mail.example:25", ":25", "a host and a port"),
            ("mail.example:25", "mail.example:smtp", "a host and a port"),
            ("[b@example.com]", "[]", "at least one address"),
            ("from: a@example.com", "from: ''", "from: found nothing"),
            ("[panic, warn]", "[]", "at least one, such as"),
            ("type: mail", "type: slack", "mail, the only type"),
            #[cfg(feature = "mail")]
            ("b@example.com", "nobody", "\"nobody\""),
        ] {
            let (hooks, remarks) = mail(|text| text.replace(from, to));
            assert_eq!(hooks, [], "{to}");
            assert!(remarks.len() == 1 && remarks[0].starts_with("config.yml:1:"), "{remarks:?}");
            assert!(remarks[0].contains(expected), "{remarks:?}");
        }
    }

    #[test]
    fn what_is_read_otherwise_than_it_looks_is_said() {
        let (hooks, remarks) = mail(|text| text.replace("warn", "loud").replace("false", "true"));
        assert_eq!(hooks[0].levels, [Severity::Panic, Severity::Panic]);
        assert_eq!(remarks.len(), 2, "{remarks:?}");
        assert!(remarks[0].contains("insecure") && remarks[1].contains("\"loud\""), "{remarks:?}");
        let (hooks, remarks) = mail(|text| text.replace("type: mail", "type: mail, disabled: true"));
        assert_eq!((hooks, remarks.len()), (vec![], 0));
        let misspelt = "hooks: [{type: mail, levels: [panic], options: {smtp: {addr: 'a:25', usrname: u}, \
                        from: a@example.com, to: [b@example.com]}}]";
        let document = Document::parse("config.yml", misspelt).unwrap();
        read(&document.root(), &mut Vec::new()).unwrap();
        assert_eq!(document.unread().len(), 1, "{:?}", document.unread());
        let (hooks, _) = mail(|text| text.replace("mail.example:25", "[::1]:25"));
        assert_eq!(hooks[0].host, "::1");
    }
}
