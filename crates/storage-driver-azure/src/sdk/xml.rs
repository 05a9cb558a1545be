//! The two answers of the service that are XML: pages of names, and keys for signing.
//!
//! The SDK's own reading insists on properties that the service leaves out for keys at which only blocks wait, so it
//! refuses every page with one of them; and its XML reader can be kept busy by XML made for it (RUSTSEC-2026-0194,
//! -0195). Little is needed here, and the text of an element holds no `<`, so it can be found without building a
//! tree. Any text is taken without panic.

use std::borrow::Cow;
use std::time::SystemTime;

use crate::service::{DelegationKey, Listed, Page, Window};

/// Reads a page; none when it is not one, or was cut short.
pub(super) fn page(xml: &str) -> Option<Page> {
    xml.contains("<EnumerationResults").then_some(())?;
    let (body, _) = xml.rsplit_once("</EnumerationResults>")?;
    let (_, next) = last_element(body, "NextMarker");
    let mut page = Page { entries: Vec::new(), next: next.map(|marker| marker.into_owned()) };
    let mut rest = body;
    while let Some((element, after)) = next_entry(rest)? {
        let key = element_text(element, "Name")?.into_owned();
        let modified = element_text(element, "Last-Modified").and_then(|date| date_of(&date));
        page.entries.push(Listed { key, modified });
        rest = after;
    }
    Some(page)
}

/// Reads a key for signing; `time` reads its times.
pub(super) fn delegation_key(xml: &str, time: impl Fn(&str) -> Option<SystemTime>) -> Option<DelegationKey> {
    let text = |name| element_text(xml, name).map(Cow::into_owned);
    Some(DelegationKey {
        object: text("SignedOid")?,
        tenant: text("SignedTid")?,
        window: Window { start: time(&text("SignedStart")?)?, end: time(&text("SignedExpiry")?)? },
        service: text("SignedService")?,
        version: text("SignedVersion")?,
        secret: text("Value")?,
    })
}

/// The next blob or folder and what follows it; none inside when there is none, none at all when it does not end.
fn next_entry(text: &str) -> Option<Option<(&str, &str)>> {
    let Some(start) = text.find("<Blob>").into_iter().chain(text.find("<BlobPrefix>")).min() else {
        return Some(None);
    };
    let text = &text[start..];
    let end = if text.starts_with("<Blob>") { "</Blob>" } else { "</BlobPrefix>" };
    text.split_once(end).map(Some)
}

/// The text of the first element of this name, without what stands for other characters.
fn element_text<'a>(text: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let mut rest = text;
    loop {
        let (_, after) = rest.split_once('<')?;
        rest = after;
        let Some(after) = after.strip_prefix(name) else { continue };
        let (attributes, content) = after.split_once('>')?;
        let is_same = attributes.is_empty() || attributes.starts_with(' ');
        if !is_same || attributes.ends_with('/') {
            continue;
        }
        let text = unescape(content.split('<').next().unwrap_or_default());
        return if attributes.contains("Encoded=\"true\"") {
            Some(Cow::Owned(percent_encoding::percent_decode_str(&text).decode_utf8().ok()?.into_owned()))
        } else {
            Some(text)
        };
    }
}

/// The text of the last element of this name, when it has any, and what comes before it.
fn last_element<'a>(text: &'a str, name: &str) -> (&'a str, Option<Cow<'a, str>>) {
    let Some(start) = text.rfind(&format!("<{name}>")) else { return (text, None) };
    let (before, element) = text.split_at(start);
    (before, element_text(element, name).filter(|text| !text.is_empty()))
}

