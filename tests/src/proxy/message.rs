//! Messages as they pass: heads that are read, bodies that are not.

use std::io::{self, BufRead as _, BufReader, Error, ErrorKind, Read as _};
use std::net::TcpStream;

/// How many bytes of a body pass at once.
const PIECE: usize = 64 << 10;

/// How long a head may be, in bytes.
const HEAD_LIMIT: u64 = 1 << 20;

/// Is the head of a request or of an answer, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) text: String,
}

/// Is how the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    None,
    Length(u64),
    Chunks,
    UntilClosed,
}

impl Head {
    /// Reads one; `None` where the other side closed instead.
    pub(crate) fn read(from: &mut BufReader<TcpStream>) -> io::Result<Option<Head>> {
        let mut text = Vec::new();
        let mut limited = from.take(HEAD_LIMIT);
        while !text.ends_with(b"\r\n\r\n") {
            if limited.read_until(b'\n', &mut text)? == 0 {
                return if text.is_empty() { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
            // An empty line before a head says nothing.
            if text == b"\r\n" {
                text.clear();
            }
        }
        let text = String::from_utf8(text).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
        Ok(Some(Head { text }))
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.text.lines().next().unwrap_or_default().split(' ')
    }

    pub(crate) fn line(&self) -> &str {
        self.text.lines().next().unwrap_or_default()
    }

    pub(crate) fn method(&self) -> &str {
        self.words().next().unwrap_or_default()
    }

    pub(crate) fn target(&self) -> &str {
        self.words().nth(1).unwrap_or_default()
    }

    pub(crate) fn status(&self) -> u16 {
        self.words().nth(1).and_then(|status| status.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.text.lines().skip(1).filter_map(|line| line.split_once(':'));
        pairs.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// Says whether this side wants the connection closed after this.
    pub(crate) fn closes(&self) -> bool {
        let says = |word: &str| {
            self.header("connection").is_some_and(|value| value.to_ascii_lowercase().contains(word))
        };
        says("close") || (self.line().contains("HTTP/1.0") && !says("keep-alive"))
    }

    pub(crate) fn request_framing(&self) -> Framing {
        self.declared().unwrap_or(Framing::None)
    }

    pub(crate) fn answer_framing(&self, method: &str) -> Framing {
        if method == "HEAD" || matches!(self.status(), 100..200 | 204 | 304) {
            return Framing::None;
        }
        self.declared().unwrap_or(Framing::UntilClosed)
    }

    fn declared(&self) -> Option<Framing> {
        if self.header("transfer-encoding").is_some() {
            return Some(Framing::Chunks);
        }
        let length = self.header("content-length")?.parse().ok()?;
        Some(if length == 0 { Framing::None } else { Framing::Length(length) })
    }

    /// Gives the head with another length in it.
    pub(crate) fn with_length(&self, length: u64) -> Head {
        let lines = self.text.split_inclusive("\r\n").map(|line| {
            let is_length = line.to_ascii_lowercase().starts_with("content-length:");
            if is_length { format!("Content-Length: {length}\r\n") } else { line.to_owned() }
        });
        Head { text: lines.collect() }
    }
}

/// Lets a body pass, its transfer coding included, piece by piece.
pub(crate) fn pass(
    from: &mut BufReader<TcpStream>,
    framing: Framing,
    sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    match framing {
        Framing::None => Ok(()),
        Framing::Length(length) => pass_exactly(from, length, sink),
        Framing::UntilClosed => loop {
            let piece = from.fill_buf()?;
            if piece.is_empty() {
                return Ok(());
            }
            sink(piece)?;
            let passed = piece.len();
            from.consume(passed);
        },
        Framing::Chunks => loop {
            let mut line = Vec::new();
            from.take(HEAD_LIMIT).read_until(b'\n', &mut line)?;
            let text = String::from_utf8_lossy(&line);
            let digits = text.split(';').next().unwrap_or_default().trim();
            let length =
                u64::from_str_radix(digits, 16).map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
            sink(&line)?;
            if length == 0 {
                return pass_trailers(from, sink);
            }
            pass_exactly(from, length + 2, sink)?;
        },
    }
}

fn pass_exactly(
    from: &mut BufReader<TcpStream>,
    mut left: u64,
    sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    while left > 0 {
        let piece = from.fill_buf()?;
        if piece.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let piece = &piece[..piece.len().min(usize::try_from(left).unwrap_or(usize::MAX)).min(PIECE)];
        sink(piece)?;
        let passed = piece.len();
        from.consume(passed);
        left -= passed as u64;
    }
    Ok(())
}

fn pass_trailers(
    from: &mut BufReader<TcpStream>,
    sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        let mut line = Vec::new();
        if from.take(HEAD_LIMIT).read_until(b'\n', &mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        sink(&line)?;
        if line == b"\r\n" {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        Head { text: text.to_owned() }
    }

    #[test]
    fn the_end_of_a_body_is_known_from_its_head() {
        assert_eq!(head("GET / HTTP/1.1\r\n\r\n").request_framing(), Framing::None);
        assert_eq!(head("PUT / HTTP/1.1\r\ncontent-length: 5\r\n\r\n").request_framing(), Framing::Length(5));
        let chunked = head("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(chunked.answer_framing("GET"), Framing::Chunks);
        assert_eq!(chunked.answer_framing("HEAD"), Framing::None);
        assert_eq!(head("HTTP/1.1 200 OK\r\n\r\n").answer_framing("GET"), Framing::UntilClosed);
    }

    #[test]
    fn a_head_can_lie_about_its_length() {
        let lying = head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nEtag: x\r\n\r\n").with_length(9);
        assert_eq!(lying.text, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nEtag: x\r\n\r\n");
    }
}
