//! One connection: requests written on it, answers read from it.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Error, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use bytes::Bytes;

use super::{Answer, Body, Request};

/// How long an answer may keep us waiting.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a header line may be, in bytes.
const LINE_LIMIT: u64 = 64 << 10;

/// Is a connection to a server. Every failure is an error, so that a test can expect one.
pub struct Connection {
    stream: BufReader<Box<dyn Wire>>,
    host: String,
    socket: Option<TcpStream>,
}

/// What bytes go over in both directions.
trait Wire: Read + Write + Send {}

impl<T: Read + Write + Send> Wire for T {}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Connection").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// When nobody listens.
    pub fn open(address: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let socket = Some(stream.try_clone()?);
        Ok(Connection { socket, ..Connection::over(stream, address.to_string()) })
    }

    /// Speaks over something else than a port, such as TLS or a socket of this machine, to a host of this name.
    #[must_use]
    pub fn over(stream: impl Read + Write + Send + 'static, host: String) -> Connection {
        Connection { stream: BufReader::new(Box::new(stream)), host, socket: None }
    }

    /// Sends a request whole.
    ///
    /// # Errors
    ///
    /// When the other side closed. It may have answered before it did.
    pub fn send(&mut self, request: &Request) -> io::Result<()> {
        let head = request.head_text(&self.host);
        match request.content() {
            Body::None => self.raw(head.as_bytes()),
            // Head and small bodies in one write, as real clients do it.
            Body::Whole(bytes) if bytes.len() <= 16 << 10 => self.raw(&[head.as_bytes(), bytes].concat()),
            Body::Whole(bytes) => {
                self.raw(head.as_bytes())?;
                self.raw(bytes)
            }
            Body::Pieces(pieces) => {
                self.raw(head.as_bytes())?;
                for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
                    self.raw(format!("{:x}\r\n", piece.len()).as_bytes())?;
                    self.raw(piece)?;
                    self.raw(b"\r\n")?;
                }
                self.raw(b"0\r\n\r\n")
            }
        }
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    ///
    /// When the other side closed.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads the answer to a request with this method.
    ///
    /// # Errors
    ///
    /// When the connection ends before the answer does, or what comes is no HTTP.
    pub fn answer(&mut self, method: &str) -> io::Result<Answer> {
        let mut answer = self.answer_head()?;
        let without = method == "HEAD" || matches!(answer.status, 204 | 304);
        if !without {
            answer.body = self.answer_body(&answer)?;
        }
        Ok(answer)
    }

    /// Reads the head of an answer, past interim ones. What follows is left on the connection.
    ///
    /// # Errors
    ///
    /// When the connection ends, or what comes is no HTTP.
    pub fn answer_head(&mut self) -> io::Result<Answer> {
        loop {
            let line = self.line()?;
            let status = line
                .strip_prefix("HTTP/1.1 ")
                .and_then(|rest| rest.get(..3))
                .and_then(|code| code.parse().ok());
            let Some(status) = status else {
                return Err(Error::new(ErrorKind::InvalidData, format!("no status line: {line:?}")));
            };
            let headers = self.header_lines()?;
            if status >= 200 {
                return Ok(Answer { status, headers, body: Bytes::new() });
            }
        }
    }

    fn header_lines(&mut self) -> io::Result<Vec<(String, String)>> {
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(headers);
            }
            let (name, value) = line
                .split_once(':')
                .ok_or_else(|| Error::new(ErrorKind::InvalidData, format!("no header line: {line:?}")))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }

    fn answer_body(&mut self, head: &Answer) -> io::Result<Bytes> {
        if head.header("transfer-encoding").is_some() {
            return self.chunks();
        }
        let mut body = Vec::new();
        match head.header("content-length") {
            Some(length) => {
                let length =
                    length.parse().map_err(|_| Error::new(ErrorKind::InvalidData, "content-length"))?;
                self.exactly(length, &mut body)?;
            }
            None => drop(self.stream.read_to_end(&mut body)?),
        }
        Ok(body.into())
    }

    fn chunks(&mut self) -> io::Result<Bytes> {
        let mut body = Vec::new();
        loop {
            let line = self.line()?;
            let length = u64::from_str_radix(line.trim(), 16)
                .map_err(|_| Error::new(ErrorKind::InvalidData, format!("no chunk: {line:?}")))?;
            self.exactly(length, &mut body)?;
            let end = self.line()?;
            if !end.is_empty() {
                return Err(Error::new(ErrorKind::InvalidData, format!("after a chunk: {end:?}")));
            }
            if length == 0 {
                return Ok(body.into());
            }
        }
    }

    fn exactly(&mut self, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
        let read = (&mut self.stream).take(length).read_to_end(body)?;
        if (read as u64) < length {
            let message = format!("{read} of {length} bytes, then the end");
            return Err(Error::new(ErrorKind::UnexpectedEof, message));
        }
        Ok(())
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        (&mut self.stream).take(LINE_LIMIT).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') || line.pop() != Some(b'\r') {
            return Err(Error::new(
                ErrorKind::UnexpectedEof,
                "the connection ended in the head of an answer",
            ));
        }
        String::from_utf8(line).map_err(|error| Error::new(ErrorKind::InvalidData, error))
    }

    /// Reads some bytes as they come; 0 at the end.
    ///
    /// # Errors
    ///
    /// When the connection broke.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.read(into)
    }

    /// Reads what is left until the other side closes.
    ///
    /// # Errors
    ///
    /// When the connection broke.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.stream.read_to_end(&mut rest)?;
        Ok(rest)
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    pub fn finish_sending(&mut self) -> io::Result<()> {
        self.socket().shutdown(Shutdown::Write)
    }

    /// Gives the socket, for settings that only a slow or a strange client needs.
    ///
    /// # Panics
    ///
    /// When there is none of its own: it is not [`open`](Self::open) that made the connection.
    #[must_use]
    pub fn socket(&self) -> &TcpStream {
        self.socket.as_ref().expect("a connection to a port")
    }
}