fn date_of(text: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(text).ok()
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let known = after.split_once(';').and_then(|(name, after)| Some((character(name)?, after)));
        rest = match known {
            Some((character, after)) => {
                plain.push(character);
                after
            }
            None => {
                plain.push('&');
                after
            }
        };
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_page_of_the_service_is_read() {
        let xml = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><EnumerationResults ServiceEndpoint=\"https://a/\" \
            ContainerName=\"c\"><Prefix>p/</Prefix><Delimiter>/</Delimiter><Blobs><Blob><Name>p/a&amp;b</Name><Properties>\
            <Creation-Time>Mon, 02 Oct 2023 20:00:31 GMT</Creation-Time><Last-Modified>Mon, 02 Oct 2023 20:00:31 GMT\
            </Last-Modified><Etag>0x8</Etag></Properties><OrMetadata /></Blob><BlobPrefix><Name>p/b/</Name></BlobPrefix>\
            <Blob><Name>p/waits</Name><Properties><Content-Length>0</Content-Length></Properties></Blob></Blobs>\
            <NextMarker>2!84!mark</NextMarker></EnumerationResults>";
        let page = page(xml).unwrap();
        let keys: Vec<_> = page.entries.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["p/a&b", "p/b/", "p/waits"]);
        assert_eq!(page.entries[0].modified, date_of("Mon, 02 Oct 2023 20:00:31 GMT"));
        assert_eq!((page.entries[1].modified, page.entries[2].modified), (None, None));
        assert_eq!(page.next.as_deref(), Some("2!84!mark"));
    }

    #[test]
    fn a_page_may_be_empty_and_the_last() {
        for blobs in ["<Blobs/>", "<Blobs />", "<Blobs></Blobs>"] {
            for next in ["", "<NextMarker/>", "<NextMarker />", "<NextMarker></NextMarker>"] {
                let xml = format!("<EnumerationResults>{blobs}{next}</EnumerationResults>");
                assert_eq!(page(&xml), Some(Page::default()), "{xml}");
            }
        }
    }

    #[test]
    fn a_key_for_signing_is_read_whole_or_not_at_all() {
        let xml = "<UserDelegationKey><SignedOid>o</SignedOid><SignedTid>t</SignedTid><SignedStart>1</SignedStart>\
            <SignedExpiry>2</SignedExpiry><SignedService>b</SignedService><SignedVersion>v</SignedVersion>\
            <Value>k</Value></UserDelegationKey>";
        let time =
            |text: &str| Some(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(text.parse().ok()?));
        let key = delegation_key(xml, time).unwrap();
        assert_eq!((key.object.as_str(), key.tenant.as_str(), key.secret.as_str()), ("o", "t", "k"));
        assert_eq!((key.window.start, key.window.end), (time("1").unwrap(), time("2").unwrap()));
        for element in ["SignedOid", "SignedExpiry", "Value"] {
            assert!(delegation_key(&xml.replace(element, "Other"), time).is_none(), "{element}");
        }
        assert!(delegation_key(&xml.replace(">2<", ">soon<"), time).is_none());
    }

    #[test]
    fn what_was_cut_short_is_no_page() {
        let whole = "<EnumerationResults><Blobs><Blob><Name>a</Name></Blob></Blobs></EnumerationResults>";
        assert_eq!(page(whole).unwrap().entries.len(), 1);
        for end in 0..whole.len() {
            assert_eq!(page(&whole[..end]), None);
        }
        assert_eq!(page("<EnumerationResults><Blob><Name>a</Name></EnumerationResults>"), None);
    }

    #[test]
    fn names_are_what_they_stand_for() {
        for (xml, name) in [
            ("<Name>a&lt;&gt;&quot;&apos;&#65;&#x42;</Name>", "a<>\"'AB"),
            ("<Name>a&b&nope;&#xfffffff;</Name>", "a&b&nope;&#xfffffff;"),
            ("<Name Encoded=\"true\">a%ef%bf%bfb</Name>", "a\u{ffff}b"),
            ("<NameOther>x</NameOther><Name>y</Name>", "y"),
        ] {
            assert_eq!(element_text(xml, "Name").unwrap(), name);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(<|>|/|&|;|#|x|[a-z]|<Blob>|</Blob>|<Name>|<NextMarker>|é){0,40}") {
            let _ = page(&format!("<EnumerationResults>{text}</EnumerationResults>"));
        }
    }
}
