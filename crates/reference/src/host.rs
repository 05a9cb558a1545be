//! The host of a registry as it stands before an image's name.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

/// A host, with a port or without: `localhost`, `registry.example:5000`, `[::1]:443`.
///
/// The host is dot-joined runs of `a-zA-Z0-9` with `-` inside them, or an IPv6 address without a zone in brackets. Source:
/// Distribution's reference grammar; it prints as it was written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host {
    text: Box<str>,
    port: Option<u16>,
}

/// Why a text is no [`Host`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("host {kind} at byte {position}")]
pub struct InvalidHost {
    kind: InvalidHostKind,
    position: usize,
}

/// What was wrong with a text that is no [`Host`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidHostKind {
    /// The host is longer than [`Host::MAX_NAME_LEN`]; the position is the limit.
    TooLong,
    /// A part between dots is empty, or the whole host is.
    EmptyLabel,
    /// A byte has no place in a host.
    Character,
    /// A hyphen stands at the beginning or the end of a part.
    Hyphen,
    /// What is in brackets is no IPv6 address, or the brackets are not closed.
    Address,
    /// What follows the colon is no number of a port.
    Port,
}

impl Host {
    /// The longest host without its port, in bytes: what the domain name system can hold.
    pub const MAX_NAME_LEN: usize = 253;

    /// The whole text, port included: what a `Host` header says.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The port, when one was given.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The host without the port; an IPv6 address keeps its brackets.
    pub fn name(&self) -> &str {
        match self.port.and_then(|_| self.text.rsplit_once(':')) {
            Some((name, _)) => name,
            None => &self.text,
        }
    }
}

impl FromStr for Host {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |(kind, position)| InvalidHost { kind, position };
        let name_len = match text.strip_prefix('[') {
            Some(rest) => scan_address(rest).map_err(error)?,
            None => {
                let name = text.split(':').next().unwrap_or_default();
                scan_host_name(name.as_bytes()).map_err(error)?;
                name.len()
            }
        };
        let port = scan_port(&text[name_len..]).map_err(|(kind, at)| error((kind, name_len + at)))?;
        Ok(Self { text: text.into(), port })
    }
}

impl AsRef<str> for Host {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, formatter)
    }
}

impl InvalidHost {
    /// What was wrong, to match on.
    pub const fn kind(&self) -> InvalidHostKind {
        self.kind
    }

    /// Where it was wrong, in bytes from the beginning of the text.
    pub const fn position(&self) -> usize {
        self.position
    }
}

impl fmt::Display for InvalidHostKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TooLong => "is longer than 253 bytes,",
            Self::EmptyLabel => "has an empty part",
            Self::Character => "has a character that cannot stand",
            Self::Hyphen => "has a misplaced hyphen",
            Self::Address => "has no valid address in brackets",
            Self::Port => "has no valid port",
        })
    }
}

/// Walks a host that is a name or an IPv4 address, without a port, and says what is wrong where.
pub(crate) fn scan_host_name(name: &[u8]) -> Result<(), (InvalidHostKind, usize)> {
    if name.len() > Host::MAX_NAME_LEN {
        return Err((InvalidHostKind::TooLong, Host::MAX_NAME_LEN));
    }
    let mut before = b'.';
    for (at, byte) in name.iter().copied().enumerate() {
        match (before, byte) {
            (_, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9') => {}
            (b'.', b'.') => return Err((InvalidHostKind::EmptyLabel, at)),
            (b'-', b'.') => return Err((InvalidHostKind::Hyphen, at - 1)),
            (b'.', b'-') => return Err((InvalidHostKind::Hyphen, at)),
            (_, b'.' | b'-') => {}
            _ => return Err((InvalidHostKind::Character, at)),
        }
        before = byte;
    }
    match before {
        b'.' => Err((InvalidHostKind::EmptyLabel, name.len())),
        b'-' => Err((InvalidHostKind::Hyphen, name.len() - 1)),
        _ => Ok(()),
    }
}

/// Reads an address up to its closing bracket and says how long it is with both brackets.
fn scan_address(rest: &str) -> Result<usize, (InvalidHostKind, usize)> {
    match rest.split_once(']') {
        Some((address, _)) if address.parse::<Ipv6Addr>().is_ok() => Ok(address.len() + 2),
        _ => Err((InvalidHostKind::Address, 0)),
    }
}

/// Reads what follows a host: nothing, or a colon and one to five digits.
fn scan_port(rest: &str) -> Result<Option<u16>, (InvalidHostKind, usize)> {
    if rest.is_empty() {
        return Ok(None);
    }
    let digits = rest.strip_prefix(':').ok_or((InvalidHostKind::Character, 0))?;
    let is_short_number = digits.len() <= 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse() {
        Ok(port) if is_short_number => Ok(Some(port)),
        _ => Err((InvalidHostKind::Port, 1)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    static ORACLE: LazyLock<Regex> = LazyLock::new(|| {
        let label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
        Regex::new(&format!(r"\A{label}(?:\.{label})*(?::[0-9]{{1,5}})?\z")).unwrap()
    });

    fn fault(text: &str) -> (InvalidHostKind, usize) {
        let error = text.parse::<Host>().expect_err(text);
        (error.kind(), error.position())
    }

    #[test]
    fn hosts_print_as_they_were_written() {
        for (text, name, port) in [
            ("localhost", "localhost", None),
            ("Registry.Example", "Registry.Example", None),
            ("a-b--c.d:5000", "a-b--c.d", Some(5000)),
            ("127.0.0.1:0", "127.0.0.1", Some(0)),
            ("h:00080", "h", Some(80)),
            ("h:65535", "h", Some(65535)),
            ("[::1]", "[::1]", None),
            ("[2001:DB8::1]:443", "[2001:DB8::1]", Some(443)),
            ("[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]", Some(1)),
        ] {
            let host: Host = text.parse().unwrap();
            assert_eq!((host.to_string().as_str(), host.name(), host.port()), (text, name, port));
        }
    }

    #[test]
    fn what_is_no_host_is_refused_with_its_place() {
        for (text, kind, position) in [
            ("", InvalidHostKind::EmptyLabel, 0),
            (":1", InvalidHostKind::EmptyLabel, 0),
            (".a", InvalidHostKind::EmptyLabel, 0),
            ("a.", InvalidHostKind::EmptyLabel, 2),
            ("a..b", InvalidHostKind::EmptyLabel, 2),
            ("-a", InvalidHostKind::Hyphen, 0),
            ("a-", InvalidHostKind::Hyphen, 1),
            ("a.-b", InvalidHostKind::Hyphen, 2),
            ("a-.b", InvalidHostKind::Hyphen, 1),
            ("a_b", InvalidHostKind::Character, 1),
            ("ß.de", InvalidHostKind::Character, 0),
            ("a]", InvalidHostKind::Character, 1),
            ("[::1]x", InvalidHostKind::Character, 5),
            ("[::1", InvalidHostKind::Address, 0),
            ("[]", InvalidHostKind::Address, 0),
            ("[1.2.3.4]", InvalidHostKind::Address, 0),
            ("[fe80::1%eth0]", InvalidHostKind::Address, 0),
            ("h:", InvalidHostKind::Port, 2),
            ("h:+1", InvalidHostKind::Port, 2),
            ("h:65536", InvalidHostKind::Port, 2),
            ("h:000080", InvalidHostKind::Port, 2),
            ("h:1:2", InvalidHostKind::Port, 2),
            ("[::1]:x", InvalidHostKind::Port, 6),
        ] {
            assert_eq!(fault(text), (kind, position), "{text:?}");
        }
    }

    #[test]
    fn a_host_has_at_most_253_bytes_before_its_port() {
        assert!(format!("{}:65535", "a".repeat(253)).parse::<Host>().is_ok());
        assert_eq!(fault(&"a".repeat(254)), (InvalidHostKind::TooLong, 253));
    }

    proptest! {
        #[test]
        fn the_parser_agrees_with_the_grammar(text in "[aZ0.:_-]{0,8}|[a-zA-Z0-9.-]{0,12}(:[0-9]{0,6})?|\\PC{0,12}") {
            let port_fits = text.rsplit_once(':').is_none_or(|(_, port)| port.parse::<u32>().is_ok_and(|port| port <= 65535));
            prop_assert_eq!(text.parse::<Host>().is_ok(), port_fits && ORACLE.is_match(&text), "{:?}", text);
        }

        #[test]
        fn any_address_in_brackets_is_a_host(address in any::<Ipv6Addr>(), port in any::<Option<u16>>()) {
            let text = format!("[{address}]{}", port.map(|port| format!(":{port}")).unwrap_or_default());
            let host: Host = text.parse().unwrap();
            prop_assert_eq!((host.as_str(), host.port()), (text.as_str(), port));
        }

        #[test]
        fn the_parser_takes_any_text(text in "\\[?[0-9a-f:.%\\]\\[]{0,40}") {
            if let Ok(host) = text.parse::<Host>() {
                prop_assert_eq!(host.as_str(), text);
            }
        }
    }
}
